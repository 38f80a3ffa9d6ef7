// SPDX-License-Identifier: Apache-2.0
// Builds the objects of a training run, lowest first, and hands them to the Trainer.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <unistd.h>

#include "app/check_data.h"
#include "app/commands.h"
#include "app/run_directory.h"
#include "app/versions.h"
#include "base/error.h"
#include "base/file_system.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hugging_face_config.h"
#include "checkpoint/model_import.h"
#include "comm/make_communicator.h"
#include "config/load_run_config.h"
#include "config/step_shape.h"
#include "gradients/gradient_buckets.h"
#include "gradients/gradient_reducer.h"
#include "kernels/cpu_level.h"
#include "model/bert_for_pretraining.h"
#include "ops/tensor_memory.h"
#include "optim/optimizer.h"
#include "train/checkpoint_saver.h"
#include "train/held_out_loss.h"
#include "train/matmul_rate.h"
#include "train/metrics_log.h"
#include "train/named_parameters.h"
#include "train/product_choice.h"
#include "train/rank_agreement.h"
#include "train/replica_check.h"
#include "train/run_records.h"
#include "train/threads.h"
#include "train/train_step.h"
#include "train/trainer.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestTokenizerFile = std::uint64_t{1} << 30;

/// Binds the live weights and moments; rank 0 also takes the tokenizer files along.
CheckpointContent bind_checkpoint(const RunConfig& config, const DatasetInfo& dataset,
                                  const BertForPreTraining& model, Optimizer& optimizer,
                                  const Communicator& communicator) {
  CheckpointContent content;
  content.model = bind_weights(model.parameters());
  content.optimizer = bind_moments(optimizer);
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

std::vector<std::string> tensors_with(const Optimizer& optimizer, bool ParameterTreatment::*flag) {
  std::vector<std::string> names;
  for (const ParameterTreatment& treatment : optimizer.treatments()) {
    if (treatment.*flag) {
      names.push_back(treatment.name);
    }
  }
  return names;
}

/// The counts; the names stand in run.json.
void log_treatments(const Optimizer& optimizer) {
  const std::string of_all = " of " + std::to_string(optimizer.treatments().size());
  log_info(
      "optimizer decayed=" +
      std::to_string(tensors_with(optimizer, &ParameterTreatment::decayed).size()) + of_all +
      " adapted=" + std::to_string(tensors_with(optimizer, &ParameterTreatment::adapted).size()) +
      of_all + " (names: run.json)");
}

/// Everything that can be wrong before the first step and needs no lock. Rank 0 goes first, so that
/// a mistake is reported once: it ends the job while the others wait.
DatasetInfo check_inputs(RunConfig& config, Communicator& communicator) {
  require_same_text(communicator, "the resolved config", write_run_config(config),
                    "start all ranks with the same file, overrides and program");
  require_same_text(communicator, "the processor level of the kernels (here " + cpu_level() + ")",
                    cpu_level(),
                    "levels round differently: run on equal nodes, or give all ranks the lowest "
                    "level, like mpirun -x LD_LIBRARY_PATH=.../lib/glibc-hwcaps/x86-64-v3");
  const auto check = [&config, &communicator] {
    for (const PhaseConfig& phase : config.phases) {
      derive_step_shape(phase, communicator.size(), config.communication.reduction);
    }
    return check_data_folders(config);
  };
  std::optional<DataCheck> data;
  if (communicator.rank() == 0) {
    data = check();
  }
  communicator.barrier();
  if (!data) {
    data = check();
  }
  config.model.vocab_size = data->vocab_size;
  return data->phases.front();
}

std::string command_of(const ConfigOptions& options) {
  std::string command = "lambert train " + options.config;
  for (const std::string& assignment : options.overrides) {
    command += " " + assignment;
  }
  return command;
}

Launch describe_launch(const ConfigOptions& options, const Communicator& communicator,
                       std::int64_t threads, const RunConfig& config, const Optimizer& optimizer,
                       std::int64_t first_step) {
  Launch launch;
  launch.command = command_of(options);
  for (int rank = 0; rank < communicator.size(); ++rank) {
    launch.hosts.push_back(communicator.host_of(rank));
  }
  launch.threads_per_rank = threads;
  launch.parameter_count = count_parameters(config.model);
  launch.first_step = first_step;
  launch.versions = library_versions();
  launch.decayed_tensors = tensors_with(optimizer, &ParameterTreatment::decayed);
  launch.adapted_tensors = tensors_with(optimizer, &ParameterTreatment::adapted);
  return launch;
}

/// A new run's weights from init_from. Throws DataError, ConfigError when it is another model.
void import_weights(const RunConfig& config, const DatasetInfo& dataset, FileSystem& file_system,
                    const BertForPreTraining& model) {
  const fs::path folder = find_model_folder(file_system, config.init_from);
  const ModelImport source(folder);
  ModelConfig saved = source.config();
  saved.hidden_dropout_prob = config.model.hidden_dropout_prob;  // a choice of this run
  saved.attention_probs_dropout_prob = config.model.attention_probs_dropout_prob;
  saved.initializer_range = config.model.initializer_range;
  if (const std::string differences = describe_model_differences(saved, config.model);
      !differences.empty()) {
    throw ConfigError("starting from init_from " + folder.string() + ": " + differences +
                      "; use its values in model, and data prepared with its vocabulary");
  }
  const fs::path vocabulary = folder / dataset.tokenizer_file;
  if (fs::exists(vocabulary) && hash128_hex_of_file(vocabulary) != dataset.vocabulary_hash) {
    throw ConfigError("starting from init_from " + folder.string() + ": its " +
                      dataset.tokenizer_file +
                      " is not the one the data was prepared with; prepare the data with it");
  }
  std::vector<NamedTensor> weights = bind_weights(model.parameters());
  log_import(folder, source.copy_to(weights));
}

/// From the locked directory to the end of training.
StopReason train(const ConfigOptions& options, const RunConfig& config, const DatasetInfo& dataset,
                 Communicator& communicator, FileSystem& file_system, RunRecords& records,
                 RunProgress& progress) {
  const bool is_first = communicator.rank() == 0;
  const std::int64_t threads = set_compute_threads(config.threads_per_rank, communicator);
  BertForPreTraining model(config.model, config.precision, config.seed,
                           config.gradient_checkpointing);
  const std::vector<NamedParameter> parameters = named_parameters(model.parameters());
  GradientBuckets buckets(
      parameters, static_cast<std::int64_t>(config.communication.bucket_megabytes * 1048576.0));
  GradientReducer reducer(communicator, buckets, config.communication.reduction);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(config.optimizer, parameters);
  log_info("model parameters=" + std::to_string(count_parameters(config.model)) +
           " tensors=" + std::to_string(parameters.size()) +
           " vocab_size=" + std::to_string(config.model.vocab_size) + " ranks=" +
           std::to_string(communicator.size()) + " threads_per_rank=" + std::to_string(threads));
  log_treatments(*optimizer);

  CheckpointStore store(file_system, config.output_dir);
  CheckpointSaver saver(communicator, store,
                        bind_checkpoint(config, dataset, model, *optimizer, communicator),
                        parameters, records, progress, config.checkpoint.save_total_limit);
  const TrainState state = saver.resume();
  if (state == TrainState{} && !config.init_from.empty()) {
    import_weights(config, dataset, file_system, model);
  }
  optimizer->set_step_count(state.optimizer_steps);
  model.refresh_compute_weights();
  const StepShape shape =
      derive_step_shape(config.phases.front(), communicator.size(), config.communication.reduction);
  const std::int64_t row_count = shape.micro_batch * config.phases.front().max_seq_length;
  model.choose_products(choose_products(config, row_count, shape.accumulation, communicator),
                        row_count);
  check_replicas(communicator, parameters);

  std::vector<std::unique_ptr<Evaluation>> evaluations;
  if (!config.evaluation.data.empty()) {
    evaluations.push_back(std::make_unique<HeldOutLoss>(config, communicator, model));
  }
  MetricsLog metrics;
  if (is_first) {
    records.start(
        config, options.config,
        describe_launch(options, communicator, threads, config, *optimizer, state.global_step));
    records.running(progress);
    metrics = MetricsLog(file_system, config.output_dir, config.logging, state.global_step);
  }
  const double matmul_rate = measure_matmul_rate(config, communicator);
  log_info("machine matmul_gflops=" + std::to_string(matmul_rate / 1e9));
  StepReport report(config, matmul_rate, is_first,
                    is_first && communicator.size() == 1 && ::isatty(STDERR_FILENO) == 1);
  TrainStep train_step(config, communicator, model, buckets, reducer, *optimizer, progress);
  Trainer trainer(config,
                  {communicator, train_step, *optimizer, saver, metrics, report, progress,
                   std::move(evaluations)},
                  state);
  return trainer.run();
}

/// The first failing rank leaves its record; a rank that only lost its peer waits, because the true
/// cause is elsewhere.
void record_failure(RunRecords& records, const RunProgress& progress, int rank, ExitCode code,
                    const char* what) {
  if (code == ExitCode::communication) {
    ::usleep(1'000'000);
  }
  records.record_failure({code, reason_of(code), what, rank}, progress);
}

}  // namespace

int run_train(const ConfigOptions& options) {
  if (options.verbose) {
    show_debug_messages();
  }
  keep_tensor_memory();
  install_stop_signal_handlers();
  RunConfig config = load_run_config(options.config, options.overrides);
  const std::unique_ptr<Communicator> communicator = make_communicator(config.communication);
  const DatasetInfo dataset = check_inputs(config, *communicator);
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const std::unique_ptr<RunLock> lock =
      claim_output_directory(config.output_dir, *communicator, *file_system);

  RunRecords records(*file_system, config.output_dir);
  RunProgress progress;
  ExitCode code = ExitCode::internal;
  try {
    const StopReason reason =
        train(options, config, dataset, *communicator, *file_system, records, progress);
    code = reason == StopReason::signal ? ExitCode::stopped_on_request : ExitCode::finished;
  } catch (
      const Error& error) {  // recorded here, where the run directory is known; handled in main
    record_failure(records, progress, communicator->rank(), error.code(), error.what());
    throw;
  } catch (const std::exception& error) {
    record_failure(records, progress, communicator->rank(), ExitCode::internal, error.what());
    throw;
  }
  if (communicator->rank() == 0) {
    records.end({code, reason_of(code), "", 0}, progress);
  }
  return static_cast<int>(code);
}

}  // namespace lambert
