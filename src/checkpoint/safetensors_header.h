// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file: 8 bytes of length, then JSON. Everything in it is checked
// before it is used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lambert {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
inline constexpr std::size_t kMaxTensors = 100'000;
inline constexpr std::size_t kMaxTensorName = 1024;
inline constexpr std::size_t kMaxTensorRank = 8;

/// One tensor as the header describes it; data bytes [begin, end) count from the end of the header.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;  // "F32", "BF16", "I64" ...
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// What stands before the data of a safetensors file.
struct SafetensorsLayout {
  std::vector<SafetensorsEntry> entries;  // in file order
  std::size_t data_begin = 0;             // byte of the file
};

/// Bytes of one element; 0 for a type we do not read.
std::uint64_t safetensors_element_bytes(std::string_view dtype);

/// JSON text of the header, padded with spaces so that the data starts at a multiple of 8.
std::string write_safetensors_header(const std::vector<SafetensorsEntry>& entries);

/// Entries in file order. Throws DataError with the reason alone; the caller knows the file.
/// Stricter than the reference library: no equal names, no empty tensors, entries in the order of
/// their data.
std::vector<SafetensorsEntry> parse_safetensors_header(std::string_view header,
                                                       std::uint64_t data_bytes);

/// The same for the bytes of a whole file. The data itself is not looked at.
SafetensorsLayout parse_safetensors(std::string_view file);

}  // namespace lambert
