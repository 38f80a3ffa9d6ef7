// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "data/dataset_statistics.h"
#include "data/folder_check.h"
#include "data/prepared_dataset.h"
#include "text/tokenizer.h"

namespace lambert {
namespace {

using Json = nlohmann::ordered_json;

/// A sentencepiece vocabulary may hold bytes that are no UTF-8; they are shown as U+FFFD.
std::string json_text(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %%", 100.0 * share);
  return text.data();
}

/// The tokens of [begin, end), separated by spaces.
std::string tokens_as_text(const Example& example, std::size_t begin, std::size_t end,
                           const Tokenizer& tokenizer) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) {
    text += (i == begin ? "" : " ") + tokenizer.token(example.token_ids[i]);
  }
  return text;
}

Json example_as_json(std::int64_t number, const Example& example, const Tokenizer& tokenizer) {
  Json tokens = Json::array();
  for (const std::int32_t id : example.token_ids) {
    tokens.push_back(tokenizer.token(id));
  }
  return {{"example", number},
          {"is_random_next", example.is_random_next},
          {"first_segment_length", example.first_segment_length},
          {"tokens", tokens},
          {"token_ids", example.token_ids}};
}

std::string example_as_text(std::int64_t number, const Example& example,
                            const Tokenizer& tokenizer) {
  const auto first = static_cast<std::size_t>(example.first_segment_length);
  const std::size_t length = example.token_ids.size();
  return "example " + std::to_string(number) + ": " + std::to_string(length) + " tokens, next is " +
         (example.is_random_next ? "random" : "real") +
         "\n  A: " + tokens_as_text(example, 0, first, tokenizer) +
         "\n  B: " + tokens_as_text(example, first, length, tokenizer) + "\n";
}

int inspect(const DataOptions& options) {
  if (options.count < 1) {
    throw ConfigError("showing examples: --count is " + std::to_string(options.count) +
                      "; give 1 or more");
  }
  const std::filesystem::path folder = options.folder;
  PreparedDataset dataset(folder);
  const DatasetInfo& info = dataset.info();
  const std::unique_ptr<Tokenizer> tokenizer =
      load_tokenizer(folder / info.tokenizer_file, info.cased);
  if (tokenizer->vocab_size() != info.vocab_size) {
    throw DataError("showing examples of " + options.folder + ": the vocabulary has " +
                    std::to_string(tokenizer->vocab_size()) + " tokens, the index says " +
                    std::to_string(info.vocab_size) +
                    "; run lambert prepare for this folder again");
  }
  Json list = Json::array();
  for (std::int64_t i = 0; i < std::min(options.count, dataset.example_count()); ++i) {
    const Example example = dataset.read(i);
    if (options.json) {
      list.push_back(example_as_json(i, example, *tokenizer));
    } else {
      std::cout << example_as_text(i, example, *tokenizer);
    }
  }
  if (options.json) {
    std::cout << json_text(list);
  }
  return 0;
}

/// Examples by length in at most 16 even ranges.
Json length_histogram(const DatasetStatistics& statistics) {
  constexpr std::int64_t kRanges = 16;
  const auto longest = static_cast<std::int64_t>(statistics.examples_by_length.size()) - 1;
  const std::int64_t width = (longest + kRanges - 1) / kRanges;
  Json histogram = Json::array();
  for (std::int64_t begin = 1; begin <= longest; begin += width) {
    const std::int64_t end = std::min(longest, begin + width - 1);
    std::int64_t examples = 0;
    for (std::int64_t length = begin; length <= end; ++length) {
      examples += statistics.examples_by_length[static_cast<std::size_t>(length)];
    }
    histogram.push_back({{"from", begin}, {"to", end}, {"examples", examples}});
  }
  return histogram;
}

void print_statistics(const DatasetInfo& info, const DatasetStatistics& statistics,
                      const Json& histogram) {
  std::cout << "documents          " << info.document_count << "\nsentences          "
            << info.sentence_count << "\nexamples           " << statistics.examples << " in "
            << info.shards.size() << " shards\ntokens             " << statistics.tokens
            << "\nmax sequence       " << info.max_seq_length << "\nvocabulary         "
            << info.vocab_size << " " << info.tokenizer_type << " "
            << (info.cased ? "cased" : "uncased") << "\npadding share      "
            << percent(statistics.padding_share()) << "\nunknown share      "
            << percent(statistics.unknown_share()) << "\nrandom next share  "
            << percent(statistics.random_next_share()) << "\nexamples by length\n";
  for (const Json& range : histogram) {
    std::cout << "  " << range["from"] << "-" << range["to"] << "  " << range["examples"] << "\n";
  }
}

int print_stats(const DataOptions& options) {
  PreparedDataset dataset(options.folder);
  const DatasetInfo& info = dataset.info();
  const DatasetStatistics statistics = measure_dataset(dataset);
  const Json histogram = length_histogram(statistics);
  if (!options.json) {
    print_statistics(info, statistics, histogram);
    return 0;
  }
  std::cout << json_text({{"documents", info.document_count},
                          {"sentences", info.sentence_count},
                          {"examples", statistics.examples},
                          {"shards", info.shards.size()},
                          {"tokens", statistics.tokens},
                          {"max_seq_length", info.max_seq_length},
                          {"vocab_size", info.vocab_size},
                          {"tokenizer_type", info.tokenizer_type},
                          {"cased", info.cased},
                          {"padding_share", statistics.padding_share()},
                          {"unknown_share", statistics.unknown_share()},
                          {"random_next_share", statistics.random_next_share()},
                          {"length_histogram", histogram}});
  return 0;
}

int verify(const DataOptions& options) {
  const std::vector<FolderMistake> mistakes = check_prepared_folder(options.folder);
  if (options.json) {
    Json list = Json::array();
    for (const FolderMistake& mistake : mistakes) {
      list.push_back({{"file", mistake.file}, {"found", mistake.found}});
    }
    std::cout << json_text(
        {{"folder", options.folder}, {"ok", mistakes.empty()}, {"mistakes", list}});
  } else {
    for (const FolderMistake& mistake : mistakes) {
      std::cout << mistake.file << ": " << mistake.found << "\n";
    }
  }
  if (mistakes.empty()) {
    if (!options.json) {
      std::cout << options.folder << ": every file is as prepared\n";
    }
    return 0;
  }
  std::cout.flush();
  throw DataError("verifying " + options.folder + ": " + std::to_string(mistakes.size()) +
                  " mistakes, the first in " + mistakes.front().file +
                  "; restore the files or run lambert prepare for this folder again");
}

}  // namespace

int run_data(const DataOptions& options) {
  if (options.action == "inspect") {
    return inspect(options);
  }
  return options.action == "stats" ? print_stats(options) : verify(options);
}

}  // namespace lambert
