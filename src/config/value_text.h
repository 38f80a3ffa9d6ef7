// SPDX-License-Identifier: Apache-2.0
// Values as the YAML reader accepts them: what is written loads unchanged.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/enum_names.h"

namespace lambert {

std::string value_text(std::int64_t value);
std::string value_text(std::uint64_t value);
std::string value_text(double value);  // shortest text that reads back to the same double; .inf
std::string value_text(bool value);
std::string value_text(const std::string& value);  // in double quotes
std::string value_text(const std::vector<std::string>& values);
std::string value_text(const std::vector<std::uint64_t>& values);

template <NamedEnum Enum>
std::string value_text(Enum value) {
  return enum_name(value);
}

/// The bound of a range; large whole numbers without exponent.
std::string bound_text(double value);

}  // namespace lambert
