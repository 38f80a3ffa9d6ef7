// SPDX-License-Identifier: Apache-2.0
// The contract of communicators, between real processes: started by mpirun, every rank runs every
// test.
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <mpi.h>

#include "comm/make_communicator.h"
#include "comm/mpi_link.h"
#include "comm/mpi_session.h"
#include "comm/ring_all_reduce.h"
#include "support/communicator_contract.h"

namespace lambert::testing {
namespace {

/// MPI starts once per process, so the tests share one communicator.
std::unique_ptr<Communicator>& shared_communicator() {
  static std::unique_ptr<Communicator> communicator;
  return communicator;
}

TEST(MpiCommunicator, KeepsTheContract) {
  check_contract(*shared_communicator(), kFloatError);
}

TEST(MpiCommunicator, SumsLargeValuesOfUnevenLength) {
  for (const std::size_t count : {1000003U, 3000001U}) {
    expect_ring_sum(*shared_communicator(), count, kFloatError);
  }
}

TEST(MpiCommunicator, BroadcastsMoreThanOnePiece) {
  Communicator& communicator = *shared_communicator();
  std::vector<std::byte> bytes(40U << 20U, static_cast<std::byte>(communicator.rank()));
  communicator.broadcast(bytes, communicator.size() - 1);
  EXPECT_EQ(bytes.front(), static_cast<std::byte>(communicator.size() - 1));
  EXPECT_EQ(bytes.back(), static_cast<std::byte>(communicator.size() - 1));
}

TEST(MpiCommunicator, KnowsThatAllRanksAreOnThisMachine) {
  EXPECT_EQ(shared_communicator()->local_size(), shared_communicator()->size());
}

/// The ring over MPI messages, as between machines, and with bf16 on the wire.
TEST(MpiLink, CarriesTheRingWithoutSharedMemory) {
  Communicator& communicator = *shared_communicator();
  const std::atomic<bool> abandoned = false;
  PeerMonitor monitor(communicator.rank(),
                      std::vector<std::string>(static_cast<std::size_t>(communicator.size()), "x"));
  for (const WireType wire_type : {WireType::float32, WireType::bfloat16}) {
    const MpiWait wait(monitor, CollectiveKind::reduction, 30.0, abandoned);
    MpiLink link(wait, 4096, MpiLink::Neighbours::by_message);
    RingAllReduce ring(link, wire_type, 4096);
    std::uint64_t sequence = 0;
    for (const std::size_t count : contract_sizes()) {
      std::vector<float> values = contract_values(communicator.rank(), count);
      ring.run({RingKind::all_reduce,
                std::span(values),
                cut_evenly(count, communicator.size()),
                {},
                "messages"},
               {++sequence, "messages"});
      std::vector<float> expected = contract_values(communicator.rank(), count);
      expect_identical_bits_on_all_ranks<float>(communicator, values);
      if (wire_type == WireType::float32) {
        communicator.start_all_reduce_sum(expected, "shared memory")->wait();
        EXPECT_EQ(values, expected);
      }
    }
    link.close();
  }
  communicator.barrier();  // the monitor goes only when nobody waits any more
}

}  // namespace
}  // namespace lambert::testing

int main(int argument_count, char** arguments) {
  testing::InitGoogleTest(&argument_count, arguments);
  lambert::CommConfig config;
  config.timeout_seconds = 30.0;
  auto& communicator = lambert::testing::shared_communicator();
  communicator = lambert::make_communicator(config);
  if (communicator->size() < 2) {
    return 1;  // not started by mpirun: nothing would be tested
  }
  const int result = RUN_ALL_TESTS();
  communicator.reset();
  return result;
}
