// SPDX-License-Identifier: Apache-2.0
#include <iomanip>
#include <iostream>
#include <optional>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "squad/squad_score.h"

namespace lambert {
namespace {

using nlohmann::ordered_json;

/// As the data says: v2.0 files have is_impossible.
SquadVersion version_of(const SquadScoreOptions& options, const SquadData& data) {
  if (options.version.empty()) {
    return data.has_impossible_key ? SquadVersion::v2_0 : SquadVersion::v1_1;
  }
  return options.version == "2.0" ? SquadVersion::v2_0 : SquadVersion::v1_1;
}

void list_ids(const std::vector<std::string>& ids, const char* what) {
  for (const std::string& id : ids) {
    std::cerr << what << id << "\n";
  }
}

void add_mean(const MeanScore& mean, const std::string& prefix, ordered_json& json) {
  json[prefix + "exact_match"] = mean.exact_match;
  json[prefix + "f1"] = mean.f1;
  json[prefix + "total"] = mean.total;
}

ordered_json to_json(const SquadScore& score, SquadVersion version, bool with_questions) {
  ordered_json json;
  json["version"] = version == SquadVersion::v1_1 ? "1.1" : "2.0";
  add_mean(score.all, "", json);
  if (score.with_answer) {
    add_mean(*score.with_answer, "has_answer_", json);
    add_mean(*score.without_answer, "no_answer_", json);
  }
  if (score.best) {
    json["best_exact_match"] = score.best->exact_match;
    json["best_exact_match_threshold"] = score.best->exact_match_threshold;
    json["best_f1"] = score.best->f1;
    json["best_f1_threshold"] = score.best->f1_threshold;
  }
  json["missing"] = score.missing.size();
  json["unknown"] = score.unknown.size();
  if (with_questions) {
    for (const QuestionScore& question : score.questions) {
      json["questions"][question.id] = {{"exact_match", question.exact}, {"f1", question.f1}};
    }
  }
  return json;
}

void print_text(const ordered_json& json) {
  for (const auto& [name, value] : json.items()) {
    if (!value.is_object()) {
      std::cout << std::left << std::setw(28) << name
                << (value.is_string() ? value.get<std::string>() : value.dump()) << "\n";
    }
  }
  if (json.contains("questions")) {
    for (const auto& [id, question] : json.at("questions").items()) {
      std::cout << id << " exact_match " << question.at("exact_match") << " f1 "
                << question.at("f1") << "\n";
    }
  }
}

}  // namespace

int run_squad_score(const SquadScoreOptions& options) {
  const SquadData data = read_squad(options.data);
  const SquadVersion version = version_of(options, data);
  require_version(data, version);
  const Predictions predictions = read_predictions(options.predictions);
  std::optional<NullOdds> null_odds;
  if (!options.null_odds.empty()) {
    if (version == SquadVersion::v1_1) {
      throw ConfigError("scoring " + options.predictions +
                        ": --null-odds belongs to SQuAD v2.0, the data is v1.1; leave it out");
    }
    null_odds = read_null_odds(options.null_odds);
  }
  const SquadScore score = score_squad(data, predictions, version,
                                       null_odds ? &*null_odds : nullptr, options.null_threshold);
  list_ids(score.missing, "no prediction for question ");
  list_ids(score.unknown, "no question for prediction ");
  const ordered_json json = to_json(score, version, options.questions);
  if (options.json) {
    std::cout << json.dump(2) << "\n";
  } else {
    print_text(json);
  }
  return static_cast<int>(ExitCode::finished);
}

}  // namespace lambert
