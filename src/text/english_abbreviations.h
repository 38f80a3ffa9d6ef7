// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace lambert {

/// Abbreviations that end in a full stop inside a sentence and that ICU 72's English list lacks.
/// Not here: words that also end sentences ("no.", "in.").
inline constexpr const char* kEnglishAbbreviations[] = {
    "Fig.",    "fig.", "Figs.",  "figs.", "Eq.",   "eq.",     "Eqs.", "Sec.",  "sec.",  "Ch.",
    "ch.",     "Vol.", "vol.",   "Vols.", "pp.",   "p.",      "ed.",  "eds.",  "cf.",   "Cf.",
    "ca.",     "c.",   "b.",     "d.",    "e.g.",  "i.e.",    "viz.", "vs.",   "St.",   "Ste.",
    "Mt.",     "Ft.",  "Gen.",   "Col.",  "Capt.", "Lt.",     "Sgt.", "Maj.",  "Adm.",  "Cmdr.",
    "Gov.",    "Sen.", "Rep.",   "Rev.",  "Hon.",  "Messrs.", "Mme.", "Mlle.", "Prof.", "Jr.",
    "approx.", "esp.", "trans.", "Mr.",   "Mrs.",  "Ms.",     "Dr."};

}  // namespace lambert
