// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "comm/comm_device.h"
#include "comm/communicator.h"
#include "comm/device_api.h"
#include "config/run_config.h"

namespace lambert {

// The story of sums by NCCL
// -------------------------
// Bits. NCCL leaves open in which order it adds, and an all-reduce of its own may add in another
// order than its reduce-scatter. The step promises more: identical bits on all ranks, and the same
// bits whether the optimizer is sharded or not. So an all-reduce of fp32 is a REDUCE-SCATTER
// followed by an ALL-GATHER: every share is finished on one rank and copied to the others, as in
// our own ring, at the same traffic. (What it gives up: NCCL's trees and in-switch sums for whole
// all-reduces.) Sums of 64-bit integers do not depend on the order and take NCCL's all-reduce.
//
// Shares. NCCL's two halves want equal shares of one STRIDE. cut_evenly gives such, but for the
// last ones: the values then pass through a STAGING buffer that is padded to whole strides. Any
// other cuts become one reduce or one broadcast for each share, as one group.
//
// bf16 on the wire: each rank rounds its own values into the staging buffer; NCCL adds in bf16, so
// every hop rounds once more; what arrives is widened. Bits are still equal on all ranks, because a
// share is finished in bf16 on one of them. What NCCL's hops round away stays inside NCCL: there is
// no error feedback.

/// Values that cuts of this form give to each rank; nothing when they are cut in another way.
std::optional<std::size_t> stride_of(const ShareCuts& cuts);

/// Puts work on a stream as calls of NCCL. Owns staging memory, which lives as long as this.
/// Used from one thread.
class NcclCollectives {
 public:
  /// comm and stream belong to the caller.
  NcclCollectives(std::shared_ptr<const DeviceApi> api, NcclComm comm, int rank,
                  CudaStreamHandle stream, WireType wire_type, const DeviceCasts& casts);

  /// Does not wait. Throws CommError with NCCL's words; DeviceError.
  void enqueue(const RingWork& work);
  /// When the stream is done with everything. Not after an error: freeing waits for the device.
  void free_staging();
  /// Throws CommError unless the result of an NCCL call is success. Names rank and work.
  void check(int result, const char* call) const;

 private:
  struct Buffer;
  void stage_in(const RingWork& work, const Buffer& buffer);
  void stage_out(const RingWork& work, const Buffer& buffer);
  void reduce_scatter(const Buffer& buffer, const ShareCuts& cuts);
  void all_gather(const Buffer& buffer, const ShareCuts& cuts);
  std::byte* staging(std::size_t bytes);

  std::shared_ptr<const DeviceApi> api_;
  NcclComm comm_;
  int rank_;
  CudaStreamHandle stream_;
  WireType wire_type_;
  DeviceCasts casts_;
  std::string name_;                 // of the work being put on the stream
  std::vector<std::byte*> staging_;  // the last one is in use; smaller ones may still be read
  std::size_t staging_bytes_ = 0;    // of the last one
};

}  // namespace lambert
