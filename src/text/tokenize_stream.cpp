// SPDX-License-Identifier: Apache-2.0
#include "text/tokenize_stream.h"

#include <array>
#include <cerrno>
#include <charconv>

#include <unistd.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::size_t kReadBytes = 1U << 20U;
constexpr std::size_t kWriteBytes = 1U << 20U;

class IdWriter {
 public:
  explicit IdWriter(int output) : output_(output) {}

  void append_line(const std::vector<std::int32_t>& ids) {
    std::array<char, 12> digits{};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) {
        buffer_.push_back(' ');
      }
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), ids[i]).ptr;
      buffer_.append(digits.data(), end);
      if (buffer_.size() >= kWriteBytes) {
        flush();
      }
    }
    buffer_.push_back('\n');
  }

  void flush() {
    std::size_t written = 0;
    while (written < buffer_.size()) {
      const ssize_t count = ::write(output_, buffer_.data() + written, buffer_.size() - written);
      if (count < 0 && errno == EINTR) {
        continue;
      }
      if (count < 0) {
        throw StorageError("writing token ids to the output: " + errno_text(errno) +
                           "; make room and run again");
      }
      written += static_cast<std::size_t>(count);
    }
    buffer_.clear();
  }

 private:
  int output_;
  std::string buffer_;
};

std::size_t read_some(int input, std::string& block) {
  while (true) {
    const ssize_t count = ::read(input, block.data(), block.size());
    if (count >= 0) {
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR) {
      throw DataError("reading text from the input: " + errno_text(errno) +
                      "; give readable input");
    }
  }
}

}  // namespace

void tokenize_stream(const Tokenizer& tokenizer, int input, int output) {
  IdWriter writer(output);
  std::string block(kReadBytes, '\0');
  std::string unfinished;  // the start of a line whose end is not read yet
  std::vector<std::int32_t> ids;
  std::size_t line_number = 1;
  const auto take_line = [&](std::string_view line) {
    ids.clear();
    tokenizer.encode(line, ids);
    writer.append_line(ids);
    ++line_number;
  };
  while (const std::size_t size = read_some(input, block)) {
    std::string_view rest(block.data(), size);
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      if (unfinished.empty()) {
        take_line(rest.substr(0, end));
      } else {
        take_line(unfinished.append(rest.substr(0, end)));
        unfinished.clear();
      }
      rest.remove_prefix(end + 1);
    }
    unfinished.append(rest);
    if (unfinished.size() > kMaxStreamLineBytes) {
      throw DataError("reading text from the input, line " + std::to_string(line_number) +
                      ": longer than " + std::to_string(kMaxStreamLineBytes >> 20U) +
                      " MiB; split it at line feeds");
    }
    writer.flush();
  }
  if (!unfinished.empty()) {
    take_line(unfinished);
  }
  writer.flush();
}

}  // namespace lambert
