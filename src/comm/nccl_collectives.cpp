// SPDX-License-Identifier: Apache-2.0
#include "comm/nccl_collectives.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "base/error.h"

namespace lambert {
namespace {

/// cut_evenly rounds a share up to one value and then to a cache line: more padding than that would
/// be traffic for nothing.
constexpr std::size_t kMostPadding = 17;  // values a rank

struct Untyped {
  std::byte* data;
  std::size_t count;
  std::size_t value_bytes;
  NcclType type;
};

NcclType type_of(float /*tag*/) {
  return NcclType::float32;
}
NcclType type_of(std::int64_t /*tag*/) {
  return NcclType::int64;
}
NcclType type_of(std::byte /*tag*/) {
  return NcclType::bytes;
}

Untyped untyped(const RingWork& work) {
  return std::visit(
      [](auto values) {
        using Value = typename decltype(values)::value_type;
        return Untyped{reinterpret_cast<std::byte*>(values.data()), values.size(), sizeof(Value),
                       type_of(Value{})};
      },
      work.values);
}

struct Part {
  std::size_t begin;
  std::size_t count;
};

/// The rank's share of the values, or all `count` of them.
Part part_of(const RingWork& work, std::size_t count, bool is_share, int rank) {
  if (!is_share) {
    return {0, count};
  }
  const auto own = static_cast<std::size_t>(rank);
  return {work.cuts[own], work.cuts[own + 1] - work.cuts[own]};
}

}  // namespace

/// Where NCCL works: the values themselves or the staging buffer.
struct NcclCollectives::Buffer {
  std::byte* data = nullptr;
  std::size_t value_bytes = 0;
  NcclType type = NcclType::bytes;
  std::optional<std::size_t> stride;  // values of a share; nothing: shares are of any size
  bool is_encoded = false;            // bf16 for fp32 values
  bool is_staging = false;

  std::byte* at(std::size_t value) const { return data + value * value_bytes; }
};

std::optional<std::size_t> stride_of(const ShareCuts& cuts) {
  const std::size_t stride = cuts[1];
  const std::size_t ranks = cuts.size() - 1;
  if (stride * ranks > cuts.back() + kMostPadding * ranks) {
    return std::nullopt;
  }
  for (std::size_t rank = 0; rank < cuts.size(); ++rank) {
    if (cuts[rank] != std::min(cuts.back(), rank * stride)) {
      return std::nullopt;
    }
  }
  return stride;
}

NcclCollectives::NcclCollectives(std::shared_ptr<const DeviceApi> api, NcclComm comm, int rank,
                                 CudaStreamHandle stream, WireType wire_type,
                                 const DeviceCasts& casts)
    : api_(std::move(api)),
      comm_(comm),
      rank_(rank),
      stream_(stream),
      wire_type_(wire_type),
      casts_(casts) {
  if (wire_type_ == WireType::bfloat16 &&
      (casts_.encode_bfloat16 == nullptr || casts_.decode_bfloat16 == nullptr)) {
    throw ConfigError(
        "starting NCCL: communication.all_reduce_dtype is bfloat16, but this build has no cast to "
        "bf16 for the device; set float32");
  }
}

void NcclCollectives::check(int result, const char* call) const {
  if (result != kNcclSuccess) {
    throw CommError("reduction '" + name_ + "' on rank " + std::to_string(rank_) + ": " + call +
                    " reports: " + api_->nccl.error_string(result) + " (code " +
                    std::to_string(result) + "; " + api_->nccl.last_error(comm_) +
                    "); the job ends: start it again to resume from the last checkpoint");
  }
}

void NcclCollectives::enqueue(const RingWork& work) {
  name_ = work.name;
  const Untyped values = untyped(work);
  if (values.count == 0) {
    return;
  }
  if (values.type == NcclType::int64 && work.kind == RingKind::all_reduce) {
    check(api_->nccl.all_reduce(values.data, values.data, values.count, values.type, kNcclSum,
                                comm_, stream_),
          "ncclAllReduce");
    return;
  }
  Buffer buffer{values.data, values.value_bytes, values.type, stride_of(work.cuts)};
  buffer.is_encoded = values.type == NcclType::float32 && work.kind != RingKind::all_gather &&
                      wire_type_ == WireType::bfloat16;
  const std::size_t ranks = work.cuts.size() - 1;
  const std::size_t padded = buffer.stride ? *buffer.stride * ranks : values.count;
  if (buffer.is_encoded || padded != values.count) {
    buffer.is_staging = true;
    if (buffer.is_encoded) {
      buffer.value_bytes = sizeof(std::uint16_t);
      buffer.type = NcclType::bfloat16;
    }
    buffer.data = staging(padded * buffer.value_bytes);
    stage_in(work, buffer);
  }
  if (work.kind != RingKind::all_gather) {
    reduce_scatter(buffer, work.cuts);
  }
  if (work.kind != RingKind::reduce_scatter) {
    all_gather(buffer, work.cuts);
  }
  if (buffer.is_staging) {
    stage_out(work, buffer);
  }
}

/// What this rank brings: all values to a sum, its share to a gather.
void NcclCollectives::stage_in(const RingWork& work, const Buffer& buffer) {
  const Untyped values = untyped(work);
  const auto [begin, count] = part_of(work, values.count, work.kind == RingKind::all_gather, rank_);
  if (count == 0) {
    return;
  }
  if (buffer.is_encoded) {
    casts_.encode_bfloat16(reinterpret_cast<const float*>(values.data),
                           reinterpret_cast<std::uint16_t*>(buffer.data), count, stream_);
    return;
  }
  check_cuda(
      *api_,
      api_->cuda.memcpy_async(buffer.at(begin), values.data + begin * values.value_bytes,
                              count * values.value_bytes, kCudaMemcpyDeviceToDevice, stream_),
      "staging '" + work.name + "'");
}

/// What this rank ends with: its share of a reduce-scatter, else all values.
void NcclCollectives::stage_out(const RingWork& work, const Buffer& buffer) {
  const Untyped values = untyped(work);
  const auto [begin, count] =
      part_of(work, values.count, work.kind == RingKind::reduce_scatter, rank_);
  if (count == 0) {
    return;
  }
  std::byte* const target = values.data + begin * values.value_bytes;
  if (buffer.is_encoded) {
    casts_.decode_bfloat16(reinterpret_cast<const std::uint16_t*>(buffer.at(begin)),
                           reinterpret_cast<float*>(target), count, stream_);
    return;
  }
  check_cuda(*api_,
             api_->cuda.memcpy_async(target, buffer.at(begin), count * values.value_bytes,
                                     kCudaMemcpyDeviceToDevice, stream_),
             "taking '" + work.name + "' from staging");
}

void NcclCollectives::reduce_scatter(const Buffer& buffer, const ShareCuts& cuts) {
  const NcclCalls& nccl = api_->nccl;
  if (buffer.stride) {
    std::byte* const share = buffer.at(static_cast<std::size_t>(rank_) * *buffer.stride);
    check(nccl.reduce_scatter(buffer.data, share, *buffer.stride, buffer.type, kNcclSum, comm_,
                              stream_),
          "ncclReduceScatter");
    return;
  }
  check(nccl.group_start(), "ncclGroupStart");
  for (std::size_t root = 0; root + 1 < cuts.size(); ++root) {
    const std::size_t count = cuts[root + 1] - cuts[root];
    std::byte* const share = buffer.at(cuts[root]);
    if (count > 0) {
      check(nccl.reduce(share, share, count, buffer.type, kNcclSum, static_cast<int>(root), comm_,
                        stream_),
            "ncclReduce");
    }
  }
  check(nccl.group_end(), "ncclGroupEnd");
}

void NcclCollectives::all_gather(const Buffer& buffer, const ShareCuts& cuts) {
  const NcclCalls& nccl = api_->nccl;
  if (buffer.stride) {
    const std::byte* const share = buffer.at(static_cast<std::size_t>(rank_) * *buffer.stride);
    check(nccl.all_gather(share, buffer.data, *buffer.stride, buffer.type, comm_, stream_),
          "ncclAllGather");
    return;
  }
  check(nccl.group_start(), "ncclGroupStart");
  for (std::size_t root = 0; root + 1 < cuts.size(); ++root) {
    const std::size_t count = cuts[root + 1] - cuts[root];
    std::byte* const share = buffer.at(cuts[root]);
    if (count > 0) {
      check(
          nccl.broadcast(share, share, count, buffer.type, static_cast<int>(root), comm_, stream_),
          "ncclBroadcast");
    }
  }
  check(nccl.group_end(), "ncclGroupEnd");
}

/// Work follows work on one stream, so one buffer serves all.
std::byte* NcclCollectives::staging(std::size_t bytes) {
  if (bytes > staging_bytes_) {
    staging_bytes_ = std::max(bytes, 2 * staging_bytes_);  // so that all of them are twice the last
    void* memory = nullptr;
    check(api_->nccl.allocate(&memory, staging_bytes_), "ncclMemAlloc");
    staging_.push_back(static_cast<std::byte*>(memory));
  }
  return staging_.back();
}

void NcclCollectives::free_staging() {
  name_ = "freeing staging memory";
  for (std::byte* memory : staging_) {
    check(api_->nccl.free(memory), "ncclMemFree");
  }
  staging_.clear();
  staging_bytes_ = 0;
}

}  // namespace lambert
