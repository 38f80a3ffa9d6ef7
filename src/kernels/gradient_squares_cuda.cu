// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda_update.h"
#include "kernels/gradient_squares.h"

namespace lambert {

namespace {

__global__ void measure(UpdatePlan plan, double* sums) {
  SharedMemory shared;
  double* const space = shared.take<double>(kUpdateThreads / kWarp);
  const PlannedBlock& planned = plan.blocks[blockIdx.x];
  const float* const gradient = planned.block.gradient;
  double sum = 0.0;
  for_update_packs(planned.block.count, is_aligned_on_device(gradient), [&](auto width, auto i) {
    const auto values = load<decltype(width)::value>(gradient + i);
    for (const float value : values.values) {
      sum += static_cast<double>(value) * static_cast<double>(value);
    }
  });
  sum = block_sum(sum, space);
  if (threadIdx.x == 0) {
    sums[planned.sum_index] = sum;
  }
}

/// A warp per tensor.
__global__ void sum_tensors(UpdatePlan plan, const double* sums, double* squares) {
  SharedMemory shared;
  double* const space = shared.take<double>(1);
  const PlannedTensor& tensor = plan.tensors[blockIdx.x];
  double sum = 0.0;
  for (std::int64_t i = threadIdx.x; i < tensor.sum_count; i += kWarp) {
    sum += sums[tensor.first_sum + i];
  }
  sum = block_sum(sum, space);
  if (threadIdx.x == 0) {
    squares[blockIdx.x] = sum;
  }
}

/// One thread: there are a few hundred tensors, and their order is that of the host's sum.
__global__ void sum_squares(std::int64_t tensors, const double* squares, GradientSquares* total) {
  GradientSquares result;
  for (std::int64_t tensor = 0; tensor < tensors; ++tensor) {
    result.sum += squares[tensor];
    if (result.first_non_finite < 0 && !(squares[tensor] < INFINITY)) {
      result.first_non_finite = tensor;
    }
  }
  *total = result;
}

}  // namespace

void measure_gradients(const CudaStream& stream, const UpdatePlan& plan, double* sums) {
  launch("measure_gradients", measure,
         {grid_size(plan.block_count), kUpdateThreads,
          shared_bytes_of<double>(kUpdateThreads / kWarp)},
         stream, plan, sums);
}

void sum_gradients(const CudaStream& stream, const UpdatePlan& plan, const double* sums,
                   double* squares, GradientSquares* total) {
  launch("sum_tensors", sum_tensors,
         {grid_size(plan.tensor_count), kWarp, shared_bytes_of<double>(1)}, stream, plan, sums,
         squares);
  launch("sum_squares", sum_squares, {1, 1}, stream, plan.tensor_count, squares, total);
}

}  // namespace lambert
