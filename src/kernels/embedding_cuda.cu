// SPDX-License-Identifier: Apache-2.0
// Forward: a block per row. Backward: a block per part of the rows leaves the gradient of every
// row's sum in scratch; then each table adds up, in a fixed order, the rows of each id
// (cuda_add_by_id.h).
#include "kernels/column_sums.h"
#include "kernels/cuda_add_by_id.h"
#include "kernels/cuda_dropout.h"
#include "kernels/cuda_row_norm.h"
#include "kernels/cuda_scratch.h"
#include "kernels/embedding.h"

namespace lambert {

namespace {

/// word + position + token type of one pack.
template <int kWidth, typename T>
__device__ Floats<kWidth> sum_of_embeddings(const HiddenShape& shape,
                                            const EmbeddingLookup<T>& lookup, std::int64_t row,
                                            std::int64_t c) {
  const std::int64_t columns = shape.columns;
  Floats<kWidth> sum = load<kWidth>(lookup.words + lookup.input_ids[row] * columns + c);
  const Floats<kWidth> position =
      load<kWidth>(lookup.positions + shape.layout.position_of[row] * columns + c);
  const Floats<kWidth> type =
      load<kWidth>(lookup.token_types + lookup.token_type_ids[row] * columns + c);
  for (int i = 0; i < kWidth; ++i) {
    sum.values[i] += position.values[i];
    sum.values[i] += type.values[i];
  }
  return sum;
}

template <int kWidth, typename T>
__global__ void forward(HiddenShape shape, DropoutMask mask, NormWeights norm,
                        EmbeddingLookup<T> lookup, T* output, float* mean,
                        float* inverse_deviation) {
  const std::int64_t columns = shape.columns;
  SharedMemory shared;
  float* const values = shared.take<float>(columns);
  float* const space = shared.take<float>(kWarp);
  auto* const kept = shared.take<std::uint8_t>(dropout_block_count(columns));
  const std::int64_t row = blockIdx.x;
  make_mask(shape, mask, row, kept);  // the barriers of the sums lie between it and its readers
  float total = 0.0F;
  for_own_packs<kWidth>(columns, [&](std::int64_t c) {
    const Floats<kWidth> x = sum_of_embeddings<kWidth>(shape, lookup, row, c);
    for (int i = 0; i < kWidth; ++i) {
      total += x.values[i];
    }
    store<kWidth>(values + c, x);
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
      result.values[i] = (normalised * gain.values[i] + bias.values[i]) *
                         (mask.is_active() ? multiplier_of(mask, kept, c + i) : 1.0F);
    }
    store<kWidth>(output + row * columns + c, result);
  });
}

/// What the backward kernel reads and writes; partial sums are (parts, H).
template <typename T>
struct Tensors {
  const T* output_gradient;        // (T, H)
  const float* mean;               // (T)
  const float* inverse_deviation;  // (T)
  float* row_gradients;            // (T, H)
  float* gain_partial;
  float* bias_partial;
};

template <int kWidth, typename T>
__global__ void backward(HiddenShape shape, DropoutMask mask, const float* gain,
                         EmbeddingLookup<T> lookup, Tensors<T> tensors) {
  const std::int64_t columns = shape.columns;
  SharedMemory shared;
  NormBackwardRow current;
  current.normalised = shared.take<float>(columns);
  current.above = shared.take<float>(columns);
  current.gain_sums = shared.take<float>(columns);
  current.bias_sums = shared.take<float>(columns);
  current.space = shared.take<float>(kWarp);
  auto* const kept = shared.take<std::uint8_t>(dropout_block_count(columns));
  clear_own<kWidth>(columns, current.gain_sums);
  clear_own<kWidth>(columns, current.bias_sums);
  const std::int64_t end = shape.rows() * (std::int64_t{blockIdx.x} + 1) / gridDim.x;
  for (std::int64_t row = shape.rows() * blockIdx.x / gridDim.x; row < end; ++row) {
    make_mask(shape, mask, row, kept);  // the last row's was read before the barriers of its sums
    __syncthreads();
    const float mean = tensors.mean[row];
    const float scale = tensors.inverse_deviation[row];
    for_own_packs<kWidth>(columns, [&](std::int64_t c) {
      Floats<kWidth> x = sum_of_embeddings<kWidth>(shape, lookup, row, c);
      Floats<kWidth> y = load<kWidth>(tensors.output_gradient + row * columns + c);
      for (int i = 0; i < kWidth; ++i) {
        x.values[i] = (x.values[i] - mean) * scale;
        y.values[i] *= mask.is_active() ? multiplier_of(mask, kept, c + i) : 1.0F;
      }
      store<kWidth>(current.normalised + c, x);
      store<kWidth>(current.above + c, y);
    });
    block_row_norm_backward<kWidth>(current, gain, scale, columns);
    store_own<kWidth>(columns, current.normalised, tensors.row_gradients + row * columns);
  }
  const std::int64_t own = blockIdx.x * columns;
  store_own<kWidth>(columns, current.gain_sums, tensors.gain_partial + own);
  store_own<kWidth>(columns, current.bias_sums, tensors.bias_partial + own);
}

}  // namespace

std::int64_t embedding_scratch_bytes(std::int64_t rows, std::int64_t columns) {
  return scratch_bytes_of<float>(rows * columns) +
         2 * scratch_bytes_of<float>(norm_parts(rows) * columns) +
         scratch_bytes_of<float>(add_by_id_floats(rows, columns));
}

template <typename T>
void embedding_forward(const CudaStream& stream, const HiddenShape& shape, const DropoutMask& mask,
                       const NormWeights& norm, const EmbeddingLookup<T>& lookup, T* output,
                       float* mean, float* inverse_deviation) {
  const std::size_t shared_bytes =
      shared_bytes_of<float>(shape.columns) + shared_bytes_of<float>(kWarp) +
      shared_bytes_of<std::uint8_t>(dropout_block_count(shape.columns));
  with_width<T>(
      shape.columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("embedding_forward", forward<kWidth, T>,
               {grid_size(shape.rows()), row_threads(shape.columns, kWidth), shared_bytes}, stream,
               shape, mask, norm, lookup, output, mean, inverse_deviation);
      },
      lookup.words, lookup.positions, lookup.token_types, norm.gain, norm.bias, output);
}

template <typename T>
void embedding_backward(const CudaStream& stream, const HiddenShape& shape, const DropoutMask& mask,
                        const NormWeights& norm, const EmbeddingLookup<T>& lookup,
                        const EmbeddingOrders& orders, const T* output_gradient, const float* mean,
                        const float* inverse_deviation, const EmbeddingGradients& gradients) {
  const std::int64_t rows = shape.rows();
  const std::int64_t columns = shape.columns;
  const std::int64_t parts = norm_parts(rows);
  Scratch scratch(stream, embedding_scratch_bytes(rows, columns), "embedding_backward");
  Tensors<T> tensors{output_gradient, mean, inverse_deviation, nullptr, nullptr, nullptr};
  tensors.row_gradients = scratch.take<float>(rows * columns);
  tensors.gain_partial = scratch.take<float>(parts * columns);
  tensors.bias_partial = scratch.take<float>(parts * columns);
  float* const edges = scratch.take<float>(add_by_id_floats(rows, columns));
  const std::size_t shared_bytes = 4 * shared_bytes_of<float>(columns) +
                                   shared_bytes_of<float>(kWarp) +
                                   shared_bytes_of<std::uint8_t>(dropout_block_count(columns));
  with_width<T>(
      columns,
      [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        launch("embedding_backward", backward<kWidth, T>,
               {grid_size(parts), row_threads(columns, kWidth), shared_bytes}, stream, shape, mask,
               norm.gain, lookup, tensors);
      },
      lookup.words, lookup.positions, lookup.token_types, norm.gain, output_gradient);
  const float* const source = tensors.row_gradients;
  add_by_id(stream, {orders.by_word, lookup.input_ids, rows}, source, columns, edges,
            gradients.words);
  add_by_id(stream, {orders.by_position, shape.layout.position_of, rows}, source, columns, edges,
            gradients.positions);
  add_by_id(stream, {orders.by_token_type, lookup.token_type_ids, rows}, source, columns, edges,
            gradients.token_types);
  add_partial_sums(stream, tensors.gain_partial, parts, columns, gradients.gain);
  add_partial_sums(stream, tensors.bias_partial, parts, columns, gradients.bias);
}

template void embedding_forward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                const NormWeights&, const EmbeddingLookup<float>&, float*, float*,
                                float*);
template void embedding_forward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                const NormWeights&, const EmbeddingLookup<Bfloat16>&, Bfloat16*,
                                float*, float*);
template void embedding_forward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                const NormWeights&, const EmbeddingLookup<Float16>&, Float16*,
                                float*, float*);
template void embedding_backward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                 const NormWeights&, const EmbeddingLookup<float>&,
                                 const EmbeddingOrders&, const float*, const float*, const float*,
                                 const EmbeddingGradients&);
template void embedding_backward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                 const NormWeights&, const EmbeddingLookup<Bfloat16>&,
                                 const EmbeddingOrders&, const Bfloat16*, const float*,
                                 const float*, const EmbeddingGradients&);
template void embedding_backward(const CudaStream&, const HiddenShape&, const DropoutMask&,
                                 const NormWeights&, const EmbeddingLookup<Float16>&,
                                 const EmbeddingOrders&, const Float16*, const float*, const float*,
                                 const EmbeddingGradients&);

}  // namespace lambert
