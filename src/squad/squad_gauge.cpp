// SPDX-License-Identifier: Apache-2.0
#include "squad/squad_gauge.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/stop_signal.h"
#include "squad/fine_tuner.h"
#include "squad/predictor.h"
#include "train/named_parameters.h"

namespace lambert {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

SquadConfig make_recipe(const RunConfig& run) {
  const SquadGaugeConfig& gauge = run.evaluation.squad;
  SquadConfig recipe;
  recipe.max_seq_length = gauge.max_seq_length;
  recipe.doc_stride = gauge.max_seq_length / 3;  // as the published 128 of 384
  recipe.max_query_length = std::min(recipe.max_query_length, gauge.max_seq_length / 2);
  recipe.global_train_batch_size = gauge.global_train_batch_size;
  recipe.per_device_train_batch_size = gauge.per_device_train_batch_size;
  recipe.per_device_eval_batch_size = run.evaluation.per_device_eval_batch_size;
  recipe.num_train_epochs = gauge.num_train_epochs;
  recipe.learning_rate = gauge.learning_rate;
  return recipe;
}

SquadData read_answerable(const std::string& file) {
  SquadData data = read_squad(file);
  for (const SquadQuestion& question : data.questions) {
    if (question.is_impossible) {
      throw DataError("reading " + file + " for evaluation.squad: question '" + question.id +
                      "' is impossible, as in SQuAD v2.0; name a SQuAD v1.1 file");
    }
  }
  return data;
}

}  // namespace

GaugeQuestions read_gauge_questions(const RunConfig& run, const DatasetInfo& dataset) {
  const SquadGaugeConfig& gauge = run.evaluation.squad;
  const SquadConfig recipe = make_recipe(run);
  const FeatureOptions options{recipe.max_seq_length, recipe.doc_stride, recipe.max_query_length};
  GaugeQuestions questions;
  questions.tokenizer = load_tokenizer(
      std::filesystem::path(run.phases.front().data) / dataset.tokenizer_file, dataset.cased);
  const SquadData train = read_answerable(gauge.train);
  require_answer_offsets(train);
  questions.train = spread_questions(train, gauge.subset);
  questions.train_features = make_training_features(questions.train, *questions.tokenizer, options);
  if (questions.train_features.features.empty()) {
    throw DataError("reading " + gauge.train +
                    " for evaluation.squad: no question can be trained on; repair the file");
  }
  questions.dev = spread_questions(read_answerable(gauge.dev), gauge.subset);
  questions.dev_features = make_prediction_features(questions.dev, *questions.tokenizer, options);
  return questions;
}

SquadGauge::SquadGauge(const RunConfig& run, GaugeQuestions questions, Communicator& communicator,
                       std::vector<NamedTensor> weights)
    : run_(run),
      recipe_(make_recipe(run)),
      questions_(std::move(questions)),
      communicator_(communicator),
      weights_(std::move(weights)) {
  log_info(
      "squad gauge loaded train_questions=" + std::to_string(questions_.train.questions.size()) +
      " train_windows=" + std::to_string(questions_.train_features.features.size()) +
      " dev_questions=" + std::to_string(questions_.dev.questions.size()) +
      " dev_windows=" + std::to_string(questions_.dev_features.features.size()));
}

EvaluationResult SquadGauge::run() {
  const Stopwatch watch;
  BertForQuestionAnswering model(run_.model, run_.precision, run_.seed, run_.gradient_checkpointing,
                                 weights_.front().tensor.device());
  model.use(choose_kernels(kernel_request(run_), run_.model, weights_.front().tensor.device()));
  copy_encoder(model);
  const std::optional<double> loss = fine_tune(model);
  if (!loss) {
    return {};
  }
  MeanScore score{kNotANumber, kNotANumber};
  if (!std::isnan(*loss)) {
    const std::optional<std::vector<WindowLogits>> logits = predict_logits(
        communicator_, model, questions_.dev_features.features, recipe_.per_device_eval_batch_size);
    if (!logits) {
      return {};
    }
    const std::vector<QuestionAnswer> answers =
        answer_questions(questions_.dev, questions_.dev_features, *logits, *questions_.tokenizer,
                         {recipe_.version, recipe_.n_best_size, recipe_.max_answer_length});
    score =
        score_squad(questions_.dev, to_predictions(questions_.dev, answers), recipe_.version).all;
  }
  return {{"squad_f1", score.f1},
          {"squad_exact_match", score.exact_match},
          {"squad_loss", *loss},
          {"squad_seconds", watch.seconds()}};
}

void SquadGauge::copy_encoder(const BertForQuestionAnswering& model) const {
  const at::NoGradGuard no_gradients;
  for (const ModelParameter& parameter : model.parameters()) {
    if (parameter.name.starts_with("qa_outputs.")) {
      continue;  // the head is new: its starting values
    }
    const auto source = std::find_if(weights_.begin(), weights_.end(), [&](const auto& weight) {
      return weight.name == parameter.name;
    });
    LAMBERT_CHECK(source != weights_.end(), "the run has no " + parameter.name);
    parameter.master.copy_(source->parts ? source->parts->gather() : source->tensor);
  }
  refresh_compute_weights(model.parameters());
}

std::optional<double> SquadGauge::fine_tune(BertForQuestionAnswering& model) {
  const std::vector<NamedParameter> parameters = named_parameters(model.parameters());
  GradientBuckets buckets(
      parameters, static_cast<std::int64_t>(run_.communication.bucket_megabytes * 1048576.0));
  GradientReducer reducer(communicator_, buckets, run_.communication.reduction);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(recipe_.optimizer, parameters);
  RunProgress progress;  // the run's own goes on saying what the run does
  FineTuningSteps tuning(recipe_, run_.seed,
                         {communicator_, model, buckets, reducer, *optimizer, progress},
                         questions_.train_features.features);
  const std::int64_t steps = tuning.plan().steps();
  const auto last_epoch = static_cast<std::int64_t>(
      std::ceil(static_cast<double>(steps) / std::max(recipe_.num_train_epochs, 1.0)));
  log_info("squad gauge started steps=" + std::to_string(steps));
  double loss_sum = 0.0;
  for (std::int64_t step = 0; step < steps; ++step) {
    const FineTuningStep result = tuning.run(step, pending_stop_request);
    if (result.request == StopRequest::save_and_stop) {
      return std::nullopt;
    }
    if (!result.is_finite) {
      log_warning("squad gauge: the gradient of step " + std::to_string(step + 1) + " of " +
                  std::to_string(steps) +
                  " is not finite, no score; training goes on, lower evaluation.squad."
                  "learning_rate");
      return kNotANumber;
    }
    loss_sum += steps - step <= last_epoch ? result.loss : 0.0;
  }
  return loss_sum / static_cast<double>(last_epoch);
}

}  // namespace lambert
