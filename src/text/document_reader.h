// SPDX-License-Identifier: Apache-2.0
// Text files in, documents out. Plain text (a blank line ends a document) or JSON lines with a
// `text` string, told apart by the first byte that is not blank ('{' = JSON lines); plain, gzip,
// bzip2, xz or zstd, told apart by content. Line ends are LF or CRLF; a byte order mark at the
// start of a file is removed. Everything else (a lone CR, U+0085, U+2028, a byte order mark further
// on) is ordinary text and left to the tokenizer.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace lambert {

struct CorpusOptions {
  bool skip_bad_text = false;                 // false: the first bad text throws DataError
  std::int64_t max_line_bytes = 16 << 20;     // longest line accepted; lines are held in memory
  std::int64_t max_document_bytes = 8 << 20;  // a longer document is cut at a line end, and counted
};

/// What was read and what was wrong with it. Sums over files are sums of the members.
struct BadTextCounts {
  std::int64_t documents = 0;   // delivered by next()
  std::int64_t text_bytes = 0;  // unpacked bytes read
  std::int64_t invalid_utf8_lines = 0;
  std::int64_t control_character_lines = 0;  // NUL and other C0 controls but TAB, VT, FF, CR; DEL
  std::int64_t long_lines = 0;
  std::int64_t malformed_json_lines = 0;
  std::int64_t dropped_documents = 0;  // documents with one of the above (skip mode)
  std::int64_t cut_documents = 0;      // longer than max_document_bytes; nothing was lost

  BadTextCounts& operator+=(const BadTextCounts& other);
  BadTextCounts operator-(const BadTextCounts& other) const;
};

/// Every count with its name in reports.
struct NamedCount {
  const char* name;
  std::int64_t BadTextCounts::*member;
};
inline constexpr std::array<NamedCount, 8> kBadTextCountNames = {
    {{"documents", &BadTextCounts::documents},
     {"text_bytes", &BadTextCounts::text_bytes},
     {"invalid_utf8_lines", &BadTextCounts::invalid_utf8_lines},
     {"control_character_lines", &BadTextCounts::control_character_lines},
     {"long_lines", &BadTextCounts::long_lines},
     {"malformed_json_lines", &BadTextCounts::malformed_json_lines},
     {"dropped_documents", &BadTextCounts::dropped_documents},
     {"cut_documents", &BadTextCounts::cut_documents}}};

struct Document {
  std::vector<std::string> lines;  // valid UTF-8, no line ends, none blank, at least one
  std::string source;              // file name, for messages
  std::int64_t first_line = 0;     // from 1
};

/// Patterns: files, folders (all files below, names starting with a dot left out), globs. The files
/// in the order of the patterns, sorted within each. Throws DataError naming every pattern without
/// a file, every file that cannot be read and every file given twice, before anything is read.
std::vector<std::filesystem::path> expand_inputs(const std::vector<std::string>& patterns);

/// So few never stop a run: a small corpus would otherwise have no use for skip mode.
constexpr std::int64_t kToleratedDroppedDocuments = 10;

/// Throws DataError when the share of dropped documents is no longer a matter of single accidents:
/// above 0.1 % of the documents and more than kToleratedDroppedDocuments of them.
void check_dropped_share(const BadTextCounts& counts);

/// Reads one file from start to end. Memory: at most max_document_bytes + 2 * max_line_bytes and
/// buffers. Thread: one at a time.
class DocumentReader {
 public:
  /// Throws DataError when the file cannot be opened.
  DocumentReader(std::filesystem::path file, const CorpusOptions& options);
  ~DocumentReader();
  DocumentReader(const DocumentReader&) = delete;
  DocumentReader& operator=(const DocumentReader&) = delete;

  /// False at the end of the file. Bad text throws DataError (file, line, byte offset) or, in skip
  /// mode, drops the whole document it stands in; 100 dropped documents in a row throw in either
  /// mode.
  bool next(Document& document);
  const BadTextCounts& bad_text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lambert
