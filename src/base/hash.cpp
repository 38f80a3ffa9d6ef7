// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <array>
#include <fstream>
#include <vector>

#include <openssl/evp.h>
#include <xxhash.h>

#include "base/error.h"

namespace lambert {
namespace {

std::string to_hex(std::span<const unsigned char> digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string to_hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical{};
  XXH128_canonicalFromHash(&canonical, hash);
  return to_hex(canonical.digest);
}

class StreamingSha256 {
 public:
  StreamingSha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    LAMBERT_CHECK(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1,
                  "libcrypto has no SHA-256");
  }
  void update(std::span<const std::byte> bytes) {
    LAMBERT_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
                  "libcrypto failed");
  }
  /// Once, at the end.
  std::string hex() {
    std::array<unsigned char, 32> digest{};
    LAMBERT_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1,
                  "libcrypto failed");
    return to_hex(digest);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

template <class Hash>
std::string hex_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Hash hash;
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
  return hex_of_file<StreamingHash>(path);
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  StreamingSha256 hash;
  hash.update(bytes);
  return hash.hex();
}

std::string sha256_hex_of_file(const std::filesystem::path& path) {
  return hex_of_file<StreamingSha256>(path);
}

}  // namespace lambert
