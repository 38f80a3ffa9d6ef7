// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lambert {

/// "line 12, column 34" of the value at a path like data[0].paragraphs[3].qas[1].id in a valid JSON
/// text; the top for a path that is not there. Reads the text again, so that only mistakes pay for
/// it.
std::string place_in_json(std::string_view text, const std::string& path);

/// "line 12, column 34" of what parse_strict_json() refuses: the first byte that is not JSON, a
/// name that stands twice in an object, a level too deep.
std::string place_of_json_mistake(std::string_view text);

/// The same for a byte of the text.
std::string place_of_byte(std::string_view text, std::size_t offset);

}  // namespace lambert
