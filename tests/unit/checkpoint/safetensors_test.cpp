// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/safetensors.h"

#include <fstream>

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/scalar_tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/hash.h"
#include "support/temp_directory.h"

namespace lambert {
namespace {

using testing::HasSubstr;

std::vector<NamedTensor> some_tensors() {
  return {{"bytes", at::arange(3).to(at::kByte)},
          {"z", at::randn({2, 3})},
          {"a", at::randn({5})},
          {"half", at::randn({3}).to(at::kBFloat16)},
          {"scalar", at::scalar_tensor(7, at::kLong)}};
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string length_field(std::uint64_t length) {
  std::string field;
  for (int i = 0; i < 8; ++i) {
    field += static_cast<char>((length >> (8 * i)) & 0xFFU);
  }
  return field;
}

TEST(Safetensors, ReturnsEveryTensorWithItsBits) {
  const TempDirectory folder;
  const auto disk = make_posix_file_system();
  const std::vector<NamedTensor> tensors = some_tensors();
  const std::string hash = write_safetensors(*disk, folder / "file", tensors);
  EXPECT_EQ(hash, hash128_hex_of_file(folder / "file"));
  const auto read = read_safetensors(folder / "file");
  ASSERT_EQ(read.size(), tensors.size());
  for (const NamedTensor& named : tensors) {
    EXPECT_EQ(read.at(named.name).scalar_type(), named.tensor.scalar_type());
    EXPECT_TRUE(at::equal(read.at(named.name), named.tensor)) << named.name;
  }
}

TEST(Safetensors, EqualTensorsGiveEqualBytesInAnyOrder) {
  const TempDirectory folder;
  const auto disk = make_posix_file_system();
  std::vector<NamedTensor> tensors = some_tensors();
  const std::string first = write_safetensors(*disk, folder / "first", tensors);
  std::reverse(tensors.begin(), tensors.end());
  EXPECT_EQ(write_safetensors(*disk, folder / "second", tensors), first);
}

/// The message of the refusal, whose exit code is 3.
std::string refusal(const std::filesystem::path& file) {
  try {
    read_safetensors(file);
  } catch (const Error& error) {
    return error.code() == ExitCode::data ? error.what() : "another exit code";
  }
  return "accepted";
}

TEST(Safetensors, RefusesAFileOfLessThanEightBytes) {
  const TempDirectory folder;
  for (const std::size_t size : {0U, 1U, 7U}) {
    write_bytes(folder / "file", std::string(size, 'x'));
    EXPECT_THAT(refusal(folder / "file"), HasSubstr("file: " + std::to_string(size) +
                                                    " bytes are too few for a safetensors file"));
  }
}

// The header is read in place: whatever its length field says, nothing of that size is allocated.
TEST(Safetensors, RefusesAHeaderThatIsLongerThanTheFileOrTheLimit) {
  const TempDirectory folder;
  for (const std::uint64_t length :
       {std::uint64_t{3}, std::uint64_t{11}, std::uint64_t{100'000'001}, std::uint64_t{1} << 63,
        ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    write_bytes(folder / "file", length_field(length) + "{}");
    EXPECT_THAT(refusal(folder / "file"),
                HasSubstr("length " + std::to_string(length) + " exceeds the file or the limit"));
  }
  write_bytes(folder / "file", length_field(100'000'001));
  std::filesystem::resize_file(folder / "file", 100'000'100);  // sparse
  EXPECT_THAT(refusal(folder / "file"), HasSubstr("exceeds the file or the limit"));
}

TEST(Safetensors, RefusesAHeaderThatIsTooShortForJson) {
  const TempDirectory folder;
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}}) {
    write_bytes(folder / "file", length_field(length) + "{}");
    EXPECT_THAT(refusal(folder / "file"), HasSubstr("does not start with '{' and end with '}'"));
  }
  write_bytes(folder / "file", length_field(2) + "{}");
  EXPECT_TRUE(read_safetensors(folder / "file").empty());
}

TEST(Safetensors, NamesFileAndTensorInItsRefusal) {
  const TempDirectory folder;
  const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})";
  write_bytes(folder / "broken.safetensors", length_field(header.size()) + header + "12345678");
  try {
    read_safetensors(folder / "broken.safetensors");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("broken.safetensors"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("'w'"), std::string::npos);
  }
}

TEST(Safetensors, RefusesATruncatedFileAtEveryLength) {
  const TempDirectory folder;
  const auto disk = make_posix_file_system();
  write_safetensors(*disk, folder / "file", some_tensors());
  const std::string whole = read_file(folder / "file", 1 << 20);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_bytes(folder / "cut", whole.substr(0, size));
    ASSERT_THROW(read_safetensors(folder / "cut"), DataError) << size;
  }
  write_bytes(folder / "cut", whole + "x");
  EXPECT_THROW(read_safetensors(folder / "cut"), DataError);
}

}  // namespace
}  // namespace lambert
