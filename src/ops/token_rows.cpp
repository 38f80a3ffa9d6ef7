// SPDX-License-Identifier: Apache-2.0
#include "ops/token_rows.h"

#include <algorithm>
#include <numeric>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include "base/error.h"
#include "ops/tensor_views.h"

namespace lambert {
namespace {

constexpr std::int64_t kLongestStep = 128;

}  // namespace

TokenLayout TokenRows::layout() const {
  return {sample_of.size(0), starts.size(0) - 2, data_of<std::int32_t>(starts),
          data_of<std::int32_t>(sample_of), data_of<std::int32_t>(position_of)};
}

TokenRows make_token_rows(const at::Tensor& lengths, std::int64_t row_count) {
  const auto integers = at::TensorOptions().dtype(at::kInt);
  const std::int64_t samples = lengths.size(0);
  TokenRows rows{at::zeros({samples + 2}, integers), at::zeros({row_count}, integers),
                 at::zeros({row_count}, integers)};
  const auto* const length = lengths.const_data_ptr<std::int32_t>();
  auto* const starts = rows.starts.mutable_data_ptr<std::int32_t>();
  auto* const sample_of = rows.sample_of.mutable_data_ptr<std::int32_t>();
  auto* const position_of = rows.position_of.mutable_data_ptr<std::int32_t>();
  for (std::int32_t sample = 0; sample < samples; ++sample) {
    const std::int32_t begin = starts[sample];
    const std::int32_t end = begin + length[sample];
    LAMBERT_CHECK(length[sample] >= 1 && end <= row_count, "the samples' lengths exceed the rows");
    starts[sample + 1] = end;
    rows.longest = std::max<std::int64_t>(rows.longest, length[sample]);
    std::fill(sample_of + begin, sample_of + end, sample);
    std::iota(position_of + begin, position_of + end, 0);
  }
  starts[samples + 1] = static_cast<std::int32_t>(row_count);
  rows.longest = std::max(rows.longest, row_count - starts[samples]);
  rows.longest = (rows.longest + kLongestStep - 1) / kLongestStep * kLongestStep;
  return rows;
}

}  // namespace lambert
