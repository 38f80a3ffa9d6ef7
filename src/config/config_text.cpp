// SPDX-License-Identifier: Apache-2.0
#include "config/config_text.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

[[noreturn]] void refuse_file(const std::filesystem::path& path, const std::string& reason) {
  throw ConfigError("reading the configuration " + path.string() + ": " + reason);
}

/// Closes the file however the reading ends.
class OpenFile {
 public:
  /// Does not block on a pipe nobody writes to.
  explicit OpenFile(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (descriptor_ < 0) {
      refuse_file(path, errno_text(errno) + "; check the path");
    }
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string read_at_most(const OpenFile& file, const std::filesystem::path& path) {
  std::string content;
  std::array<char, 65536> buffer{};
  while (content.size() <= kMaxConfigBytes) {
    const ssize_t count = ::read(file.descriptor(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      refuse_file(path, errno_text(errno) + "; check the path and the disk");
    }
    if (count == 0) {
      return content;
    }
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  refuse_file(path, "larger than 1 MiB; is this a configuration?");
}

/// One line of the table of well-formed UTF-8 (RFC 3629, section 4): first byte, bounds of the
/// second one, length.
struct Utf8Form {
  unsigned first_low;
  unsigned first_high;
  unsigned second_low;
  unsigned second_high;
  std::size_t length;
};
constexpr std::array<Utf8Form, 8> kUtf8Forms = {{{0xC2, 0xDF, 0x80, 0xBF, 2},
                                                 {0xE0, 0xE0, 0xA0, 0xBF, 3},
                                                 {0xE1, 0xEC, 0x80, 0xBF, 3},
                                                 {0xED, 0xED, 0x80, 0x9F, 3},
                                                 {0xEE, 0xEF, 0x80, 0xBF, 3},
                                                 {0xF0, 0xF0, 0x90, 0xBF, 4},
                                                 {0xF1, 0xF3, 0x80, 0xBF, 4},
                                                 {0xF4, 0xF4, 0x80, 0x8F, 4}}};

/// Bytes of the UTF-8 character at the start of text, or 0 when it is not valid.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const auto is_between = [](unsigned value, unsigned low, unsigned high) {
    return value >= low && value <= high;
  };
  if (byte(0) < 0x80U) {
    return 1;
  }
  for (const Utf8Form& form : kUtf8Forms) {
    if (is_between(byte(0), form.first_low, form.first_high) &&
        is_between(byte(1), form.second_low, form.second_high)) {
      const bool third_is_fine = form.length < 3 || is_between(byte(2), 0x80, 0xBF);
      const bool fourth_is_fine = form.length < 4 || is_between(byte(3), 0x80, 0xBF);
      return third_is_fine && fourth_is_fine ? form.length : 0;
    }
  }
  return 0;
}

std::string hexadecimal(char character) {
  std::array<char, 8> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "0x%02X", static_cast<unsigned char>(character));
  return buffer.data();
}

/// Why the character at the start of rest may not stand in a configuration; empty when it may.
std::string character_mistake(std::string_view rest, bool is_indentation) {
  const char first = rest.front();
  if (utf8_length(rest) == 0) {
    return "byte " + hexadecimal(first) + " is not valid UTF-8; save the file as UTF-8";
  }
  if (first == '\t' && is_indentation) {
    return "tab in the indentation; indent with spaces";
  }
  const bool is_control = (static_cast<unsigned char>(first) < 0x20 || first == 0x7F) &&
                          first != '\t' && first != '\n' && first != '\r';
  return is_control ? "control character " + hexadecimal(first) +
                          "; remove it (save UTF-16 files as UTF-8)"
                    : "";
}

[[noreturn]] void refuse_at(const std::string& origin, std::size_t line, std::size_t column,
                            const std::string& reason) {
  throw ConfigError("reading the configuration: " + origin + ":" + std::to_string(line) + ":" +
                    std::to_string(column) + ": " + reason);
}

/// Follows a text character by character: where it is and how deep in brackets. Brackets in quoted
/// text count too: no setting has that many. Those in comments do not.
class BracketDepth {
 public:
  void take(char character) {
    const bool is_first = column_ == 0;
    ++column_;
    is_comment_ =
        is_comment_ || (character == '#' && (is_first || before_ == ' ' || before_ == '\t'));
    if (character == '\n') {
      ++line_;
      column_ = 0;
      is_comment_ = false;
    } else if (!is_comment_) {
      count(character);
    }
    before_ = character;
  }
  std::size_t line() const { return line_; }
  std::size_t column() const { return column_; }
  std::size_t depth() const { return depth_; }

 private:
  void count(char character) {
    if (character == '[' || character == '{') {
      ++depth_;
    } else if ((character == ']' || character == '}') && depth_ > 0) {
      --depth_;
    }
  }

  std::size_t line_ = 1;
  std::size_t column_ = 0;
  std::size_t depth_ = 0;
  bool is_comment_ = false;
  char before_ = '\n';
};

/// The parser reads a whole line ahead before it hands out anything, so depth and length are
/// bounded here.
void check_depth_and_line_lengths(const std::string& text, const std::string& origin) {
  BracketDepth place;
  for (const char character : text) {
    place.take(character);
    if (place.depth() > kMaxConfigDepth) {
      refuse_at(origin, place.line(), place.column(),
                "nested deeper than " + std::to_string(kMaxConfigDepth) +
                    " levels; is this a configuration?");
    }
    if (place.column() > kMaxConfigLine) {
      refuse_at(origin, place.line(), place.column(),
                "line longer than " + std::to_string(kMaxConfigLine) + " bytes; break it");
    }
  }
}

}  // namespace

void check_config_text(const std::string& text, const std::string& origin) {
  std::size_t line = 1;
  std::size_t column = 1;
  bool is_indentation = true;
  for (std::size_t position = 0; position < text.size();) {
    const std::string_view rest = std::string_view(text).substr(position);
    const std::string mistake = character_mistake(rest, is_indentation);
    if (!mistake.empty()) {
      refuse_at(origin, line, column, mistake);
    }
    position += utf8_length(rest);
    const bool ends_line = rest.front() == '\n';
    line += ends_line ? 1 : 0;
    column = ends_line ? 1 : column + 1;
    is_indentation = ends_line || (is_indentation && rest.front() == ' ');
  }
  check_depth_and_line_lengths(text, origin);
}

std::string read_config_text(const std::filesystem::path& path) {
  const OpenFile file(path);
  struct stat before {};
  if (::fstat(file.descriptor(), &before) != 0) {
    refuse_file(path, errno_text(errno) + "; check the path");
  }
  if (S_ISDIR(before.st_mode)) {
    refuse_file(path, errno_text(EISDIR) + "; name the YAML file in it");
  }
  if (!S_ISREG(before.st_mode)) {
    refuse_file(path, "not a regular file (a pipe or a device?); give a YAML file");
  }
  std::string text = read_at_most(file, path);
  struct stat after {};
  const bool is_unchanged = ::fstat(file.descriptor(), &after) == 0 &&
                            before.st_size == after.st_size &&
                            before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
                            before.st_mtim.tv_nsec == after.st_mtim.tv_nsec &&
                            text.size() == static_cast<std::size_t>(after.st_size);
  if (!is_unchanged) {
    refuse_file(path, "changed while it was read; run the command again");
  }
  if (text.starts_with(kByteOrderMark)) {
    text.erase(0, kByteOrderMark.size());
  }
  check_config_text(text, path.string());
  return text;
}

}  // namespace lambert
