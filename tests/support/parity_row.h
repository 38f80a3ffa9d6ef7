// SPDX-License-Identifier: Apache-2.0
// Rows of docs/results/parity.md from GoogleTest programs: tests/parity/collect_rows.py reads them.
#pragma once

#include <cstdio>
#include <string>

namespace lambert::testing {

inline void print_parity_row(const std::string& item, const std::string& reference,
                             const std::string& cases, double worst, double limit) {
  std::printf("parity: %s | %s | %s | %.1e | %.0e\n", item.c_str(), reference.c_str(),
              cases.c_str(), worst, limit);
}

}  // namespace lambert::testing
