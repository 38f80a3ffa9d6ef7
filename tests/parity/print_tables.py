# SPDX-License-Identifier: Apache-2.0
"""Prints collected rows as the tables of docs/results/parity.md. Usage: print_tables.py ROWS"""
import json
import sys

HEADS = {
    "row": ["item", "reference", "cases", "worst error", "limit"],
    "class": ["where", "reason of the difference", "count"],
    "fault": ["seeded fault", "caught by", "evidence"],
}

with open(sys.argv[1], encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
for wanted, head in HEADS.items():
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for kind, cells in rows:
        if kind == wanted:
            print("| " + " | ".join(str(cell) for cell in cells) + " |")
    print()
