// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/hash.h"
#include "checkpoint/safetensors_reader.h"

namespace lambert {
namespace {

std::vector<SafetensorsEntry> lay_out(const std::vector<NamedTensor>& tensors) {
  std::vector<SafetensorsEntry> entries;
  std::uint64_t begin = 0;
  for (const NamedTensor& named : tensors) {
    LAMBERT_CHECK((named.parts || named.tensor.is_contiguous()) && named.tensor.numel() > 0 &&
                      !safetensors_dtype(named.tensor.scalar_type()).empty(),
                  named.name + " cannot be written");
    LAMBERT_CHECK(entries.empty() || entries.back().name != named.name, named.name + " twice");
    const std::uint64_t end = begin + named.tensor.nbytes();
    entries.push_back({named.name, safetensors_dtype(named.tensor.scalar_type()),
                       named.tensor.sizes().vec(), begin, end});
    begin = end;
  }
  return entries;
}

/// A file and the hash of what was written to it.
struct HashedFile {
  explicit HashedFile(std::unique_ptr<WritableFile> opened) : file(std::move(opened)) {}

  void append(std::span<const std::byte> content) {
    file->append(content);
    hash.update(content);
    bytes += content.size();
  }

  std::unique_ptr<WritableFile> file;
  StreamingHash hash;
  std::uint64_t bytes = 0;
};

}  // namespace

std::vector<NamedTensor> in_file_order(std::vector<NamedTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& left, const NamedTensor& right) {
    if (left.tensor.element_size() != right.tensor.element_size()) {
      return left.tensor.element_size() > right.tensor.element_size();
    }
    return left.name < right.name;
  });
  return tensors;
}

WrittenSafetensors write_safetensors_counted(FileSystem& file_system,
                                             const std::filesystem::path& path,
                                             const std::vector<NamedTensor>& tensors) {
  const std::vector<NamedTensor> ordered = in_file_order(tensors);
  const std::string header = write_safetensors_header(lay_out(ordered));
  std::array<std::byte, 8> length{};
  for (std::size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<std::byte>((header.size() >> (8 * i)) & 0xFFU);
  }
  HashedFile output(file_system.create_file(path));
  output.append(length);
  output.append(std::as_bytes(std::span(header)));
  for (const NamedTensor& named : ordered) {
    const at::Tensor content = (named.parts ? named.parts->gather_for_file() : named.tensor).cpu();
    output.append({static_cast<const std::byte*>(content.const_data_ptr()),
                   static_cast<std::size_t>(content.nbytes())});
  }
  output.file->sync();
  output.file->close();
  return {output.bytes, output.hash.hex()};
}

std::string write_safetensors(FileSystem& file_system, const std::filesystem::path& path,
                              const std::vector<NamedTensor>& tensors) {
  return write_safetensors_counted(file_system, path, tensors).xxh3_128;
}

std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& path) {
  const SafetensorsReader reader(path);
  std::map<std::string, at::Tensor> tensors;
  for (const SafetensorsEntry& entry : reader.entries()) {
    tensors.emplace(entry.name, reader.read(entry));
  }
  return tensors;
}

}  // namespace lambert
