# SPDX-License-Identifier: Apache-2.0
"""Runs a GoogleTest program and collects the rows that it prints (tests/support/parity_row.h).

Usage: collect_rows.py PROGRAM FILTER [--table FILE]
"""
import argparse
import subprocess
import sys

import parity_table

MARK = "parity: "


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("filter")
    parser.add_argument("--table")
    options = parser.parse_args()
    result = subprocess.run([options.program, f"--gtest_filter={options.filter}"], capture_output=True, text=True)
    rows = [line.removeprefix(MARK).split(" | ") for line in result.stdout.splitlines() if line.startswith(MARK)]
    table = parity_table.Table(options.table)
    for row in rows:
        table.add(*row)
    assert result.returncode == 0 and rows, result.stdout[-3000:] + result.stderr[-1000:]


if __name__ == "__main__":
    sys.exit(main())
