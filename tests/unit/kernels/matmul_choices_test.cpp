// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul_choices.h"

#include <fstream>

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/temp_directory.h"

namespace lambert {
namespace {

constexpr MatmulChoices::Algorithm kOne = {1, 2, 3, 4, 5, 6, 7, 0xFEDCBA9876543210};
constexpr MatmulChoices::Algorithm kOther = {8, 8, 8, 8, 8, 8, 8, 8};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(SizeClass, IsAtMostAnEighthWideAndNamedByItsLargest) {
  EXPECT_EQ(size_class(1), 1);
  EXPECT_EQ(size_class(15), 15);
  EXPECT_EQ(size_class(17), 18);
  EXPECT_EQ(size_class(768), 768);
  EXPECT_EQ(size_class(30'145), 30'720);
  EXPECT_EQ(size_class(30'720), 30'720);
  EXPECT_EQ(size_class(30'721), 32'768);
  for (std::int64_t size = 1; size < 5000; ++size) {
    const std::int64_t largest = size_class(size);
    EXPECT_LE(size, largest);
    EXPECT_LE(largest - size, size / 8);
    EXPECT_EQ(size_class(largest), largest);
  }
}

TEST(MatmulChoices, AreFoundByTheNextRun) {
  const TempDirectory directory;
  const std::string path = (directory.path() / "choices.txt").string();
  MatmulChoices first;
  first.use_file(path);
  EXPECT_FALSE(first.find("NVIDIA X, cublasLt 1: 2 3").has_value());
  first.keep("NVIDIA X, cublasLt 1: 2 3", kOne);
  first.keep("NVIDIA X, cublasLt 1: 2 4", kOther);
  EXPECT_EQ(text_of(path).substr(0, 67),
            "lambert matmul choices 1\nNVIDIA X, cublasLt 1: 2 3\t0000000000000001");
  MatmulChoices second;
  second.use_file(path);
  EXPECT_EQ(second.find("NVIDIA X, cublasLt 1: 2 3"), kOne);
  EXPECT_EQ(second.find("NVIDIA X, cublasLt 1: 2 4"), kOther);
  EXPECT_FALSE(second.find("NVIDIA Y, cublasLt 1: 2 3").has_value());
}

TEST(MatmulChoices, OfOneKeyTheFirstCounts) {
  const TempDirectory directory;
  const std::string path = (directory.path() / "choices.txt").string();
  MatmulChoices one;
  MatmulChoices other;
  one.use_file(path);
  other.use_file(path);
  one.keep("key", kOne);
  other.keep("key", kOther);  // does not know of the first
  MatmulChoices next;
  next.use_file(path);
  EXPECT_EQ(next.find("key"), kOne);
}

TEST(MatmulChoices, StayInMemoryWithoutAFile) {
  MatmulChoices choices;
  choices.keep("key", kOne);
  choices.keep("key", kOther);
  EXPECT_EQ(choices.find("key"), kOne);
}

std::string refusal_of(const std::string& content) {
  const TempDirectory directory;
  const std::string path = (directory.path() / "choices.txt").string();
  std::ofstream(path) << content;
  MatmulChoices choices;
  try {
    choices.use_file(path);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

TEST(MatmulChoices, AFileThatIsNoneNamesTheLineAndWhatToDo) {
  const std::string title = "lambert matmul choices 1\n";
  const std::string seven =
      "key\t0000000000000001 0000000000000001 0000000000000001 "
      "0000000000000001 0000000000000001 0000000000000001 0000000000000001";
  EXPECT_EQ(refusal_of(title), "");
  EXPECT_EQ(refusal_of(title + seven + " 0000000000000001\n"), "");
  EXPECT_NE(refusal_of("{}\n").find("line 1: no such file begins so; delete the file"),
            std::string::npos);
  EXPECT_NE(refusal_of(title + "key\n").find("line 2: no key and algorithm"), std::string::npos);
  EXPECT_NE(refusal_of(title + seven + "\n").find("line 2: an algorithm is eight numbers"),
            std::string::npos);
  EXPECT_NE(refusal_of(title + seven + " 000000000000000x\n").find("eight numbers"),
            std::string::npos);
  EXPECT_NE(refusal_of(title + seven + " 0000000000000001 00\n").find("more than eight"),
            std::string::npos);
}

TEST(MatmulChoices, AFileThatCannotBeWrittenIsAStorageError) {
  const TempDirectory directory;
  MatmulChoices choices;
  choices.use_file((directory.path() / "no folder" / "choices.txt").string());
  EXPECT_THROW(choices.keep("key", kOne), StorageError);
}

}  // namespace
}  // namespace lambert
