// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file_system.h"
#include "base/log.h"
#include "checkpoint/strict_json.h"
#include "squad/json_place.h"
#include "squad/squad_data.h"
#include "text/utf8.h"

namespace lambert {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLargestFile = std::uint64_t{4} << 30;
/// Of the questions of a training file; more means that the offsets count something else.
constexpr double kLargestShareOfWrongOffsets = 0.01;

/// As much of a text as a message quotes, whole characters.
std::string_view excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::size_t end = std::min(text.size(), kLongest);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return text.substr(0, end);
}

std::string in_quotes(std::string_view text) {
  const std::string_view shown = excerpt(text);
  return "'" + std::string(shown) + "'" + (shown.size() < text.size() ? "..." : "");
}

/// A value, where it stands, and what to say when it is not what SQuAD has there.
class Node {
 public:
  Node(const json& value, std::string path, const std::string& file, std::string_view text)
      : value_(value), path_(std::move(path)), file_(file), text_(text) {}

  [[noreturn]] void fail(const std::string& reason) const {
    throw DataError("reading " + file_ + ", " + place_in_json(text_, path_) + ": " +
                    (path_.empty() ? "the top" : path_) + " " + reason +
                    "; give a SQuAD v1.1 or v2.0 file");
  }

  bool has(const char* name) const { return value_.is_object() && value_.contains(name); }

  Node member(const char* name) const {
    if (!value_.is_object()) {
      fail("is " + std::string(value_.type_name()) + ", expected an object");
    }
    if (!value_.contains(name)) {
      fail("has no '" + std::string(name) + "'");
    }
    return {value_.at(name), path_.empty() ? name : path_ + "." + name, file_, text_};
  }

  std::vector<Node> items() const {
    if (!value_.is_array()) {
      fail("is " + std::string(value_.type_name()) + ", expected a list");
    }
    std::vector<Node> nodes;
    for (std::size_t index = 0; index < value_.size(); ++index) {
      nodes.emplace_back(value_[index], path_ + "[" + std::to_string(index) + "]", file_, text_);
    }
    return nodes;
  }

  std::string text() const {
    if (!value_.is_string()) {
      fail("is " + std::string(value_.type_name()) + ", expected a text");
    }
    return value_.get<std::string>();
  }

  bool flag() const {
    if (!value_.is_boolean()) {
      fail("is " + std::string(value_.type_name()) + ", expected true or false");
    }
    return value_.get<bool>();
  }

  std::int64_t whole_number() const {
    if (!value_.is_number_integer()) {
      fail("is " + std::string(excerpt(value_.dump())) + ", expected a whole number");
    }
    if (value_.is_number_unsigned() && value_.get<std::uint64_t>() > INT64_MAX) {
      fail("is " + value_.dump() + ", too large");
    }
    return value_.get<std::int64_t>();
  }

 private:
  const json& value_;
  std::string path_;
  const std::string& file_;
  std::string_view text_;
};

/// Byte offset of every code point, and of the end.
std::vector<std::size_t> code_point_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  for (std::size_t offset = 0; offset < text.size();) {
    offsets.push_back(offset);
    offset += decode_utf8(text, offset).byte_count;
  }
  offsets.push_back(text.size());
  return offsets;
}

/// What stands at the answer's place when it is not the answer; nothing when it is.
std::string other_text_at(const SquadAnswer& answer, std::string_view context,
                          const std::vector<std::size_t>& offsets) {
  const auto length = static_cast<std::int64_t>(count_code_points(answer.text));
  const auto last = static_cast<std::int64_t>(offsets.size()) - 1;
  if (answer.start < 0) {
    return "nothing: that is before the context";
  }
  if (answer.start > last - length) {
    return "the end of the context, which has " + std::to_string(last) + " code points";
  }
  const std::size_t begin = offsets[static_cast<std::size_t>(answer.start)];
  const std::size_t end = offsets[static_cast<std::size_t>(answer.start + length)];
  const std::string_view found = context.substr(begin, end - begin);
  return found == answer.text ? "" : in_quotes(found);
}

class Reader {
 public:
  explicit Reader(SquadData& data) : data_(data) {}

  void read(const Node& top) {
    const std::vector<Node> articles = top.member("data").items();
    for (const Node& article : articles) {
      for (const Node& paragraph : article.member("paragraphs").items()) {
        read_paragraph(paragraph);
      }
    }
    if (data_.questions.empty()) {
      top.member("data").fail("holds no question");
    }
  }

 private:
  void read_paragraph(const Node& paragraph) {
    const Node context = paragraph.member("context");
    data_.contexts.push_back(context.text());
    if (data_.contexts.back().find_first_not_of(" \t\r\n") == std::string::npos) {
      context.fail("is empty");
    }
    const std::vector<std::size_t> offsets = code_point_offsets(data_.contexts.back());
    for (const Node& node : paragraph.member("qas").items()) {
      read_question(node, offsets);
    }
  }

  void read_question(const Node& node, const std::vector<std::size_t>& offsets) {
    SquadQuestion question;
    question.context = data_.contexts.size() - 1;
    question.id = node.member("id").text();
    question.text = node.member("question").text();
    if (question.id.empty()) {
      node.member("id").fail("is empty");
    }
    if (!ids_.insert(question.id).second) {
      node.member("id").fail(in_quotes(question.id) + " stands there twice");
    }
    if (node.has("is_impossible")) {
      data_.has_impossible_key = true;
      question.is_impossible = node.member("is_impossible").flag();
    }
    for (const Node& answer : node.member("answers").items()) {
      question.answers.push_back(
          {answer.member("text").text(), answer.member("answer_start").whole_number()});
    }
    if (question.is_impossible && !question.answers.empty()) {
      node.member("answers").fail("of question " + in_quotes(question.id) +
                                  " has answers, but is_impossible is true");
    }
    if (!question.is_impossible && question.answers.empty()) {
      node.member("answers").fail("of question " + in_quotes(question.id) +
                                  " is empty, but is_impossible is not true");
    }
    check_offsets(question, offsets);
    data_.questions.push_back(std::move(question));
  }

  void check_offsets(SquadQuestion& question, const std::vector<std::size_t>& offsets) {
    for (const SquadAnswer& answer : question.answers) {
      const std::string found = other_text_at(answer, data_.contexts.back(), offsets);
      if (!found.empty()) {
        question.wrong_offset = "question " + in_quotes(question.id) + ": " +
                                in_quotes(answer.text) + " expected at " +
                                std::to_string(answer.start) + ", found " + found;
        return;
      }
    }
  }

  SquadData& data_;
  std::set<std::string> ids_;
};

json parse(const std::string& file, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF") || text.starts_with("\xFF\xFE") ||
      text.starts_with("\xFE\xFF")) {
    throw DataError("reading " + file +
                    ": it starts with a byte order mark; save it as UTF-8 without one");
  }
  if (const auto bad = find_invalid_utf8(text)) {
    throw DataError("reading " + file + ", " + place_of_byte(text, *bad) + ": not UTF-8 (bytes " +
                    hex_bytes(text.substr(*bad)) + "); save it as UTF-8");
  }
  try {
    return parse_strict_json(text);
  } catch (const DataError& error) {
    throw DataError("reading " + file + ", " + place_of_json_mistake(text) + ": " + error.what() +
                    "; give a complete SQuAD v1.1 or v2.0 file");
  }
}

}  // namespace

SquadData read_squad(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file)) {
    throw DataError("reading " + file.string() + ": there is no such file; name a SQuAD JSON file");
  }
  return parse_squad(read_file(file, kLargestFile), file);
}

SquadData parse_squad(std::string_view text, const std::filesystem::path& file) {
  const std::string name = file.string();
  const json document = parse(name, text);
  SquadData data;
  data.file = file;
  Reader(data).read(Node(document, "", name, text));
  return data;
}

SquadVersion choose_version(const std::string& wanted, const SquadData& data) {
  const bool is_v2 = wanted.empty() ? data.has_impossible_key : wanted == "2.0";
  return is_v2 ? SquadVersion::v2_0 : SquadVersion::v1_1;
}

void require_version(const SquadData& data, SquadVersion version) {
  const auto impossible =
      std::count_if(data.questions.begin(), data.questions.end(),
                    [](const auto& question) { return question.is_impossible; });
  if (version == SquadVersion::v1_1 && impossible > 0) {
    throw DataError("reading " + data.file.string() + ": " + std::to_string(impossible) +
                    " questions are impossible, SQuAD v1.1 has none; choose version 2.0");
  }
  if (version == SquadVersion::v2_0 && !data.has_impossible_key) {
    throw DataError(
        "reading " + data.file.string() +
        ": no question has is_impossible, so this is not SQuAD v2.0; choose version 1.1");
  }
}

SquadData spread_questions(const SquadData& data, std::int64_t count) {
  const std::size_t total = data.questions.size();
  const std::size_t kept = count > 0 ? std::min(static_cast<std::size_t>(count), total) : total;
  SquadData subset;
  subset.file = data.file;
  subset.has_impossible_key = data.has_impossible_key;
  std::optional<std::size_t> last_context;
  for (std::size_t index = 0; index < kept; ++index) {
    SquadQuestion question = data.questions[index * total / kept];
    if (question.context != last_context) {  // contexts stand in the order of their questions
      last_context = question.context;
      subset.contexts.push_back(data.contexts[question.context]);
    }
    question.context = subset.contexts.size() - 1;
    subset.questions.push_back(std::move(question));
  }
  return subset;
}

void require_answer_offsets(const SquadData& data) {
  const auto is_wrong = [](const SquadQuestion& question) {
    return !question.wrong_offset.empty();
  };
  const auto wrong = std::count_if(data.questions.begin(), data.questions.end(), is_wrong);
  if (wrong == 0) {
    return;
  }
  const std::string found =
      std::to_string(wrong) + " of " + std::to_string(data.questions.size()) +
      " questions have an answer whose text is not at its answer_start (counted in code points), "
      "first " +
      std::find_if(data.questions.begin(), data.questions.end(), is_wrong)->wrong_offset;
  if (static_cast<double>(wrong) >
      kLargestShareOfWrongOffsets * static_cast<double>(data.questions.size())) {
    throw DataError("reading " + data.file.string() + ": " + found + "; repair the file");
  }
  log_warning("reading " + data.file.string() + ": " + found + "; these are not trained on");
}

}  // namespace lambert
