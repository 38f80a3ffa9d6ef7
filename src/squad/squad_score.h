// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "squad/squad_data.h"

namespace lambert {

struct QuestionScore {
  std::string id;
  double exact = 0.0;  // 0 or 1
  double f1 = 0.0;     // 0 to 1
  bool has_answer = true;
  bool is_missing = false;  // no prediction; counts 0
};

/// Means in percent.
struct MeanScore {
  double exact_match = 0.0;
  double f1 = 0.0;
  std::int64_t total = 0;
};

/// The best that any threshold on the null odds would have given.
struct BestThreshold {
  double exact_match = 0.0;
  double exact_match_threshold = 0.0;
  double f1 = 0.0;
  double f1_threshold = 0.0;
};

struct SquadScore {
  MeanScore all;
  std::optional<MeanScore> with_answer;     // v2.0, when there are such questions
  std::optional<MeanScore> without_answer;  // v2.0, when there are such questions
  std::optional<BestThreshold> best;        // v2.0 with null odds only
  std::vector<QuestionScore> questions;     // in the file's order
  std::vector<std::string> missing;         // questions without a prediction
  std::vector<std::string> unknown;         // predictions without a question
};

using Predictions = std::map<std::string, std::string>;  // question id to answer
/// Question id and score of "no answer", in the file's order, which decides between equal scores.
using NullOdds = std::vector<std::pair<std::string, double>>;

/// The rules of evaluate-v1.1.py and of evaluate-v2.0.py. A question without a prediction counts 0
/// in both (the script of v2.0 leaves it out). With null odds (v2.0), an answer whose odds are
/// above null_threshold counts as "no answer", and best thresholds are searched.
SquadScore score_squad(const SquadData& data, const Predictions& predictions, SquadVersion version,
                       const NullOdds* null_odds = nullptr, double null_threshold = 1.0);

/// {"id": "answer"} from a file. Throws DataError.
Predictions read_predictions(const std::filesystem::path& file);
/// {"id": number} from a file, in its order. Throws DataError.
NullOdds read_null_odds(const std::filesystem::path& file);
/// The same for the text of a file; messages name the file.
Predictions parse_predictions(std::string_view text, const std::filesystem::path& file);
NullOdds parse_null_odds(std::string_view text, const std::filesystem::path& file);

}  // namespace lambert
