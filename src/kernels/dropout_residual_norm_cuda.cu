// SPDX-License-Identifier: Apache-2.0
// A block per row forward; backward, a block per part of the rows, which keeps the sums of its rows
// in shared memory, and a second launch that adds up the parts in order.
#include "kernels/column_sums.h"
#include "kernels/cuda_dropout.h"
#include "kernels/cuda_row_norm.h"
#include "kernels/cuda_scratch.h"
#include "kernels/dropout_residual_norm.h"

namespace lambert {

namespace {

/// dropout(input + bias) + residual of one pack. input_bias and residual may be nullptr.
template <int kWidth, typename T>
__device__ Floats<kWidth> summands(const DropoutMask& mask, const std::uint8_t* kept,
                                   const float* input_bias, const T* residual, const T* input,
                                   std::int64_t c) {
  Floats<kWidth> x = load<kWidth>(input + c);
  const Floats<kWidth> shift =
      input_bias == nullptr ? Floats<kWidth>{} : load<kWidth>(input_bias + c);
  const Floats<kWidth> other = residual == nullptr ? Floats<kWidth>{} : load<kWidth>(residual + c);
  for (int i = 0; i < kWidth; ++i) {
    x.values[i] += shift.values[i];
    x.values[i] *= mask.is_active() ? multiplier_of(mask, kept, c + i) : 1.0F;
    x.values[i] += other.values[i];
  }
  return x;
}

template <int kWidth, typename T>
__global__ void forward(HiddenShape shape, DropoutMask mask, NormWeights norm,
                        const float* input_bias, const T* residual, T* sum, T* output, float* mean,
                        float* inverse_deviation) {
  const std::int64_t columns = shape.columns;
  SharedMemory shared;
  float* const values = shared.take<float>(columns);
  float* const space = shared.take<float>(kWarp);
  auto* const kept = shared.take<std::uint8_t>(dropout_block_count(columns));
  const std::int64_t row = blockIdx.x;
  T* const sum_row = sum + row * columns;
  const T* const residual_row = residual == nullptr ? nullptr : residual + row * columns;
  make_mask(shape, mask, row, kept);
  __syncthreads();
  float total = 0.0F;
  for_own_packs<kWidth>(columns, [&](std::int64_t c) {
    const Floats<kWidth> x = summands<kWidth>(mask, kept, input_bias, residual_row, sum_row, c);
    for (int i = 0; i < kWidth; ++i) {
      total += x.values[i];
    }
    store<kWidth>(values + c, x);
    store<kWidth>(sum_row + c, x);
  });
  const RowStatistics statistics =
      block_row_statistics<kWidth>(values, total, columns, norm.epsilon, space);
  if (threadIdx.x == 0) {
    mean[row] = statistics.mean;
    inverse_deviation[row] = statistics.inverse_deviation;
  }
  for_own_packs<kWidth>(columns, [&](std::int64_t c) {
    const Floats<kWidth> gain = load<kWidth>(norm.gain + c);
    const Floats<kWidth> bias = load<kWidth>(norm.bias + c);
    const Floats<kWidth> own = load<kWidth>(values + c);
    Floats<kWidth> result;
    for (int i = 0; i < kWidth; ++i) {
      const float normalised = (own.values[i] - statistics.mean) * statistics.inverse_deviation;
      result.values[i] = normalised * gain.values[i] + bias.values[i];
    }
    store<kWidth>(output + row * columns + c, result);
  });
}

/// What the backward kernel reads and writes besides the parameters.
template <typename T>
struct Tensors {
  const T* output_gradient;  // (T, H)
  const T* sum;              // (T, H)
  const float* mean;         // (T)
  const float* inverse_deviation;
  T* input_gradient;     // (T, H)
  T* residual_gradient;  // (T, H) or nullptr
};

/// Partial sums of the blocks, (parts, H) each.
struct PartialSums {
  float* gain;
  float* bias;
  float* input_bias;
};

/// The row's gradient goes to the residual, and times the multipliers to the input.
template <int kWidth, typename T>
__device__ void store_gradients(const DropoutMask& mask, const std::uint8_t* kept,
                                const float* gradient, std::int64_t columns, T* residual_gradient,
                                T* input_gradient, float* input_bias_sums) {
  for_own_packs<kWidth>(columns, [&](std::int64_t c) {
    Floats<kWidth> x = load<kWidth>(gradient + c);
    if (residual_gradient != nullptr) {
      store<kWidth>(residual_gradient + c, x);
    }
    Floats<kWidth> sums = load<kWidth>(input_bias_sums + c);
    for (int i = 0; i < kWidth; ++i) {
      x.values[i] *= mask.is_active() ? multiplier_of(mask, kept, c + i) : 1.0F;
      sums.values[i] += x.values[i];
    }
    store<kWidth>(input_bias_sums + c, sums);
    store<kWidth>(input_gradient + c, x);
  });
}

template <int kWidth, typename T>
__global__ void backward(HiddenShape shape, DropoutMask mask, const float* gain, Tensors<T> tensors,
                         PartialSums partial) {
  const std::int64_t columns = shape.columns;
  SharedMemory shared;
  NormBackwardRow current;
  current.normalised = shared.take<float>(columns);
  current.above = shared.take<float>(columns);
  current.gain_sums = shared.take<float>(columns);
  current.bias_sums = shared.take<float>(columns);
  float* const input_bias_sums = shared.take<float>(columns);
  current.space = shared.take<float>(kWarp);
  auto* const kept = shared.take<std::uint8_t>(dropout_block_count(columns));
  clear_own<kWidth>(columns, current.gain_sums);
  clear_own<kWidth>(columns, current.bias_sums);
  clear_own<kWidth>(columns, input_bias_sums);
  const std::int64_t end = shape.rows() * (std::int64_t{blockIdx.x} + 1) / gridDim.x;
  for (std::int64_t row = shape.rows() * blockIdx.x / gridDim.x; row < end; ++row) {
    __syncthreads();                    // the last row's mask may still be read
    make_mask(shape, mask, row, kept);  // the barriers of the sums lie between it and its readers
    const float mean = tensors.mean[row];
    const float scale = tensors.inverse_deviation[row];
    for_own_packs<kWidth>(columns, [&](std::int64_t c) {
      Floats<kWidth> x = load<kWidth>(tensors.sum + row * columns + c);
      for (int i = 0; i < kWidth; ++i) {
        x.values[i] = (x.values[i] - mean) * scale;
      }
      store<kWidth>(current.normalised + c, x);
      store<kWidth>(current.above + c, load<kWidth>(tensors.output_gradient + row * columns + c));
    });
    block_row_norm_backward<kWidth>(current, gain, scale, columns);
    store_gradients<kWidth>(
        mask, kept, current.normalised, columns,
        tensors.residual_gradient == nullptr ? nullptr : tensors.residual_gradient + row * columns,
        tensors.input_gradient + row * columns, input_bias_sums);
  }
  const std::int64_t own = blockIdx.x * columns;
  store_own<kWidth>(columns, current.gain_sums, partial.gain + own);
  store_own<kWidth>(columns, current.bias_sums, partial.bias + own);
  store_own<kWidth>(columns, input_bias_sums, partial.input_bias + own);
}

}  // namespace

std::int64_t dropout_residual_norm_scratch_bytes(std::int64_t rows, std::int64_t columns) {
  return 3 * scratch_bytes_of<float>(norm_parts(rows) * columns);
}

template <typename T>
void dropout_residual_norm_forward(const CudaStream& stream, const HiddenShape& shape,
                                   const DropoutMask& mask, const NormWeights& norm,
                                   const float* input_bias, const T* residual, T* sum, T* output,
                                   float* mean, float* inverse_deviation) {
  const std::size_t shared_bytes =
      shared_bytes_of<float>(shape.columns) + shared_bytes_of<float>(kWarp) +
      shared_bytes_of<std::uint8_t>(dropout_block_count(shape.columns));
  with_width<T>(
      shape.columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("dropout_residual_norm_forward", forward<kWidth, T>,
               {grid_size(shape.rows()), row_threads(shape.columns, kWidth), shared_bytes}, stream,
               shape, mask, norm, input_bias, residual, sum, output, mean, inverse_deviation);
      },
      norm.gain, norm.bias, input_bias, residual, sum, output);
}

template <typename T>
void dropout_residual_norm_backward(const CudaStream& stream, const HiddenShape& shape,
                                    const DropoutMask& mask, const NormWeights& norm,
                                    const T* output_gradient, const T* sum, const float* mean,
                                    const float* inverse_deviation, T* input_gradient,
                                    T* residual_gradient, const NormGradients& gradients) {
  const std::int64_t columns = shape.columns;
  const std::int64_t parts = norm_parts(shape.rows());
  Scratch scratch(stream, dropout_residual_norm_scratch_bytes(shape.rows(), columns),
                  "dropout_residual_norm_backward");
  PartialSums partial{};
  partial.gain = scratch.take<float>(parts * columns);
  partial.bias = scratch.take<float>(parts * columns);
  partial.input_bias = scratch.take<float>(parts * columns);
  const Tensors<T> tensors{output_gradient,  sum, mean, inverse_deviation, input_gradient,
                           residual_gradient};
  const std::size_t shared_bytes = 5 * shared_bytes_of<float>(columns) +
                                   shared_bytes_of<float>(kWarp) +
                                   shared_bytes_of<std::uint8_t>(dropout_block_count(columns));
  with_width<T>(
      columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("dropout_residual_norm_backward", backward<kWidth, T>,
               {grid_size(parts), row_threads(columns, kWidth), shared_bytes}, stream, shape, mask,
               norm.gain, tensors, partial);
      },
      norm.gain, output_gradient, sum, input_gradient, residual_gradient);
  add_partial_sums(stream, partial.gain, parts, columns, gradients.gain);
  add_partial_sums(stream, partial.bias, parts, columns, gradients.bias);
  if (gradients.input_bias != nullptr) {
    add_partial_sums(stream, partial.input_bias, parts, columns, gradients.input_bias);
  }
}

template void dropout_residual_norm_forward(const CudaStream&, const HiddenShape&,
                                            const DropoutMask&, const NormWeights&, const float*,
                                            const float*, float*, float*, float*, float*);
template void dropout_residual_norm_forward(const CudaStream&, const HiddenShape&,
                                            const DropoutMask&, const NormWeights&, const float*,
                                            const Bfloat16*, Bfloat16*, Bfloat16*, float*, float*);
template void dropout_residual_norm_forward(const CudaStream&, const HiddenShape&,
                                            const DropoutMask&, const NormWeights&, const float*,
                                            const Float16*, Float16*, Float16*, float*, float*);
template void dropout_residual_norm_backward(const CudaStream&, const HiddenShape&,
                                             const DropoutMask&, const NormWeights&, const float*,
                                             const float*, const float*, const float*, float*,
                                             float*, const NormGradients&);
template void dropout_residual_norm_backward(const CudaStream&, const HiddenShape&,
                                             const DropoutMask&, const NormWeights&,
                                             const Bfloat16*, const Bfloat16*, const float*,
                                             const float*, Bfloat16*, Bfloat16*,
                                             const NormGradients&);
template void dropout_residual_norm_backward(const CudaStream&, const HiddenShape&,
                                             const DropoutMask&, const NormWeights&, const Float16*,
                                             const Float16*, const float*, const float*, Float16*,
                                             Float16*, const NormGradients&);

}  // namespace lambert
