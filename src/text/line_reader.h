// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "text/unpacked_file.h"

namespace lambert {

/// One line of a text file.
struct TextLine {
  std::string_view text;         // without line end; valid until the next read; empty when too long
  std::int64_t number = 0;       // from 1
  std::int64_t byte_offset = 0;  // of its first byte in the unpacked file
  std::int64_t byte_count = 0;   // its length, also when it was too long to be kept
  bool too_long = false;
};

/// Lines of a file, split at LF; CR before LF and a leading byte order mark are removed. Memory:
/// one line of at most max_line_bytes; a longer one is read past and only its length kept.
class LineReader {
 public:
  LineReader(const std::filesystem::path& path, std::int64_t max_line_bytes)
      : file_(path), max_line_bytes_(max_line_bytes) {}

  /// False at the end of the file.
  bool next(TextLine& line);
  std::int64_t unpacked_bytes() const { return file_.unpacked_bytes(); }

 private:
  bool refill();
  void take(std::string_view part, TextLine& line);

  UnpackedFile file_;
  std::int64_t max_line_bytes_;
  std::string_view piece_;
  std::string line_;
  std::int64_t lines_read_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace lambert
