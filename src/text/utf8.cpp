// SPDX-License-Identifier: Apache-2.0
#include "text/utf8.h"

#include <algorithm>
#include <cstring>

namespace lambert {
namespace {

constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;

std::uint8_t byte_at(std::string_view text, std::size_t offset) {
  return static_cast<std::uint8_t>(text[offset]);
}

/// First offset at or after start whose byte is not ASCII, or the size.
std::size_t skip_ascii(std::string_view text, std::size_t start) {
  std::size_t offset = start;
  while (offset + sizeof(std::uint64_t) <= text.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + offset, sizeof(word));
    if ((word & kHighBits) != 0) {
      break;
    }
    offset += sizeof(word);
  }
  while (offset < text.size() && byte_at(text, offset) < 0x80) {
    ++offset;
  }
  return offset;
}

/// What a first byte promises: the length, its payload bits, and the range allowed for the second
/// byte, which is where overlong forms (E0, F0), surrogates (ED) and too large values (F4) are
/// refused.
struct LeadByte {
  std::uint8_t length = 0;  // 0: no sequence starts with this byte
  std::uint8_t payload = 0;
  std::uint8_t second_low = 0x80;
  std::uint8_t second_high = 0xBF;
};

LeadByte classify_lead_byte(std::uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) {
    return {2, static_cast<std::uint8_t>(lead & 0x1FU)};
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    const auto payload = static_cast<std::uint8_t>(lead & 0x0FU);
    const std::uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const std::uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return {3, payload, low, high};
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const auto payload = static_cast<std::uint8_t>(lead & 0x07U);
    const std::uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return {4, payload, low, high};
  }
  return {};
}

}  // namespace

Utf8Sequence decode_utf8(std::string_view text, std::size_t offset) {
  const std::uint8_t first = byte_at(text, offset);
  if (first < 0x80) {
    return {first, 1, true};
  }
  const LeadByte lead = classify_lead_byte(first);
  if (lead.length == 0) {
    return {0, 1, false};
  }
  char32_t code_point = lead.payload;
  for (std::uint8_t i = 1; i < lead.length; ++i) {
    const std::uint8_t low = i == 1 ? lead.second_low : 0x80;
    const std::uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (offset + i >= text.size() || byte_at(text, offset + i) < low ||
        byte_at(text, offset + i) > high) {
      return {0, i, false};
    }
    code_point = (code_point << 6U) | (byte_at(text, offset + i) & 0x3FU);
  }
  return {code_point, lead.length, true};
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  std::size_t offset = skip_ascii(text, 0);
  while (offset < text.size()) {
    const Utf8Sequence sequence = decode_utf8(text, offset);
    if (!sequence.valid) {
      return offset;
    }
    offset = skip_ascii(text, offset + sequence.byte_count);
  }
  return std::nullopt;
}

std::string drop_invalid_utf8(std::string_view text, std::int64_t* dropped_bytes) {
  std::string kept;
  kept.reserve(text.size());
  std::size_t offset = 0;
  while (offset < text.size()) {
    const std::size_t good = find_invalid_utf8(text.substr(offset)).value_or(text.size() - offset);
    kept.append(text.substr(offset, good));
    offset += good;
    if (offset < text.size()) {
      offset += decode_utf8(text, offset).byte_count;
    }
  }
  if (dropped_bytes != nullptr) {
    *dropped_bytes += static_cast<std::int64_t>(text.size() - kept.size());
  }
  return kept;
}

void append_utf8(char32_t code_point, std::string& text) {
  const auto tail = [code_point](unsigned shift) {
    return static_cast<char>(0x80U | ((code_point >> shift) & 0x3FU));
  };
  if (code_point < 0x80) {
    text.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    text.push_back(static_cast<char>(0xC0U | (code_point >> 6U)));
    text.push_back(tail(0));
  } else if (code_point < 0x10000) {
    text.push_back(static_cast<char>(0xE0U | (code_point >> 12U)));
    text.push_back(tail(6));
    text.push_back(tail(0));
  } else {
    text.push_back(static_cast<char>(0xF0U | (code_point >> 18U)));
    text.push_back(tail(12));
    text.push_back(tail(6));
    text.push_back(tail(0));
  }
}

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<std::uint8_t>(byte) & 0xC0U) != 0x80U;
  }));
}

std::string hex_bytes(std::string_view bytes, std::size_t limit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (std::size_t i = 0; i < std::min(limit, bytes.size()); ++i) {
    if (i > 0) {
      hex += ' ';
    }
    hex += kDigits[byte_at(bytes, i) >> 4U];
    hex += kDigits[byte_at(bytes, i) & 0x0FU];
  }
  return hex;
}

}  // namespace lambert
