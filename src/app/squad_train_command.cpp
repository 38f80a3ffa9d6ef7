// SPDX-License-Identifier: Apache-2.0
// Fine-tuning: builds the objects, lowest first, and hands them to the FineTuner.
#include <optional>

#include "app/commands.h"
#include "app/compute_device.h"
#include "app/run_directory.h"
#include "app/squad_model.h"
#include "app/squad_results.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "checkpoint/model_import.h"
#include "comm/make_communicator.h"
#include "config/load_squad_config.h"
#include "ops/tensor_memory.h"
#include "squad/fine_tuner.h"
#include "squad/predictor.h"
#include "train/named_parameters.h"
#include "train/rank_agreement.h"
#include "train/replica_check.h"
#include "train/threads.h"

namespace lambert {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestTokenizerFile = std::uint64_t{1} << 30;

/// What every seed starts from.
struct FineTuningInputs {
  fs::path folder;  // of the weights
  ModelConfig model;
  std::unique_ptr<Tokenizer> tokenizer;
  SquadData train;
  SquadFeatures train_features;
  std::optional<FineTuningPlan> plan;  // its counts are those of every seed
  std::optional<SquadData> dev;
  SquadFeatures dev_features;
};

std::string seed_name(std::uint64_t seed) {
  return "seed-" + std::to_string(seed);
}

/// The run directory of a seed.
fs::path seed_folder(const SquadConfig& config, std::uint64_t seed) {
  return fs::path(config.output_dir) / seed_name(seed);
}

SquadData read_questions(const std::string& file, std::int64_t most, SquadVersion version) {
  SquadData data = read_squad(file);
  require_version(data, version);
  if (most > 0 && most < static_cast<std::int64_t>(data.questions.size())) {
    data.questions.resize(static_cast<std::size_t>(most));
    data.contexts.resize(data.questions.back().context + 1);  // in the order of their questions
  }
  return data;
}

FineTuningInputs read_inputs(const SquadConfig& config, const fs::path& folder, int ranks) {
  FineTuningInputs inputs;
  inputs.folder = folder;
  inputs.model = ModelImport(folder).config();
  if (config.hidden_dropout_prob >= 0.0) {
    inputs.model.hidden_dropout_prob = config.hidden_dropout_prob;
  }
  if (config.attention_probs_dropout_prob >= 0.0) {
    inputs.model.attention_probs_dropout_prob = config.attention_probs_dropout_prob;
  }
  require_fitting_length(config.max_seq_length, inputs.model);
  inputs.tokenizer = config.tokenizer.empty() ? load_model_tokenizer(folder, config.cased)
                                              : load_tokenizer(config.tokenizer, config.cased);
  require_fitting_vocabulary(*inputs.tokenizer, inputs.model);
  const FeatureOptions options{config.max_seq_length, config.doc_stride, config.max_query_length};
  inputs.train = read_questions(config.train, config.max_train_questions, config.version);
  require_answer_offsets(inputs.train);
  inputs.train_features = make_training_features(inputs.train, *inputs.tokenizer, options);
  if (inputs.train_features.features.empty()) {
    throw DataError("reading " + config.train + ": no question can be trained on; repair the file");
  }
  inputs.plan.emplace(config, config.seeds.front(),
                      static_cast<std::int64_t>(inputs.train_features.features.size()), ranks);
  if (!config.dev.empty()) {
    inputs.dev = read_questions(config.dev, config.max_dev_questions, config.version);
    inputs.dev_features = make_prediction_features(*inputs.dev, *inputs.tokenizer, options);
  }
  return inputs;
}

void log_inputs(const SquadConfig& config, const FineTuningInputs& inputs) {
  log_info("training questions=" + std::to_string(inputs.train.questions.size()) +
           " unusable=" + std::to_string(inputs.train_features.unusable_questions) +
           " cut=" + std::to_string(inputs.train_features.cut_questions) +
           " windows=" + std::to_string(inputs.train_features.features.size()) + " steps=" +
           std::to_string(inputs.plan->steps()) + " seeds=" + std::to_string(config.seeds.size()));
  if (inputs.dev) {
    log_info("dev questions=" + std::to_string(inputs.dev->questions.size()) +
             " cut=" + std::to_string(inputs.dev_features.cut_questions) +
             " windows=" + std::to_string(inputs.dev_features.features.size()));
    if (hash128_hex_of_file(config.train) == hash128_hex_of_file(config.dev)) {
      log_warning("dev has the same content as train: the score says nothing about new questions");
    }
  }
}

CheckpointContent bind_checkpoint(const SquadConfig& config, const FineTuningInputs& inputs,
                                  const BertForQuestionAnswering& model, Optimizer& optimizer,
                                  const Communicator& communicator) {
  CheckpointContent content;
  content.model = bind_weights(model.parameters());
  content.optimizer = bind_moments(optimizer);
  content.architecture = kQuestionAnsweringArchitecture;
  content.model_config = inputs.model;
  content.run_config_yaml = write_squad_config(config);
  const fs::path file = inputs.tokenizer->file();
  content.vocabulary_hash = hash128_hex_of_file(file);
  content.cased = inputs.tokenizer->cased();
  content.rank_count = communicator.size();
  if (communicator.rank() == 0) {
    content.extra_files.push_back(
        {file.filename().string(), read_file(file, kLargestTokenizerFile)});
  }
  return content;
}

/// What the seeds of one launch share.
struct FineTuningRun {
  const ConfigOptions& options;
  const SquadConfig& config;
  const FineTuningInputs& inputs;
  std::int64_t threads;
  at::Device device;
  KernelChoice kernels;
  Communicator& communicator;
  FileSystem& file_system;
  RunRecords& records;
  RunProgress& progress;
  bool is_recorded = false;  // in run.json
};

/// The dev questions; their score goes into the metrics once, the answers into the folder. None
/// when a request to stop came first.
std::optional<MeanScore> answer_and_score(FineTuningRun& run, BertForQuestionAnswering& model,
                                          MetricsLog& metrics, std::uint64_t seed) {
  const SquadConfig& config = run.config;
  const FineTuningInputs& inputs = run.inputs;
  run.progress.work = "evaluate";
  const std::optional<std::vector<WindowLogits>> logits = predict_logits(
      run.communicator, model, inputs.dev_features.features, config.per_device_eval_batch_size);
  if (!logits) {
    return std::nullopt;
  }
  const std::vector<QuestionAnswer> answers =
      answer_questions(*inputs.dev, inputs.dev_features, *logits, *inputs.tokenizer,
                       {config.version, config.n_best_size, config.max_answer_length,
                        config.null_score_difference_threshold});
  const MeanScore score =
      score_squad(*inputs.dev, to_predictions(*inputs.dev, answers), config.version).all;
  const fs::path folder = seed_folder(config, seed);
  if (run.communicator.rank() == 0) {
    if (!fs::exists(folder / "predictions.json")) {
      TrainState state;
      state.global_step = state.step_in_phase = run.progress.global_step;
      metrics.record(state, seed_name(seed),
                     {{"eval_exact_match", score.exact_match}, {"eval_f1", score.f1}});
    }
    write_answers(run.file_system, folder, *inputs.dev, answers, config.version);
  }
  log_info("answered seed=" + std::to_string(seed) +
           " exact_match=" + std::to_string(score.exact_match) + " f1=" + std::to_string(score.f1) +
           " answers=" + (folder / "predictions.json").string());
  return score;
}

std::int64_t count_weights(const std::vector<ModelParameter>& parameters) {
  std::int64_t count = 0;
  for (const ModelParameter& parameter : parameters) {
    count += parameter.master.numel();
  }
  return count;
}

/// run.json and status.json, once a launch; then the metrics of the seed.
MetricsLog start_records(FineTuningRun& run, const Optimizer& optimizer,
                         const std::vector<ModelParameter>& parameters, std::int64_t first_step,
                         const fs::path& folder) {
  if (run.communicator.rank() != 0) {
    return {};
  }
  if (!run.is_recorded) {
    run.records.start(
        write_squad_config(run.config), run.options.config,
        describe_launch(command_text("lambert squad train", run.options), run.communicator,
                        run.threads, count_weights(parameters), optimizer, first_step));
    run.is_recorded = true;
  }
  run.records.running(run.progress);
  return MetricsLog(run.file_system, folder, run.config.logging, first_step);
}

/// A resume whose checkpoint has seen other windows than its steps now mean.
void warn_of_other_data(const TrainState& state, const FineTuningPlan& plan) {
  const std::int64_t expected = plan.windows_before(state.global_step);
  if (state.samples_seen != expected) {
    log_warning(
        "the checkpoint has seen " + std::to_string(state.samples_seen) +
        " windows, its steps are " + std::to_string(expected) +
        " of these files and batches: they have changed, and training goes on with the new");
  }
}

/// Trains, or goes on, to the end. No score when a request to stop came first or there is no dev.
std::optional<SeedResult> run_seed(FineTuningRun& run, std::uint64_t seed, StopReason& reason) {
  const SquadConfig& config = run.config;
  Communicator& communicator = run.communicator;
  const fs::path folder = seed_folder(config, seed);
  if (communicator.rank() == 0) {
    run.file_system.create_directory(folder);
  }
  communicator.barrier();
  run.progress = RunProgress{};
  BertForQuestionAnswering model(run.inputs.model, config.precision, seed,
                                 config.gradient_checkpointing, run.device);
  model.use(run.kernels);
  const std::vector<NamedParameter> parameters = named_parameters(model.parameters());
  GradientBuckets buckets(
      parameters, static_cast<std::int64_t>(config.communication.bucket_megabytes * 1048576.0));
  GradientReducer reducer(communicator, buckets, config.communication.reduction);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(config.optimizer, parameters);
  CheckpointStore store(run.file_system, folder);
  CheckpointSaver saver(communicator, store,
                        bind_checkpoint(config, run.inputs, model, *optimizer, communicator),
                        parameters, run.records, run.progress, config.checkpoint.save_total_limit);
  const TrainState state = saver.resume();
  optimizer->set_step_count(state.optimizer_steps);
  warn_of_other_data(state, *run.inputs.plan);
  if (state == TrainState{}) {
    std::vector<NamedTensor> weights = bind_weights(model.parameters());
    log_import(run.inputs.folder, ModelImport(run.inputs.folder).copy_to(weights));
  }
  refresh_compute_weights(model.parameters());
  check_replicas(communicator, parameters);
  MetricsLog metrics =
      start_records(run, *optimizer, model.parameters(), state.global_step, folder);
  FineTuner tuner(config, seed,
                  {communicator, model, buckets, reducer, *optimizer, saver, metrics, run.progress},
                  run.inputs.train_features.features);
  reason = tuner.run(state);
  if (reason == StopReason::signal || !run.inputs.dev) {
    return std::nullopt;
  }
  const std::optional<MeanScore> score = answer_and_score(run, model, metrics, seed);
  if (!score) {
    reason = StopReason::signal;
    return std::nullopt;
  }
  return SeedResult{seed, *score};
}

/// All seeds, one after the other, and their table.
StopReason run_seeds(FineTuningRun run) {
  SquadResults results{
      run.inputs.train.questions.size(), run.inputs.dev ? run.inputs.dev->questions.size() : 0, {}};
  for (const std::uint64_t seed : run.config.seeds) {
    StopReason reason = StopReason::run_complete;
    if (const auto result = run_seed(run, seed, reason)) {
      results.seeds.push_back(*result);
    }
    if (reason == StopReason::signal) {
      return reason;
    }
  }
  if (run.communicator.rank() == 0 && run.inputs.dev) {
    report_squad_results(results, run.config.output_dir, run.file_system);
  }
  return StopReason::run_complete;
}

/// Rank 0 goes first, so that a mistake is reported once.
FineTuningInputs read_inputs_in_turn(const SquadConfig& config, const fs::path& folder,
                                     Communicator& communicator) {
  std::optional<FineTuningInputs> inputs;
  if (communicator.rank() == 0) {
    inputs = read_inputs(config, folder, communicator.size());
  }
  communicator.barrier();
  return inputs ? std::move(*inputs) : read_inputs(config, folder, communicator.size());
}

}  // namespace

int run_squad_train(const ConfigOptions& options) {
  keep_tensor_memory();
  install_stop_signal_handlers();
  const SquadConfig config = load_squad_config(options.config, options.overrides);
  const at::Device device = choose_compute_device(config.device);
  require_support(config.communication, config.optimizer, device);
  const std::unique_ptr<Communicator> communicator =
      make_communicator(config.communication, comm_device_of(device));
  start_logging({communicator->rank(), communicator->size()});
  require_same_text(*communicator, "the resolved config", write_squad_config(config),
                    "start all ranks with the same file, overrides and program");
  require_same_processor_level(*communicator);
  const std::int64_t threads = set_compute_threads(config.threads_per_rank, *communicator);
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const FineTuningInputs inputs = read_inputs_in_turn(
      config, find_model_folder_on_all(*file_system, config.init_from, *communicator),
      *communicator);
  const KernelChoice kernels = choose_kernels(kernel_request(config), inputs.model, device);
  const std::unique_ptr<RunLock> lock =
      claim_output_directory(config.output_dir, *communicator, *file_system);
  keep_product_choices(config.output_dir, device, communicator->rank());
  if (communicator->rank() == 0) {
    log_inputs(config, inputs);
    log_info("kernels " + describe(kernels));
  }
  RunRecords records(*file_system, config.output_dir);
  RunProgress progress;
  return static_cast<int>(run_recorded(records, progress, *communicator, [&] {
    return run_seeds({options, config, inputs, threads, device, kernels, *communicator,
                      *file_system, records, progress});
  }));
}

}  // namespace lambert
