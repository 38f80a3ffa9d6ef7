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

/// Bytes of the UTF-8 character at the start of text, or 0 when it is not valid (RFC 3629, table in
/// section 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const auto follows = [&](std::size_t index) { return (byte(index) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80U) {
    return 1;
  }
  if (first >= 0xC2U && first <= 0xDFU) {
    return follows(1) ? 2 : 0;
  }
  if (first >= 0xE0U && first <= 0xEFU) {
    const bool is_overlong = first == 0xE0U && byte(1) < 0xA0U;
    const bool is_surrogate = first == 0xEDU && byte(1) >= 0xA0U;
    return follows(1) && follows(2) && !is_overlong && !is_surrogate ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    const bool is_overlong = first == 0xF0U && byte(1) < 0x90U;
    const bool is_too_large = first == 0xF4U && byte(1) >= 0x90U;
    return follows(1) && follows(2) && follows(3) && !is_overlong && !is_too_large ? 4 : 0;
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

}  // namespace

void check_config_text(const std::string& text, const std::string& origin) {
  std::size_t line = 1;
  std::size_t column = 1;
  bool is_indentation = true;
  for (std::size_t position = 0; position < text.size();) {
    const std::string_view rest = std::string_view(text).substr(position);
    const std::string mistake = character_mistake(rest, is_indentation);
    if (!mistake.empty()) {
      throw ConfigError("reading the configuration: " + origin + ":" + std::to_string(line) + ":" +
                        std::to_string(column) + ": " + mistake);
    }
    position += utf8_length(rest);
    const bool ends_line = rest.front() == '\n';
    line += ends_line ? 1 : 0;
    column = ends_line ? 1 : column + 1;
    is_indentation = ends_line || (is_indentation && rest.front() == ' ');
  }
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
