# SPDX-License-Identifier: Apache-2.0
"""scripts/gpu_check.sh: what it says without a GPU, and with stand-ins for the tools of a GPU machine that it runs every
step, judges every claim and writes one file. The measurements themselves need a GPU; this is about the script.
Usage: gpu_check_test.py SOURCE_DIRECTORY"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

SOURCE = pathlib.Path(sys.argv[1])
CARD = "NVIDIA A100-SXM4-80GB"
BENCH = {"tokens_per_second": 90000.0, "our_tokens_per_second": 100000.0, "peer": "pytorch_bert.py tuned",
         "times_as_fast": 1.25, "times_as_fast_smallest": 1.2, "times_as_fast_largest": 1.3}
TESTS = """<testsuite>
<testcase name="kernels_cuda_test" status="run"/><testcase name="gpu_resume_test" status="{resume}"/>
<testcase name="gpu_graphs_test" status="run"/>
<testcase name="gpu_parity_test" status="run"/></testsuite>
"""


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


class Machine:
    """A checkout with the script and a PATH with everything but nvidia-smi."""

    def __init__(self, folder):
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir(parents=True)
        for program in pathlib.Path("/usr/bin").iterdir():
            if program.name != "nvidia-smi":
                (self.programs / program.name).symlink_to(program)
        self.checkout = folder / "checkout"
        (self.checkout / "scripts").mkdir(parents=True)
        for name in ("gpu_check.sh", "gpu_check_report.py"):
            shutil.copy(SOURCE / "scripts" / name, self.checkout / "scripts" / name)

    def add_gpus(self, count=1, build="exit 0", resume="run", bench=None):
        def replace(name, text):
            (self.programs / name).unlink(missing_ok=True)
            write_program(self.programs / name, text)
        lines = "; ".join(f"echo 'GPU {i}: {CARD}'" for i in range(count))
        replace("nvidia-smi", f'case "$1" in -L) {lines} ;; --query*) echo 81920 ;; esac\n')
        replace("cmake", build + "\n")
        xml = TESTS.format(resume=resume)
        replace("ctest", f'while [ $# -gt 1 ]; do [ "$1" = --output-junit ] && cat >"$2" <<END\n{xml}\nEND\nshift; done\n')
        for name in ("setup.sh", "launch.sh"):
            write_program(self.checkout / "scripts" / name, 'while [ $# -gt 0 ]; do case "$1" in -n) shift 2 ;; '
                          '-*) shift ;; *) exec "$@" ;; esac; done\n')
        doctor = json.dumps({"gpus": [{"name": CARD}] * count})
        net = json.dumps({"verdict": "ok", "found": "200 GB/s"})
        write_program(self.checkout / "build/cuda/bin/lambert",
                      f"""echo "$@" >>"{self.folder}/calls"\ncase "$*" in
*--net*) echo '{net}' ;; doctor*) echo '{doctor}' ;; bench*) echo '{json.dumps(bench or BENCH)}' ;; esac\n""")

    def check(self, *arguments):
        return subprocess.run(["scripts/gpu_check.sh", *arguments], cwd=self.checkout, text=True, capture_output=True,
                              env={**os.environ, "PATH": str(self.programs)}, timeout=60)

    def table(self, result):
        """Of the one file that was written."""
        archives = list(self.checkout.glob("gpu_check-*.tar.gz"))
        assert len(archives) == 1, (archives, result.stderr)
        with tarfile.open(archives[0]) as archive:
            names = {pathlib.Path(name).name for name in archive.getnames()}
            member = next(name for name in archive.getnames() if name.endswith("table.json"))
            rows = json.load(archive.extractfile(member))
        assert {"steps.tsv", "table.txt", "nvidia-smi.txt", "build.log"} <= names, names
        assert all(f"{row['result']:<10}{row['claim']}" in result.stdout for row in rows), result.stdout
        return {row["claim"]: row["result"] for row in rows}


def check_no_gpu(machine):
    result = machine.check()
    assert result.returncode == 7, result
    for part in ("no NVIDIA GPU", "nvidia-smi, the tool that comes with the driver: not found", "scripts/quickstart.sh",
                 "install NVIDIA's driver", "--gpus all"):
        assert part in result.stderr, result.stderr
    assert not list(machine.checkout.glob("build*")), "something was built"
    assert machine.check("--qiuck").returncode == 2


def check_good(machine):
    machine.add_gpus(count=2)
    result = machine.check("--quick")
    assert result.returncode == 0, result.stdout + result.stderr
    table = machine.table(result)
    assert len(table) == 12 and set(table.values()) == {"pass"}, table
    calls = (machine.folder / "calls").read_text()
    assert "--device cuda --model large --dtype bf16 --max-seq-length 128 --batch 256 --seconds 10 --rounds 1" in calls, calls
    assert "--max-seq-length 512 --batch 64" in calls and "doctor --json --require cuda" in calls, calls


def check_failing_test(machine):
    machine.add_gpus(resume="fail")
    result = machine.check()
    table = machine.table(result)
    assert result.returncode == 1, result.stdout
    assert [claim for claim, found in table.items() if found == "FAIL"] == [
        "a resumed run has the same bits on the GPU", "every test of label gpu"], table
    assert table["all-reduce reaches half of what the links give"] == "no figure", table


def check_slow(machine):
    machine.add_gpus(bench={**BENCH, "our_tokens_per_second": 60000.0, "times_as_fast": 0.99})
    result = machine.check()
    table = machine.table(result)
    # 60,000 tokens are 469 sequences of 128, below NVIDIA's 694, and 117 of 512, above its 96.5.
    assert result.returncode == 1 and {claim: found for claim, found in table.items() if "tokens:" in claim} == {
        "128 tokens: at least as fast as tuned PyTorch": "FAIL", "128 tokens: at least what NVIDIA published": "FAIL",
        "512 tokens: at least as fast as tuned PyTorch": "FAIL", "512 tokens: at least what NVIDIA published": "pass"}, table


def check_failing_build(machine):
    machine.add_gpus(build="echo no compiler >&2; exit 3")
    result = machine.check()
    table = machine.table(result)
    assert result.returncode == 1 and table["builds with preset cuda"] == "FAIL" and "no compiler" in result.stderr, result
    assert sum(found == "not run" for found in table.values()) == len(table) - 1, table
    assert not (machine.folder / "calls").exists()


def main():
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as name:
        for check in (check_no_gpu, check_good, check_failing_test, check_slow, check_failing_build):
            check(Machine(pathlib.Path(name) / check.__name__))
            print(f"{check.__name__} passed")


if __name__ == "__main__":
    main()
