// SPDX-License-Identifier: Apache-2.0
// Builds the objects of a training run, lowest first, and hands them to the Trainer.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <unistd.h>

#include "app/check_data.h"
#include "app/commands.h"
#include "app/compute_device.h"
#include "app/initial_weights.h"
#include "app/run_directory.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "checkpoint/checkpoint.h"
#include "comm/make_communicator.h"
#include "config/load_run_config.h"
#include "config/step_shape.h"
#include "gradients/gradient_buckets.h"
#include "gradients/gradient_reducer.h"
#include "gradients/sharded_parameters.h"
#include "kernels/matmul.h"
#include "model/bert_for_pretraining.h"
#include "ops/tensor_memory.h"
#include "optim/optimizer.h"
#include "squad/squad_gauge.h"
#include "train/checkpoint_saver.h"
#include "train/held_out_loss.h"
#include "train/machine_rates.h"
#include "train/metrics_log.h"
#include "train/named_parameters.h"
#include "train/product_choice.h"
#include "train/rank_agreement.h"
#include "train/replica_check.h"
#include "train/residual_tensors.h"
#include "train/run_records.h"
#include "train/sharded_tensors.h"
#include "train/threads.h"
#include "train/train_step.h"
#include "train/trainer.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestTokenizerFile = std::uint64_t{1} << 30;

/// Binds the live weights and moments; rank 0 also takes the tokenizer files along.
CheckpointContent bind_checkpoint(const RunConfig& config, const DatasetInfo& dataset,
                                  std::vector<NamedTensor> weights,
                                  std::vector<NamedTensor> moments,
                                  const Communicator& communicator) {
  CheckpointContent content;
  content.model = std::move(weights);
  content.optimizer = std::move(moments);
  content.model_config = config.model;
  content.run_config_yaml = write_run_config(config);
  content.vocabulary_hash = dataset.vocabulary_hash;
  content.cased = dataset.cased;
  content.rank_count = communicator.size();
  if (communicator.rank() == 0) {
    const fs::path file = fs::path(config.phases.front().data) / dataset.tokenizer_file;
    content.extra_files.push_back({dataset.tokenizer_file, read_file(file, kLargestTokenizerFile)});
  }
  return content;
}

struct CheckedInputs {
  DatasetInfo dataset;  // of the first phase
  std::optional<GaugeQuestions> gauge;
};

/// Everything that can be wrong before the first step and needs no lock. Rank 0 goes first, so that
/// a mistake is reported once: it ends the job while the others wait.
CheckedInputs check_inputs(RunConfig& config, Communicator& communicator) {
  require_same_text(communicator, "the resolved config", write_run_config(config),
                    "start all ranks with the same file, overrides and program");
  require_same_processor_level(communicator);
  const auto check = [&config, &communicator] {
    for (const PhaseConfig& phase : config.phases) {
      derive_step_shape(phase, communicator.size(), config.communication.reduction);
    }
    CheckedInputs checked{check_data_folders(config).phases.front(), std::nullopt};
    if (has_gauge(config)) {
      checked.gauge = read_gauge_questions(config, checked.dataset);
    }
    return checked;
  };
  std::optional<CheckedInputs> inputs;
  if (communicator.rank() == 0) {
    inputs = check();
  }
  communicator.barrier();
  if (!inputs) {
    inputs = check();
  }
  config.model.vocab_size = inputs->dataset.vocab_size;
  return std::move(*inputs);
}

/// A new run's weights. Rank 0 goes first, so that a mistake is reported once.
void import_weights(const RunConfig& config, const DatasetInfo& dataset, FileSystem& file_system,
                    Communicator& communicator, std::vector<NamedTensor> weights) {
  for (NamedTensor& weight : weights) {
    weight.tensor = weight.parts ? at::empty(weight.tensor.sizes(), at::kFloat) : weight.tensor;
  }
  const auto import = [&] {
    const ModelImport source = open_initial_weights(config, dataset, file_system);
    log_import(source.folder(), source.copy_to(weights));
    for (const NamedTensor& weight : weights) {
      if (weight.parts) {
        weight.parts->take(weight.tensor);
      }
    }
  };
  if (communicator.rank() == 0) {
    import();
  }
  communicator.barrier();
  if (communicator.rank() != 0) {
    import();
  }
}

/// The gradients' memory, which lives as long as the communicator is used.
void register_buckets(const at::Device& device, Communicator& communicator,
                      const GradientBuckets& buckets) {
  for (const GradientBucket& bucket : buckets.buckets()) {
    if (!device.is_cpu()) {
      communicator.register_memory(
          {static_cast<std::byte*>(bucket.flat.mutable_data_ptr()), bucket.flat.nbytes()});
    }
  }
}

/// From the locked directory to the end of training.
StopReason train(const ConfigOptions& options, const RunConfig& config, CheckedInputs inputs,
                 const at::Device& device, const KernelChoice& kernels, Communicator& communicator,
                 FileSystem& file_system, RunRecords& records, RunProgress& progress) {
  const bool is_first = communicator.rank() == 0;
  const std::int64_t threads = set_compute_threads(config.threads_per_rank, communicator);
  keep_product_choices(config.output_dir, device, communicator.rank());
  BertForPreTraining model(config.model, config.precision, config.seed,
                           config.gradient_checkpointing, device);
  model.use(kernels);
  const std::vector<NamedParameter> parameters = named_parameters(model.parameters());
  GradientBuckets buckets(
      parameters, static_cast<std::int64_t>(config.communication.bucket_megabytes * 1048576.0));
  register_buckets(device, communicator, buckets);
  std::unique_ptr<ShardedParameters> sharded;
  if (config.communication.sharded_optimizer) {
    sharded = std::make_unique<ShardedParameters>(communicator, buckets);
  }
  GradientReducer reducer(communicator, buckets, config.communication.reduction, sharded.get(),
                          config.communication.error_feedback);
  const std::unique_ptr<Optimizer> optimizer =
      make_optimizer(config.optimizer, parameters, sharded.get());
  log_info("model parameters=" + std::to_string(count_parameters(config.model)) +
           " tensors=" + std::to_string(parameters.size()) +
           " vocab_size=" + std::to_string(config.model.vocab_size) + " ranks=" +
           std::to_string(communicator.size()) + " threads_per_rank=" + std::to_string(threads) +
           " sharded_optimizer=" + (sharded ? "true" : "false") + " " + describe(kernels) + " " +
           describe_recording(largest_recorded_micro_batch(config, device)));
  log_treatments(*optimizer);

  CheckpointStore store(file_system, config.output_dir);
  const std::vector<NamedTensor> weights =
      sharded ? bind_weights(*sharded) : bind_weights(model.parameters());
  const std::vector<NamedParameter> replicated = sharded ? sharded->replicated() : parameters;
  CheckpointContent content = bind_checkpoint(
      config, inputs.dataset, weights,
      sharded ? bind_moments(*optimizer, *sharded) : bind_moments(*optimizer), communicator);
  std::vector<NamedTensor> residuals;
  if (config.communication.error_feedback) {
    residuals = own_residuals(reducer, parameters);
    content.residuals = bind_residuals(communicator, residuals);
  }
  CheckpointSaver saver(communicator, store, std::move(content), replicated, records, progress,
                        config.checkpoint.save_total_limit, std::move(residuals));
  const TrainState state = saver.resume();
  if (state == TrainState{} && !config.init_from.empty()) {
    import_weights(config, inputs.dataset, file_system, communicator, weights);
  }
  optimizer->set_step_count(state.optimizer_steps);
  if (!sharded) {  // sharded: done when a weight is loaded
    model.refresh_compute_weights();
  }
  const StepShape shape =
      derive_step_shape(config.phases.front(), communicator.size(), config.communication.reduction);
  const std::int64_t row_count = shape.micro_batch * config.phases.front().max_seq_length;
  if (device.is_cpu()) {
    model.choose_products(choose_products(config, row_count, shape.accumulation, communicator),
                          row_count);
  }
  check_replicas(communicator, replicated);

  std::vector<ScheduledEvaluation> evaluations;
  if (!config.evaluation.data.empty()) {
    evaluations.push_back(
        {std::make_unique<HeldOutLoss>(config, communicator, model), config.evaluation.eval_steps});
  }
  if (inputs.gauge) {
    evaluations.push_back(
        {std::make_unique<SquadGauge>(config, std::move(*inputs.gauge), communicator, weights),
         config.evaluation.squad.every_steps});
  }
  MetricsLog metrics;
  if (is_first) {
    Launch launch = describe_launch(command_text("lambert train", options), communicator, threads,
                                    count_parameters(config.model), *optimizer, state.global_step);
    launch.seed = config.seed;
    records.start(write_run_config(config), options.config, launch);
    records.running(progress);
    metrics = MetricsLog(file_system, config.output_dir, config.logging, state.global_step);
  }
  const MachineRates rates = measure_machine_rates(config, device, communicator);
  log_info("machine matmul_gflops=" + std::to_string(rates.matmul / 1e9) +
           " copy_gigabytes_per_second=" + std::to_string(rates.copy / 1e9) +
           " all_reduce_gigabytes_per_second=" + std::to_string(rates.all_reduce / 1e9));
  StepReport report(config, rates, is_first,
                    is_first && communicator.size() == 1 && ::isatty(STDERR_FILENO) == 1);
  TrainStep train_step(config, communicator, model, buckets, reducer, *optimizer, progress);
  Trainer trainer(config,
                  {communicator, train_step, *optimizer, saver, metrics, report, progress, device,
                   std::move(evaluations)},
                  state);
  return trainer.run();
}

}  // namespace

int run_train(const ConfigOptions& options) {
  if (options.verbose) {
    show_debug_messages();
  }
  keep_tensor_memory();
  install_stop_signal_handlers();
  RunConfig config = load_run_config(options.config, options.overrides);
  const at::Device device = choose_compute_device(config.device);
  require_support(config.communication, config.optimizer, device);
  const KernelChoice kernels = choose_kernels(kernel_request(config), config.model, device);
  const std::unique_ptr<Communicator> communicator =
      make_communicator(config.communication, comm_device_of(device));
  CheckedInputs inputs = check_inputs(config, *communicator);
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const std::unique_ptr<RunLock> lock =
      claim_output_directory(config.output_dir, *communicator, *file_system);

  RunRecords records(*file_system, config.output_dir);
  RunProgress progress;
  return static_cast<int>(run_recorded(records, progress, *communicator, [&] {
    return train(options, config, std::move(inputs), device, kernels, *communicator, *file_system,
                 records, progress);
  }));
}

}  // namespace lambert
