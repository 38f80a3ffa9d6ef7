// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <array>
#include <fstream>
#include <vector>

#include <xxhash.h>

#include "base/error.h"

namespace lambert {
namespace {

std::string to_hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical{};
  XXH128_canonicalFromHash(&canonical, hash);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : canonical.digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

struct StreamingHash::State {
  XXH3_state_t* xxh = XXH3_createState();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(xxh); }
};

std::uint64_t hash64(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string hash128_hex(std::span<const std::byte> bytes) {
  return to_hex(XXH3_128bits(bytes.data(), bytes.size()));
}

StreamingHash::StreamingHash() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(state_->xxh);
}
StreamingHash::~StreamingHash() = default;

void StreamingHash::update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

std::string StreamingHash::hex() const {
  return to_hex(XXH3_128bits_digest(state_->xxh));
}

std::string hash128_hex_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  StreamingHash hash;
  constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
  std::vector<char> buffer(kBufferBytes);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hash.update(std::as_bytes(std::span(buffer.data(), static_cast<std::size_t>(file.gcount()))));
  }
  if (!file.eof()) {
    throw DataError("hashing " + path.string() +
                    ": cannot read it; check that it exists and is readable");
  }
  return hash.hex();
}

}  // namespace lambert
