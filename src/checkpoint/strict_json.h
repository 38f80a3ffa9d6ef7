// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace lambert {

inline constexpr std::size_t kMaxJsonDepth = 16;

/// Parses a small JSON document and refuses what the library lets pass: equal names in one object,
/// deep nesting. Throws DataError with the reason alone; the caller knows the file.
nlohmann::json parse_strict_json(std::string_view text);

/// Members of an object, by type. Each throws DataError naming the member: missing, or of another
/// type.
std::int64_t required_count(const nlohmann::json& object,
                            const char* name);  // integer, 0 .. 2^63-1
std::string required_text(const nlohmann::json& object, const char* name);
bool required_flag(const nlohmann::json& object, const char* name);
double required_number(const nlohmann::json& object, const char* name);

}  // namespace lambert
