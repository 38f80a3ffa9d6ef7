// SPDX-License-Identifier: Apache-2.0
#include "config/scalar_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

namespace lambert {
namespace {

constexpr std::size_t kLongestShownText = 60;

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

/// 010 is eight for some YAML readers and ten for people.
bool has_leading_zero(std::string_view text) {
  if (text.starts_with('-')) {
    text.remove_prefix(1);
  }
  return text.size() > 1 && text[0] == '0' && is_digit(text[1]);
}

std::string expected(const char* what, const YamlNode& node, const std::string& advice = "") {
  return "found " + describe_node(node) + "; expected " + what + advice;
}

template <class Integer>
Reason read_integer(const YamlNode& node, Integer& target, const char* what) {
  if (node.kind != YamlNode::Kind::scalar) {
    return expected(what, node);
  }
  if (node.is_quoted) {
    return expected(what, node, "; remove the quotes");
  }
  const std::string& text = node.text;
  if (has_leading_zero(text)) {
    return expected(what, node, " without leading zeros");
  }
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    return expected(what, node,
                    " of at most " + std::to_string(std::numeric_limits<Integer>::max()));
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    return expected(what, node, " in digits only (no exponent, point, underscore or unit)");
  }
  target = value;
  return std::nullopt;
}

}  // namespace

std::string describe_node(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
    case YamlNode::Kind::scalar:
      break;
  }
  std::string shown;
  for (const char character : node.text.substr(0, kLongestShownText)) {
    const auto code = static_cast<unsigned char>(character);
    shown += code < 0x20 || code == 0x7F ? '?' : character;
  }
  shown += node.text.size() > kLongestShownText ? "..." : "";
  return (node.is_quoted ? "the quoted text '" : "'") + shown + "'";
}

Reason read_scalar(const YamlNode& node, std::int64_t& target) {
  return read_integer(node, target, "a whole number");
}

Reason read_scalar(const YamlNode& node, std::uint64_t& target) {
  return read_integer(node, target, "a whole number from 0");
}

Reason read_scalar(const YamlNode& node, double& target) {
  constexpr const char* kNumber = "a finite number";
  if (node.kind != YamlNode::Kind::scalar) {
    return expected(kNumber, node);
  }
  if (node.is_quoted) {
    return expected(kNumber, node, "; remove the quotes");
  }
  const std::string& text = node.text;
  if (text == ".inf") {
    target = std::numeric_limits<double>::infinity();
    return std::nullopt;
  }
  if (has_leading_zero(text)) {
    return expected(kNumber, node, " without leading zeros");
  }
  const bool is_numeric = std::all_of(text.begin(), text.end(), [](char character) {
    return is_digit(character) ||
           std::string_view("+-.eE").find(character) != std::string_view::npos;
  });
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (is_numeric && error == std::errc::result_out_of_range) {
    return expected(kNumber, node, " that a double can hold (up to 1.8e308)");
  }
  if (!is_numeric || error != std::errc() || end != text.data() + text.size()) {
    return expected(kNumber, node, ", like 0.01 or 6.0e-3");
  }
  target = value;
  return std::nullopt;
}

Reason read_scalar(const YamlNode& node, bool& target) {
  const bool is_plain = node.kind == YamlNode::Kind::scalar && !node.is_quoted;
  if (!is_plain || (node.text != "true" && node.text != "false")) {
    return expected("true or false", node);
  }
  target = node.text == "true";
  return std::nullopt;
}

Reason read_scalar(const YamlNode& node, std::string& target) {
  if (node.kind != YamlNode::Kind::scalar) {
    return expected("text", node);
  }
  const bool has_control_character =
      std::any_of(node.text.begin(), node.text.end(), [](char character) {
        return static_cast<unsigned char>(character) < 0x20 || character == 0x7F;
      });
  if (has_control_character) {
    return expected("text on one line without control characters", node);
  }
  target = node.text;
  return std::nullopt;
}

}  // namespace lambert
