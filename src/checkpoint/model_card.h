// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "checkpoint/train_state.h"
#include "config/run_config.h"

namespace lambert {

struct ModelCardFacts {
  TrainState state;
  ModelConfig model;
  std::string architecture;
  std::string run_config_yaml;
  std::string vocabulary_hash;
  std::string source;  // name of the checkpoint
  bool is_wordpiece = true;
  bool cased = false;
};

/// README.md of an export: a model card, with what Transformers' tokenizer does differently.
std::string write_model_card(const ModelCardFacts& facts);

}  // namespace lambert
