// SPDX-License-Identifier: Apache-2.0
#include "optim/device_update.h"

#include <cstring>
#include <span>

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include "ops/device.h"
#include "ops/tensor_views.h"
#include "optim/tensor_blocks.h"

namespace lambert {
namespace {

at::Tensor make_space(std::size_t count, std::size_t element_bytes, const at::Device& device) {
  return at::zeros({static_cast<std::int64_t>(count * element_bytes)},
                   at::TensorOptions(at::kByte).device(device));
}

template <typename T>
at::Tensor copy_of(const std::vector<T>& values, const at::Device& device) {
  const at::Tensor host = make_space(values.size(), sizeof(T), at::kCPU);
  std::memcpy(host.mutable_data_ptr(), values.data(), values.size() * sizeof(T));
  return host.to(device);
}

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  return {mutable_data_of<std::byte>(tensor), tensor.nbytes()};
}

/// first_sum: where the sum of the range's first block goes.
void cut_into_blocks(const UpdateBlock& range, std::size_t tensor, std::size_t first_sum,
                     std::vector<PlannedBlock>& blocks) {
  for (std::size_t begin = 0; begin < range.count; begin += kUpdateBlock) {
    blocks.push_back({part_of(range, begin / kUpdateBlock), static_cast<std::int32_t>(tensor),
                      static_cast<std::int32_t>(first_sum + begin / kUpdateBlock)});
  }
}

}  // namespace

DeviceUpdate::DeviceUpdate(const std::vector<UpdateBlock>& ranges,
                           const std::vector<std::size_t>& element_counts,
                           const std::vector<ParameterTreatment>& treatments,
                           ShardedParameters* sharded, const at::Device& device)
    : sharded_(sharded), device_(device) {
  std::vector<PlannedBlock> blocks;
  std::vector<PlannedTensor> tensors;
  std::size_t sum_count = 0;
  for (std::size_t index = 0; index < ranges.size(); ++index) {
    const std::size_t of_tensor = block_count_of(element_counts[index]);
    const std::size_t begin = sharded_ == nullptr ? 0 : sharded_->own_range(index).begin;
    cut_into_blocks(ranges[index], index, sum_count + begin / kUpdateBlock, blocks);
    tensors.push_back({static_cast<std::int64_t>(sum_count), static_cast<std::int64_t>(of_tensor),
                       treatments[index].decayed, treatments[index].adapted});
    sum_count += of_tensor;
  }
  blocks_ = copy_of(blocks, device_);
  tensors_ = copy_of(tensors, device_);
  plan_ = {data_of<PlannedBlock>(blocks_), static_cast<std::int64_t>(blocks.size()),
           data_of<PlannedTensor>(tensors_), static_cast<std::int64_t>(tensors.size())};
  gradient_sums_ = make_space(sum_count, sizeof(double), device_);
  squares_ = make_space(tensors.size(), sizeof(double), device_);
  total_ = make_space(1, sizeof(GradientSquares), device_);
  sums_ = make_space(sum_count, sizeof(SquaredNorms), device_);
  updates_ = make_space(tensors.size(), sizeof(TensorUpdate), device_);
  rates_ = make_space(tensors.size(), sizeof(float), device_);
}

CudaStream DeviceUpdate::stream() const {
  CudaStream stream;
  stream.handle = current_stream(device_);
  return stream;
}

/// The other ranks' sums, if there are others.
void DeviceUpdate::complete(const at::Tensor& sums) {
  if (sharded_ != nullptr) {
    const at::Tensor host = sums.cpu();
    sharded_->complete(bytes_of(host));
    sums.copy_(host);
  }
}

GradientSquares DeviceUpdate::measure_gradients() {
  auto* const sums = mutable_data_of<double>(gradient_sums_);
  lambert::measure_gradients(stream(), plan_, sums);
  complete(gradient_sums_);
  sum_gradients(stream(), plan_, sums, mutable_data_of<double>(squares_),
                mutable_data_of<GradientSquares>(total_));
  return *data_of<GradientSquares>(total_.cpu());
}

void DeviceUpdate::step(const LambStep& step) {
  auto* const sums = mutable_data_of<SquaredNorms>(sums_);
  auto* const rates = mutable_data_of<float>(rates_);
  update_moments(stream(), plan_, step, sums);
  complete(sums_);
  choose_rates(stream(), plan_, step, sums, mutable_data_of<TensorUpdate>(updates_), rates);
  apply_update(stream(), plan_, step, rates);
}

std::vector<TensorUpdate> DeviceUpdate::last_updates() const {
  const at::Tensor host = updates_.cpu();
  const auto* const first = data_of<TensorUpdate>(host);
  return {first, first + plan_.tensor_count};
}

}  // namespace lambert
