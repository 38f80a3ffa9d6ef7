// SPDX-License-Identifier: Apache-2.0
// Everything the user can choose about fine-tuning on SQuAD. Each field has the name of its YAML
// key; squad_config_fields.h lists them once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/run_config.h"

namespace lambert {

enum class SquadVersion { v1_1, v2_0 };  // every question has an answer | some have none

/// The published recipe (Devlin et al. 2018, google-research/bert): AdamW, linear warm-up over a
/// tenth of the steps, linear decay to zero. The one difference is optimizer.bias_correction, which
/// Google's code does not have: without it short runs diverge more often (Mosbach et al. 2021).
struct SquadConfig {
  std::string output_dir;
  std::string init_from;  // folder with config.json, weights, tokenizer; or a checkpoint or run
  std::string tokenizer;  // empty: the one in init_from
  bool cased = false;     // WordPiece, when nothing beside the vocabulary says so
  SquadVersion version = SquadVersion::v1_1;
  std::string train;
  std::string dev;                       // empty: no scoring
  std::int64_t max_train_questions = 0;  // the first ones of the file; 0: all
  std::int64_t max_dev_questions = 0;    // the same for dev
  std::int64_t max_seq_length = 384;     // tokens: question, window and three special ones
  std::int64_t doc_stride = 128;         // tokens from one window's start to the next one's
  std::int64_t max_query_length = 64;    // tokens; longer questions are cut
  std::int64_t max_answer_length = 30;   // tokens
  std::int64_t n_best_size = 20;
  double null_score_difference_threshold = 0.0;  // v2.0: above it the answer is "no answer"
  std::int64_t per_device_train_batch_size = 32;
  std::int64_t global_train_batch_size = 0;  // 0: per_device_train_batch_size times the ranks
  std::int64_t per_device_eval_batch_size = 32;
  double num_train_epochs = 2.0;
  double learning_rate = 3e-5;
  double warmup_steps = 0.1;  // below 1: share of all steps
  LrDecayOrigin lr_decay_origin = LrDecayOrigin::phase_start;
  bool shuffle = true;  // false: in the file's order
  std::vector<std::uint64_t> seeds = {42};
  double hidden_dropout_prob = -1.0;           // negative: as init_from says
  double attention_probs_dropout_prob = -1.0;  // negative: as init_from says
  OptimizerConfig optimizer = {.name = OptimizerName::adamw};
  DeviceKind device = DeviceKind::automatic;
  Precision precision = Precision::fp32;
  Float32MatmulPrecision float32_matmul_precision = Float32MatmulPrecision::highest;
  AttentionKernelName attention_kernel = AttentionKernelName::automatic;
  bool gradient_checkpointing = false;
  CommConfig communication;
  CheckpointConfig checkpoint;
  LoggingConfig logging;
  std::int64_t stop_after_steps = 0;  // of one launch; 0: runs to the end
  std::int64_t threads_per_rank = 0;  // 0: cores divided by the ranks on this machine
};

}  // namespace lambert
