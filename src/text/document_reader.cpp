// SPDX-License-Identifier: Apache-2.0
#include "text/document_reader.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "text/json_text.h"
#include "text/line_reader.h"
#include "text/utf8.h"

namespace lambert {
namespace {

constexpr std::int64_t kMostDroppedInARow = 100;
constexpr std::int64_t kDroppedDocumentsListed = 10;  // per file; the rest is only counted
constexpr std::string_view kBlanks = " \t\v\f\r";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kBlanks) == std::string_view::npos;
}

/// NUL, the other C0 controls but TAB, LF, VT, FF, CR, and DEL.
std::optional<std::size_t> find_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && (byte < 0x09 || byte > 0x0D)) || byte == 0x7F) {
      return i;
    }
  }
  return std::nullopt;
}

/// What is wrong with one line.
struct Complaint {
  std::int64_t BadTextCounts::*counter = nullptr;
  std::string what;  // "invalid UTF-8, bytes c3 28"
  std::int64_t byte_offset = 0;
};

std::optional<Complaint> find_complaint(const TextLine& line) {
  if (line.too_long) {
    return Complaint{&BadTextCounts::long_lines,
                     "a line of " + std::to_string(line.byte_count) + " bytes, above the limit",
                     line.byte_offset};
  }
  if (const auto bad = find_invalid_utf8(line.text)) {
    return Complaint{&BadTextCounts::invalid_utf8_lines,
                     "invalid UTF-8, bytes " + hex_bytes(line.text.substr(*bad)),
                     line.byte_offset + static_cast<std::int64_t>(*bad)};
  }
  if (const auto bad = find_control_character(line.text)) {
    return Complaint{&BadTextCounts::control_character_lines,
                     "control character, byte " + hex_bytes(line.text.substr(*bad), 1),
                     line.byte_offset + static_cast<std::int64_t>(*bad)};
  }
  return std::nullopt;
}

}  // namespace

BadTextCounts& BadTextCounts::operator+=(const BadTextCounts& other) {
  for (const NamedCount& count : kBadTextCountNames) {
    this->*count.member += other.*count.member;
  }
  return *this;
}

BadTextCounts BadTextCounts::operator-(const BadTextCounts& other) const {
  BadTextCounts difference = *this;
  for (const NamedCount& count : kBadTextCountNames) {
    difference.*count.member -= other.*count.member;
  }
  return difference;
}

void check_dropped_share(const BadTextCounts& counts) {
  const std::int64_t all = counts.documents + counts.dropped_documents;
  const std::int64_t most = std::max(kToleratedDroppedDocuments, all / 1000);
  if (counts.dropped_documents > most) {
    throw DataError("reading the text: " + std::to_string(counts.dropped_documents) + " of " +
                    std::to_string(all) + " documents had to be dropped, at most " +
                    std::to_string(most) + " are accepted; repair the text (wrong encoding?)");
  }
}

struct DocumentReader::State {
  State(std::filesystem::path path, const CorpusOptions& corpus_options)
      : file(std::move(path)),
        options(corpus_options),
        lines(file, corpus_options.max_line_bytes) {}

  std::filesystem::path file;
  CorpusOptions options;
  LineReader lines;
  std::optional<bool> is_json;  // empty: no line that is not blank was seen yet
  bool ended = false;
  bool dropping = false;            // the document being read has bad text
  std::int64_t document_bytes = 0;  // of the document being read
  std::int64_t dropped_in_a_row = 0;
  BadTextCounts counts;

  void complain(const TextLine& line, const Complaint& complaint) {
    counts.*complaint.counter += 1;
    if (!options.skip_bad_text) {
      throw DataError("reading " + file.string() + ", line " + std::to_string(line.number) +
                      ", byte offset " + std::to_string(complaint.byte_offset) + ": " +
                      complaint.what +
                      "; repair the text, or drop such documents with --on-bad-text skip");
    }
    if (!dropping && counts.dropped_documents < kDroppedDocumentsListed) {
      log_warning("document dropped file=" + file.string() +
                  " line=" + std::to_string(line.number) + " byte_offset=" +
                  std::to_string(complaint.byte_offset) + " reason=\"" + complaint.what + "\"");
    }
    dropping = true;
  }

  void count_dropped() {
    dropping = false;
    counts.dropped_documents += 1;
    dropped_in_a_row += 1;
    if (dropped_in_a_row >= kMostDroppedInARow) {
      throw DataError(
          "reading " + file.string() + ": " + std::to_string(dropped_in_a_row) +
          " documents in a row have bad text; this is no text file, or not in UTF-8: convert it");
    }
  }

  /// True when the document is to be delivered.
  bool finish(Document& document) {
    if (dropping) {
      count_dropped();
      document.lines.clear();
    }
    document_bytes = 0;
    if (document.lines.empty()) {
      return false;
    }
    dropped_in_a_row = 0;
    counts.documents += 1;
    return true;
  }

  bool add_plain_line(const TextLine& line, Document& document);
  bool add_json_line(const TextLine& line, Document& document);
};

/// Adds a line to the document; true when the document is complete. A blank line ends it.
bool DocumentReader::State::add_plain_line(const TextLine& line, Document& document) {
  if (!line.too_long && is_blank(line.text)) {
    return finish(document);
  }
  if (document.lines.empty()) {
    document.first_line = line.number;
  }
  if (const auto complaint = find_complaint(line)) {
    complain(line, *complaint);
  }
  if (dropping) {
    document.lines.clear();
    return false;
  }
  document.lines.emplace_back(line.text);
  document_bytes += line.byte_count;
  if (document_bytes < options.max_document_bytes) {
    return false;
  }
  counts.cut_documents += 1;
  return finish(document);
}

/// One line is one document; true when it is to be delivered.
bool DocumentReader::State::add_json_line(const TextLine& line, Document& document) {
  if (!line.too_long && is_blank(line.text)) {
    return false;
  }
  document.first_line = line.number;
  std::optional<Complaint> complaint = find_complaint(line);
  if (!complaint) {
    const JsonText json = read_json_text(line.text);
    if (!json.problem.empty()) {
      complaint = {&BadTextCounts::malformed_json_lines, json.problem, line.byte_offset};
    } else if (find_control_character(json.text)) {
      complaint = {&BadTextCounts::control_character_lines, "control character in `text`",
                   line.byte_offset};
    }
    for (std::string_view rest = json.text; !complaint && !rest.empty();) {
      const std::string_view paragraph = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(paragraph.size() + 1, rest.size()));
      if (!is_blank(paragraph)) {
        document.lines.emplace_back(
            paragraph.substr(0, paragraph.size() - (paragraph.ends_with('\r') ? 1 : 0)));
      }
    }
  }
  if (complaint) {
    complain(line, *complaint);
  }
  return finish(document);
}

DocumentReader::DocumentReader(std::filesystem::path file, const CorpusOptions& options)
    : state_(std::make_unique<State>(std::move(file), options)) {}

DocumentReader::~DocumentReader() = default;

const BadTextCounts& DocumentReader::bad_text() const {
  return state_->counts;
}

bool DocumentReader::next(Document& document) {
  State& state = *state_;
  document.lines.clear();
  document.source = state.file.string();
  TextLine line;
  while (!state.ended) {
    if (!state.lines.next(line)) {
      state.ended = true;
      state.counts.text_bytes = state.lines.unpacked_bytes();
      return state.finish(document);
    }
    state.counts.text_bytes = state.lines.unpacked_bytes();
    if (!state.is_json && !is_blank(line.text)) {
      state.is_json = line.text[line.text.find_first_not_of(kBlanks)] == '{';
    }
    const bool complete = state.is_json.value_or(false) ? state.add_json_line(line, document)
                                                        : state.add_plain_line(line, document);
    if (complete) {
      return true;
    }
  }
  return false;
}

}  // namespace lambert
