// SPDX-License-Identifier: Apache-2.0
// What a single value must satisfy, whatever the other values are.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace lambert {

struct FieldRule {
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool excludes_minimum = false;
  bool excludes_maximum = false;
  bool is_required = false;
  bool may_be_infinite = false;  // accepts .inf
};

constexpr FieldRule any_value() {
  return {};
}
constexpr FieldRule between(double minimum, double maximum) {
  FieldRule rule;
  rule.minimum = minimum;
  rule.maximum = maximum;
  return rule;
}
constexpr FieldRule at_least(double minimum) {
  return between(minimum, std::numeric_limits<double>::infinity());
}
/// Above zero.
constexpr FieldRule positive() {
  FieldRule rule = at_least(0);
  rule.excludes_minimum = true;
  return rule;
}
constexpr FieldRule at_most(FieldRule rule, double maximum) {
  rule.maximum = maximum;
  return rule;
}
/// [0, 1): a share that must leave something over.
constexpr FieldRule below_one() {
  FieldRule rule = between(0, 1);
  rule.excludes_maximum = true;
  return rule;
}
constexpr FieldRule required(FieldRule rule) {
  rule.is_required = true;
  return rule;
}
constexpr FieldRule or_infinite(FieldRule rule) {
  rule.may_be_infinite = true;
  return rule;
}

/// "at least 1", "0 to 1, 1 excluded"; empty when every value is allowed.
std::string range_text(const FieldRule& rule);
/// Why the value is out of range, or nothing.
std::optional<std::string> find_range_mistake(const FieldRule& rule, double value,
                                              const std::string& text);

}  // namespace lambert
