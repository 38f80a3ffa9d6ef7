// SPDX-License-Identifier: Apache-2.0
// A sharded run saves and loads the files of any other run, also when the disk fails.
#include "train/sharded_tensors.h"

#include <cerrno>
#include <mutex>

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "support/faulty_file_system.h"
#include "support/run_ranks.h"
#include "support/temp_directory.h"
#include "support/tiny_checkpoint.h"
#include "train/checkpoint_saver.h"

namespace lambert {
namespace {

std::vector<NamedParameter> make_parameters() {
  std::vector<NamedParameter> parameters;
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{200, 100}, {7}, {150, 300}}) {
    const at::Tensor master = at::zeros(shape);
    const at::Tensor compute = shape.size() > 1 ? master.to(at::kBFloat16) : master;
    parameters.push_back(
        {"tensor" + std::to_string(parameters.size()), master.set_requires_grad(true), compute});
  }
  return parameters;
}

at::Tensor content_of_tensor(std::size_t index, double offset) {
  const at::Tensor shape = make_parameters()[index].master.detach();
  return at::arange(shape.numel(), at::kFloat).mul(0.37).add(offset).cos().view(shape.sizes());
}

/// One rank of a sharded run, and its saver.
struct ShardedRank {
  ShardedRank(Communicator& communicator, const std::filesystem::path& folder)
      : sharded(communicator, buckets),
        store(disk, folder),
        records(disk, folder),
        saver(communicator, store, content(), sharded.replicated(), records, progress, 0) {}

  CheckpointContent content() {
    CheckpointContent content = tiny_checkpoint(0);
    content.model = bind_weights(sharded);
    content.optimizer = bind_moments(*optimizer, sharded);
    return content;
  }
  void fill() {
    for (std::size_t index = 0; index < parameters.size(); ++index) {
      sharded.set_weight(index, content_of_tensor(index, 0.0));
      const OptimizerMoments& moments = optimizer->moments()[index];
      moments.first.copy_(sharded.own_part(index, content_of_tensor(index, 1.0)));
      moments.second.copy_(sharded.own_part(index, content_of_tensor(index, 2.0)));
    }
  }

  std::vector<NamedParameter> parameters = make_parameters();
  GradientBuckets buckets{parameters, 100'000};
  ShardedParameters sharded;
  std::unique_ptr<Optimizer> optimizer =
      make_optimizer({.weight_decay_exclude = {}}, parameters, &sharded);
  FaultyFileSystem disk;
  CheckpointStore store;
  RunRecords records;
  RunProgress progress;
  CheckpointSaver saver;
};

TrainState state_of(std::int64_t step) {
  return tiny_checkpoint(step).state;
}

void expect_whole_tensors(const std::filesystem::path& checkpoint) {
  const auto model = read_safetensors(checkpoint / "model.safetensors");
  const auto optimizer = read_safetensors(checkpoint / "optimizer.safetensors");
  for (std::size_t index = 0; index < make_parameters().size(); ++index) {
    const std::string name = "tensor" + std::to_string(index);
    EXPECT_TRUE(at::equal(model.at(name), content_of_tensor(index, 0.0)));
    EXPECT_TRUE(at::equal(optimizer.at(name + ".exp_avg"), content_of_tensor(index, 1.0)));
    EXPECT_TRUE(at::equal(optimizer.at(name + ".exp_avg_sq"), content_of_tensor(index, 2.0)));
  }
}

TEST(ShardedTensors, AreSavedWholeAndLoadedOnAnotherRankCount) {
  const TempDirectory folder;
  testing::run_ranks(3, [&](Communicator& communicator) {
    ShardedRank rank(communicator, folder.path());
    rank.fill();
    rank.saver.save(state_of(10), SaveNeed::required);
  });
  expect_whole_tensors(folder / "checkpoint-00000010");
  testing::run_ranks(2, [&](Communicator& communicator) {
    ShardedRank rank(communicator, folder.path());
    EXPECT_EQ(rank.saver.resume().global_step, 10);
    for (std::size_t index = 0; index < rank.parameters.size(); ++index) {
      const at::Tensor weight = content_of_tensor(index, 0.0);
      const at::Tensor& compute = rank.parameters[index].compute;
      EXPECT_TRUE(at::equal(rank.sharded.own_weight(index), rank.sharded.own_part(index, weight)));
      EXPECT_TRUE(at::equal(compute.detach(), weight.to(compute.scalar_type())));
    }
    rank.saver.save(state_of(20), SaveNeed::required);
  });
  expect_whole_tensors(folder / "checkpoint-00000020");
}

TEST(ShardedTensors, KeepTheRanksInStepWhenTheDiskFailsAnywhere) {
  for (std::int64_t operation = 0; operation < 40; operation += 3) {
    const TempDirectory folder;
    testing::run_ranks(3, [&](Communicator& communicator) {
      ShardedRank rank(communicator, folder.path());
      rank.fill();
      rank.disk.fail_at(operation, ENOSPC);  // rank 0 alone writes
      rank.saver.save(state_of(10), SaveNeed::periodic);
      rank.saver.save(state_of(20), SaveNeed::required);
    });
    expect_whole_tensors(folder / "checkpoint-00000020");
  }
}

}  // namespace
}  // namespace lambert
