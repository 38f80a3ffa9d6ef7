// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors_reader.h"

#include <array>
#include <cstring>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::array<std::pair<const char*, at::ScalarType>, 9> kTypes = {{{"F64", at::kDouble},
                                                                           {"F32", at::kFloat},
                                                                           {"F16", at::kHalf},
                                                                           {"BF16", at::kBFloat16},
                                                                           {"I64", at::kLong},
                                                                           {"I32", at::kInt},
                                                                           {"I16", at::kShort},
                                                                           {"I8", at::kChar},
                                                                           {"U8", at::kByte}}};

at::ScalarType scalar_type_of(const std::string& dtype) {
  for (const auto& [name, type] : kTypes) {
    if (dtype == name) {
      return type;
    }
  }
  throw InternalError("unchecked tensor type " + dtype);
}

}  // namespace

std::string safetensors_dtype(at::ScalarType type) {
  for (const auto& [name, known] : kTypes) {
    if (known == type) {
      return name;
    }
  }
  return {};
}

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path) : file_(path) {
  try {
    layout_ = parse_safetensors(
        {reinterpret_cast<const char*>(file_.bytes().data()), file_.bytes().size()});
  } catch (const DataError& error) {
    throw DataError("reading " + path.string() + ": " + error.what() +
                    "; the file is damaged or not a safetensors file");
  }
}

at::Tensor SafetensorsReader::read(const SafetensorsEntry& entry) const {
  at::Tensor tensor = at::empty(entry.shape, scalar_type_of(entry.dtype));
  copy_to(entry, tensor);
  return tensor;
}

void SafetensorsReader::copy_to(const SafetensorsEntry& entry, at::Tensor& destination) const {
  LAMBERT_CHECK(destination.is_contiguous() &&
                    destination.sizes() == at::IntArrayRef(entry.shape) &&
                    destination.scalar_type() == scalar_type_of(entry.dtype),
                "destination of " + entry.name + " does not fit");
  file_.check_not_shrunk();
  // A device's destination gets the values by way of the host.
  const at::Tensor host =
      destination.is_cpu() ? destination : at::empty_like(destination, at::kCPU);
  std::memcpy(host.data_ptr(), file_.bytes().data() + layout_.data_begin + entry.begin,
              entry.end - entry.begin);
  if (!host.is_same(destination)) {
    destination.copy_(host);
  }
}

}  // namespace lambert
