// SPDX-License-Identifier: Apache-2.0
#include "text/utf8.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

TEST(Utf8, AcceptsTheFirstAndLastSequenceOfEveryLength) {
  EXPECT_FALSE(find_invalid_utf8("\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"));
  EXPECT_FALSE(find_invalid_utf8("\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
}

TEST(Utf8, ReportsTheOffsetOfTheFirstBadSequence) {
  EXPECT_EQ(find_invalid_utf8("plain ascii text\xff tail"), 16U);
  EXPECT_EQ(find_invalid_utf8("\xc3\xa9\xc0\xaf"), 2U);     // overlong slash
  EXPECT_EQ(find_invalid_utf8("x\xe0\x9f\xbf"), 1U);        // overlong, three bytes
  EXPECT_EQ(find_invalid_utf8("xy\xed\xa0\x80"), 2U);       // surrogate
  EXPECT_EQ(find_invalid_utf8("\xf4\x90\x80\x80"), 0U);     // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("\xf0\x8f\xbf\xbf"), 0U);     // overlong, four bytes
  EXPECT_EQ(find_invalid_utf8("abcdefghij\xe2\x82"), 10U);  // cut at the end
}

// Right-hand sides: bytes.decode('utf-8', 'ignore') of CPython 3.11.
TEST(Utf8, DropsWhatPythonIgnores) {
  EXPECT_EQ(drop_invalid_utf8("a\xf0\x90\x80"
                              "b"),
            "ab");
  EXPECT_EQ(drop_invalid_utf8("a\xe2\x82"
                              "b\xe2\x82\xac"),
            "ab\xe2\x82\xac");
  EXPECT_EQ(drop_invalid_utf8("\xed\xa0\x80z"), "z");
  EXPECT_EQ(drop_invalid_utf8("\xc3\xc3\xa9"), "\xc3\xa9");
  EXPECT_EQ(drop_invalid_utf8("\xfe\xff"), "");
  EXPECT_EQ(drop_invalid_utf8(std::string_view("a\0b\x80", 4)), std::string("a\0b", 3));
}

TEST(Utf8, CountsDroppedBytes) {
  std::int64_t dropped = 1;
  drop_invalid_utf8(
      "a\xf0\x90\x80"
      "b\xff",
      &dropped);
  EXPECT_EQ(dropped, 5);
}

TEST(Utf8, DecodesWhatItEncodes) {
  for (const char32_t code_point :
       {U'\0', U'a', U'\x7f', U'\x80', U'\x7ff', U'\x800', U'\xffff', U'\x10000', U'\x10ffff'}) {
    std::string text;
    append_utf8(code_point, text);
    const Utf8Sequence sequence = decode_utf8(text, 0);
    EXPECT_TRUE(sequence.valid);
    EXPECT_EQ(sequence.code_point, code_point);
    EXPECT_EQ(sequence.byte_count, text.size());
  }
}

TEST(Utf8, ShowsBytesInHexadecimal) {
  EXPECT_EQ(hex_bytes("\xc3(abc", 3), "c3 28 61");
}

}  // namespace
}  // namespace lambert
