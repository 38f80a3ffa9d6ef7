// SPDX-License-Identifier: Apache-2.0
// One JSON line for each question of a SQuAD file: its windows for prediction and for training, and
// the answer to logits that squad_parity.py makes the same way.
// Usage: squad_trace DATA TOKENIZER cased|uncased MAX_SEQ_LENGTH DOC_STRIDE MAX_QUERY_LENGTH
// VERSION
#include <cstdint>
#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "squad/predictor.h"

namespace {

using nlohmann::json;

/// Between 0 and 10 in steps of a quarter, so that ties are common and nothing is rounded.
float logit(std::uint64_t window, std::uint64_t position, std::uint64_t which) {
  const std::uint64_t mixed =
      (position * 2654435761U + window * 40503U + which * 97U) % 4294967296U;
  return static_cast<float>(mixed * 40 / 4294967296U) / 4.0F;
}

json to_json(const lambert::SquadFeature& feature) {
  return {{"input_ids", feature.input_ids},           {"window_begin", feature.window_begin},
          {"first_token", feature.first_token},       {"has_max_context", feature.has_max_context},
          {"start_position", feature.start_position}, {"end_position", feature.end_position}};
}

std::vector<lambert::WindowLogits> make_logits(const lambert::SquadFeatures& features) {
  std::vector<lambert::WindowLogits> logits;
  for (std::size_t index = 0; index < features.features.size(); ++index) {
    lambert::WindowLogits window;
    for (std::size_t position = 0; position < features.features[index].input_ids.size();
         ++position) {
      window.start.push_back(logit(index, position, 0));
      window.end.push_back(logit(index, position, 1));
    }
    logits.push_back(std::move(window));
  }
  return logits;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) {
    return 2;
  }
  const lambert::SquadData data = lambert::read_squad(arguments[1]);
  const bool cased = std::string(arguments[3]) == "cased";
  const auto tokenizer = lambert::load_tokenizer(arguments[2], cased);
  const lambert::FeatureOptions options{std::stoll(arguments[4]), std::stoll(arguments[5]),
                                        std::stoll(arguments[6])};
  const lambert::SquadVersion version = std::string(arguments[7]) == "2.0"
                                            ? lambert::SquadVersion::v2_0
                                            : lambert::SquadVersion::v1_1;
  const auto features = lambert::make_prediction_features(data, *tokenizer, options);
  const auto training = lambert::make_training_features(data, *tokenizer, options);
  const auto answers = lambert::answer_questions(data, features, make_logits(features), *tokenizer,
                                                 {version, 20, 30, 0.0});
  std::map<std::size_t, json> windows;
  std::map<std::size_t, json> training_windows;
  for (const auto& feature : features.features) {
    windows[feature.question].push_back(to_json(feature));
  }
  for (const auto& feature : training.features) {
    training_windows[feature.question].push_back(to_json(feature));
  }
  for (std::size_t index = 0; index < data.questions.size(); ++index) {
    json n_best = json::array();
    for (const auto& answer : answers[index].n_best) {
      n_best.push_back({answer.text, answer.probability, answer.start_logit, answer.end_logit});
    }
    std::cout << json{{"id", data.questions[index].id},
                      {"prediction", windows[index]},
                      {"training",
                       training_windows[index].is_null() ? json::array() : training_windows[index]},
                      {"answer", answers[index].text},
                      {"n_best", n_best},
                      {"null_odds", answers[index].null_odds}}
                     .dump()
              << "\n";
  }
  return 0;
}
