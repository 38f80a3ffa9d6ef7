// SPDX-License-Identifier: Apache-2.0
#include "cluster/step_cost.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

/// Numbers that are easy to divide: 1 layer, H = 10, I = 40, V = 100, 2 heads.
StepWork small_work() {
  StepWork work;
  work.model.vocab_size = 100;
  work.model.hidden_size = 10;
  work.model.num_hidden_layers = 1;
  work.model.num_attention_heads = 2;
  work.model.intermediate_size = 40;
  work.micro_batch = workload_of(2, 5, 1);  // 10 tokens, 50 pairs, 2 masked
  work.accumulation = 3;
  work.parameters = 1000;
  work.bucket_bytes = 1000;  // 4 buckets
  return work;
}

Software plain_software() {
  Software software;
  software.vectors_per_layer = 4;
  software.score_passes = 6;
  software.logit_passes = 2;
  software.micro_batch_bytes = 8;
  software.optimizer_bytes = 50;
  software.attention_share = 0.5;
  software.input_share = 0.2;
  software.step_overhead_seconds = 0.5;
  return software;
}

TEST(StepCost, OfOneRankIsWhatHandCountingGives) {
  // Half of the rate of 20,000 operations/s, because the micro-batch has half_rate_tokens.
  const DeviceRates rates{.matmul = 20000, .half_rate_tokens = 10, .memory = 1000};
  const StepCost cost = predict_step(small_work(), plain_software(), rates, Interconnect{});
  // Layer: per token 8 x 100 + 4 x 10 x 40 = 2,400; x 10 tokens x 3 = 72,000.
  // Heads: 2 masked x (2 x 100 + 2 x 10 x 100) = 4,400; 2 sequences x (200 + 40) = 480; x 3 =
  // 14,640. Together 86,640 / 10,000 = 8.664 s, three micro-batches 25.992 s.
  EXPECT_NEAR(cost.products, 25.992, 1e-9);
  // 50 pairs x 4 x 10 x 3 = 6,000 at 5,000/s, three times.
  EXPECT_NEAR(cost.attention, 3.6, 1e-9);
  // Vectors 10 x 4 x 10 = 400, scores 50 x 6 x 2 = 600, logits 2 x 2 x 100 = 400: 1,400 elements
  // of 2 bytes = 2.8 s, three times.
  EXPECT_NEAR(cost.memory, 8.4, 1e-9);
  EXPECT_NEAR(cost.gradients, 24.0, 1e-9);                           // 8 x 1,000 bytes, three times
  EXPECT_NEAR(cost.input, (25.992 + 3.6 + 8.4 + 24.0) / 4.0, 1e-9);  // a fifth of the whole
  EXPECT_NEAR(cost.optimizer, 50.0, 1e-9);
  EXPECT_EQ(cost.exposed_reduction, 0.0);
  EXPECT_NEAR(cost.seconds(), 25.992 + 3.6 + 8.4 + 24.0 + 15.498 + 50.0 + 0.5, 1e-9);
}

TEST(StepCost, HeadsOnEveryTokenPredictEveryToken) {
  Software software = plain_software();
  software.heads_on_every_token = true;
  const DeviceRates rates{.matmul = 20000, .half_rate_tokens = 10, .memory = 1000};
  const StepCost cost = predict_step(small_work(), software, rates, Interconnect{});
  // 10 instead of 2 predictions: 8 x 2,200 x 3 = 52,800 operations more, 5.28 s, three times.
  EXPECT_NEAR(cost.products, 25.992 + 15.84, 1e-9);
}

TEST(StepWork, FollowsTheConfiguration) {
  RunConfig config;
  config.model.vocab_size = 30522;
  config.precision = Precision::bf16;
  EXPECT_EQ(step_work_of(config, 2).parameters, 110106428.0);  // BERT-Base
  EXPECT_EQ(step_work_of(config, 2).element_bytes, 2.0);
  EXPECT_EQ(step_work_of(config, 2).wire_bytes, 4.0);
  config.communication.all_reduce_dtype = WireType::bfloat16;
  EXPECT_EQ(step_work_of(config, 2).wire_bytes, 2.0);
  config.communication.reduction = Reduction::reproducible;  // sums of 64 bits
  EXPECT_EQ(step_work_of(config, 2).wire_bytes, 8.0);
  config.communication.sharded_optimizer = true;
  EXPECT_TRUE(step_work_of(config, 2).shards_optimizer);
  EXPECT_FALSE(step_work_of(config, 1).shards_optimizer);
}

TEST(AllReduce, GoesAtTheSpeedOfTheSlowerOfLinksAndNetwork) {
  Interconnect interconnect{.ranks = 8, .ranks_per_node = 8, .link = 100.0, .network = 10.0};
  EXPECT_NEAR(all_reduce_seconds(interconnect, 400.0, 1.0), 7.0, 1e-12);  // 2 x 7/8 x 400 / 100
  interconnect.ranks = 16;  // 2 x 15/16 x 400 = 750 through 8 adapters of 10
  EXPECT_NEAR(all_reduce_seconds(interconnect, 400.0, 1.0), 9.375, 1e-12);
  interconnect.link_hop_seconds = 0.01;    // 2 x 7 in the ring of a node
  interconnect.network_hop_seconds = 0.1;  // 2 x 1 in the tree of two nodes
  EXPECT_NEAR(all_reduce_seconds(interconnect, 400.0, 3.0), 9.375 + 3.0 * 0.34, 1e-12);
  interconnect.ranks = 1;
  EXPECT_EQ(all_reduce_seconds(interconnect, 400.0, 3.0), 0.0);
}

/// Of BERT-Large on 8 x H100: facts of NCCL give 3.2 ms for bf16 gradients over NVLink's ring.
TEST(AllReduce, OfBertLargeInANodeTakesWhatNcclTakes) {
  const Interconnect node{.ranks = 8, .ranks_per_node = 8, .link = 450e9 * 0.82};
  EXPECT_NEAR(all_reduce_seconds(node, 336226108 * 2.0, 1.0), 3.2e-3, 0.05e-3);
}

TEST(StepCost, AnOverlappedReductionExposesTheWordEmbeddingsAndWhatTheBackwardPassIsTooShortFor) {
  Software software = plain_software();
  software.overlaps_reduction = true;
  StepWork work = small_work();
  work.micro_batch = {};  // nothing to hide behind but the gradients: 8 s a micro-batch, 2/3 of it
  const DeviceRates rates{.matmul = 20000, .half_rate_tokens = 10, .memory = 1000};
  Interconnect pair{.ranks = 2, .ranks_per_node = 2, .link = 200.0};
  const StepCost slow = predict_step(work, software, rates, pair);
  // 1,000 gradients of 4 bytes: 20 s. The table of 100 x 10 is all of them: nothing is hidden.
  EXPECT_NEAR(slow.reduction, 20.0, 1e-9);
  EXPECT_NEAR(slow.exposed_reduction, 20.0, 1e-9);
  work.model.vocab_size = 40;  // 400 gradients, 8 s after the backward pass; 12 s - 5.333 s
  EXPECT_NEAR(predict_step(work, software, rates, pair).exposed_reduction, 8.0 + 12.0 - 16.0 / 3.0,
              1e-9);
  pair.link = 2000.0;  // ten times as fast: 1.2 s hide behind 5.3 s
  EXPECT_NEAR(predict_step(work, software, rates, pair).exposed_reduction, 0.8, 1e-9);
  software.overlaps_reduction = false;
  EXPECT_NEAR(predict_step(work, software, rates, pair).exposed_reduction, 2.0, 1e-9);
}

TEST(StepCost, AShardedOptimizerUpdatesItsShareAndGathersWeights) {
  StepWork work = small_work();
  work.shards_optimizer = true;
  const DeviceRates rates{.matmul = 20000, .half_rate_tokens = 10, .memory = 1000};
  const Interconnect pair{.ranks = 2, .ranks_per_node = 2, .link = 20.0};
  const StepCost cost = predict_step(work, plain_software(), rates, pair);
  EXPECT_NEAR(cost.optimizer, 25.0, 1e-9);
  // Reduce-scatter 1/2 x 4,000 / 20 = 100 s; all-gather of 2,000 bytes 50 s, 25 s of them hidden.
  EXPECT_NEAR(cost.reduction, 150.0, 1e-9);
  EXPECT_NEAR(cost.exposed_reduction, 125.0, 1e-9);
}

}  // namespace
}  // namespace lambert
