// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace lambert {

/// The `text` string of one JSON object, or what is wrong with it.
struct JsonText {
  std::string text;
  std::string problem;  // empty when all is well
};

/// line: valid UTF-8. Other keys are ignored; a missing, repeated or non-string `text` is a
/// problem.
JsonText read_json_text(std::string_view line);

}  // namespace lambert
