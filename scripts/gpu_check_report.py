#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of scripts/gpu_check.sh: every claim about GPUs with pass, FAIL or not run, from what its steps left.
Writes table.json beside it. Exit code 1 when a claim fails or could not be tried.
Usage: gpu_check_report.py FOLDER"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

# What NVIDIA published for BERT-Large on one GPU, by the name of the card and the length in tokens: figure, unit, source.
# Their other phase-2 figures are of shorter, binned sequences and cannot be compared; CUDA 13 has left V100 behind.
PUBLISHED = {
    ("A100", 128): (694, "sequences/s", "NVIDIA DeepLearningExamples, PaddlePaddle BERT, AMP"),
    ("A100", 512): (96.5, "sequences/s", "NVIDIA DeepLearningExamples, TensorFlow 2 BERT, fully padded"),
    ("H100", 512): (247e3, "tokens/s", "MLPerf Training v3.1 log of 8 GPUs, FP8, packed, up to 512 tokens"),
    ("H200", 512): (254e3, "tokens/s", "MLPerf Training v4.0 log of 8 GPUs, FP8, packed, up to 512 tokens"),
}
# Claims that the tests of label gpu carry, by the names of the tests.
TEST_CLAIMS = [
    ("kernels on the GPU agree with the CPU's", r"kernels"),
    ("losses, gradients and steps on the GPU agree with the CPU's", r"parity"),
    ("a resumed run has the same bits on the GPU", r"resume"),
    ("CUDA graphs give the same bits as kernels one by one", r"graphs"),
]
LENGTHS = (128, 512)
NOT_RUN = "not run"


class Folder:
    """What the steps left; everything may be absent."""

    def __init__(self, path):
        self.path = path
        self.codes = {}
        steps = path / "steps.tsv"
        for line in steps.read_text().splitlines() if steps.exists() else []:
            name, code, _ = line.split("\t")
            self.codes[name] = int(code)

    def json(self, step):
        try:
            return json.loads((self.path / f"{step}.out").read_text())
        except (OSError, json.JSONDecodeError):
            return None

    def why_not(self, step):
        if step not in self.codes:
            return "the build failed" if self.codes.get("build") else "was not started"
        return f"exit code {self.codes[step]}, see {step}.log"


def step_claim(folder, step, claim):
    if step not in folder.codes:
        return claim, NOT_RUN, folder.why_not(step)
    return claim, "pass" if folder.codes[step] == 0 else "FAIL", "" if folder.codes[step] == 0 else folder.why_not(step)


def test_claims(folder):
    file = folder.path / "tests.xml"
    if not file.exists():
        return [(claim, NOT_RUN, folder.why_not("tests")) for claim, _ in TEST_CLAIMS]
    cases = {case.get("name"): case.get("status") == "run" for case in ElementTree.parse(file).getroot().iter("testcase")}
    rows = []
    for claim, pattern in TEST_CLAIMS:
        chosen = {name: good for name, good in cases.items() if re.search(pattern, name, re.IGNORECASE)}
        bad = sorted(name for name, good in chosen.items() if not good)
        if not chosen:
            rows.append((claim, NOT_RUN, "no test of label gpu has such a name"))
        else:
            rows.append((claim, "FAIL" if bad else "pass", ", ".join(bad) or f"{len(chosen)} tests"))
    failed = sorted(name for name, good in cases.items() if not good)
    rows.append(("every test of label gpu", "FAIL" if failed else "pass", ", ".join(failed) or f"{len(cases)} tests"))
    return rows


def peer_claim(folder, length):
    claim = f"{length} tokens: at least as fast as tuned PyTorch"
    result = folder.json(f"bench_{length}")
    if not result or "times_as_fast" not in result:
        return claim, NOT_RUN, folder.why_not(f"bench_{length}")
    return (claim, "pass" if result["times_as_fast"] >= 1.0 else "FAIL",
            f"{result['times_as_fast']:.2f} times {result.get('peer', 'PyTorch')}, "
            f"{result['times_as_fast_smallest']:.2f} to {result['times_as_fast_largest']:.2f}")


def published_claim(folder, length):
    claim = f"{length} tokens: at least what NVIDIA published"
    result = folder.json(f"bench_{length}")
    gpus = (folder.json("doctor") or {}).get("gpus") or [{"name": "unknown"}]
    name = gpus[0]["name"]
    figures = [figure for (card, tokens), figure in PUBLISHED.items() if card in name and tokens == length]
    if not result or "tokens_per_second" not in result:
        return claim, NOT_RUN, folder.why_not(f"bench_{length}")
    tokens = result.get("our_tokens_per_second", result["tokens_per_second"])
    ours = f"{tokens / length:.1f} sequences/s, {tokens:.0f} tokens/s"
    if not figures:
        return claim, "no figure", f"{ours}; none known for {name}"
    figure, unit, source = figures[0]
    reached = tokens if unit == "tokens/s" else tokens / length
    return claim, "pass" if reached >= figure else "FAIL", f"{ours}; {figure:g} {unit}: {source}"


def net_claim(folder):
    claim = "all-reduce reaches half of what the links give"
    if "net" not in folder.codes:
        return claim, "no figure" if folder.codes.get("build") == 0 else NOT_RUN, "one GPU"
    result = folder.json("net")
    if not result:
        return claim, NOT_RUN, folder.why_not("net")
    return claim, {"ok": "pass", "warning": "FAIL"}.get(result["verdict"], "no figure"), result["found"]


def main():
    folder = Folder(pathlib.Path(sys.argv[1]))
    rows = [step_claim(folder, "build", "builds with preset cuda"),
            step_claim(folder, "doctor", "lambert doctor finds a GPU to train on"), *test_claims(folder)]
    for length in LENGTHS:
        rows += [peer_claim(folder, length), published_claim(folder, length)]
    rows.append(net_claim(folder))
    (folder.path / "table.json").write_text(json.dumps(
        [{"claim": claim, "result": result, "found": found} for claim, result, found in rows], indent=2) + "\n")
    width = max(len(claim) for claim, _, _ in rows)
    for claim, result, found in rows:
        print(f"{result:<10}{claim:<{width}}  {found}".rstrip())
    return 1 if any(result in ("FAIL", NOT_RUN) for _, result, _ in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
