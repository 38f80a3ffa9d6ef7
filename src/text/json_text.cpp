// SPDX-License-Identifier: Apache-2.0
#include "text/json_text.h"

#include <simdjson.h>

#include "text/utf8.h"

namespace lambert {

JsonText read_json_text(std::string_view line) {
  // Its buffers grow with the longest line seen: one parser per thread, not one per line.
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (const auto error = parser.parse(line.data(), line.size()).get(object)) {
    return {{}, std::string("malformed JSON (") + simdjson::error_message(error) + ")"};
  }
  JsonText result;
  int text_count = 0;
  for (const simdjson::dom::key_value_pair field : object) {
    if (field.key != "text") {
      continue;
    }
    std::string_view value;
    if (field.value.get_string().get(value) != simdjson::SUCCESS) {
      return {{}, "key `text` is not a string"};
    }
    result.text = value;
    ++text_count;
  }
  if (text_count != 1) {
    return {{}, text_count == 0 ? "key `text` is missing" : "key `text` occurs twice"};
  }
  if (find_invalid_utf8(result.text)) {
    return {{}, "key `text` holds half of a surrogate pair"};
  }
  return result;
}

}  // namespace lambert
