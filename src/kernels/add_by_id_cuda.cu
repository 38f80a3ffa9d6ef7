// SPDX-License-Identifier: Apache-2.0
// The story. The sorted rows are a sequence of runs, one per id; in a batch the run of [MASK] has
// thousands of rows and most have a few. The sequence is cut into chunks of equal length, one block
// each. A block adds up the runs of its chunk. A run that lies within the chunk goes to the table.
// A run that is cut leaves an edge: the first edge of a chunk is the sum of the run that began
// before it, the last edge that of the run that begins in it and goes on. In the second launch the
// chunk in which a cut run begins adds up its last edge and the first edges of the chunks after it.
// Each element of the table is written by one thread in an order that the sorted ids fix.
#include "kernels/cuda_add_by_id.h"
#include "kernels/cuda_columns.h"

namespace lambert {

namespace {

/// Rows of a chunk. A micro-batch of 65,536 tokens makes 2,048 blocks, and the longest run ([MASK],
/// one token in eight) 256 edges.
constexpr std::int64_t kChunk = 32;
constexpr unsigned kThreads = 256;  // of the first launch; each adds one column at a time

__device__ std::int64_t id_at(const SortedRows& rows, std::int64_t place) {
  return rows.ids[rows.order[place]];
}

/// Whether the rows at place - 1 and place have one id; false at both ends.
__device__ bool goes_on(const SortedRows& rows, std::int64_t place) {
  return place > 0 && place < rows.count && id_at(rows, place - 1) == id_at(rows, place);
}

/// edges: (chunks, 2, columns).
__global__ void add_chunks(SortedRows rows, const float* values, std::int64_t columns, float* edges,
                           float* table) {
  const std::int64_t first = blockIdx.x * kChunk;
  const std::int64_t end = first + kChunk < rows.count ? first + kChunk : rows.count;
  for (std::int64_t c = threadIdx.x; c < columns; c += kThreads) {
    float* const own_edges = edges + 2 * blockIdx.x * columns + c;
    bool began_before = goes_on(rows, first);
    float sum = 0.0F;
    for (std::int64_t place = first; place < end; ++place) {
      sum += values[rows.order[place] * columns + c];
      const bool continues = goes_on(rows, place + 1);
      if (continues && place + 1 < end) {
        continue;
      }
      if (began_before) {
        own_edges[0] = sum;
      } else if (continues) {
        own_edges[columns] = sum;
      } else {
        table[id_at(rows, place) * columns + c] += sum;
      }
      began_before = false;
      sum = 0.0F;
    }
  }
}

/// Chunks after `chunk` that hold more of the run that begins in it and goes on; 0 when none does.
__device__ std::int64_t chunks_after(const SortedRows& rows, std::int64_t chunk) {
  const std::int64_t next = (chunk + 1) * kChunk;
  if (!goes_on(rows, next) ||
      (goes_on(rows, chunk * kChunk) && id_at(rows, chunk * kChunk) == id_at(rows, next))) {
    return 0;  // no run is cut at the chunk's end, or it began before the chunk
  }
  std::int64_t count = 1;
  while (next + count * kChunk < rows.count &&
         id_at(rows, next + count * kChunk) == id_at(rows, next)) {
    ++count;
  }
  return count;
}

/// A block per chunk (y) and band of columns (x); row lane y of the block adds every kRowLanes-th
/// edge.
__global__ void add_edges(SortedRows rows, const float* edges, std::int64_t columns, float* table) {
  SharedMemory shared;
  float* const space = shared.take<float>(kColumnLanes * kRowLanes);
  const std::int64_t chunk = blockIdx.y + std::int64_t{gridDim.y} * blockIdx.z;
  if ((chunk + 1) * kChunk >= rows.count) {
    return;  // nothing comes after the last chunk
  }
  const std::int64_t count = chunks_after(rows, chunk);
  if (count == 0) {
    return;
  }
  const std::int64_t column = std::int64_t{blockIdx.x} * kColumnLanes + threadIdx.x;
  float sum = 0.0F;
  if (column < columns) {
    sum = threadIdx.y == 0 ? edges[(2 * chunk + 1) * columns + column] : 0.0F;
    for (std::int64_t after = 1 + threadIdx.y; after <= count; after += kRowLanes) {
      sum += edges[2 * (chunk + after) * columns + column];
    }
  }
  space[threadIdx.y * kColumnLanes + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < columns) {
    for (int lane = 1; lane < kRowLanes; ++lane) {
      sum += space[lane * kColumnLanes + static_cast<int>(threadIdx.x)];
    }
    table[id_at(rows, (chunk + 1) * kChunk) * columns + column] += sum;
  }
}

}  // namespace

std::int64_t add_by_id_floats(std::int64_t rows, std::int64_t columns) {
  return 2 * quotient_up(rows, kChunk) * columns;
}

void add_by_id(const CudaStream& stream, const SortedRows& rows, const float* values,
               std::int64_t columns, float* edges, float* table) {
  const std::int64_t chunks = quotient_up(rows.count, kChunk);
  launch("add_chunks", add_chunks, {grid_size(chunks), kThreads}, stream, rows, values, columns,
         edges, table);
  constexpr std::int64_t kMostY = 32768;  // the y side of a grid ends at 65,535
  const std::int64_t side = std::min(chunks, kMostY);
  launch("add_edges", add_edges,
         {dim3(grid_size(quotient_up(columns, kColumnLanes)), grid_size(side),
               grid_size(side == 0 ? 1 : quotient_up(chunks, side))),
          dim3(kColumnLanes, kRowLanes), shared_bytes_of<float>(kColumnLanes * kRowLanes)},
         stream, rows, edges, columns, table);
}

}  // namespace lambert
