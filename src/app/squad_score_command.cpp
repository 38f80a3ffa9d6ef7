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

void list_ids(const std::vector<std::string>& ids, const char* what) {
  for (const std::string& id : ids) {
    std::cerr << what << id << "\n";
  }
}

void add_mean(const MeanScore& mean, const std::string& prefix, ordered_json& json) {
  json[prefix + "exact"] = mean.exact_match;
  json[prefix + "f1"] = mean.f1;
  json[prefix + "total"] = mean.total;
}

/// The names are those of the official scripts; exact_match stands there for both versions.
ordered_json to_json(const SquadScore& score, SquadVersion version, bool with_questions) {
  ordered_json json;
  json["version"] = version == SquadVersion::v1_1 ? "1.1" : "2.0";
  json["exact_match"] = score.all.exact_match;
  if (version == SquadVersion::v1_1) {
    json["f1"] = score.all.f1;
    json["total"] = score.all.total;
  } else {
    add_mean(score.all, "", json);
  }
  if (score.with_answer) {
    add_mean(*score.with_answer, "HasAns_", json);
  }
  if (score.without_answer) {
    add_mean(*score.without_answer, "NoAns_", json);
  }
  if (score.best) {
    json["best_exact"] = score.best->exact_match;
    json["best_exact_thresh"] = score.best->exact_match_threshold;
    json["best_f1"] = score.best->f1;
    json["best_f1_thresh"] = score.best->f1_threshold;
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
  const SquadVersion version = choose_version(options.version, data);
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
