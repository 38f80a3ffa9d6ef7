// SPDX-License-Identifier: Apache-2.0
// Properties of single code points, frozen at Unicode 14 whatever the installed ICU knows: a
// character that came later counts as unassigned. So ids do not depend on the machine that prepared
// the text. (An assigned character whose property a later version corrects still follows ICU; none
// of ICU 72 changes an id.)
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace lambert {

/// What the cleaning and splitting steps of BERT's tokenizer see in a character.
enum class CharacterKind : std::uint8_t {
  ordinary,
  dropped,      // NUL, U+FFFD, categories Cc and Cf
  whitespace,   // tab, LF, CR, category Zs, U+2028, U+2029
  ideograph,    // a word of its own; the original's eight CJK ranges
  punctuation,  // a word of its own; ASCII non-alphanumerics and category P
};

CharacterKind kind_of(char32_t code_point);

/// Category Mn, the accents that uncased text loses.
bool is_nonspacing_mark(char32_t code_point);

/// One-to-one lower case. Two characters need more: see lower_case_word.
char32_t simple_lower_case(char32_t code_point);

/// For the final-sigma rule of Unicode, section 3.13.
bool is_cased(char32_t code_point);
bool is_case_ignorable(char32_t code_point);

/// Canonical combining class; 0 for starters.
std::uint8_t combining_class(char32_t code_point);

/// Full canonical decomposition into target; returns how many code points it has (1: the character
/// itself).
constexpr std::size_t kMaxDecomposition = 8;  // Unicode 14 needs 4
std::size_t decompose(char32_t code_point, std::span<char32_t, kMaxDecomposition> target);

}  // namespace lambert
