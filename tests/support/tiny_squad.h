// SPDX-License-Identifier: Apache-2.0
// SQuAD files in the words of tiny_vocabulary(), and the gauge on them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/counter_rng.h"

namespace lambert {

/// Every paragraph is twelve random words with one question: a word of it, whose answer is the word
/// behind.
inline std::filesystem::path make_tiny_squad(const std::filesystem::path& file, int questions,
                                             std::uint64_t seed) {
  nlohmann::json paragraphs = nlohmann::json::array();
  for (int number = 0; number < questions; ++number) {
    CounterStream stream(philox_key(seed, RandomPurpose::example_building),
                         static_cast<std::uint64_t>(number), 1);
    std::vector<std::string> words;
    for (int place = 0; place < 12; ++place) {
      words.push_back("word" + std::to_string(5 + stream.below(59)));
    }
    const std::uint32_t asked = stream.below(11);
    std::string context;
    std::size_t answer_start = 0;
    for (std::size_t place = 0; place < words.size(); ++place) {
      answer_start = place == asked + 1 ? context.size() : answer_start;
      context += words[place] + " ";
    }
    const nlohmann::json answer = {{"text", words[asked + 1]}, {"answer_start", answer_start}};
    paragraphs.push_back({{"context", context},
                          {"qas",
                           {{{"id", "q" + std::to_string(number)},
                             {"question", words[asked]},
                             {"answers", {answer}}}}}});
  }
  const nlohmann::json document = {{"version", "1.1"},
                                   {"data", {{{"title", "tiny"}, {"paragraphs", paragraphs}}}}};
  std::ofstream(file) << document.dump();
  return file;
}

/// Makes both files in `folder`; overrides that switch the gauge on for make_tiny_run(): after
/// steps 8, 16, 24 (also the end of the first phase), 32 and 40.
inline std::vector<std::string> tiny_gauge(const std::filesystem::path& folder) {
  const std::string key = "evaluation.squad.";
  return {key + "train=" + make_tiny_squad(folder / "train.json", 60, 1).string(),
          key + "dev=" + make_tiny_squad(folder / "dev.json", 60, 2).string(),
          key + "every_steps=8",
          key + "subset=24",
          key + "max_seq_length=32",
          key + "global_train_batch_size=8",
          key + "per_device_train_batch_size=3",
          key + "learning_rate=1e-3"};
}

}  // namespace lambert
