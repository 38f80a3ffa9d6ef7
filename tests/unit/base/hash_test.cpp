// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/temp_directory.h"

namespace lambert {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// The examples of FIPS 180-2.
TEST(Sha256, EqualsThePublishedDigests) {
  EXPECT_EQ(sha256_hex(bytes_of("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(bytes_of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, OfAFileIsThatOfItsContent) {
  const TempDirectory folder;
  const std::string content((std::size_t{1} << 20) + 17, 'a');  // more than one piece
  std::ofstream(folder / "file", std::ios::binary) << content;
  EXPECT_EQ(sha256_hex_of_file(folder / "file"), sha256_hex(bytes_of(content)));
  EXPECT_EQ(hash128_hex_of_file(folder / "file"), hash128_hex(bytes_of(content)));
}

TEST(Sha256, RefusesAFileThatCannotBeRead) {
  const TempDirectory folder;
  EXPECT_THROW(sha256_hex_of_file(folder / "nowhere"), DataError);
  EXPECT_THROW(sha256_hex_of_file(folder.path()), DataError);
}

}  // namespace
}  // namespace lambert
