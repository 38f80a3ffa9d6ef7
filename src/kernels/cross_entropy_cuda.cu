// SPDX-License-Identifier: Apache-2.0
// A block per row, which reads its logits once for the largest and the sum (Milakov and Gimelshein
// 2018) and, for the gradients, once more out of the cache; one last block adds up the rows.
#include <cmath>

#include "kernels/cross_entropy.h"
#include "kernels/cuda_rows.h"
#include "kernels/cuda_scratch.h"

namespace lambert {

namespace {

constexpr unsigned kThreads = 256;  // at most; 119 logits of BERT's vocabulary each
constexpr int kWarps = kThreads / kWarp;

/// Of the logits that were seen: the largest, the first place where it is, and the sum of
/// exp(logit - largest).
struct Seen {
  float largest;
  float sum;
  std::int64_t place;
};

/// Of both. The order of the arguments does not matter to the bits.
__device__ Seen merged(const Seen& a, const Seen& b) {
  const float largest = a.largest > b.largest ? a.largest : b.largest;
  if (largest == -INFINITY) {
    return {largest, 0.0F, a.place < b.place ? a.place : b.place};
  }
  const float sum = a.sum * expf(a.largest - largest) + b.sum * expf(b.largest - largest);
  if (a.largest == b.largest) {
    return {largest, sum, a.place < b.place ? a.place : b.place};
  }
  return {largest, sum, a.largest > b.largest ? a.place : b.place};
}

__device__ Seen merged_with_lane(const Seen& own, int distance) {
  const Seen other{__shfl_xor_sync(kAllLanes, own.largest, distance),
                   __shfl_xor_sync(kAllLanes, own.sum, distance),
                   __shfl_xor_sync(kAllLanes, own.place, distance)};
  return merged(own, other);
}

/// Of all threads, to all threads. space: one per warp, shared memory, used once.
__device__ Seen merged_over_block(Seen seen, Seen* space) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    seen = merged_with_lane(seen, distance);
  }
  if (threadIdx.x % kWarp == 0) {
    space[threadIdx.x / kWarp] = seen;
  }
  __syncthreads();
  Seen all = space[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) {
    all = merged(all, space[warp]);
  }
  return all;
}

/// The logits that the thread visits. A NaN makes the sum NaN.
template <int kWidth, typename T>
__device__ Seen look_through(const T* row, std::int64_t classes) {
  Seen seen{-INFINITY, 0.0F, classes};
  for (std::int64_t c = std::int64_t{threadIdx.x} * kWidth; c < classes;
       c += std::int64_t{blockDim.x} * kWidth) {
    const Floats<kWidth> logits = load<kWidth>(row + c);
    for (int i = 0; i < kWidth; ++i) {
      const float logit = logits.values[i];
      if (logit > seen.largest) {
        seen.sum *= expf(seen.largest - logit);
        seen.largest = logit;
        seen.place = c + i;
      }
      seen.sum += logit == -INFINITY ? 0.0F : expf(logit - seen.largest);
    }
  }
  return seen;
}

template <int kWidth, typename T>
__device__ void become_gradients(T* row, std::int64_t classes, std::int64_t label,
                                 const Seen& seen) {
  const float inverse = 1.0F / seen.sum;
  for (std::int64_t c = std::int64_t{threadIdx.x} * kWidth; c < classes;
       c += std::int64_t{blockDim.x} * kWidth) {
    Floats<kWidth> x = load<kWidth>(row + c);
    for (int i = 0; i < kWidth; ++i) {
      const float probability = expf(x.values[i] - seen.largest) * inverse;
      x.values[i] = (probability - (c + i == label ? 1.0F : 0.0F)) * kLogitGradientScale<T>;
    }
    store<kWidth>(row + c, x);
  }
}

template <typename T>
__device__ void become_zero(T* row, std::int64_t classes) {
  for (std::int64_t c = threadIdx.x; c < classes; c += blockDim.x) {
    row[c] = from_float<T>(0.0F);
  }
}

/// What a row adds to the sums.
struct RowLoss {
  float loss;
  std::int32_t correct;
};

template <int kWidth, typename T>
__global__ void rows_kernel(T* logits, const std::int64_t* labels, std::int64_t classes,
                            LogitsBecome become, RowLoss* losses) {
  SharedMemory shared;
  Seen* const space = shared.take<Seen>(kWarps);
  T* const row = logits + blockIdx.x * classes;
  const std::int64_t label = labels[blockIdx.x];
  if (label == kNoLabel) {  // the same for the whole block
    if (threadIdx.x == 0) {
      losses[blockIdx.x] = {0.0F, 0};
    }
    if (become == LogitsBecome::gradients) {
      become_zero(row, classes);
    }
    return;
  }
  const Seen seen = merged_over_block(look_through<kWidth>(row, classes), space);
  if (threadIdx.x == 0) {
    const float distance = to_float(row[label]) - seen.largest;
    losses[blockIdx.x] = {logf(seen.sum) - distance, seen.place == label ? 1 : 0};
  }
  if (become == LogitsBecome::gradients) {
    __syncthreads();  // thread 0 has read the label's logit
    become_gradients<kWidth>(row, classes, label, seen);
  }
}

__global__ void sum_rows(const RowLoss* losses, std::int64_t rows, CrossEntropySums* sums) {
  SharedMemory shared;
  double* const loss_space = shared.take<double>(kWarps);
  std::int64_t* const correct_space = shared.take<std::int64_t>(kWarps);
  double loss = 0.0;
  std::int64_t correct = 0;
  for (std::int64_t row = threadIdx.x; row < rows; row += kThreads) {
    loss += static_cast<double>(losses[row].loss);
    correct += losses[row].correct;
  }
  loss = block_sum(loss, loss_space);
  correct = block_sum(correct, correct_space);
  if (threadIdx.x == 0) {
    *sums = {loss, correct};
  }
}

}  // namespace

std::int64_t cross_entropy_scratch_bytes(std::int64_t rows) {
  return scratch_bytes_of<RowLoss>(rows);
}

template <typename T>
void cross_entropy(const CudaStream& stream, T* logits, const std::int64_t* labels,
                   std::int64_t rows, std::int64_t classes, LogitsBecome become,
                   CrossEntropySums* sums) {
  Scratch scratch(stream, cross_entropy_scratch_bytes(rows), "cross_entropy");
  auto* const losses = scratch.take<RowLoss>(rows);
  with_width<T>(
      classes,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("cross_entropy", rows_kernel<kWidth, T>,
               {grid_size(rows), row_threads(classes, kWidth), shared_bytes_of<Seen>(kWarps)},
               stream, logits, labels, classes, become, losses);
      },
      logits);
  launch("sum_rows", sum_rows,
         {1, kThreads, shared_bytes_of<double>(kWarps) + shared_bytes_of<std::int64_t>(kWarps)},
         stream, losses, rows, sums);
}

template void cross_entropy(const CudaStream&, float*, const std::int64_t*, std::int64_t,
                            std::int64_t, LogitsBecome, CrossEntropySums*);
template void cross_entropy(const CudaStream&, Bfloat16*, const std::int64_t*, std::int64_t,
                            std::int64_t, LogitsBecome, CrossEntropySums*);
template void cross_entropy(const CudaStream&, Float16*, const std::int64_t*, std::int64_t,
                            std::int64_t, LogitsBecome, CrossEntropySums*);

}  // namespace lambert
