// SPDX-License-Identifier: Apache-2.0
#include "train/held_out_loss.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "train/micro_batch_inputs.h"
#include "train/train_step.h"

namespace lambert {
namespace {

/// Adds the ranks' batches in batch order: batch b was run by rank b % ranks as its b / ranks-th.
LossSums add_in_batch_order(const std::vector<std::vector<std::byte>>& gathered,
                            std::int64_t batch_count) {
  LossSums total;
  const auto ranks = static_cast<std::int64_t>(gathered.size());
  for (std::int64_t index = 0; index < batch_count; ++index) {
    LossSums one;
    const std::vector<std::byte>& of_rank = gathered[static_cast<std::size_t>(index % ranks)];
    std::memcpy(&one, of_rank.data() + static_cast<std::size_t>(index / ranks) * sizeof(LossSums),
                sizeof(LossSums));
    total += one;
  }
  return total;
}

}  // namespace

HeldOutLoss::HeldOutLoss(const RunConfig& config, Communicator& communicator,
                         BertForPreTraining& model)
    : batch_size_(config.evaluation.per_device_eval_batch_size),
      communicator_(communicator),
      model_(model),
      stream_(config.evaluation, config.seed) {}

EvaluationResult HeldOutLoss::run() {
  const std::int64_t samples = stream_.sample_count();
  const std::int64_t batch_count = (samples + batch_size_ - 1) / batch_size_;
  std::vector<PretrainingLoss> losses;
  for (std::int64_t index = communicator_.rank(); index < batch_count;
       index += communicator_.size()) {
    const std::int64_t first = index * batch_size_;
    const Batch batch = stream_.read(first, std::min(batch_size_, samples - first));
    losses.push_back(model_.evaluate(to_model_inputs(batch, {})));
  }
  const std::vector<LossSums> mine = read_losses(losses);
  const LossSums total =
      add_in_batch_order(communicator_.all_gather(std::as_bytes(std::span(mine))), batch_count);
  const double masked_tokens = std::max(total.masked_tokens, 1.0);
  const double sequences = std::max(total.sequences, 1.0);
  return {
      {"eval_loss", total.mlm_mean() + total.nsp_mean()},       {"eval_mlm_loss", total.mlm_mean()},
      {"eval_mlm_accuracy", total.mlm_correct / masked_tokens}, {"eval_nsp_loss", total.nsp_mean()},
      {"eval_nsp_accuracy", total.nsp_correct / sequences},     {"eval_samples", total.sequences}};
}

}  // namespace lambert
