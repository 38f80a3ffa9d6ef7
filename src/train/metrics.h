// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/train_state.h"
#include "train/evaluation.h"
#include "train/gradient_noise.h"
#include "train/lamb_table.h"
#include "train/step_hashes.h"

namespace lambert {

/// Everything known about one step. metrics.jsonl, TensorBoard and the console line are renderings
/// of it.
struct StepMetrics {
  TrainState state;  // after the step
  std::string phase;
  double loss = 0.0;  // mlm_loss + nsp_loss, over the global batch
  double mlm_loss = 0.0;
  double nsp_loss = 0.0;
  double mlm_accuracy = 0.0;
  double nsp_accuracy = 0.0;
  double learning_rate = 0.0;
  double gradient_norm = 0.0;                   // before clipping, of the unscaled loss
  double loss_scale = 1.0;                      // 1: no scaling in fp32 and bf16
  std::int64_t overflow_retries = 0;            // repetitions of the step with a smaller loss scale
  std::optional<GradientNoise> gradient_noise;  // at logging steps, with more than one micro-batch
  std::optional<StepHashes> hashes;             // with log_sample_hashes
  // Times of this rank. checkpoint_seconds: saves since the previous record, because a record is
  // written before the checkpoint of its step.
  double sequences_per_second = 0.0;
  double tokens_per_second = 0.0;  // real tokens
  double step_seconds = 0.0;
  double data_wait_seconds = 0.0;
  double exposed_reduce_seconds = 0.0;
  double checkpoint_seconds = 0.0;
  double device_memory_gib =
      0.0;  // largest resident size of this process so far, or of tensors on the GPU
};

inline constexpr const char* kMetricsFile = "metrics.jsonl";
inline constexpr const char* kLambTableFile = "lamb.jsonl";

/// One line of metrics.jsonl, without the line end. NaN and infinities are the strings "nan",
/// "inf", "-inf".
std::string step_record(const StepMetrics& metrics);
std::string evaluation_record(const TrainState& state, const std::string& phase,
                              const EvaluationResult& result);

/// One line of lamb.jsonl, without the line end.
std::string lamb_table_record(const TrainState& state, const std::string& phase,
                              const LambTableRecord& record);

/// What the console line says beside the step's own figures.
struct ConsoleFigures {
  std::int64_t max_steps = 0;  // of the phase
  double sequences_per_second = 0.0;
  double matmul_share = 0.0;  // of the machine's measured matmul rate; 0 = unknown
  double data_wait_share = 0.0;
  double exposed_reduce_share = 0.0;
  double remaining_seconds = 0.0;
};

/// step 1200/7038 (17.0%) phase seq128 loss 2.413 ... | 14.2k seq/s 46% matmul | data-wait ... |
/// eta 2h51m
std::string console_line(const StepMetrics& metrics, const ConsoleFigures& figures);

/// 2h51m, 12m05s, 43s.
std::string short_duration(double seconds);

}  // namespace lambert
