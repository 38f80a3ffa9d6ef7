// SPDX-License-Identifier: Apache-2.0
#include "text/tokenize_stream.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_system.h"

namespace lambert {
namespace {

/// One id a byte: its value. What the stream passes on is visible exactly.
class ByteTokenizer : public Tokenizer {
 public:
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const override {
    for (const char byte : text) {
      ids.push_back(static_cast<unsigned char>(byte));
    }
  }
  std::int64_t vocab_size() const override { return 256; }
  SpecialTokens special_tokens() const override { return {}; }
  std::string token(std::int32_t /*id*/) const override { return ""; }
  bool cased() const override { return true; }
  std::string type() const override { return "wordpiece"; }
  std::filesystem::path file() const override { return {}; }
};

std::string stream(const std::string& input) {
  const std::filesystem::path folder = testing::TempDir();
  const std::string source = folder / "tokenize_stream_input";
  const std::string target = folder / "tokenize_stream_output";
  std::ofstream(source, std::ios::binary) << input;
  const int in = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  const int out = ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  try {
    tokenize_stream(ByteTokenizer(), in, out);
  } catch (...) {
    ::close(in);
    ::close(out);
    throw;
  }
  ::close(in);
  ::close(out);
  return read_file(target, 1U << 30U);
}

TEST(TokenizeStream, OneLineOfIdsForEachLine) {
  EXPECT_EQ(stream("ab\nc\n"), "97 98\n99\n");
}

TEST(TokenizeStream, EmptyLineGivesEmptyLine) {
  EXPECT_EQ(stream("\n\na\n"), "\n\n97\n");
}

TEST(TokenizeStream, NothingGivesNothing) {
  EXPECT_EQ(stream(""), "");
}

TEST(TokenizeStream, LinesEndAtLineFeedsAlone) {
  EXPECT_EQ(stream("a\r\nb\x0B\x0C\n"), "97 13\n98 11 12\n");
}

TEST(TokenizeStream, LastLineNeedsNoLineFeed) {
  EXPECT_EQ(stream("a\nb"), "97\n98\n");
}

TEST(TokenizeStream, LinesLongerThanABlockStayWhole) {
  const std::string line(3'000'000, 'a');
  const std::string ids = stream(line + "\nb\n" + line);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), '\n'), 3);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), '9'), 6'000'001);
  EXPECT_NE(ids.find(" 97\n98\n97 97"), std::string::npos);
}

TEST(TokenizeStream, RefusesALineThatDoesNotEnd) {
  EXPECT_THROW(stream("a\n" + std::string(kMaxStreamLineBytes + 1, 'x')), DataError);
}

TEST(TokenizeStream, AnswersBeforeItWaitsForMore) {
  int to_stream[2];
  int from_stream[2];
  ASSERT_EQ(::pipe(to_stream), 0);
  ASSERT_EQ(::pipe(from_stream), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(to_stream[1]);
    tokenize_stream(ByteTokenizer(), to_stream[0], from_stream[1]);
    ::_exit(0);
  }
  ASSERT_EQ(::write(to_stream[1], "a\n", 2), 2);
  char answer[3] = {};
  ASSERT_EQ(::read(from_stream[0], answer, sizeof(answer)), 3);
  EXPECT_EQ(std::string(answer, 3), "97\n");
  for (const int descriptor : {to_stream[0], to_stream[1], from_stream[0], from_stream[1]}) {
    ::close(descriptor);
  }
}

}  // namespace
}  // namespace lambert
