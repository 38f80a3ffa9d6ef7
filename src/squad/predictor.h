// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "base/file_system.h"
#include "comm/communicator.h"
#include "model/bert_for_question_answering.h"
#include "squad/answer_extraction.h"
#include "squad/squad_score.h"

namespace lambert {

/// Logits of every window, on every rank. Windows are spread over the ranks; the result does not
/// depend on their number. None when a request to stop came first: the ranks agree on it after each
/// batch of all. Logs its start, and once a minute how far it is.
std::optional<std::vector<WindowLogits>> predict_logits(Communicator& communicator,
                                                        BertForQuestionAnswering& model,
                                                        std::span<const SquadFeature> features,
                                                        std::int64_t batch_size);

/// An answer for every question of the data, in its order.
std::vector<QuestionAnswer> answer_questions(const SquadData& data, const SquadFeatures& features,
                                             const std::vector<WindowLogits>& logits,
                                             const Tokenizer& tokenizer,
                                             const ExtractionOptions& options);

Predictions to_predictions(const SquadData& data, const std::vector<QuestionAnswer>& answers);

/// predictions.json, nbest_predictions.json and, for v2.0, null_odds.json, as the original writes
/// them. Throws StorageError.
void write_answers(FileSystem& file_system, const std::filesystem::path& folder,
                   const SquadData& data, const std::vector<QuestionAnswer>& answers,
                   SquadVersion version);

}  // namespace lambert
