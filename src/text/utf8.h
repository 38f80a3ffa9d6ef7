// SPDX-License-Identifier: Apache-2.0
// UTF-8 in and out. Validity is RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lambert {

/// One step of decoding.
struct Utf8Sequence {
  char32_t code_point = 0;  // meaningless when not valid
  std::uint8_t byte_count =
      0;  // of a bad sequence: its longest prefix that could have begun a good one, at least 1
  bool valid = false;
};

/// The sequence that starts at text[offset]; offset < text.size().
Utf8Sequence decode_utf8(std::string_view text, std::size_t offset);

/// Byte offset of the first bad sequence; empty when the text is valid.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

/// The text without its bad sequences: what Python's bytes.decode('utf-8', 'ignore') keeps.
/// dropped_bytes, when given, is increased by the bytes left out.
std::string drop_invalid_utf8(std::string_view text, std::int64_t* dropped_bytes = nullptr);

void append_utf8(char32_t code_point, std::string& text);

/// Code points of valid UTF-8.
std::size_t count_code_points(std::string_view text);

/// The bytes in hexadecimal, for messages: "c3 28". Shows limit bytes at most.
std::string hex_bytes(std::string_view bytes, std::size_t limit = 8);

}  // namespace lambert
