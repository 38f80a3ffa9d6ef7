// SPDX-License-Identifier: Apache-2.0
// Files that are no configuration at all: refused by our limits and with the real reason, quickly.
#include <chrono>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "unit/config/config_file.h"

namespace lambert {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

std::string mistake_at(const std::filesystem::path& path) {
  try {
    load_run_config(path, {});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string repeated(const std::string& piece, std::size_t count) {
  std::string text;
  text.reserve(piece.size() * count);
  for (std::size_t index = 0; index < count; ++index) {
    text += piece;
  }
  return text;
}

TEST(BadFiles, EmptyFileIsNamed) {
  EXPECT_THAT(mistake_in(""), HasSubstr("run.yaml: is empty"));
}

TEST(BadFiles, FileOfCommentsIsEmpty) {
  EXPECT_THAT(mistake_in("# nothing\n# here\n"), HasSubstr("run.yaml: is empty"));
}

TEST(BadFiles, ScalarAtTheTopIsNamed) {
  EXPECT_THAT(mistake_in("hello\n"),
              HasSubstr("run.yaml:1:1: found 'hello' at the top; expected a map"));
}

TEST(BadFiles, ListAtTheTopIsNamed) {
  EXPECT_THAT(mistake_in("- a\n- b\n"), HasSubstr("found a list at the top"));
}

TEST(BadFiles, SecondDocumentIsRefusedWithItsLine) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "---\nseed: 1\n"),
              HasSubstr("run.yaml:13:1: a second document"));
}

TEST(BadFiles, DocumentMarkersAroundOneDocumentAreAccepted) {
  EXPECT_THAT(mistake_in("---\n" + std::string(kGoodConfig) + "...\n"), IsEmpty());
}

TEST(BadFiles, AnchorIsRefused) {
  EXPECT_THAT(mistake_in("output_dir: &there runs\n"),
              AllOf(HasSubstr("run.yaml:1:"), HasSubstr("anchor '&there'")));
}

TEST(BadFiles, AliasIsRefused) {
  EXPECT_THAT(mistake_in("output_dir: *there\n"), HasSubstr("run.yaml:1:13"));
}

TEST(BadFiles, SelfReferenceIsRefused) {
  EXPECT_THAT(mistake_in("a: &a [*a]\n"), HasSubstr("anchor '&a'"));
}

TEST(BadFiles, ExpandingAnchorsAreRefusedAtTheFirst) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int level = 1; level < 9; ++level) {
    const std::string alias = "*a" + std::to_string(level - 1);
    text += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" +
            repeated(alias + ", ", 8) + alias + "]\n";
  }
  EXPECT_THAT(mistake_in(text), HasSubstr("run.yaml:1:5: anchor '&a0' is not accepted"));
}

TEST(BadFiles, MergeKeyIsRefused) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "<<: {seed: 1}\n"),
              HasSubstr("run.yaml:13:1: merge key"));
}

TEST(BadFiles, TagIsRefused) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "seed: !!int 3\n"),
              HasSubstr("tag 'tag:yaml.org,2002:int'"));
}

TEST(BadFiles, ListAsAKeyIsRefused) {
  EXPECT_THAT(mistake_in(std::string(kGoodConfig) + "? [a]\n: 1\n"),
              HasSubstr("a key is a list or a map"));
}

TEST(BadFiles, DeepNestingIsRefusedForWhatItIs) {
  for (const char* piece : {"[", "{a: ", "[a: ", "- "}) {
    EXPECT_THAT(mistake_in(repeated(piece, 10000)), HasSubstr("nested deeper than 64 levels"))
        << piece;
  }
}

TEST(BadFiles, DeepBlockNestingIsRefusedForWhatItIs) {
  std::string text;
  for (std::size_t level = 0; level < 100; ++level) {
    text += std::string(level, ' ') + "a:\n";
  }
  EXPECT_THAT(mistake_in(text), HasSubstr("nested deeper than 64 levels"));
}

TEST(BadFiles, TooManyValuesAreRefused) {
  EXPECT_THAT(mistake_in("a:\n" + repeated("  - 1\n", 20000)), HasSubstr("more than 10000 values"));
}

TEST(BadFiles, FileAboveOneMebibyteIsRefused) {
  EXPECT_THAT(mistake_in(std::string((1 << 20) + 1, '#')), HasSubstr("larger than 1 MiB"));
}

TEST(BadFiles, EndlessLineIsRefused) {
  EXPECT_THAT(mistake_in("a: [" + std::string(1 << 19, ',')),
              HasSubstr("line longer than 65536 bytes"));
}

TEST(BadFiles, LargestRefusedFilesTakeWellUnderASecond) {
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& text :
       {std::string(1 << 20, '['), repeated("&a ", 300000), repeated("a: ", 300000),
        repeated("! ", 500000), "\"" + std::string(1000000, 'a')}) {
    EXPECT_NE(mistake_in(text), "");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST(BadFiles, TabIndentationNamesLineAndColumn) {
  EXPECT_THAT(mistake_in("model:\n\thidden_size: 3\n"),
              HasSubstr("run.yaml:2:1: tab in the indentation"));
}

TEST(BadFiles, BadEscapeNamesItsLine) {
  EXPECT_THAT(mistake_in("seed: 1\noutput_dir: \"a\\qb\"\n"), HasSubstr("run.yaml:2:"));
}

TEST(BadFiles, UnclosedQuoteNamesItsLine) {
  EXPECT_THAT(mistake_in("seed: 1\noutput_dir: \"runs\n"), HasSubstr("run.yaml:"));
}

TEST(BadFiles, NulByteNamesLineAndColumn) {
  EXPECT_THAT(mistake_in(std::string("seed: 1\nab\0c: 2\n", 16)),
              HasSubstr("run.yaml:2:3: control character 0x00"));
}

TEST(BadFiles, ControlCharacterNamesLineAndColumn) {
  EXPECT_THAT(mistake_in("seed: \x1b[31m1\n"), HasSubstr("run.yaml:1:7: control character 0x1B"));
}

TEST(BadFiles, InvalidUtf8NamesLineAndColumn) {
  const char* sequences[] = {"\xff",     "\xc0\xaf", "\xed\xa0\x80",    "\xf4\x90\x80\x80",
                             "\xe2\x82", "\x80",     "\xf0\x80\x80\x80"};
  for (const char* bytes : sequences) {
    EXPECT_THAT(mistake_in("seed: 1\n# " + std::string(bytes) + "\n"),
                AllOf(HasSubstr("run.yaml:2:3: byte 0x"), HasSubstr("not valid UTF-8")));
  }
}

TEST(BadFiles, Utf16IsRefused) {
  EXPECT_THAT(mistake_in(std::string("\xff\xfes\0e\0", 6)),
              HasSubstr("run.yaml:1:1: byte 0xFF is not valid UTF-8"));
  EXPECT_THAT(mistake_in(std::string("s\0e\0e\0d\0", 8)), HasSubstr("UTF-16"));
}

TEST(BadFiles, ByteOrderMarkIsAccepted) {
  EXPECT_THAT(mistake_in("\xEF\xBB\xBF" + std::string(kGoodConfig)), IsEmpty());
}

TEST(BadFiles, WindowsLineEndsAreAccepted) {
  std::string text;
  for (const char character : std::string(kGoodConfig)) {
    text += character == '\n' ? "\r\n" : std::string(1, character);
  }
  EXPECT_EQ(load_text(text).output_dir, "runs/test");
  EXPECT_THAT(mistake_in(text + "sede: 1\r\n"), HasSubstr("run.yaml:13:1: sede"));
}

TEST(BadFiles, MissingFileNamesPathAndReason) {
  EXPECT_THAT(mistake_at("/nonexistent/run.yaml"),
              AllOf(HasSubstr("/nonexistent/run.yaml"), HasSubstr("No such file")));
}

TEST(BadFiles, DirectoryIsRefused) {
  const ConfigFile file("");
  EXPECT_THAT(mistake_at(file.folder()), HasSubstr("Is a directory"));
}

TEST(BadFiles, DanglingLinkIsRefused) {
  const ConfigFile file("");
  const std::filesystem::path link = file.folder() / "link.yaml";
  std::filesystem::create_symlink(file.folder() / "gone.yaml", link);
  EXPECT_THAT(mistake_at(link), AllOf(HasSubstr("link.yaml"), HasSubstr("No such file")));
}

TEST(BadFiles, PipeIsRefusedWithoutBlocking) {
  const ConfigFile file("");
  const std::filesystem::path pipe = file.folder() / "pipe.yaml";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(mistake_at(pipe), HasSubstr("not a regular file"));
}

TEST(BadFiles, DeviceIsRefused) {
  EXPECT_THAT(mistake_at("/dev/zero"), HasSubstr("not a regular file"));
}

TEST(BadFiles, FileWhoseSizeDoesNotHoldIsRefused) {
  // /proc says 0 bytes and delivers more, as a file does that grows while it is read.
  EXPECT_THAT(mistake_at("/proc/self/status"), HasSubstr("changed while it was read"));
}

TEST(BadFiles, MistakesEndWithTheExitCodeOfConfigurations) {
  const ConfigFile file("seed: [\n");
  try {
    load_run_config(file.path(), {});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::config);
  }
}

}  // namespace
}  // namespace lambert
