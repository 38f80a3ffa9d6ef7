# SPDX-License-Identifier: Apache-2.0
"""Rows of the results page, printed and, when asked for, collected in a file by scripts/parity.sh."""
import json


class Table:
    def __init__(self, path=None):
        self.path = path

    def add(self, item, reference, cases, worst, limit):
        """One row of the main table."""
        self._put("row", [item, reference, f"{cases:,}" if isinstance(cases, int) else cases, worst, limit])

    def add_class(self, where, reason, counts):
        """One class of differences that are no mistake of ours."""
        self._put("class", [where, reason, counts])

    def add_fault(self, fault, caught_by, evidence):
        """One deliberate fault and what caught it."""
        self._put("fault", [fault, caught_by, evidence])

    def _put(self, kind, cells):
        print(f"{kind}: " + " | ".join(str(cell) for cell in cells), flush=True)
        if self.path:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps([kind, cells], ensure_ascii=False) + "\n")
