// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.h"

#include <array>
#include <unordered_map>

#include "base/error.h"
#include "base/file_system.h"
#include "text/utf8.h"

namespace lambert {
namespace {

/// 1,000,000 tokens of 100 three-byte characters would be more, but no language has them.
constexpr std::uint64_t kMaxFileBytes = 128ULL << 20U;

[[noreturn]] void fail(const std::string& source, std::size_t line, const std::string& fault,
                       const std::string& advice) {
  throw DataError("reading vocabulary " + source + ":" + std::to_string(line) + ": " + fault +
                  "; " + advice);
}

void check_token(const std::string& token, const std::string& source, std::size_t line) {
  if (token.empty()) {
    fail(source, line, "empty line",
         "delete it only if the model was trained without it: every later id would shift");
  }
  if (token.back() == '\r') {
    fail(source, line, "line ends in CR LF", "convert the file to LF line ends");
  }
  if (const auto offset = find_invalid_utf8(token)) {
    fail(source, line,
         "invalid UTF-8 at byte " + std::to_string(*offset) + " of the line (" +
             hex_bytes(std::string_view(token).substr(*offset), 4) + ")",
         "take the original file");
  }
  if (token.starts_with("\xEF\xBB\xBF")) {
    fail(source, line, "starts with a byte order mark", "save the file without one");
  }
  constexpr std::string_view kBlanks = " \t\v\f\r";
  if (kBlanks.find(token.front()) != std::string_view::npos ||
      kBlanks.find(token.back()) != std::string_view::npos) {
    fail(source, line, "blank before or after the token", "delete it");
  }
  if (token.find('\0') != std::string::npos) {
    fail(source, line, "NUL character", "take the original file");
  }
  if (const std::size_t characters = count_code_points(token); characters > kMaxTokenCharacters) {
    fail(source, line,
         "token of " + std::to_string(characters) + " characters, at most " +
             std::to_string(kMaxTokenCharacters) + " are allowed",
         "is this a vocabulary with one token a line?");
  }
}

void check_tokens(const std::vector<std::string>& tokens, const std::string& source) {
  if (tokens.empty()) {
    throw DataError("reading vocabulary " + source +
                    ": the file is empty; give a vocab.txt with one token a line");
  }
  if (tokens.size() > kMaxVocabularySize) {
    fail(source, kMaxVocabularySize + 1,
         "more than " + std::to_string(kMaxVocabularySize) + " lines",
         "is this a text instead of a vocabulary?");
  }
  std::unordered_map<std::string_view, std::size_t> first_line;
  first_line.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    check_token(tokens[i], source, i + 1);
    const auto [earlier, is_new] = first_line.emplace(tokens[i], i + 1);
    if (!is_new) {
      fail(source, i + 1, "the same token as in line " + std::to_string(earlier->second),
           "a token must have one id: take the original file");
    }
  }
}

std::vector<std::string> split_lines(const std::string& content, const std::string& source) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  while (start < content.size()) {
    const std::size_t end = std::min(content.find('\n', start), content.size());
    lines.push_back(content.substr(start, end - start));
    if (lines.size() > kMaxVocabularySize) {
      fail(source, lines.size(), "more than " + std::to_string(kMaxVocabularySize) + " lines",
           "is this a text instead of a vocabulary?");
    }
    start = end + 1;
  }
  return lines;
}

SpecialTokens find_special_tokens(const PieceTrie& trie, const std::string& source,
                                  std::size_t lines) {
  SpecialTokens special;
  const std::array<std::pair<std::string_view, std::int32_t*>, 5> wanted = {
      {{kPadToken, &special.pad},
       {kUnknownToken, &special.unknown},
       {kClsToken, &special.cls},
       {kSepToken, &special.sep},
       {kMaskToken, &special.mask}}};
  std::string missing;
  for (const auto& [token, id] : wanted) {
    const auto found = trie.find(token);
    *id = found.value_or(-1);
    if (!found) {
      missing += (missing.empty() ? "" : ", ") + std::string(token);
    }
  }
  if (!missing.empty()) {
    fail(source, lines, "no line of 1 to " + std::to_string(lines) + " is " + missing,
         "every BERT vocabulary holds [PAD], [UNK], [CLS], [SEP] and [MASK]");
  }
  return special;
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> tokens, const std::string& source)
    : tokens_(std::move(tokens)) {
  check_tokens(tokens_, source);
  trie_ = PieceTrie(tokens_);
  special_tokens_ = find_special_tokens(trie_, source, tokens_.size());
}

Vocabulary read_vocabulary(const std::filesystem::path& path) {
  const std::string content = read_file(path, kMaxFileBytes);
  return {split_lines(content, path.string()), path.string()};
}

}  // namespace lambert
