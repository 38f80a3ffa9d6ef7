#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What every kernel of src/kernels/*.cu takes of a multiprocessor, as ptxas reports it, against its limits.

Fails when a kernel needs more registers, spilled bytes, stack or static shared memory than its line in
src/kernels/cuda_resource_limits.txt allows, when a kernel has no line, or when a line has no kernel.
Needs nvcc, no GPU.

Usage: cuda_resources.py [--nvcc NVCC] [--write]     --write: the limits become what is found, registers rounded up to 8
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMITS = ROOT / "src/kernels/cuda_resource_limits.txt"
ARCHITECTURES = (80, 90, 100)
HEADER = """# SPDX-License-Identifier: Apache-2.0
# The most that ptxas may report for a kernel on any architecture (scripts/cuda_resources.py): file and kernel, its
# variants taken together; registers per thread; bytes spilled; bytes of stack; bytes of static shared memory.
# 65,536 registers of a multiprocessor hold 1,024 threads with 64 registers each, 512 with 128.
"""
Resources = collections.namedtuple("Resources", "registers spilled stack shared")


def report_of(nvcc: str, source: pathlib.Path, work: str) -> str:
    device_codes = ",".join(f"sm_{architecture}" for architecture in ARCHITECTURES)
    command = [nvcc, f"-gencode=arch=compute_{ARCHITECTURES[0]},code=[{device_codes}]",  # as src/kernels/CMakeLists.txt
               "-std=c++20", "--expt-relaxed-constexpr", "-O3", "-Xptxas", "-v", "-I", str(ROOT / "src"), "-c",
               str(source), "-o", f"{work}/{source.stem}.o"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cuda_resources: {' '.join(command)} failed:\n{done.stderr}")
    return done.stderr


def kernel_name(mangled: str) -> str:
    """The kernel's own name out of _ZN7lambert...E: the last of the nested names before the template arguments."""
    names, rest = [], mangled[len("_ZN"):]
    while match := re.match(r"(\d+)", rest):
        length = int(match.group(1))
        start = len(match.group(1))
        names.append(rest[start:start + length])
        rest = rest[start + length:]
    return names[-1]


def resources_of(report: str) -> list[tuple[str, str, Resources]]:
    """Kernel, architecture and resources of every variant."""
    found, current, frame = [], None, (0, 0)
    for line in report.splitlines():
        if match := re.search(r"Compiling entry function '(\w+)' for 'sm_(\w+)'", line):
            current = (kernel_name(match.group(1)), match.group(2))
        elif match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            frame = (int(match.group(1)), int(match.group(2)) + int(match.group(3)))
        elif current and (match := re.search(r"Used (\d+) registers", line)):
            shared = re.search(r"(\d+) bytes smem", line)
            found.append((*current, Resources(int(match.group(1)), frame[1], frame[0],
                                              int(shared.group(1)) if shared else 0)))
            current, frame = None, (0, 0)
    return found


def read_limits() -> dict[str, Resources]:
    limits = {}
    for line in LIMITS.read_text().splitlines():
        if line and not line.startswith("#"):
            name, *numbers = line.split()
            limits[name] = Resources(*map(int, numbers))
    return limits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nvcc", default="nvcc")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    most: dict[str, Resources] = {}
    with tempfile.TemporaryDirectory() as work:
        for source in sorted((ROOT / "src/kernels").glob("*.cu")):
            found = resources_of(report_of(arguments.nvcc, source, work))
            if not found:
                sys.exit(f"cuda_resources: ptxas reports no kernel of {source.name}")
            for kernel, architecture, resources in found:
                name = f"{source.stem}:{kernel}"
                print(f"{name:52} sm_{architecture:4} {resources.registers:4} registers {resources.spilled:5} spilled "
                      f"{resources.stack:5} stack {resources.shared:6} shared")
                most[name] = Resources(*map(max, most.get(name, resources), resources))
    if arguments.write:
        lines = [f"{name:52} {(r.registers + 7) // 8 * 8:4} {r.spilled:5} {r.stack:5} {r.shared:6}\n"
                 for name, r in sorted(most.items())]
        LIMITS.write_text(HEADER + "".join(lines))
        return 0
    limits = read_limits()
    problems = [f"{name}: no line in {LIMITS.name}" for name in most if name not in limits]
    problems += [f"{name}: a line in {LIMITS.name} and no kernel" for name in limits if name not in most]
    for name, resources in most.items():
        for field, used, limit in zip(Resources._fields, resources, limits.get(name, resources)):
            if used > limit:
                problems.append(f"{name}: {used} {field}, the limit is {limit}")
    print("\n".join(problems) if problems else f"{len(most)} kernels are within their limits on sm_{ARCHITECTURES}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
