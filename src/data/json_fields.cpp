// SPDX-License-Identifier: Apache-2.0
#include "data/json_fields.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"

namespace lambert {
namespace {

[[noreturn]] void throw_index_error(const std::filesystem::path& file, const std::string& found) {
  throw DataError("reading " + file.string() + ": " + found +
                  "; restore the file or run lambert prepare for this folder again");
}

}  // namespace

nlohmann::json JsonFields::parse(std::string_view text, const std::filesystem::path& file) {
  using Event = nlohmann::json::parse_event_t;
  std::vector<std::set<std::string>> open_objects;
  const auto watch_keys = [&](int /*depth*/, Event event, nlohmann::json& parsed) {
    if (event == Event::object_start) {
      open_objects.emplace_back();
    } else if (event == Event::object_end) {
      open_objects.pop_back();
    } else if (event == Event::key &&
               !open_objects.back().insert(parsed.get<std::string>()).second) {
      throw_index_error(file, "key \"" + parsed.get<std::string>() + "\" is given twice");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, watch_keys);
  } catch (const nlohmann::json::parse_error& error) {
    throw_index_error(file, "not valid JSON from byte " + std::to_string(error.byte) + " on");
  } catch (const nlohmann::json::exception&) {
    throw_index_error(file, "not valid JSON");
  }
}

JsonFields::JsonFields(const nlohmann::json& object, const std::filesystem::path& file,
                       std::string where)
    : object_(object), file_(file), where_(std::move(where)) {
  if (!object_.is_object()) {
    throw_index_error(file_,
                      (where_.empty() ? "the document" : where_) + std::string(" is no object"));
  }
}

void JsonFields::expect_keys(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : object_.items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      fail(key, "unknown key");
    }
  }
}

const nlohmann::json& JsonFields::member(const char* key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) {
    fail(key, "missing");
  }
  return *found;
}

std::int64_t JsonFields::integer(const char* key, std::int64_t lowest, std::int64_t highest) const {
  const nlohmann::json& value = member(key);
  const bool in_type = value.is_number_integer() &&
                       (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
  if (!in_type || value.get<std::int64_t>() < lowest || value.get<std::int64_t>() > highest) {
    fail(key, "expected an integer from " + std::to_string(lowest) + " to " +
                  std::to_string(highest) + ", found " + value.dump(-1, ' ', true).substr(0, 60));
  }
  return value.get<std::int64_t>();
}

std::string JsonFields::text(const char* key) const {
  const nlohmann::json& value = member(key);
  if (!value.is_string()) {
    fail(key, "expected a string");
  }
  return value.get<std::string>();
}

bool JsonFields::boolean(const char* key) const {
  const nlohmann::json& value = member(key);
  if (!value.is_boolean()) {
    fail(key, "expected true or false");
  }
  return value.get<bool>();
}

void JsonFields::fail(const std::string& key, const std::string& found) const {
  throw_index_error(file_, (where_.empty() ? "" : where_ + ".") + key + ": " + found);
}

}  // namespace lambert
