// SPDX-License-Identifier: Apache-2.0
// 46 bytes per parameter: the first launch reads g, m, v, w and writes m and v, and its norms ride
// along; the third computes u again from m, v and w instead of reading it, and writes w and its
// copy.
#include "kernels/cuda_update.h"
#include "kernels/lamb_element.h"

namespace lambert {

namespace {

__device__ bool in_fours(const UpdateBlock& block) {
  return is_aligned_on_device(block.weight) && is_aligned_on_device(block.gradient) &&
         is_aligned_on_device(block.first) && is_aligned_on_device(block.second);
}

__device__ Moments advanced_moments(const Moments& old, float gradient, float weight,
                                    const UpdateCoefficients& c) {
  return c.averages_gradient ? advanced<true>(old, gradient, weight, c)
                             : advanced<false>(old, gradient, weight, c);
}

__device__ float update(const Moments& moments, float weight, const UpdateCoefficients& c) {
  return c.epsilon_inside_sqrt ? update_of<true>(moments, weight, c)
                               : update_of<false>(moments, weight, c);
}

__device__ double square_of(float value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

/// A copy: the address of a part of a kernel's parameters would put them on the stack.
__device__ UpdateCoefficients coefficients_of(const UpdatePlan& plan, const LambStep& step,
                                              std::int64_t tensor) {
  return plan.tensors[tensor].decayed ? step.decayed : step.not_decayed;
}

__global__ void moments_kernel(UpdatePlan plan, LambStep step, SquaredNorms* sums) {
  SharedMemory shared;
  double* const weight_space = shared.take<double>(kUpdateThreads / kWarp);
  double* const update_space = shared.take<double>(kUpdateThreads / kWarp);
  const PlannedBlock& planned = plan.blocks[blockIdx.x];
  const UpdateBlock& block = planned.block;
  const UpdateCoefficients c = coefficients_of(plan, step, planned.tensor);
  SquaredNorms norms;
  for_update_packs(block.count, in_fours(block), [&](auto width, auto i) {
    constexpr int kWidth = decltype(width)::value;
    const Floats<kWidth> weight = load<kWidth>(block.weight + i);
    const Floats<kWidth> gradient = load<kWidth>(block.gradient + i);
    Floats<kWidth> first = load<kWidth>(block.first + i);
    Floats<kWidth> second = load<kWidth>(block.second + i);
    for (int k = 0; k < kWidth; ++k) {
      const Moments moments = advanced_moments({first.values[k], second.values[k]},
                                               gradient.values[k], weight.values[k], c);
      first.values[k] = moments.first;
      second.values[k] = moments.second;
      norms.weight += square_of(weight.values[k]);
      norms.update += square_of(update(moments, weight.values[k], c));
    }
    store<kWidth>(block.first + i, first);
    store<kWidth>(block.second + i, second);
  });
  norms.weight = block_sum(norms.weight, weight_space);
  norms.update = block_sum(norms.update, update_space);
  if (threadIdx.x == 0) {
    sums[planned.sum_index] = norms;
  }
}

/// A warp per tensor.
__global__ void rates_kernel(UpdatePlan plan, LambStep step, const SquaredNorms* sums,
                             TensorUpdate* updates, float* rates) {
  SharedMemory shared;
  double* const weight_space = shared.take<double>(1);
  double* const update_space = shared.take<double>(1);
  const PlannedTensor& tensor = plan.tensors[blockIdx.x];
  SquaredNorms norms;
  for (std::int64_t i = threadIdx.x; i < tensor.sum_count; i += kWarp) {
    norms.weight += sums[tensor.first_sum + i].weight;
    norms.update += sums[tensor.first_sum + i].update;
  }
  norms.weight = block_sum(norms.weight, weight_space);
  norms.update = block_sum(norms.update, update_space);
  if (threadIdx.x == 0) {
    const TensorUpdate made =
        tensor_update(step.limits, tensor.adapted, sqrt(norms.weight), sqrt(norms.update));
    updates[blockIdx.x] = made;
    rates[blockIdx.x] = static_cast<float>(step.rate * made.trust_ratio);
  }
}

__global__ void apply_kernel(UpdatePlan plan, LambStep step, const float* rates) {
  const PlannedBlock& planned = plan.blocks[blockIdx.x];
  const UpdateBlock& block = planned.block;
  const UpdateCoefficients c = coefficients_of(plan, step, planned.tensor);
  const float rate = rates[planned.tensor];
  for_update_packs(block.count, in_fours(block), [&](auto width, auto i) {
    constexpr int kWidth = decltype(width)::value;
    Floats<kWidth> weight = load<kWidth>(block.weight + i);
    const Floats<kWidth> first = load<kWidth>(block.first + i);
    const Floats<kWidth> second = load<kWidth>(block.second + i);
    for (int k = 0; k < kWidth; ++k) {
      weight.values[k] -= rate * update({first.values[k], second.values[k]}, weight.values[k], c);
    }
    store<kWidth>(block.weight + i, weight);
    for (int k = 0; block.rounded_weight != nullptr && k < kWidth; ++k) {
      block.rounded_weight[i + k] = rounded_weight_bits(block.rounded_type, weight.values[k]);
    }
  });
}

}  // namespace

void update_moments(const CudaStream& stream, const UpdatePlan& plan, const LambStep& step,
                    SquaredNorms* sums) {
  launch("update_moments", moments_kernel,
         {grid_size(plan.block_count), kUpdateThreads,
          2 * shared_bytes_of<double>(kUpdateThreads / kWarp)},
         stream, plan, step, sums);
}

void choose_rates(const CudaStream& stream, const UpdatePlan& plan, const LambStep& step,
                  const SquaredNorms* sums, TensorUpdate* updates, float* rates) {
  launch("choose_rates", rates_kernel,
         {grid_size(plan.tensor_count), kWarp, 2 * shared_bytes_of<double>(1)}, stream, plan, step,
         sums, updates, rates);
}

void apply_update(const CudaStream& stream, const UpdatePlan& plan, const LambStep& step,
                  const float* rates) {
  launch("apply_update", apply_kernel, {grid_size(plan.block_count), kUpdateThreads}, stream, plan,
         step, rates);
}

}  // namespace lambert
