// SPDX-License-Identifier: Apache-2.0
#include "config/value_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace lambert {
namespace {

template <class Value>
std::string list_text(const std::vector<Value>& values) {
  std::string text;
  for (const Value& value : values) {
    text += (text.empty() ? "" : ", ") + value_text(value);
  }
  return "[" + text + "]";
}

}  // namespace

std::string value_text(std::int64_t value) {
  return std::to_string(value);
}

std::string value_text(std::uint64_t value) {
  return std::to_string(value);
}

std::string value_text(double value) {
  if (std::isinf(value)) {
    return ".inf";
  }
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

std::string value_text(bool value) {
  return value ? "true" : "false";
}

std::string value_text(const std::string& value) {
  std::string text = "\"";
  for (const char character : value) {
    if (character == '"' || character == '\\') {
      text += '\\';
    }
    text += character;  // the reader lets no control character in
  }
  return text + "\"";
}

std::string value_text(const std::vector<std::string>& values) {
  return list_text(values);
}

std::string value_text(const std::vector<std::uint64_t>& values) {
  return list_text(values);
}

std::string bound_text(double value) {
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  const bool is_whole = std::trunc(value) == value && std::abs(value) < kExactIntegers;
  return is_whole ? std::to_string(static_cast<std::int64_t>(value)) : value_text(value);
}

}  // namespace lambert
