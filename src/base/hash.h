// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace lambert {

/// XXH3, 64 bits.
std::uint64_t hash64(std::span<const std::byte> bytes);

/// XXH3, 128 bits, as 32 hexadecimal digits.
std::string hash128_hex(std::span<const std::byte> bytes);

/// XXH3-128 of data that arrives in pieces.
class StreamingHash {
 public:
  StreamingHash();
  ~StreamingHash();
  StreamingHash(const StreamingHash&) = delete;
  StreamingHash& operator=(const StreamingHash&) = delete;
  void update(std::span<const std::byte> bytes);
  std::string hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// XXH3-128 of a file's content. Throws DataError when it cannot be read.
std::string hash128_hex_of_file(const std::filesystem::path& path);

/// SHA-256, as the 64 hexadecimal digits that sha256sum prints: for what others check.
std::string sha256_hex(std::span<const std::byte> bytes);
/// Throws DataError when the file cannot be read.
std::string sha256_hex_of_file(const std::filesystem::path& path);

}  // namespace lambert
