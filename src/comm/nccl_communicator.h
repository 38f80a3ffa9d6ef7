// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "comm/comm_device.h"
#include "comm/communicator.h"
#include "comm/device_api.h"
#include "comm/mpi_communicator.h"
#include "comm/nccl_collectives.h"
#include "comm/nccl_watch.h"
#include "config/run_config.h"

namespace lambert {

/// Ranks with one CUDA device each. Work on device memory goes through NCCL, on a stream of its
/// own; everything else, also the meeting for NCCL's unique id, through the MPI communicator that
/// it owns. Works are put on the stream in the order of their starts, which is the same on all
/// ranks.
class NcclCommunicator final : public Communicator {
 public:
  /// Collective over all ranks. Ends the process with code 6 if the others do not come.
  NcclCommunicator(const CommConfig& config, const CommDevice& device);
  /// As ~MpiCommunicator; works in flight are aborted.
  ~NcclCommunicator() override;
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  int rank() const override { return control_->rank(); }
  int size() const override { return control_->size(); }
  int local_size() const override { return control_->local_size(); }
  std::string host_of(int rank) const override { return control_->host_of(rank); }

  void barrier() override { control_->barrier(); }
  void broadcast(std::span<std::byte> bytes, int root) override {
    control_->broadcast(bytes, root);
  }
  void all_reduce_sum(std::span<double> values) override { control_->all_reduce_sum(values); }
  void all_reduce_max(std::span<double> values) override { control_->all_reduce_max(values); }
  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) override {
    return control_->all_gather(bytes);
  }
  void register_memory(std::span<std::byte> device_memory) override;
  /// Work of device memory has no residual: ConfigError. Work of host memory goes through MPI.
  std::unique_ptr<PendingCollective> start(RingWork work) override;

 private:
  class Pending;
  void connect();
  void create_stream();
  CudaEvent take_event();
  void leave();
  void check(int result, const std::string& doing) const;

  const double timeout_seconds_;
  const int exceptions_at_start_;
  std::shared_ptr<const DeviceApi> api_;
  std::unique_ptr<MpiCommunicator> control_;
  NcclComm comm_ = nullptr;
  CudaStreamHandle stream_ = nullptr;
  std::unique_ptr<NcclCollectives> collectives_;
  std::unique_ptr<NcclWatch> watch_;
  std::uint64_t started_count_ = 0;
  std::uint64_t started_hash_ = 0;      // of all works so far: NCCL does not compare what ranks do
  CudaEvent produced_ = nullptr;        // taken on the producer's stream, waited for at once
  std::vector<CudaEvent> free_events_;  // of works that are done
  std::vector<CudaEvent> all_events_;
  std::vector<void*> registrations_;
};

}  // namespace lambert
