// SPDX-License-Identifier: Apache-2.0
#include "kernels/bfloat16_cast.h"
#include "kernels/cuda_rows.h"

namespace lambert {

namespace {

constexpr int kThreads = 256;
constexpr int kNeighbours = 4;  // 16 bytes of fp32

/// From a From to a To, each thread kWidth neighbours.
template <int kWidth, typename From, typename To>
__global__ void cast(const From* source, std::int64_t packs, To* target) {
  const std::int64_t pack = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (pack < packs) {
    store<kWidth>(target + pack * kWidth, load<kWidth>(source + pack * kWidth));
  }
}

template <typename From, typename To>
void run(const char* name, const CudaStream& stream, const From* source, std::int64_t count,
         To* target) {
  const bool in_packs = count % kNeighbours == 0 && is_aligned(source) && is_aligned(target);
  const std::int64_t packs = in_packs ? count / kNeighbours : count;
  launch(name, in_packs ? cast<kNeighbours, From, To> : cast<1, From, To>,
         {grid_size(quotient_up(packs, kThreads)), kThreads}, stream, source, packs, target);
}

}  // namespace

void round_to_bfloat16(const CudaStream& stream, const float* values, std::int64_t count,
                       std::uint16_t* encoded) {
  run("round_to_bfloat16", stream, values, count, reinterpret_cast<Bfloat16*>(encoded));
}

void widen_bfloat16(const CudaStream& stream, const std::uint16_t* encoded, std::int64_t count,
                    float* values) {
  run("widen_bfloat16", stream, reinterpret_cast<const Bfloat16*>(encoded), count, values);
}

}  // namespace lambert
