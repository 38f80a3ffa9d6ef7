// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/strict_json.h"

#include <set>
#include <vector>

#include "base/error.h"

namespace lambert {
namespace {

/// Reads the document once, keeping only the names of the open objects.
class StrictnessCheck final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!names_.back().insert(name).second) {
      problem_ = "the name '" + name.substr(0, 60) + "' stands there twice";
      return false;
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem_ = "not JSON from byte " + std::to_string(position) + " on";
    return false;
  }
  const std::string& problem() const { return problem_; }

 private:
  bool open() {
    names_.emplace_back();
    if (names_.size() > kMaxJsonDepth) {
      problem_ = "nested more than " + std::to_string(kMaxJsonDepth) + " deep";
      return false;
    }
    return true;
  }
  bool close() {
    names_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> names_;
  std::string problem_;
};

const nlohmann::json& member(const nlohmann::json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) {
    throw DataError("'" + std::string(name) + "' is missing");
  }
  return object.at(name);
}

[[noreturn]] void throw_wrong_type(const char* name, const char* expected) {
  throw DataError("'" + std::string(name) + "' is not " + expected);
}

}  // namespace

nlohmann::json parse_strict_json(std::string_view text) {
  StrictnessCheck check;
  if (!nlohmann::json::sax_parse(text, &check)) {
    throw DataError(check.problem());
  }
  return nlohmann::json::parse(text);
}

std::int64_t required_count(const nlohmann::json& object, const char* name) {
  const nlohmann::json& value = member(object, name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX) {
    throw_wrong_type(name, "a whole number from 0 to 2^63-1");
  }
  return value.get<std::int64_t>();
}

std::string required_text(const nlohmann::json& object, const char* name) {
  const nlohmann::json& value = member(object, name);
  if (!value.is_string()) {
    throw_wrong_type(name, "a text");
  }
  return value.get<std::string>();
}

bool required_flag(const nlohmann::json& object, const char* name) {
  const nlohmann::json& value = member(object, name);
  if (!value.is_boolean()) {
    throw_wrong_type(name, "true or false");
  }
  return value.get<bool>();
}

double required_number(const nlohmann::json& object, const char* name) {
  const nlohmann::json& value = member(object, name);
  if (!value.is_number()) {
    throw_wrong_type(name, "a number");
  }
  return value.get<double>();
}

}  // namespace lambert
