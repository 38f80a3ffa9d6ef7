// SPDX-License-Identifier: Apache-2.0
// The contract of communicators, for NcclCommunicator over the stand-in for NCCL: started by
// mpirun, every rank runs every test. nccl_comm_contract float32|bfloat16
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "comm/make_communicator.h"
#include "support/communicator_contract.h"
#include "support/device_work.h"

namespace lambert::testing {
namespace {

/// MPI starts once per process, so the tests share one communicator.
std::unique_ptr<Communicator>& shared_communicator() {
  static std::unique_ptr<Communicator> communicator;
  return communicator;
}

WireType& wire_type() {
  static WireType type = WireType::float32;
  return type;
}

TEST(NcclCommunicator, KeepsTheContract) {
  DeviceWorkCommunicator device(*shared_communicator());
  const bool rounds = wire_type() == WireType::bfloat16;
  check_contract(device, rounds ? kBfloat16Error : kFloatError, false);
}

TEST(NcclCommunicator, SumsHostMemoryByTheRingOfMpi) {
  check_ring_sums(*shared_communicator(),
                  wire_type() == WireType::bfloat16 ? kBfloat16Error : kFloatError);
}

TEST(NcclCommunicator, SumsLargeBuckets) {
  DeviceWorkCommunicator device(*shared_communicator());
  expect_ring_sum(device, 3000001,
                  wire_type() == WireType::bfloat16 ? kBfloat16Error : kFloatError);
}

/// The order of the starts is the order on the stream, and the first bucket is summed while the
/// second one is still being computed.
TEST(NcclCommunicator, SumsBucketsInOrderWhileTheProducerComputes) {
  Communicator& communicator = *shared_communicator();
  std::vector<std::int64_t> first(1000);
  std::vector<std::int64_t> second(2000);
  std::atomic<bool> second_is_produced = false;
  launch(nullptr, [&first] { std::fill(first.begin(), first.end(), 1); });
  const auto first_pending =
      communicator.start_all_reduce_sum(std::span(first), "bucket 0", DeviceStream{});
  launch(nullptr, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    std::fill(second.begin(), second.end(), 2);
    second_is_produced = true;
  });
  const auto second_pending =
      communicator.start_all_reduce_sum(std::span(second), "bucket 1", DeviceStream{});
  first_pending->wait();
  EXPECT_FALSE(second_is_produced) << "bucket 0 was not summed before bucket 1 was computed";
  EXPECT_EQ(first, std::vector<std::int64_t>(first.size(), communicator.size()));
  second_pending->wait();
  EXPECT_TRUE(second_is_produced);
  EXPECT_EQ(second, std::vector<std::int64_t>(second.size(), 2 * communicator.size()));
}

/// As of recorded work, all of which is on the stream before any reduction is started.
TEST(NcclCommunicator, SumsABucketFromItsMarkOn) {
  Communicator& communicator = *shared_communicator();
  std::vector<std::int64_t> first(1000);
  std::atomic<bool> rest_is_done = false;
  const StandInEvent full;
  launch(nullptr, [&first] { std::fill(first.begin(), first.end(), 1); });
  full.record(nullptr);
  launch(nullptr, [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    rest_is_done = true;
  });
  communicator
      .start_all_reduce_sum(std::span(first), "bucket 0", DeviceStream{nullptr, full.handle()})
      ->wait();
  EXPECT_FALSE(rest_is_done) << "the reduction waited for more than the mark";
  EXPECT_EQ(first, std::vector<std::int64_t>(first.size(), communicator.size()));
  drain(nullptr);
}

TEST(NcclCommunicator, WaitsInAnyOrder) {
  Communicator& communicator = *shared_communicator();
  std::vector<std::vector<float>> buckets(5, std::vector<float>(5000, 1.0F));
  std::vector<std::unique_ptr<PendingCollective>> pending;
  for (auto& bucket : buckets) {
    pending.push_back(
        communicator.start_all_reduce_sum(std::span(bucket), "bucket", DeviceStream{}));
  }
  for (std::size_t i = pending.size(); i-- > 0;) {
    pending[i]->wait();
    EXPECT_EQ(buckets[i], std::vector<float>(5000, static_cast<float>(communicator.size())));
  }
}

TEST(NcclCommunicator, RegistersBuffers) {
  std::vector<float> values(4096, 1.0F);
  shared_communicator()->register_memory(std::as_writable_bytes(std::span(values)));
  DeviceWorkCommunicator device(*shared_communicator());
  device.start_all_reduce_sum(std::span(values), "registered")->wait();
  EXPECT_EQ(values.front(), static_cast<float>(device.size()));
}

}  // namespace
}  // namespace lambert::testing

int main(int argument_count, char** arguments) {
  testing::InitGoogleTest(&argument_count, arguments);
  lambert::CommConfig config;
  config.timeout_seconds = 60.0;
  const std::string wire = argument_count == 2 ? arguments[1] : "";
  if (wire != "float32" && wire != "bfloat16") {
    return 2;
  }
  config.all_reduce_dtype =
      wire == "bfloat16" ? lambert::WireType::bfloat16 : lambert::WireType::float32;
  lambert::testing::wire_type() = config.all_reduce_dtype;
  auto& communicator = lambert::testing::shared_communicator();
  communicator = lambert::make_communicator(config, lambert::testing::stand_in_device());
  if (communicator->size() < 2) {
    return 1;  // not started by mpirun: nothing would be tested
  }
  const int result = RUN_ALL_TESTS();
  communicator.reset();
  const int left = lambert::testing::find_in_stand_in<int()>("stand_in_open_objects")();
  if (left != 0) {
    std::fprintf(stderr, "%d streams, events, blocks or communicators were not given back\n", left);
    return 1;
  }
  return result;
}
