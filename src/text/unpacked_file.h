// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace lambert {

/// The unpacked bytes of a plain, gzip, bzip2, xz or zstd file (by content, whatever its name), in
/// pieces. Several packed streams in one file are read one after the other.
class UnpackedFile {
 public:
  /// Throws DataError when the file cannot be opened.
  explicit UnpackedFile(const std::filesystem::path& path);
  ~UnpackedFile();
  UnpackedFile(const UnpackedFile&) = delete;
  UnpackedFile& operator=(const UnpackedFile&) = delete;

  /// The next piece, valid until the next call; empty at the end. Throws DataError when the packed
  /// data is damaged or cut short.
  std::string_view next_piece();
  std::int64_t unpacked_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lambert
