// SPDX-License-Identifier: Apache-2.0
#include "text/line_reader.h"

namespace lambert {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

bool LineReader::refill() {
  if (piece_.empty()) {
    piece_ = file_.next_piece();
  }
  return !piece_.empty();
}

void LineReader::take(std::string_view part, TextLine& line) {
  line.byte_count += static_cast<std::int64_t>(part.size());
  // One byte of room for a CR that will be removed.
  if (line.byte_count > max_line_bytes_ + 1) {
    line.too_long = true;
    line_.clear();
  } else {
    line_.append(part);
  }
}

bool LineReader::next(TextLine& line) {
  if (!refill()) {
    return false;
  }
  line_.clear();
  line = {.text = {}, .number = ++lines_read_, .byte_offset = offset_};
  bool complete = false;
  while (!complete && refill()) {
    const std::size_t end = piece_.find('\n');
    complete = end != std::string_view::npos;
    const std::string_view part = piece_.substr(0, end);
    take(part, line);
    piece_.remove_prefix(part.size() + (complete ? 1 : 0));
  }
  offset_ += line.byte_count + (complete ? 1 : 0);
  line.text = line_;
  if (line.text.ends_with('\r')) {
    line.text.remove_suffix(1);
  }
  if (line.number == 1 && line.text.starts_with(kByteOrderMark)) {
    line.text.remove_prefix(kByteOrderMark.size());
    line.byte_offset += static_cast<std::int64_t>(kByteOrderMark.size());
  }
  if (static_cast<std::int64_t>(line.text.size()) > max_line_bytes_) {
    line.too_long = true;
    line.text = {};
  }
  return true;
}

}  // namespace lambert
