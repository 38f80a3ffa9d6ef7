// SPDX-License-Identifier: Apache-2.0
#include "config/field_rule.h"

#include <cmath>

#include "config/value_text.h"

namespace lambert {

std::string range_text(const FieldRule& rule) {
  const bool has_minimum = std::isfinite(rule.minimum);
  const bool has_maximum = std::isfinite(rule.maximum);
  std::string text;
  if (has_minimum && has_maximum) {
    text = bound_text(rule.minimum) + " to " + bound_text(rule.maximum);
    text += rule.excludes_minimum ? ", " + bound_text(rule.minimum) + " excluded" : "";
    text += rule.excludes_maximum ? ", " + bound_text(rule.maximum) + " excluded" : "";
  } else if (has_minimum) {
    text = (rule.excludes_minimum ? "above " : "at least ") + bound_text(rule.minimum);
  } else if (has_maximum) {
    text = (rule.excludes_maximum ? "below " : "at most ") + bound_text(rule.maximum);
  }
  return text + (rule.may_be_infinite ? " (.inf = no limit)" : "");
}

std::optional<std::string> find_range_mistake(const FieldRule& rule, double value,
                                              const std::string& text) {
  const bool too_low = value < rule.minimum || (rule.excludes_minimum && value == rule.minimum);
  const bool too_high = value > rule.maximum || (rule.excludes_maximum && value == rule.maximum);
  if (too_low || too_high) {
    return "value " + text + " is out of range; expected " + range_text(rule);
  }
  return std::nullopt;
}

}  // namespace lambert
