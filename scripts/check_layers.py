#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a file includes a floor it must not see (docs/architecture.md), or breaks another rule of the house."""
import pathlib
import re
import sys

FLOORS = {
    "base": [],
    "config": ["base"],
    "kernels": ["base"],
    "cluster": ["base", "config"],
    "comm": ["base", "config"],
    "data": ["base", "config"],
    "text": ["base", "config", "data"],
    "ops": ["base", "config", "kernels"],
    "model": ["base", "config", "kernels", "ops"],
    "gradients": ["base", "config", "comm", "ops"],
    "optim": ["base", "config", "kernels", "ops", "gradients"],
    "checkpoint": ["base", "config", "model"],
    "train": ["base", "config", "kernels", "cluster", "comm", "data", "ops", "model", "gradients", "optim", "checkpoint"],
    "squad": ["base", "config", "kernels", "cluster", "comm", "data", "text", "ops", "model", "gradients", "optim",
              "checkpoint", "train"],
    "app": None,  # everything
}
TORCH_FREE = {"base", "config", "kernels", "cluster", "comm", "data", "text"}
EVERY_OPERATOR = {"ATen/ATen.h", "ATen/Functions.h", "torch/torch.h"}
LINE_LIMIT = 400


def problems_of(path: pathlib.Path, root: pathlib.Path) -> list[str]:
    module = path.relative_to(root / "src").parts[0]
    lines = path.read_text().splitlines()
    found = []
    if not lines or "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        found.append(f"{path}:1: no SPDX line")
    if len(lines) > LINE_LIMIT:
        found.append(f"{path}: {len(lines)} lines, the limit is {LINE_LIMIT}")
    for number, line in enumerate(lines, 1):
        include = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if re.match(r"\s*#\s*(if|ifdef|ifndef)\b", line):
            found.append(f"{path}:{number}: conditional compilation; choose by linking")
        if not include:
            continue
        kind, name = include.groups()
        target = name.split("/")[0]
        if kind == '"':
            if target not in FLOORS:
                found.append(f"{path}:{number}: write includes as \"module/file.h\"")
            elif FLOORS[module] is not None and target != module and target not in FLOORS[module]:
                found.append(f"{path}:{number}: {module} must not include {target}")
        if name in EVERY_OPERATOR:
            found.append(f"{path}:{number}: {name} takes seconds to compile; include the operators, ATen/ops/NAME.h")
        if target in ("torch", "ATen", "c10") and module in TORCH_FREE:
            found.append(f"{path}:{number}: {module} is free of LibTorch")
        if target == "spdlog" and path.name != "log.cpp":
            found.append(f"{path}:{number}: spdlog is included in base/log.cpp alone")
    return found


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    sources = sorted(p for p in (root / "src").rglob("*") if p.suffix in (".h", ".cpp", ".cu"))
    found = [problem for path in sources for problem in problems_of(path, root)]
    print("\n".join(found) if found else f"{len(sources)} files keep to the floors")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
