// SPDX-License-Identifier: Apache-2.0
// Every key of the configuration, written once: it drives reader, writer and configs/README.md. A
// visitor has field(key, value, rule, meaning), section(key, struct, is_required, meaning) and
// list(key, structs, meaning). A new key needs a field in run_config.h and a line here.
#pragma once

#include "config/field_rule.h"
#include "config/run_config.h"

namespace lambert {

// Upper bounds are far above published models and keep every product of sizes inside 64 bits.
constexpr double kMaxVocabSize = 10'000'000;
constexpr double kMaxWidth = 65'536;
constexpr double kMaxFeedForward = 1'048'576;
constexpr double kMaxLayers = 1'000;
constexpr double kMaxPositions = 16'384;
constexpr double kMaxBatch = 4'194'304;
constexpr double kMaxSteps = 99'999'999;  // checkpoint folders carry the step in eight digits
constexpr double kMaxEvalSamples = 1'000'000'000;
constexpr double kMaxQuestions = 100'000'000;
constexpr double kMaxEpochs = 10'000;
constexpr double kMaxLossScale = 0x1p64;  // scaled gradients stay inside fp32

constexpr const char* kDeviceHelp =
    "Where the ranks compute. `cuda`: each on the GPU of its number on its machine, an error where "
    "there is none. `auto`: on GPUs where the program is built for CUDA and the machine has some, "
    "else on the CPU.";

template <class Visitor>
void visit_fields(Visitor& visit, ModelConfig& model) {
  visit.field("vocab_size", model.vocab_size, between(0, kMaxVocabSize),
              "Entries of the vocabulary; 0 = taken from the prepared data, any other number must "
              "agree with it.");
  visit.field("hidden_size", model.hidden_size, between(1, kMaxWidth), "Width of every layer (H).");
  visit.field("num_hidden_layers", model.num_hidden_layers, between(1, kMaxLayers),
              "Encoder layers.");
  visit.field("num_attention_heads", model.num_attention_heads, between(1, kMaxWidth),
              "Attention heads per layer; must divide `hidden_size`.");
  visit.field("intermediate_size", model.intermediate_size, between(1, kMaxFeedForward),
              "Width of the feed-forward layer, usually 4 H.");
  visit.field(
      "hidden_act", model.hidden_act, any_value(),
      "Activation: `gelu` = erf form (Hugging Face), `gelu_new` = tanh form (Google's release).");
  visit.field("hidden_dropout_prob", model.hidden_dropout_prob, below_one(),
              "Dropout after the embeddings and after each sub-layer.");
  visit.field("attention_probs_dropout_prob", model.attention_probs_dropout_prob, below_one(),
              "Dropout of the attention probabilities.");
  visit.field("max_position_embeddings", model.max_position_embeddings, between(1, kMaxPositions),
              "Rows of the position table; at least the longest `max_seq_length` of all phases.");
  visit.field("type_vocab_size", model.type_vocab_size, between(2, 16),
              "Rows of the segment table.");
  visit.field("layer_norm_eps", model.layer_norm_eps, positive(),
              "Epsilon inside the root of LayerNorm.");
  visit.field("initializer_range", model.initializer_range, positive(),
              "Standard deviation of weights and embeddings at the start.");
}

template <class Visitor>
void visit_fields(Visitor& visit, OptimizerConfig& optimizer) {
  visit.field("name", optimizer.name, any_value(), "LAMB (You et al. 2020), AdamW or LARS.");
  visit.field("adam_beta1", optimizer.adam_beta1, below_one(),
              "Decay of the first moment; the momentum of LARS.");
  visit.field("adam_beta2", optimizer.adam_beta2, below_one(),
              "Decay of the second moment; LARS has none.");
  visit.field("adam_epsilon", optimizer.adam_epsilon, positive(),
              "Added to the root of the second moment.");
  visit.field("weight_decay", optimizer.weight_decay, at_least(0),
              "Weight decay, added before the trust ratio.");
  visit.field("weight_decay_placement", optimizer.weight_decay_placement, any_value(),
              "`update`: decoupled (paper); `gradient`: added to the gradient before the moments "
              "(Apex's adam_w_mode=False). LARS always adds it to the gradient.");
  visit.field(
      "max_grad_norm", optimizer.max_grad_norm, at_least(0),
      "Clip of the global gradient norm over all tensors, after the all-reduce; 0 = no clipping.");
  visit.field("bias_correction", optimizer.bias_correction, any_value(),
              "Divide the moments by 1 - beta^t.");
  visit.field("bias_correction_placement", optimizer.bias_correction_placement, any_value(),
              "`moments`: before the trust ratio (paper, Apex); `step_size`: folded into the rate "
              "(DeepSpeed).");
  visit.field("grad_averaging", optimizer.grad_averaging, any_value(),
              "First moment takes (1 - beta1) g; false: g (a switch of Apex).");
  visit.field("epsilon_inside_sqrt", optimizer.epsilon_inside_sqrt, any_value(),
              "sqrt(v + epsilon) instead of sqrt(v) + epsilon.");
  visit.field("weight_decay_exclude", optimizer.weight_decay_exclude, any_value(),
              "Tensors whose name contains one of these parts are not decayed.");
  visit.field("adapt_excluded", optimizer.adapt_excluded, any_value(),
              "Tensors without decay get a trust ratio too (NVLAMB); false: their ratio is 1.");
  visit.field("trust_ratio_min", optimizer.trust_ratio_min, at_least(0),
              "Lower clamp of the trust ratio.");
  visit.field("trust_ratio_max", optimizer.trust_ratio_max, or_infinite(positive()),
              "Upper clamp of the trust ratio.");
  visit.field("weight_norm_max", optimizer.weight_norm_max, or_infinite(positive()),
              "Upper clamp of the weight norm in the trust ratio, phi(z) = min(z, max).");
  visit.field(
      "lars_trust_ratio", optimizer.lars_trust_ratio, any_value(),
      "`momentum`: weight norm / momentum norm (You et al. 2020, algorithm 1); `gradient`: "
      "weight norm / (gradient norm + weight_decay x weight norm), before the momentum (You "
      "et al. 2017).");
  visit.field("lars_coefficient", optimizer.lars_coefficient, positive(),
              "Factor of the trust ratio of LARS; 0.001 in You et al. 2017.");
}

template <class Visitor>
void visit_fields(Visitor& visit, PhaseConfig& phase) {
  visit.field("name", phase.name, any_value(),
              "Name in logs and metrics, different for every phase; empty = `phase-1`, `phase-2` "
              "and so on.");
  visit.field("data", phase.data, required(any_value()), "Folder made by `lambert prepare`.");
  visit.field("max_seq_length", phase.max_seq_length, required(between(8, kMaxPositions)),
              "Longest example in tokens.");
  visit.field("max_predictions_per_seq", phase.max_predictions_per_seq,
              required(between(1, kMaxPositions)), "Most masked tokens of one example.");
  visit.field("masked_lm_prob", phase.masked_lm_prob, between(1e-4, 0.9),
              "Share of tokens that are masked.");
  visit.field(
      "global_train_batch_size", phase.global_train_batch_size, required(between(1, kMaxBatch)),
      "Sequences per optimizer step over all ranks; must be divisible by the number of ranks.");
  visit.field("per_device_train_batch_size", phase.per_device_train_batch_size,
              required(between(1, kMaxBatch)),
              "Upper bound of the micro-batch: the largest size not above it that divides a rank's "
              "share is used.");
  visit.field("max_steps", phase.max_steps, required(between(1, kMaxSteps)),
              "Optimizer steps of the phase.");
  visit.field("learning_rate", phase.learning_rate, required(positive()),
              "Peak rate, for the global batch.");
  visit.field("warmup_steps", phase.warmup_steps, between(0, kMaxSteps),
              "Steps of the linear warm-up; below 1: share of `max_steps`.");
  visit.field("lr_decay_power", phase.lr_decay_power, between(0, 10),
              "Power of the polynomial decay to zero.");
  visit.field("lr_decay_origin", phase.lr_decay_origin, any_value(),
              "`phase_start`: the decay counts from step 0 (Google, NVIDIA); `warmup_end`: no jump "
              "after warm-up.");
  visit.field(
      "lr_decay_steps", phase.lr_decay_steps, between(0, kMaxSteps),
      "Step at which the decay reaches zero, when it is longer than the phase (one schedule "
      "over several phases); 0 = `max_steps`.");
  visit.field(
      "moments", phase.moments, any_value(),
      "At the start of the phase: `keep` or `reset` the moments and the bias-correction counter.");
}

template <class Visitor>
void visit_fields(Visitor& visit, CommConfig& communication) {
  visit.field(
      "backend", communication.backend, any_value(),
      "`auto`: one process: single; several from a launcher: nccl when they compute on CUDA "
      "devices, else mpi.");
  visit.field("all_reduce_dtype", communication.all_reduce_dtype, any_value(),
              "Type of gradients on the wire.");
  visit.field("hierarchical", communication.hierarchical, any_value(),
              "Backend mpi: gradients are summed inside each machine first and then between "
              "machines, which moves less over the network; `auto`: where there are several "
              "machines with the same number of ranks, more than one. NCCL decides this itself.");
  visit.field(
      "reduction", communication.reduction, any_value(),
      "`reproducible`: gradients are summed as 64-bit integers, so any number of ranks gives "
      "bit-identical weights; needs `threads_per_rank`, an exact "
      "`per_device_train_batch_size`, 8 bytes more per parameter and twice the traffic.");
  visit.field(
      "sharded_optimizer", communication.sharded_optimizer, any_value(),
      "Each rank keeps the optimizer's state (moments and, in bf16, fp32 master weights) of its "
      "share only, updates it, and gets the other ranks' compute weights: less memory, the same "
      "bits (ZeRO stage 1; DeepSpeed's `zero_optimization.stage: 1`, Megatron-LM's "
      "`--use-distributed-optimizer`).");
  visit.field(
      "error_feedback", communication.error_feedback, any_value(),
      "With `all_reduce_dtype: bfloat16`: what rounding on the wire takes from a sum is kept, in "
      "fp32, and added in the next step, so that nothing is lost over many steps; 4 bytes more "
      "per parameter, on each rank and for each rank in a checkpoint.");
  visit.field("bucket_megabytes", communication.bucket_megabytes, between(0.001, 4096),
              "MB of gradients reduced together.");
  visit.field("timeout_seconds", communication.timeout_seconds, between(0.1, 86400),
              "Deadline in seconds of every wait on another rank.");
}

template <class Visitor>
void visit_fields(Visitor& visit, LossScaleConfig& loss_scale) {
  visit.field("init_scale", loss_scale.init_scale, at_most(positive(), kMaxLossScale),
              "Scale of a new run (PyTorch's `GradScaler`: 65536; NVIDIA's BERT: 2^20 as "
              "`init_loss_scale`). Use powers of two: they round nothing.");
  visit.field("growth_interval", loss_scale.growth_interval, between(1, kMaxSteps),
              "Steps in a row without overflow after which the scale grows (`GradScaler`).");
  visit.field("growth_factor", loss_scale.growth_factor, between(1, 65536),
              "What the scale is multiplied by then (`GradScaler`).");
  visit.field("backoff_factor", loss_scale.backoff_factor, at_most(positive(), 0.99),
              "What the scale is multiplied by at an overflow (`GradScaler`); the same batch is "
              "computed again, so that data, schedule and moments never drift.");
  visit.field("min_loss_scale", loss_scale.min_loss_scale, at_most(positive(), kMaxLossScale),
              "Smallest scale (DeepSpeed); an overflow there ends the run with exit code 5.");
  visit.field("max_overflow_retries", loss_scale.max_overflow_retries, between(1, 1000),
              "Repetitions of one step; more end the run with exit code 5.");
}

template <class Visitor>
void visit_fields(Visitor& visit, CheckpointConfig& checkpoint) {
  visit.field("save_steps", checkpoint.save_steps, between(0, kMaxSteps),
              "Steps between checkpoints; 0 = only at the end and on request.");
  visit.field("save_total_limit", checkpoint.save_total_limit, between(0, kMaxSteps),
              "Checkpoints kept; the oldest are removed after a verified save; 0 = keep all.");
}

template <class Visitor>
void visit_fields(Visitor& visit, SquadGaugeConfig& gauge) {
  visit.field("train", gauge.train, any_value(),
              "SQuAD v1.1 JSON file to fine-tune on; empty, like `dev`, = no gauge.");
  visit.field("dev", gauge.dev, any_value(), "SQuAD v1.1 JSON file to answer and score.");
  visit.field("every_steps", gauge.every_steps, between(0, kMaxSteps),
              "Steps between measurements, at least 1 when there are files; the end of every phase "
              "is measured too.");
  visit.field("subset", gauge.subset, between(0, kMaxQuestions),
              "Questions used of `train`, and as many of `dev`, spread evenly over each file; 0 = "
              "all.");
  visit.field("max_seq_length", gauge.max_seq_length, between(32, kMaxPositions),
              "Tokens of question, window and three special tokens. Windows of a paragraph start a "
              "third of it apart. Positions that no phase has trained yet are random.");
  visit.field("global_train_batch_size", gauge.global_train_batch_size, between(1, kMaxBatch),
              "Windows per optimizer step over all ranks.");
  visit.field("per_device_train_batch_size", gauge.per_device_train_batch_size,
              between(1, kMaxBatch), "Most windows of one forward pass of a rank.");
  visit.field("num_train_epochs", gauge.num_train_epochs, at_most(positive(), kMaxEpochs),
              "Passes over the training windows; may be a fraction.");
  visit.field("learning_rate", gauge.learning_rate, positive(),
              "Peak rate of AdamW, after a warm-up over a tenth of the steps; then linear decay to "
              "zero.");
}

template <class Visitor>
void visit_fields(Visitor& visit, EvaluationConfig& evaluation) {
  visit.field("data", evaluation.data, any_value(),
              "Folder made by `lambert prepare`; empty = no evaluation.");
  visit.field("eval_steps", evaluation.eval_steps, between(1, kMaxSteps),
              "Steps between evaluations; the end of every phase is evaluated too.");
  visit.field("max_eval_samples", evaluation.max_eval_samples, between(1, kMaxEvalSamples),
              "Examples used: the first ones of the folder, always with the same masks.");
  visit.field("per_device_eval_batch_size", evaluation.per_device_eval_batch_size,
              between(1, kMaxBatch), "Sequences per forward pass.");
  visit.section(
      "squad", evaluation.squad, false,
      "The live gauge: a short fine-tuning of a copy of the weights on SQuAD v1.1, and its "
      "F1. The run itself stays the same bit for bit.");
}

template <class Visitor>
void visit_fields(Visitor& visit, LoggingConfig& logging) {
  visit.field(
      "logging_steps", logging.logging_steps, between(1, kMaxSteps),
      "Steps between console lines, TensorBoard points and estimates of the gradient noise.");
  visit.field("report_to", logging.report_to, any_value(),
              "Further records of the metrics: `tensorboard`, or an empty list; `metrics.jsonl` is "
              "always written.");
  visit.field("log_sample_hashes", logging.log_sample_hashes, any_value(),
              "Hashes of the samples, masks and dropout of every step in `metrics.jsonl`.");
  visit.field("log_lamb_table", logging.log_lamb_table, any_value(),
              "Weight norm, update norm, trust ratio and clamp hits of every tensor at logging "
              "steps, in `lamb.jsonl` (`lambert inspect lamb`) and as TensorBoard histograms.");
}

/// Of a RunConfig or a SquadConfig.
template <class Visitor, class Config>
void visit_kernel_fields(Visitor& visit, Config& config) {
  visit.field("float32_matmul_precision", config.float32_matmul_precision, any_value(),
              "Matrix products of `precision: fp32` on a CUDA device (name and values of PyTorch's "
              "`set_float32_matmul_precision`): `highest` = as written; `high` = TF32: operands "
              "rounded to 10 bits of mantissa on the tensor cores, sums in fp32, several times "
              "faster. On a CPU always as written.");
  visit.field("attention_kernel", config.attention_kernel, any_value(),
              "`tiled`: Lambert's own; dropout masks are the same on every device and in every "
              "micro-batch. `flash`: LibTorch's FlashAttention, on a CUDA device in bf16 and fp16, "
              "on the tensor cores; its dropout masks are its own, the same at every repetition "
              "and resume with the same micro-batches. `auto`: `flash` where it runs.");
}

template <class Visitor>
void visit_fields(Visitor& visit, RunConfig& config) {
  visit.field("output_dir", config.output_dir, required(any_value()),
              "Run directory; the same directory again resumes the run.");
  visit.field(
      "init_from", config.init_from, any_value(),
      "Weights that a new run starts from: a folder in Hugging Face's layout, a checkpoint, "
      "or a run directory; empty = random weights. `model` must agree with it.");
  visit.field("seed", config.seed, any_value(),
              "Seed of initial weights, sample order, masks and dropout.");
  visit.section("model", config.model, true,
                "The network; keys are those of Hugging Face's BertConfig.");
  visit.section("optimizer", config.optimizer, false,
                "The update rule; every published variant is a key.");
  visit.field("device", config.device, any_value(), kDeviceHelp);
  visit.field(
      "precision", config.precision, any_value(),
      "`bf16`, `fp16`: compute weights and activations of that type; master weights, moments "
      "and gradients stay fp32. `fp16` scales the loss (`loss_scale`); on a CPU its products "
      "are computed in fp32, so it is for GPUs without bf16, and for trying out.");
  visit.section("loss_scale", config.loss_scale, false,
                "Dynamic loss scaling, with `precision: fp16` only.");
  visit_kernel_fields(visit, config);
  visit.field(
      "cuda_graphs", config.cuda_graphs, any_value(),
      "On a CUDA device: record the work of a micro-batch, forward and backward, once per "
      "shape and start it as one CUDA graph from then on; the same bits. Takes a second set "
      "of activations in memory. `auto`: for micro-batches of at most 8,192 tokens, whose "
      "kernels are too short to be started one by one.");
  visit.field("gradient_checkpointing", config.gradient_checkpointing, any_value(),
              "Keep only the input of each layer and compute the layer again in the backward pass: "
              "a third more work, a fraction of the activations' memory, the same bits.");
  visit.field("pack_weights", config.pack_weights, any_value(),
              "Copy each matrix of the encoder once a step into the layout that the matmul library "
              "reads fastest, where a measurement at the start says that it pays: the same bits, "
              "some per cent faster, up to twice the memory of these compute weights more.");
  visit.field(
      "loss_normalization", config.loss_normalization, any_value(),
      "`global`: mean over the global batch; `per_micro_batch`: mean of the micro-batches' means.");
  visit.field("non_finite_gradients", config.non_finite_gradients, any_value(),
              "Stop the run (exit code 5), or skip the step and count it.");
  visit.list("phases", config.phases, "The schedule: one map per phase, run in order.");
  visit.section("communication", config.communication, false, "Between ranks.");
  visit.section("checkpoint", config.checkpoint, false, "Saving.");
  visit.section("evaluation", config.evaluation, false,
                "Measurements during the run: held-out loss and accuracy, fine-tuning on SQuAD.");
  visit.section("logging", config.logging, false, "What is recorded, and how often.");
  visit.field(
      "stop_after_steps", config.stop_after_steps, between(0, kMaxSteps),
      "Steps after which a launch saves and ends with code 75, for queues with a time limit; "
      "the same command goes on. 0 = runs to the end.");
  visit.field("threads_per_rank", config.threads_per_rank, between(0, 4096),
              "Threads of one rank; 0 = cores divided by the ranks on this machine.");
}

}  // namespace lambert
