// SPDX-License-Identifier: Apache-2.0
// Fine-tuning and answering: builds the objects, lowest first, and hands them to the FineTuner.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>

#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/run_directory.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "checkpoint/manifest.h"
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
  std::optional<SquadData> dev;
  SquadFeatures dev_features;
};

/// A checkpoint of ours says so in its manifest; else tokenizer_config.json or the caller does.
std::unique_ptr<Tokenizer> load_model_tokenizer(const fs::path& folder, bool cased) {
  const bool is_cased = fs::exists(folder / kManifestFile) ? read_manifest(folder).cased : cased;
  return load_tokenizer(folder, is_cased);
}

void require_fitting_vocabulary(const Tokenizer& tokenizer, const ModelConfig& model) {
  if (tokenizer.vocab_size() > model.vocab_size) {
    throw DataError("loading tokenizer " + tokenizer.file().string() + ": it has " +
                    std::to_string(tokenizer.vocab_size()) + " entries, the model only " +
                    std::to_string(model.vocab_size) + "; give the model's own vocabulary");
  }
}

void require_fitting_length(std::int64_t max_seq_length, const ModelConfig& model) {
  if (max_seq_length > model.max_position_embeddings) {
    throw ConfigError("max_seq_length: " + std::to_string(max_seq_length) +
                      " is more than the model's " + std::to_string(model.max_position_embeddings) +
                      " positions; lower it");
  }
}

SquadData read_questions(const std::string& file, std::int64_t most, SquadVersion version) {
  SquadData data = read_squad(file);
  require_version(data, version);
  if (most > 0 && most < static_cast<std::int64_t>(data.questions.size())) {
    data.questions.resize(static_cast<std::size_t>(most));
  }
  return data;
}

FineTuningInputs read_inputs(const SquadConfig& config, const fs::path& folder) {
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
           " windows=" + std::to_string(inputs.train_features.features.size()));
  if (inputs.dev) {
    log_info("dev questions=" + std::to_string(inputs.dev->questions.size()) +
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

struct SeedResult {
  std::uint64_t seed = 0;
  StopReason reason = StopReason::run_complete;
  std::optional<MeanScore> score;
};

MeanScore answer_and_score(const SquadConfig& config, const FineTuningInputs& inputs,
                           Communicator& communicator, FileSystem& file_system,
                           BertForQuestionAnswering& model, const fs::path& folder) {
  const std::vector<WindowLogits> logits = predict_logits(
      communicator, model, inputs.dev_features.features, config.per_device_eval_batch_size);
  const std::vector<QuestionAnswer> answers =
      answer_questions(*inputs.dev, inputs.dev_features, logits, *inputs.tokenizer,
                       {config.version, config.n_best_size, config.max_answer_length,
                        config.null_score_difference_threshold});
  if (communicator.rank() == 0) {
    write_answers(file_system, folder, *inputs.dev, answers, config.version);
  }
  return score_squad(*inputs.dev, to_predictions(*inputs.dev, answers), config.version).all;
}

SeedResult run_seed(const SquadConfig& config, std::uint64_t seed, const FineTuningInputs& inputs,
                    Communicator& communicator, FileSystem& file_system, RunProgress& progress) {
  const fs::path folder = fs::path(config.output_dir) / ("seed-" + std::to_string(seed));
  if (communicator.rank() == 0) {
    file_system.create_directory(folder);
  }
  communicator.barrier();
  progress = RunProgress{};
  BertForQuestionAnswering model(inputs.model, config.precision, seed,
                                 config.gradient_checkpointing);
  const std::vector<NamedParameter> parameters = named_parameters(model.parameters());
  GradientBuckets buckets(
      parameters, static_cast<std::int64_t>(config.communication.bucket_megabytes * 1048576.0));
  GradientReducer reducer(communicator, buckets, config.communication.reduction);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(config.optimizer, parameters);
  CheckpointStore store(file_system, folder);
  RunRecords records(file_system, folder);
  CheckpointSaver saver(communicator, store,
                        bind_checkpoint(config, inputs, model, *optimizer, communicator),
                        parameters, records, progress, config.checkpoint.save_total_limit);
  const TrainState state = saver.resume();
  optimizer->set_step_count(state.optimizer_steps);
  if (state == TrainState{}) {
    std::vector<NamedTensor> weights = bind_weights(model.parameters());
    log_import(inputs.folder, ModelImport(inputs.folder).copy_to(weights));
  }
  refresh_compute_weights(model.parameters());
  check_replicas(communicator, parameters);
  MetricsLog metrics;
  if (communicator.rank() == 0) {
    metrics = MetricsLog(file_system, folder, config.logging, state.global_step);
  }
  FineTuner tuner(config, seed,
                  {communicator, model, buckets, reducer, *optimizer, saver, metrics, progress},
                  inputs.train_features.features);
  SeedResult result{seed, tuner.run(state), std::nullopt};
  if (result.reason == StopReason::run_complete && inputs.dev) {
    result.score = answer_and_score(config, inputs, communicator, file_system, model, folder);
    log_info("seed=" + std::to_string(seed) + " exact_match=" +
             std::to_string(result.score->exact_match) + " f1=" + std::to_string(result.score->f1));
  }
  return result;
}

/// Mean, sample deviation (0 for one seed), and the largest.
struct Summary {
  double mean = 0.0;
  double deviation = 0.0;
  double best = 0.0;
};

Summary summarise(const std::vector<double>& values) {
  Summary summary;
  for (const double value : values) {
    summary.mean += value / static_cast<double>(values.size());
    summary.best = std::max(summary.best, value);
  }
  double squares = 0.0;
  for (const double value : values) {
    squares += (value - summary.mean) * (value - summary.mean);
  }
  if (values.size() > 1) {
    summary.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  }
  return summary;
}

void report(const SquadConfig& config, const FineTuningInputs& inputs,
            const std::vector<SeedResult>& results, FileSystem& file_system) {
  nlohmann::ordered_json json;
  json["train_questions"] = inputs.train.questions.size();
  json["dev_questions"] = inputs.dev->questions.size();
  std::vector<double> exact;
  std::vector<double> f1;
  std::cout << std::fixed << std::setprecision(2) << std::left << std::setw(12) << "seed"
            << std::setw(14) << "exact_match"
            << "f1\n";
  const auto print = [](const std::string& name, double first, double second) {
    std::cout << std::setw(12) << name << std::setw(14) << first << second << "\n";
  };
  for (const SeedResult& result : results) {
    exact.push_back(result.score->exact_match);
    f1.push_back(result.score->f1);
    json["seeds"][std::to_string(result.seed)] = {{"exact_match", exact.back()}, {"f1", f1.back()}};
    print(std::to_string(result.seed), exact.back(), f1.back());
  }
  const Summary exact_summary = summarise(exact);
  const Summary f1_summary = summarise(f1);
  json["mean"] = {{"exact_match", exact_summary.mean}, {"f1", f1_summary.mean}};
  json["deviation"] = {{"exact_match", exact_summary.deviation}, {"f1", f1_summary.deviation}};
  json["best"] = {{"exact_match", exact_summary.best}, {"f1", f1_summary.best}};
  print("mean", exact_summary.mean, f1_summary.mean);
  print("deviation", exact_summary.deviation, f1_summary.deviation);
  print("best", exact_summary.best, f1_summary.best);
  std::cout << "trained on " << inputs.train.questions.size() << " questions, scored on "
            << inputs.dev->questions.size() << "\n";
  file_system.write_file_atomically(fs::path(config.output_dir) / "results.json",
                                    json.dump(2) + "\n");
}

/// Rank 0 goes first, so that a mistake is reported once.
FineTuningInputs read_inputs_in_turn(const SquadConfig& config, const fs::path& folder,
                                     Communicator& communicator) {
  std::optional<FineTuningInputs> inputs;
  if (communicator.rank() == 0) {
    inputs = read_inputs(config, folder);
  }
  communicator.barrier();
  return inputs ? std::move(*inputs) : read_inputs(config, folder);
}

std::string model_folder(FileSystem& file_system, const std::string& path,
                         Communicator& communicator) {
  return text_of_rank_zero(communicator, communicator.rank() == 0
                                             ? find_model_folder(file_system, path).string()
                                             : std::string());
}

}  // namespace

int run_squad_train(const ConfigOptions& options) {
  keep_tensor_memory();
  install_stop_signal_handlers();
  const SquadConfig config = load_squad_config(options.config, options.overrides);
  const std::unique_ptr<Communicator> communicator = make_communicator(config.communication);
  start_logging({communicator->rank(), communicator->size()});
  require_same_text(*communicator, "the resolved config", write_squad_config(config),
                    "start all ranks with the same file, overrides and program");
  set_compute_threads(config.threads_per_rank, *communicator);
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const FineTuningInputs inputs = read_inputs_in_turn(
      config, model_folder(*file_system, config.init_from, *communicator), *communicator);
  const std::unique_ptr<RunLock> lock =
      claim_output_directory(config.output_dir, *communicator, *file_system);
  const bool is_first = communicator->rank() == 0;
  if (is_first) {
    file_system->write_file_atomically(fs::path(config.output_dir) / "config.yaml",
                                       write_squad_config(config));
    log_inputs(config, inputs);
  }
  RunProgress progress;
  std::vector<SeedResult> results;
  for (const std::uint64_t seed : config.seeds) {
    results.push_back(run_seed(config, seed, inputs, *communicator, *file_system, progress));
    if (results.back().reason == StopReason::signal) {
      return static_cast<int>(ExitCode::stopped_on_request);
    }
  }
  if (is_first && inputs.dev) {
    report(config, inputs, results, *file_system);
  }
  return static_cast<int>(ExitCode::finished);
}

int run_squad_predict(const SquadPredictOptions& options) {
  const std::unique_ptr<Communicator> communicator = make_communicator(CommConfig{});
  start_logging({communicator->rank(), communicator->size()});
  set_compute_threads(0, *communicator);
  const std::unique_ptr<FileSystem> file_system = make_posix_file_system();
  const fs::path folder = model_folder(*file_system, options.model, *communicator);
  const ModelImport source(folder);
  if (!source.has("qa_outputs.weight")) {
    throw DataError("answering with " + folder.string() +
                    ": it has no question-answering head; fine-tune it with lambert squad train");
  }
  require_fitting_length(options.max_seq_length, source.config());
  if (options.max_query_length > options.max_seq_length - 8) {
    throw ConfigError("--max-query-length: leaves less than 5 tokens for the paragraph; lower it");
  }
  const std::unique_ptr<Tokenizer> tokenizer = load_model_tokenizer(folder, options.cased);
  require_fitting_vocabulary(*tokenizer, source.config());
  const SquadVersion version = options.version == "2.0" ? SquadVersion::v2_0 : SquadVersion::v1_1;
  const SquadData data = read_questions(options.data, 0, version);
  BertForQuestionAnswering model(source.config(), Precision::fp32, 0);
  std::vector<NamedTensor> weights = bind_weights(model.parameters());
  log_import(folder, source.copy_to(weights));
  const SquadFeatures features = make_prediction_features(
      data, *tokenizer, {options.max_seq_length, options.doc_stride, options.max_query_length});
  const std::vector<WindowLogits> logits =
      predict_logits(*communicator, model, features.features, options.batch);
  if (communicator->rank() == 0) {
    file_system->create_directory(options.output);
    write_answers(*file_system, options.output, data,
                  answer_questions(data, features, logits, *tokenizer,
                                   {version, options.n_best_size, options.max_answer_length,
                                    options.null_score_difference_threshold}),
                  version);
    std::cout << (fs::path(options.output) / "predictions.json").string() << "\n";
  }
  return static_cast<int>(ExitCode::finished);
}

}  // namespace lambert
