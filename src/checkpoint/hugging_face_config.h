// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/run_config.h"

namespace lambert {

inline constexpr const char* kPretrainingArchitecture = "BertForPreTraining";
inline constexpr const char* kQuestionAnsweringArchitecture = "BertForQuestionAnswering";

/// config.json of Transformers' BertConfig. architecture: one of the two above. pad_token_id: -1
/// leaves the key out.
std::string write_hugging_face_config(const ModelConfig& config, const std::string& architecture,
                                      std::int64_t pad_token_id);

/// The architecture that a config.json of ours names. Throws DataError with the reason alone.
std::string parse_architecture(std::string_view text);

/// Reads back what was written. Throws DataError with the reason alone.
ModelConfig parse_hugging_face_config(std::string_view text);

/// The config.json of anybody's BERT.
struct ForeignConfig {
  ModelConfig model;
  bool has_separate_decoder = false;  // its weights are not the word embeddings
};

/// Refuses sizes out of range and every setting with which Transformers would compute something
/// else than our network does. Throws DataError with the reason alone.
ForeignConfig parse_foreign_config(std::string_view text);

/// "hidden_size: 256 in the checkpoint, 128 now" for each field that differs, joined by "; ".
std::string describe_model_differences(const ModelConfig& saved, const ModelConfig& now);

}  // namespace lambert
