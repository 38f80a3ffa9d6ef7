// SPDX-License-Identifier: Apache-2.0
#include "cluster/step_cost.h"

#include <algorithm>
#include <cmath>

#include "config/model_size.h"

namespace lambert {
namespace {

constexpr double kMebibyte = 1048576.0;

double wire_bytes_of(const CommConfig& communication) {
  if (communication.reduction == Reduction::reproducible) {
    return static_cast<double>(kFixedPointBytes);
  }
  return communication.all_reduce_dtype == WireType::bfloat16 ? 2.0 : 4.0;
}

/// Of one micro-batch: hidden vectors and scores of every layer, logits of the predicted tokens.
double traffic_bytes(const StepWork& work, const Software& software, double predicted_tokens) {
  const ModelConfig& model = work.model;
  const double vectors = work.micro_batch.tokens * static_cast<double>(model.num_hidden_layers) *
                         software.vectors_per_layer * static_cast<double>(model.hidden_size);
  const double scores = work.micro_batch.token_pairs *
                        static_cast<double>(model.num_hidden_layers) * software.score_passes *
                        static_cast<double>(model.num_attention_heads);
  const double logits =
      predicted_tokens * software.logit_passes * static_cast<double>(model.vocab_size);
  return (vectors + scores + logits) * work.element_bytes;
}

struct ReductionTime {
  double all = 0.0;
  double exposed = 0.0;
};

/// window: seconds of backward pass that the reduction can hide behind. The table of word
/// embeddings is complete last, because the decoder shares it: nothing hides its reduction.
ReductionTime reduce_gradients(const StepWork& work, const Software& software,
                               const Interconnect& interconnect, double window) {
  const double bytes = work.parameters * work.wire_bytes;
  const double ways = work.shards_optimizer ? 0.5 : 1.0;  // a reduce-scatter is half of it
  if (!software.overlaps_reduction) {
    const double all = ways * all_reduce_seconds(interconnect, bytes, 1.0);
    return {all, all};
  }
  const double buckets =
      std::max(1.0, std::ceil(work.parameters * 4.0 / std::max(work.bucket_bytes, 1.0)));
  const double table = static_cast<double>(work.model.vocab_size * work.model.hidden_size);
  const double last =
      std::clamp(table, std::min(work.bucket_bytes / 4.0, work.parameters), work.parameters);
  const double all = ways * all_reduce_seconds(interconnect, bytes, buckets);
  const double tail = ways * all_reduce_seconds(interconnect, last * work.wire_bytes, 1.0);
  return {all, tail + std::max(0.0, all - tail - window)};
}

}  // namespace

StepWork step_work_of(const RunConfig& config, std::int64_t ranks) {
  const auto element_bytes = static_cast<double>(compute_bytes(config.precision));
  StepWork work;
  work.model = config.model;
  work.parameters = static_cast<double>(parameter_count(config.model));
  work.element_bytes = element_bytes;
  work.wire_bytes = wire_bytes_of(config.communication);
  work.weight_bytes = element_bytes;
  work.bucket_bytes = config.communication.bucket_megabytes * kMebibyte;
  work.shards_optimizer = config.communication.sharded_optimizer && ranks > 1;
  return work;
}

double all_reduce_seconds(const Interconnect& interconnect, double bytes, double pieces) {
  const auto ranks = static_cast<double>(interconnect.ranks);
  const double per_node = std::min(ranks, static_cast<double>(interconnect.ranks_per_node));
  const double nodes = std::max(1.0, ranks / per_node);
  if (interconnect.ranks < 2) {
    return 0.0;
  }
  const double links =
      per_node > 1.0 ? 2.0 * (per_node - 1.0) / per_node * bytes / interconnect.link : 0.0;
  const double network =
      nodes > 1.0 ? 2.0 * (ranks - 1.0) / ranks * bytes / (per_node * interconnect.network) : 0.0;
  const double hops = 2.0 * (per_node - 1.0) * interconnect.link_hop_seconds +
                      2.0 * std::ceil(std::log2(nodes)) * interconnect.network_hop_seconds;
  return std::max(links, network) + pieces * hops;
}

StepCost predict_step(const StepWork& work, const Software& software, const DeviceRates& rates,
                      const Interconnect& interconnect) {
  Workload head_work = work.micro_batch;
  if (software.heads_on_every_token) {
    head_work.masked_tokens = head_work.tokens;
  }
  const Operations operations = count_operations(work.model, head_work);
  const double tokens = std::max(work.micro_batch.tokens, 1.0);
  const double matmul = rates.matmul * tokens / (tokens + rates.half_rate_tokens);
  const double times = work.accumulation;
  StepCost cost;
  cost.products = times * (operations.layers + operations.heads) / matmul;
  cost.attention = times * operations.attention / (matmul * software.attention_share);
  cost.memory = times * traffic_bytes(work, software, head_work.masked_tokens) / rates.memory;
  cost.gradients = times * work.parameters * software.micro_batch_bytes / rates.memory;
  const double computing = cost.products + cost.attention + cost.memory + cost.gradients;
  cost.input = computing * software.input_share / (1.0 - software.input_share);
  const double sharers = work.shards_optimizer ? static_cast<double>(interconnect.ranks) : 1.0;
  cost.optimizer = work.parameters * software.optimizer_bytes / rates.memory / sharers;
  // Two thirds of forward and backward are backward.
  const ReductionTime reduction =
      reduce_gradients(work, software, interconnect, computing / times * 2.0 / 3.0);
  cost.reduction = reduction.all;
  cost.exposed_reduction = reduction.exposed;
  if (work.shards_optimizer) {  // the others' weights arrive while the own ones are updated
    const double gather =
        0.5 * all_reduce_seconds(interconnect, work.parameters * work.weight_bytes, 1.0);
    cost.reduction += gather;
    cost.exposed_reduction += std::max(0.0, gather - cost.optimizer);
  }
  cost.overhead = software.step_overhead_seconds;
  return cost;
}

}  // namespace lambert
