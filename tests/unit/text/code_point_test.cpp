// SPDX-License-Identifier: Apache-2.0
#include "text/code_point.h"

#include <gtest/gtest.h>

namespace lambert {
namespace {

// The digest is FNV-1a over the same numbers taken from the unicodedata module of CPython 3.11
// (Unicode 14): kind by the original's functions, Mn, combining class, lower case (U+0130 left
// out), canonical decomposition.
TEST(CodePoint, EveryCharacterHasThePropertiesOfUnicode14) {
  std::uint64_t digest = 0xcbf29ce484222325ULL;
  const auto add = [&digest](std::uint64_t value) { digest = (digest ^ value) * 0x100000001b3ULL; };
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) {
      continue;
    }
    add(static_cast<std::uint64_t>(kind_of(c)));
    add(is_nonspacing_mark(c) ? 1 : 0);
    add(combining_class(c));
    add(c == 0x130 ? c : simple_lower_case(c));
    std::array<char32_t, kMaxDecomposition> parts{};
    const std::size_t count = decompose(c, parts);
    for (std::size_t i = 0; i < count; ++i) {
      add(parts[i]);
    }
  }
  EXPECT_EQ(digest, 0xf81a0e6f4db997e2ULL);
}

TEST(CodePoint, CharactersAfterUnicode14AreUnassigned) {
  EXPECT_EQ(kind_of(0x13439), CharacterKind::ordinary);  // category Cf since Unicode 15
  EXPECT_FALSE(is_nonspacing_mark(0x10EFD));             // Mn since Unicode 15
  EXPECT_EQ(combining_class(0x10EFD), 0);
}

}  // namespace
}  // namespace lambert
