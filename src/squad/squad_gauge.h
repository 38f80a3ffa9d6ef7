// SPDX-License-Identifier: Apache-2.0
// The live gauge of a pretraining run: what is a short fine-tuning of its weights worth by now?
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/safetensors.h"
#include "comm/communicator.h"
#include "config/run_config.h"
#include "config/squad_config.h"
#include "data/dataset.h"
#include "model/bert_for_question_answering.h"
#include "squad/squad_features.h"
#include "text/tokenizer.h"
#include "train/evaluation.h"

namespace lambert {

/// The questions of a gauge, and their windows by the run's own vocabulary.
struct GaugeQuestions {
  std::unique_ptr<Tokenizer> tokenizer;
  SquadData train;
  SquadFeatures train_features;
  SquadData dev;
  SquadFeatures dev_features;
};

/// run.evaluation.squad must name files; the vocabulary is that of the first phase's data folder.
/// Throws DataError with file and place.
GaugeQuestions read_gauge_questions(const RunConfig& run, const DatasetInfo& dataset);

/// Copies the encoder, gives it a new question-answering head, fine-tunes both and answers the dev
/// questions. Every measurement is a pure function of the weights and the config. Has a model,
/// gradients and an optimizer of its own while it runs, and touches nothing of the run's.
class SquadGauge final : public Evaluation {
 public:
  /// weights: the run's, by the names of Hugging Face; only read, whole or from the ranks' parts.
  SquadGauge(const RunConfig& run, GaugeQuestions questions, Communicator& communicator,
             std::vector<NamedTensor> weights);

  const char* work() const override { return "squad gauge"; }
  const char* figure() const override { return "squad_f1"; }
  /// squad_f1 and squad_exact_match in percent, squad_loss (training, mean of the last epoch),
  /// squad_seconds. NaN where the fine-tuning diverged, which is logged.
  EvaluationResult run() override;

 private:
  void copy_encoder(const BertForQuestionAnswering& model) const;
  /// Mean loss of the last epoch, NaN when it diverged; none when a request to stop came.
  std::optional<double> fine_tune(BertForQuestionAnswering& model);

  RunConfig run_;
  SquadConfig recipe_;
  GaugeQuestions questions_;
  Communicator& communicator_;
  std::vector<NamedTensor> weights_;
};

}  // namespace lambert
