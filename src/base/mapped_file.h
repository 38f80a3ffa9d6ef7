// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace lambert {

/// A file mapped read-only. A file that is cut short while mapped ends in SIGBUS on access, so
/// callers ask check_not_shrunk() first, once per block.
class MappedFile {
 public:
  /// Throws DataError when the path is no readable regular file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;

  std::size_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }
  /// The mapping itself; call check_not_shrunk() before touching it.
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Throws DataError when the file is now shorter than when it was mapped.
  void check_not_shrunk() const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace lambert
