// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul_choices.h"

#include <bit>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>

#include "base/error.h"

namespace lambert {

namespace {

constexpr const char* kTitle = "lambert matmul choices 1";

[[noreturn]] void refuse(const std::string& path, std::int64_t line, const std::string& found) {
  throw DataError("reading matmul choices " + path + ", line " + std::to_string(line) + ": " +
                  found + "; delete the file, it is measured again");
}

bool is_hexadecimal(const std::string& word) {
  return word.size() == 16 && word.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::int64_t size_class(std::int64_t size) {
  constexpr int kExactBits = 4;
  const int low_bits =
      static_cast<int>(std::bit_width(static_cast<std::uint64_t>(size))) - kExactBits;
  if (low_bits <= 0) {
    return size;
  }
  const std::int64_t width = std::int64_t{1} << low_bits;
  return (size + width - 1) / width * width;
}

std::optional<MatmulChoices::Algorithm> MatmulChoices::find(const std::string& key) const {
  const auto found = choices_.find(key);
  return found == choices_.end() ? std::nullopt : std::optional(found->second);
}

void MatmulChoices::keep(const std::string& key, const Algorithm& algorithm) {
  LAMBERT_CHECK(!key.empty() && key.find_first_of("\t\n") == std::string::npos,
                "a key of matmul choices with a tab or line break");
  if (!choices_.emplace(key, algorithm).second || path_.empty()) {
    return;
  }
  std::ostringstream line;
  if (!std::filesystem::exists(path_)) {
    line << kTitle << '\n';
  }
  line << key << '\t' << std::hex << std::setfill('0');
  for (const std::uint64_t& word : algorithm) {
    line << (&word == algorithm.data() ? "" : " ") << std::setw(16) << word;
  }
  line << '\n';
  // One write, so that lines of several processes do not mix.
  std::ofstream file(path_, std::ios::app | std::ios::binary);
  const std::string text = line.str();
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.flush();
  if (!file) {
    throw StorageError("writing matmul choices " + path_ + ": " + errno_text(errno) +
                       "; name a file in a folder that can be written");
  }
}

void MatmulChoices::use_file(const std::string& path) {
  path_ = path;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    if (std::filesystem::exists(path)) {
      throw DataError("reading matmul choices " + path + ": cannot be opened; make it readable");
    }
    return;
  }
  std::string line;
  for (std::int64_t number = 1; std::getline(file, line); ++number) {
    if (number == 1) {
      if (line != kTitle) {
        refuse(path, 1, "no such file begins so");
      }
    } else if (line != kTitle) {  // written twice when two processes begin the file
      read_line(line, number);
    }
  }
}

void MatmulChoices::read_line(const std::string& line, std::int64_t number) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string::npos || tab == 0) {
    refuse(path_, number, "no key and algorithm");
  }
  std::istringstream words(line.substr(tab + 1));
  Algorithm algorithm{};
  std::string word;
  for (std::uint64_t& value : algorithm) {
    if (!(words >> word) || !is_hexadecimal(word)) {
      refuse(path_, number, "an algorithm is eight numbers of sixteen hexadecimal digits");
    }
    value = std::stoull(word, nullptr, 16);
  }
  if (words >> word) {
    refuse(path_, number, "more than eight numbers");
  }
  choices_.emplace(line.substr(0, tab), algorithm);
}

}  // namespace lambert
