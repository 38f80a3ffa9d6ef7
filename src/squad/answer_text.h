// SPDX-License-Identifier: Apache-2.0
// The text rules of SQuAD's official evaluation scripts and of the original's answer extraction, as
// Python's str has them (Unicode 14).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lambert {

/// What Python's str.isspace() says.
bool is_python_space(char32_t code_point);

/// Code points of valid UTF-8, and back.
std::u32string to_code_points(std::string_view text);
std::string to_utf8(std::u32string_view code_points);

/// str.split(): words between runs of white space.
std::vector<std::u32string> split_at_spaces(std::u32string_view text);

/// normalize_answer(): lower case, no ASCII punctuation, no articles, split at white space.
std::vector<std::string> normalized_words(std::string_view answer);

}  // namespace lambert
