// SPDX-License-Identifier: Apache-2.0
#include "squad/answer_text.h"

#include <algorithm>
#include <array>

#include <unicode/uchar.h>

#include "text/normalizer.h"
#include "text/utf8.h"

namespace lambert {
namespace {

constexpr std::u32string_view kPunctuation = U"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
constexpr std::array<std::u32string_view, 3> kArticles = {U"a", U"an", U"the"};
constexpr std::uint8_t kUnicodeVersion = 14;  // of Python 3.11

/// \w of Python's re: letters, everything with a numeric value, the underscore.
bool is_word_character(char32_t code_point) {
  const auto character = static_cast<UChar32>(code_point);
  UVersionInfo age;
  u_charAge(character, age);
  if (age[0] == 0 || age[0] > kUnicodeVersion) {
    return false;
  }
  return code_point == U'_' || u_isalpha(character) != 0 ||
         u_getIntPropertyValue(character, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

/// re.sub(r'\b(a|an|the)\b', ' ', text)
std::u32string without_articles(std::u32string_view text) {
  std::u32string kept;
  for (std::size_t begin = 0; begin < text.size();) {
    if (!is_word_character(text[begin])) {
      kept += text[begin++];
      continue;
    }
    std::size_t end = begin;
    while (end < text.size() && is_word_character(text[end])) {
      ++end;
    }
    const std::u32string_view word = text.substr(begin, end - begin);
    const bool is_article = std::find(kArticles.begin(), kArticles.end(), word) != kArticles.end();
    kept += is_article ? U" " : word;
    begin = end;
  }
  return kept;
}

}  // namespace

bool is_python_space(char32_t code_point) {
  return (code_point >= 0x09 && code_point <= 0x0d) || (code_point >= 0x1c && code_point <= 0x20) ||
         code_point == 0x85 || code_point == 0xa0 || code_point == 0x1680 ||
         (code_point >= 0x2000 && code_point <= 0x200a) || code_point == 0x2028 ||
         code_point == 0x2029 || code_point == 0x202f || code_point == 0x205f ||
         code_point == 0x3000;
}

std::u32string to_code_points(std::string_view text) {
  std::u32string code_points;
  for (std::size_t offset = 0; offset < text.size();) {
    const Utf8Sequence sequence = decode_utf8(text, offset);
    if (sequence.valid) {
      code_points += sequence.code_point;
    }
    offset += sequence.byte_count;
  }
  return code_points;
}

std::string to_utf8(std::u32string_view code_points) {
  std::string text;
  for (const char32_t code_point : code_points) {
    append_utf8(code_point, text);
  }
  return text;
}

std::vector<std::u32string> split_at_spaces(std::u32string_view text) {
  std::vector<std::u32string> words;
  bool inside = false;
  for (const char32_t code_point : text) {
    if (is_python_space(code_point)) {
      inside = false;
      continue;
    }
    if (!inside) {
      words.emplace_back();
      inside = true;
    }
    words.back() += code_point;
  }
  return words;
}

std::vector<std::string> normalized_words(std::string_view answer) {
  const std::u32string code_points = to_code_points(answer);
  // The rule of the final sigma looks at neighbours, white space included, so it takes any text.
  const std::vector<char32_t> lower =
      lower_case_word(std::vector<char32_t>(code_points.begin(), code_points.end()));
  std::u32string kept;
  std::copy_if(lower.begin(), lower.end(), std::back_inserter(kept), [](char32_t code_point) {
    return kPunctuation.find(code_point) == std::u32string_view::npos;
  });
  std::vector<std::string> words;
  for (const std::u32string& word : split_at_spaces(without_articles(kept))) {
    words.push_back(to_utf8(word));
  }
  return words;
}

}  // namespace lambert
