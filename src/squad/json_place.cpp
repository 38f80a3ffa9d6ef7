// SPDX-License-Identifier: Apache-2.0
#include "squad/json_place.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "checkpoint/strict_json.h"

namespace lambert {
namespace {

/// Counts what the parser has taken.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, std::size_t* taken) : at_(at), taken_(taken) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    ++*taken_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::size_t* taken_;
};

/// Follows the paths of all values and stops at the wanted one, or at the first mistake.
class PathFinder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  /// wanted: null to look for a mistake only.
  PathFinder(std::string_view text, const std::string* wanted, const std::size_t& taken)
      : text_(text), wanted_(wanted), taken_(taken) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    if (!levels_.back().names.insert(name).second) {
      return stop_at_next_token();
    }
    levels_.back().key = name;
    previous_end_ = taken_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    found_ = position > 0 ? position - 1 : 0;  // counted from 1
    return false;
  }

  std::size_t found() const { return found_; }

 private:
  struct Level {
    bool is_array = false;
    std::size_t index = 0;
    std::string key;
    std::set<std::string> names;
  };

  std::string path() const {
    std::string text;
    for (const Level& level : levels_) {
      if (level.is_array) {
        text += "[" + std::to_string(level.index) + "]";
      } else {
        text += (text.empty() ? "" : ".") + level.key;
      }
    }
    return text;
  }

  /// A token starts where the last one ended, behind commas, colons and spaces. False, for the
  /// parser.
  bool stop_at_next_token() {
    found_ = std::min(text_.find_first_not_of(" \t\r\n,:", previous_end_), text_.size());
    return false;
  }

  /// False when this is the wanted value.
  bool begin() { return wanted_ == nullptr || path() != *wanted_ || stop_at_next_token(); }

  void end() {
    previous_end_ = taken_;
    if (!levels_.empty() && levels_.back().is_array) {
      ++levels_.back().index;
    }
  }

  bool value() {
    const bool goes_on = begin();
    end();
    return goes_on;
  }

  bool open(bool is_array) {
    if (!begin() || (levels_.size() == kMaxJsonDepth && !stop_at_next_token())) {
      return false;
    }
    levels_.push_back({is_array, 0, "", {}});
    previous_end_ = taken_;
    return true;
  }

  bool close() {
    levels_.pop_back();
    end();
    return true;
  }

  std::string_view text_;
  const std::string* wanted_;
  const std::size_t& taken_;
  std::size_t previous_end_ = 0;
  std::size_t found_ = 0;
  std::vector<Level> levels_;
};

std::size_t find_byte(std::string_view text, const std::string* wanted) {
  std::size_t taken = 0;
  PathFinder finder(text, wanted, taken);
  nlohmann::json::sax_parse(CountingIterator(text.data(), &taken),
                            CountingIterator(text.data() + text.size(), &taken), &finder);
  return finder.found();
}

}  // namespace

std::string place_of_byte(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return "line " + std::to_string(line) + ", column " +
         std::to_string(before.size() - line_start + 1);
}

std::string place_in_json(std::string_view text, const std::string& path) {
  return place_of_byte(text, find_byte(text, &path));
}

std::string place_of_json_mistake(std::string_view text) {
  return place_of_byte(text, find_byte(text, nullptr));
}

}  // namespace lambert
