// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace lambert {

/// Strict reading of index.json: every mistake is a DataError that names the file and the key.
class JsonFields {
 public:
  /// Parses text; a repeated key is refused, because readers disagree about which one counts.
  static nlohmann::json parse(std::string_view text, const std::filesystem::path& file);

  /// where: the place inside the file for messages ("shards[3]"), empty at the top.
  JsonFields(const nlohmann::json& object, const std::filesystem::path& file, std::string where);

  /// Exactly these keys, no other.
  void expect_keys(std::initializer_list<std::string_view> keys) const;
  std::int64_t integer(const char* key, std::int64_t lowest, std::int64_t highest) const;
  std::string text(const char* key) const;
  bool boolean(const char* key) const;
  const nlohmann::json& member(const char* key) const;
  [[noreturn]] void fail(const std::string& key, const std::string& found) const;

 private:
  const nlohmann::json& object_;
  const std::filesystem::path& file_;
  std::string where_;
};

}  // namespace lambert
