// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lambert {

/// Whole words that end in a full stop inside a sentence and that ICU 72's English exceptions lack
/// or miss. ICU compares the end of a word only ("ed." would also match "asked."), so these are
/// compared by us. Not here: words that often end a sentence ("No.", "etc.", "Jr."). Sorted.
inline constexpr std::string_view kEnglishAbbreviations[] = {
    "Adm.",  "Brig.", "Cf.",  "Cmdr.",  "Col.",  "Dr.",   "Drs.",  "Eq.",  "Eqs.",    "Fig.",
    "Figs.", "Fr.",   "Ft.",  "Gen.",   "Gov.",  "Hon.",  "Lt.",   "Maj.", "Messrs.", "Mlle.",
    "Mme.",  "Mr.",   "Mrs.", "Ms.",    "Mt.",   "Pres.", "Prof.", "Rep.", "Rev.",    "Sec.",
    "Sen.",  "Sgt.",  "St.",  "Ste.",   "Supt.", "U.K.",  "U.S.",  "Vol.", "Vols.",   "approx.",
    "c.",    "ca.",   "cf.",  "e.g.",   "ed.",   "eds.",  "eq.",   "esp.", "fig.",    "figs.",
    "i.e.",  "pp.",   "sec.", "trans.", "viz.",  "vol.",  "vs."};

}  // namespace lambert
