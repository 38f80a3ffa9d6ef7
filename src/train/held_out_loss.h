// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "comm/communicator.h"
#include "config/run_config.h"
#include "data/batch_stream.h"
#include "model/bert_for_pretraining.h"
#include "train/evaluation.h"

namespace lambert {

/// Loss and accuracy of both heads on held-out examples. Batches are cut the same way for every
/// rank count and their sums are added in batch order, so the result does not depend on the number
/// of ranks.
class HeldOutLoss final : public Evaluation {
 public:
  /// Throws DataError when the folder is unusable.
  HeldOutLoss(const RunConfig& config, Communicator& communicator, BertForPreTraining& model);
  const char* work() const override { return "evaluate"; }
  const char* figure() const override { return "eval_loss"; }
  EvaluationResult run() override;
  const DatasetInfo& dataset() const { return stream_.dataset(); }

 private:
  std::int64_t batch_size_;
  Communicator& communicator_;
  BertForPreTraining& model_;
  EvaluationStream stream_;
};

}  // namespace lambert
