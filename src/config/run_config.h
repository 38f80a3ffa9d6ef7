// SPDX-License-Identifier: Apache-2.0
// Everything the user can choose. Each field has the name of its YAML key; run_config_fields.h
// lists them once and drives reader, writer and configs/README.md. Model keys are those of Hugging
// Face's BertConfig.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace lambert {

enum class Activation { gelu, gelu_new };  // erf form (Hugging Face), tanh form (Google's release)
/// bf16, fp16: compute weights and activations of that type, fp32 everything else; fp16 with
/// dynamic loss scaling.
enum class Precision { fp32, bf16, fp16 };
/// Names of PyTorch's set_float32_matmul_precision: fp32 as written | operands rounded to TF32.
enum class Float32MatmulPrecision { highest, high };
/// Own kernel | LibTorch's FlashAttention.
enum class AttentionKernelName { automatic, tiled, flash };
enum class DeviceKind { automatic, cpu, cuda };
enum class OptimizerName { lamb, adamw, lars };
enum class BiasCorrectionPlacement { moments, step_size };  // paper v5, Apex, TF Addons | DeepSpeed
enum class WeightDecayPlacement {
  update,
  gradient
};  // decoupled, part of the update | added to the gradient (L2, Apex's adam_w_mode=False)
enum class LarsTrustRatio {
  momentum,
  gradient
};  // |w| / |m| (LAMB paper, algorithm 1) | |w| / (|g| + decay |w|) before the momentum (2017)
enum class LrDecayOrigin {
  phase_start,
  warmup_end
};  // Google, NVIDIA, MLPerf | no jump at the end of warm-up
enum class MomentsAtPhaseStart {
  keep,
  reset
};  // DeepSpeed keeps m, v and counter | Google starts at zero
enum class NonFiniteGradients { stop, skip };
enum class Backend { automatic, single, mpi, nccl };
enum class WireType { float32, bfloat16 };
/// true or false, or what the program finds best.
enum class AutoFlag { automatic, on, off };
enum class Reduction {
  standard,
  reproducible
};  // sums in the order of the ring | sums that no order changes: equal bits on any rank count
enum class LossNormalization {
  global,
  per_micro_batch
};  // exact mean over the global batch | mean of means, as others do

/// The network (Devlin et al. 2018; names and defaults of BertConfig, BERT-Base).
struct ModelConfig {
  std::int64_t vocab_size = 0;  // 0: taken from the prepared data
  std::int64_t hidden_size = 768;
  std::int64_t num_hidden_layers = 12;
  std::int64_t num_attention_heads = 12;
  std::int64_t intermediate_size = 3072;
  Activation hidden_act = Activation::gelu;
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  std::int64_t max_position_embeddings = 512;
  std::int64_t type_vocab_size = 2;
  double layer_norm_eps = 1e-12;
  double initializer_range = 0.02;  // standard deviation of weights and embeddings at the start
};

/// LAMB (You et al. 2020, algorithm 2), AdamW and LARS; every published variant is a key.
struct OptimizerConfig {
  OptimizerName name = OptimizerName::lamb;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-6;
  double weight_decay = 0.01;
  WeightDecayPlacement weight_decay_placement = WeightDecayPlacement::update;
  double max_grad_norm = 1.0;  // global norm over all tensors, after the reduce; 0 = no clipping
  bool bias_correction = true;
  BiasCorrectionPlacement bias_correction_placement = BiasCorrectionPlacement::moments;
  bool grad_averaging = true;        // m increment (1 - beta1) * g; false: 1 * g (Apex switch)
  bool epsilon_inside_sqrt = false;  // sqrt(v + eps) instead of sqrt(v) + eps
  std::vector<std::string> weight_decay_exclude = {
      "bias", "LayerNorm"};      // name parts of tensors not decayed
  bool adapt_excluded = false;   // true: tensors without decay get a trust ratio too
  double trust_ratio_min = 0.0;  // clamp of the trust ratio
  double trust_ratio_max = std::numeric_limits<double>::infinity();
  double weight_norm_max =
      std::numeric_limits<double>::infinity();  // phi(z) = min(z, max), before the ratio
  LarsTrustRatio lars_trust_ratio = LarsTrustRatio::momentum;
  double lars_coefficient = 1.0;  // eta, times the trust ratio; 0.001 in You et al. 2017
};

/// One stage of the schedule: its own data, length, batch, rate and warm-up.
struct PhaseConfig {
  std::string name;
  std::string data;  // folder made by lambert prepare
  std::int64_t max_seq_length = 0;
  std::int64_t max_predictions_per_seq = 0;
  double masked_lm_prob = 0.15;
  std::int64_t global_train_batch_size = 0;      // sequences per optimizer step over all ranks
  std::int64_t per_device_train_batch_size = 0;  // upper bound of the micro-batch
  std::int64_t max_steps = 0;
  double learning_rate = 0.0;  // peak, for the global batch
  double warmup_steps = 0.0;   // below 1: share of max_steps
  double lr_decay_power = 1.0;
  LrDecayOrigin lr_decay_origin = LrDecayOrigin::phase_start;
  std::int64_t lr_decay_steps = 0;  // step at which the decay reaches zero; 0: max_steps
  MomentsAtPhaseStart moments = MomentsAtPhaseStart::keep;
};

/// Dynamic loss scaling with precision fp16 (Micikevicius et al. 2018): the loss is multiplied by a
/// scale before the backward pass, so that small gradients of activations do not vanish in fp16; an
/// overflow repeats the batch with a smaller scale. Powers of two round nothing. Names and defaults
/// of PyTorch's torch.amp.GradScaler where there is no other source.
struct LossScaleConfig {
  double init_scale = 65536.0;          // 2^16; NVIDIA's BERT: init_loss_scale 2^20
  std::int64_t growth_interval = 2000;  // steps without overflow after which the scale grows
  double growth_factor = 2.0;
  double backoff_factor = 0.5;  // at an overflow
  double min_loss_scale = 1.0;  // DeepSpeed's name and default; below it the run diverged
  std::int64_t max_overflow_retries = 20;  // of one step; as often as steps may be skipped in a row
};

struct CommConfig {
  /// automatic: one process: single; several: nccl on CUDA devices, else mpi.
  Backend backend = Backend::automatic;
  WireType all_reduce_dtype = WireType::float32;
  /// Of mpi: sums inside each machine first, then between machines. automatic: where there are
  /// several machines with the same number of ranks, more than one.
  AutoFlag hierarchical = AutoFlag::automatic;
  Reduction reduction = Reduction::standard;
  bool sharded_optimizer = false;  // each rank keeps and updates its share (ZeRO stage 1)
  bool error_feedback = false;     // what bf16 on the wire rounds away is sent later
  double bucket_megabytes = 25.0;
  double timeout_seconds = 120.0;  // deadline of every wait on another rank
};

struct CheckpointConfig {
  std::int64_t save_steps = 500;      // 0: only at the end and on request
  std::int64_t save_total_limit = 3;  // oldest are pruned after a verified save; 0 = keep all
};

/// The live gauge: at chosen steps a copy of the weights is fine-tuned on a little of SQuAD v1.1
/// and scored. Off while train and dev are empty. The recipe is the published one (AdamW, linear
/// warm-up over a tenth of the steps, linear decay to zero) but for what stands here.
struct SquadGaugeConfig {
  std::string train;             // SQuAD v1.1 JSON
  std::string dev;               // SQuAD v1.1 JSON
  std::int64_t every_steps = 0;  // also at the end of every phase
  std::int64_t subset = 1000;    // questions of train, and of dev, spread over the file; 0: all
  // As long as what the first phase usually trains: later positions are random until a longer
  // phase.
  std::int64_t max_seq_length = 128;
  std::int64_t global_train_batch_size = 32;     // windows per optimizer step over all ranks
  std::int64_t per_device_train_batch_size = 8;  // windows of one forward pass
  double num_train_epochs = 2.0;
  double learning_rate = 1e-4;  // above the published 3e-5: a subset has few steps
};

struct EvaluationConfig {
  std::string data;                      // folder made by lambert prepare; empty = no evaluation
  std::int64_t eval_steps = 500;         // also at the end of every phase
  std::int64_t max_eval_samples = 2048;  // the first ones of the folder, always the same masks
  std::int64_t per_device_eval_batch_size = 32;
  SquadGaugeConfig squad;
};

struct LoggingConfig {
  std::int64_t logging_steps = 10;
  std::vector<std::string> report_to = {"tensorboard"};  // metrics.jsonl is always written
  bool log_sample_hashes = false;  // samples, masks, dropout of every step in metrics.jsonl
  bool log_lamb_table = false;     // norms and trust ratio of every tensor at logging steps
};

struct RunConfig {
  std::string output_dir;
  std::string init_from;  // weights of a new run; empty: random
  std::uint64_t seed = 42;
  ModelConfig model;
  OptimizerConfig optimizer;
  DeviceKind device = DeviceKind::automatic;
  Precision precision = Precision::fp32;
  LossScaleConfig loss_scale;
  Float32MatmulPrecision float32_matmul_precision = Float32MatmulPrecision::highest;
  AttentionKernelName attention_kernel = AttentionKernelName::automatic;
  AutoFlag cuda_graphs = AutoFlag::automatic;
  bool gradient_checkpointing = false;  // layers are computed again in the backward pass
  bool pack_weights = false;  // copies of the encoder's matrices in the matmul library's layout
  LossNormalization loss_normalization = LossNormalization::global;
  NonFiniteGradients non_finite_gradients = NonFiniteGradients::stop;
  std::vector<PhaseConfig> phases;
  CommConfig communication;
  CheckpointConfig checkpoint;
  EvaluationConfig evaluation;
  LoggingConfig logging;
  std::int64_t stop_after_steps = 0;  // of one launch; 0: runs to the end
  std::int64_t threads_per_rank = 0;  // 0: cores divided by the ranks on this machine
};

/// Whether the run has a live gauge.
inline bool has_gauge(const RunConfig& config) {
  return !config.evaluation.squad.train.empty();
}

}  // namespace lambert
