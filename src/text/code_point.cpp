// SPDX-License-Identifier: Apache-2.0
#include "text/code_point.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>

#include "base/error.h"

namespace lambert {
namespace {

constexpr std::uint8_t kUnicodeVersion = 14;

UChar32 to_icu(char32_t code_point) {
  return static_cast<UChar32>(code_point);
}

bool is_assigned(char32_t code_point) {
  if (code_point < 0x370) {
    return true;
  }
  UVersionInfo age{};
  u_charAge(to_icu(code_point), age);
  return age[0] != 0 && age[0] <= kUnicodeVersion;
}

bool in_range(char32_t code_point, char32_t first, char32_t last) {
  return code_point >= first && code_point <= last;
}

bool is_ideograph(char32_t c) {
  return in_range(c, 0x4E00, 0x9FFF) || in_range(c, 0x3400, 0x4DBF) ||
         in_range(c, 0x20000, 0x2A6DF) || in_range(c, 0x2A700, 0x2B73F) ||
         in_range(c, 0x2B740, 0x2B81F) || in_range(c, 0x2B820, 0x2CEAF) ||
         in_range(c, 0xF900, 0xFAFF) || in_range(c, 0x2F800, 0x2FA1F);
}

/// Every printable ASCII character that is no letter and no digit, symbols of category S included.
bool is_ascii_punctuation(char32_t c) {
  return in_range(c, 33, 47) || in_range(c, 58, 64) || in_range(c, 91, 96) || in_range(c, 123, 126);
}

const UNormalizer2* canonical_normalizer() {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFDInstance(&status);
  LAMBERT_CHECK(U_SUCCESS(status), "ICU has no normalisation data; reinstall ICU");
  return normalizer;
}

}  // namespace

CharacterKind kind_of(char32_t code_point) {
  if (code_point == '\t' || code_point == '\n' || code_point == '\r') {
    return CharacterKind::whitespace;
  }
  if (code_point == 0xFFFD) {
    return CharacterKind::dropped;
  }
  if (is_ascii_punctuation(code_point)) {
    return CharacterKind::punctuation;
  }
  if (is_ideograph(code_point)) {
    return CharacterKind::ideograph;
  }
  if (!is_assigned(code_point)) {
    return CharacterKind::ordinary;
  }
  const std::uint32_t category = U_GET_GC_MASK(to_icu(code_point));
  if ((category & (U_GC_CC_MASK | U_GC_CF_MASK)) != 0) {
    return CharacterKind::dropped;
  }
  if ((category & U_GC_Z_MASK) != 0) {
    return CharacterKind::whitespace;
  }
  return (category & U_GC_P_MASK) != 0 ? CharacterKind::punctuation : CharacterKind::ordinary;
}

bool is_nonspacing_mark(char32_t code_point) {
  return u_charType(to_icu(code_point)) == U_NON_SPACING_MARK && is_assigned(code_point);
}

char32_t simple_lower_case(char32_t code_point) {
  const auto lower = static_cast<char32_t>(u_tolower(to_icu(code_point)));
  return lower != code_point && is_assigned(code_point) ? lower : code_point;
}

bool is_cased(char32_t code_point) {
  return u_hasBinaryProperty(to_icu(code_point), UCHAR_CASED) != 0 && is_assigned(code_point);
}

bool is_case_ignorable(char32_t code_point) {
  return u_hasBinaryProperty(to_icu(code_point), UCHAR_CASE_IGNORABLE) != 0 &&
         is_assigned(code_point);
}

std::uint8_t combining_class(char32_t code_point) {
  const std::uint8_t value = u_getCombiningClass(to_icu(code_point));
  return value != 0 && is_assigned(code_point) ? value : 0;
}

std::size_t decompose(char32_t code_point, std::span<char32_t, kMaxDecomposition> target) {
  static const UNormalizer2* const normalizer = canonical_normalizer();
  constexpr std::int32_t kCapacity = 2 * kMaxDecomposition;
  std::array<UChar, kCapacity> units{};
  UErrorCode status = U_ZERO_ERROR;
  const std::int32_t length =
      unorm2_getDecomposition(normalizer, to_icu(code_point), units.data(), kCapacity, &status);
  if (length < 0 || !is_assigned(code_point)) {
    target[0] = code_point;
    return 1;
  }
  LAMBERT_CHECK(U_SUCCESS(status), "canonical decomposition longer than expected");
  std::size_t count = 0;
  for (std::int32_t i = 0; i < length; ++count) {
    UChar32 part = 0;
    U16_NEXT(units.data(), i, length, part);
    LAMBERT_CHECK(count < kMaxDecomposition, "canonical decomposition longer than expected");
    target[count] = static_cast<char32_t>(part);
  }
  return count;
}

}  // namespace lambert
