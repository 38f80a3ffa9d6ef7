// SPDX-License-Identifier: Apache-2.0
#include "squad/squad_score.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "checkpoint/strict_json.h"
#include "squad/answer_text.h"

namespace lambert {
namespace {

using Words = std::vector<std::string>;

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 30;
constexpr const char* kAnswers = "answers";
constexpr const char* kNumbers = "numbers";

/// Words in both, each as often as in the one that has fewer of it.
std::int64_t common_words(const Words& first, const Words& second) {
  std::multiset<std::string> left(first.begin(), first.end());
  std::int64_t common = 0;
  for (const std::string& word : second) {
    const auto found = left.find(word);
    if (found != left.end()) {
      left.erase(found);
      ++common;
    }
  }
  return common;
}

double f1_of(const Words& prediction, const Words& truth, SquadVersion version) {
  if (version == SquadVersion::v2_0 && (prediction.empty() || truth.empty())) {
    return prediction.empty() && truth.empty() ? 1.0 : 0.0;
  }
  const std::int64_t common = common_words(prediction, truth);
  if (common == 0) {
    return 0.0;
  }
  const double precision = static_cast<double>(common) / static_cast<double>(prediction.size());
  const double recall = static_cast<double>(common) / static_cast<double>(truth.size());
  return 2 * precision * recall / (precision + recall);
}

/// The answers to compare with; v2.0 leaves out those that normalise to nothing.
std::vector<Words> truths_of(const SquadQuestion& question, SquadVersion version) {
  std::vector<Words> truths;
  for (const SquadAnswer& answer : question.answers) {
    Words words = normalized_words(answer.text);
    if (version == SquadVersion::v1_1 || !words.empty()) {
      truths.push_back(std::move(words));
    }
  }
  if (truths.empty()) {
    truths.emplace_back();
  }
  return truths;
}

QuestionScore score_question(const SquadQuestion& question, const std::string& prediction,
                             SquadVersion version) {
  QuestionScore score;
  const Words words = normalized_words(prediction);
  for (const Words& truth : truths_of(question, version)) {
    score.exact = std::max(score.exact, words == truth ? 1.0 : 0.0);
    score.f1 = std::max(score.f1, f1_of(words, truth, version));
  }
  return score;
}

template <class Chosen>
MeanScore mean_of(const std::vector<QuestionScore>& scores, const Chosen& chosen) {
  MeanScore mean;
  double exact = 0.0;
  double f1 = 0.0;
  for (const QuestionScore& score : scores) {
    if (chosen(score)) {
      exact += score.exact;
      f1 += score.f1;
      ++mean.total;
    }
  }
  if (mean.total > 0) {
    mean.exact_match = 100.0 * exact / static_cast<double>(mean.total);
    mean.f1 = 100.0 * f1 / static_cast<double>(mean.total);
  }
  return mean;
}

/// find_best_thresh(): questions are turned from "no answer" to their answer in order of their
/// odds.
std::pair<double, double> best_threshold(const std::vector<QuestionScore>& scores,
                                         const Predictions& predictions, const NullOdds& null_odds,
                                         double QuestionScore::*figure) {
  std::map<std::string, const QuestionScore*> by_id;
  double current = 0.0;
  for (const QuestionScore& score : scores) {
    by_id[score.id] = &score;
    current += score.has_answer ? 0.0 : 1.0;
  }
  NullOdds order = null_odds;
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& left, const auto& right) { return left.second < right.second; });
  double best = current;
  double threshold = 0.0;
  for (const auto& [id, odds] : order) {
    const auto found = by_id.find(id);
    if (found == by_id.end() || found->second->is_missing) {
      continue;
    }
    const QuestionScore& score = *found->second;
    if (score.has_answer) {
      current += score.*figure;
    } else {
      current -= predictions.at(id).empty() ? 0.0 : 1.0;
    }
    if (current > best) {
      best = current;
      threshold = odds;
    }
  }
  return {100.0 * best / static_cast<double>(scores.size()), threshold};
}

void apply_threshold(std::vector<QuestionScore>& scores, const NullOdds& null_odds,
                     double threshold) {
  const std::map<std::string, double> odds_of(null_odds.begin(), null_odds.end());
  for (QuestionScore& score : scores) {
    const auto odds = odds_of.find(score.id);
    if (!score.is_missing && odds != odds_of.end() && odds->second > threshold) {
      score.exact = score.f1 = score.has_answer ? 0.0 : 1.0;
    }
  }
}

std::vector<std::string> ids_without_question(const SquadData& data,
                                              const Predictions& predictions) {
  std::set<std::string> ids;
  for (const SquadQuestion& question : data.questions) {
    ids.insert(question.id);
  }
  std::vector<std::string> unknown;
  for (const auto& [id, answer] : predictions) {
    if (!ids.contains(id)) {
      unknown.push_back(id);
    }
  }
  return unknown;
}

std::string read_json_file(const std::filesystem::path& file, const char* what) {
  if (!std::filesystem::is_regular_file(file)) {
    throw DataError("reading " + file.string() + ": there is no such file; name a JSON file of " +
                    what);
  }
  return read_file(file, kLargestFile);
}

/// An object from ids to values of one type.
template <class Value>
std::map<std::string, Value> parse_map(std::string_view text, const std::filesystem::path& file,
                                       const char* what, bool (*is_right)(const nlohmann::json&)) {
  const std::string name = file.string();
  nlohmann::json document;
  try {
    document = parse_strict_json(text);
  } catch (const DataError& error) {
    throw DataError("reading " + name + ": " + error.what() +
                    "; give a JSON object from question "
                    "ids to " +
                    what);
  }
  if (!document.is_object()) {
    throw DataError("reading " + name + ": the top is " + document.type_name() +
                    "; give a JSON object from question ids to " + what);
  }
  std::map<std::string, Value> values;
  for (const auto& [id, value] : document.items()) {
    if (!is_right(value)) {
      throw DataError("reading " + name + ": '" + id.substr(0, 60) + "' has " + value.type_name() +
                      "; give a JSON object from question ids to " + what);
    }
    values[id] = value.template get<Value>();
  }
  return values;
}

}  // namespace

SquadScore score_squad(const SquadData& data, const Predictions& predictions, SquadVersion version,
                       const NullOdds* null_odds, double null_threshold) {
  SquadScore result;
  for (const SquadQuestion& question : data.questions) {
    const auto prediction = predictions.find(question.id);
    QuestionScore score;
    if (prediction == predictions.end()) {
      score.is_missing = true;
      result.missing.push_back(question.id);
    } else {
      score = score_question(question, prediction->second, version);
    }
    score.id = question.id;
    score.has_answer = !question.answers.empty();
    result.questions.push_back(std::move(score));
  }
  result.unknown = ids_without_question(data, predictions);
  if (version == SquadVersion::v2_0 && null_odds != nullptr) {
    BestThreshold best;
    std::tie(best.exact_match, best.exact_match_threshold) =
        best_threshold(result.questions, predictions, *null_odds, &QuestionScore::exact);
    std::tie(best.f1, best.f1_threshold) =
        best_threshold(result.questions, predictions, *null_odds, &QuestionScore::f1);
    result.best = best;
    apply_threshold(result.questions, *null_odds, null_threshold);
  }
  result.all = mean_of(result.questions, [](const QuestionScore&) { return true; });
  if (version == SquadVersion::v2_0) {
    const auto mean_if_any = [&result](bool has_answer) {
      const MeanScore mean = mean_of(result.questions, [has_answer](const QuestionScore& score) {
        return score.has_answer == has_answer;
      });
      return mean.total > 0 ? std::optional(mean) : std::nullopt;
    };
    result.with_answer = mean_if_any(true);
    result.without_answer = mean_if_any(false);
  }
  return result;
}

Predictions parse_predictions(std::string_view text, const std::filesystem::path& file) {
  return parse_map<std::string>(text, file, kAnswers,
                                [](const nlohmann::json& value) { return value.is_string(); });
}

NullOdds parse_null_odds(std::string_view text, const std::filesystem::path& file) {
  const auto values = parse_map<double>(
      text, file, kNumbers, [](const nlohmann::json& value) { return value.is_number(); });
  NullOdds in_order;
  const auto document = nlohmann::ordered_json::parse(text);
  for (auto entry = document.begin(); entry != document.end(); ++entry) {
    in_order.emplace_back(entry.key(), values.at(entry.key()));
  }
  return in_order;
}

Predictions read_predictions(const std::filesystem::path& file) {
  return parse_predictions(read_json_file(file, kAnswers), file);
}

NullOdds read_null_odds(const std::filesystem::path& file) {
  return parse_null_odds(read_json_file(file, kNumbers), file);
}

}  // namespace lambert
