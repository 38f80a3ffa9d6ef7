# SPDX-License-Identifier: Apache-2.0
"""lambert doctor against what Python sees of the same machine, on bad settings, with a stand-in for NVIDIA's driver, and
its sweep of the all-reduce under mpirun.
Usage: doctor_command_test.py LAMBERT MPIEXEC STAND_IN_DRIVER_FOLDER"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LAMBERT, MPIEXEC, STAND_IN = sys.argv[1:]
DEVICE, STORAGE = 7, 8
CPU_FINDINGS = ["processor", "bf16", "cores", "threads", "memory", "huge pages", "shared memory", "NUMA", "clock",
                "time of day", "output folder", "disk space", "LibTorch", "matrix products", "OpenMP", "MPI", "launcher",
                "ranks"]
GPU_FINDINGS = ["NVIDIA card", "NVIDIA driver", "GPUs", "CUDA in this program", "NCCL"]


def run(*arguments, ranks=None, **environment):
    launcher = [MPIEXEC, "--oversubscribe", "-n", str(ranks)] if ranks else []
    variables = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    variables.update(OMPI_MCA_mpi_yield_when_idle="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return subprocess.run([*launcher, LAMBERT, "doctor", *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, env={**variables, **environment})


def examine(*arguments, code=0, **environment):
    result = run(*arguments, "--json", **environment)
    assert result.returncode == code, result
    report = json.loads(result.stdout)
    return report, {finding["name"]: finding for finding in report["findings"]}


def kibibytes(key):
    return int(re.search(rf"{key}:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])


def check_machine(folder):
    report, findings = examine("--output-dir", folder)
    assert list(findings) == CPU_FINDINGS + GPU_FINDINGS, list(findings)
    assert report["can_train_on"]["cpu"] is True, report
    cores = len(os.sched_getaffinity(0))
    assert findings["cores"]["found"].startswith(f"{cores} usable of {os.cpu_count()}"), findings["cores"]
    assert f"of {kibibytes('MemTotal') / 1024 ** 2:.1f} GiB" in findings["memory"]["found"], findings["memory"]
    space = os.statvfs(folder)
    free = float(re.search(r"([\d.]+) GiB free", findings["disk space"]["found"])[1])
    assert abs(free - space.f_bavail * space.f_frsize / 2 ** 30) < 1.0, findings["disk space"]
    assert "write, sync, rename and lock work" in findings["output folder"]["found"], findings["output folder"]
    assert not list(pathlib.Path(folder).iterdir()), "doctor left something"
    assert "libtorch_cpu.so" in findings["LibTorch"]["found"] and "oneDNN" in findings["matrix products"]["found"]
    for finding in findings.values():
        assert finding["state"] == "ok" or finding["advice"] or finding["name"] == "GPUs", finding
    text = run("--output-dir", folder).stdout
    assert all(re.search(rf"^(ok|warning|missing) +{name} ", text, re.MULTILINE) for name in findings), text


def check_bad_settings(folder):
    pinned = subprocess.run(["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), LAMBERT, "doctor", "--json"],
                            capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"}, check=True)
    findings = {finding["name"]: finding for finding in json.loads(pinned.stdout)["findings"]}
    assert findings["cores"]["found"].startswith("1 usable"), findings["cores"]
    assert findings["threads"]["state"] == "warning" and "unset OMP_NUM_THREADS" in findings["threads"]["advice"], findings
    _, findings = examine(PATH="/nowhere")
    assert findings["launcher"]["state"] == "warning" and "openmpi-bin" in findings["launcher"]["advice"], findings
    # A file where a folder must be; root may write everywhere else.
    blocked = pathlib.Path(folder) / "file"
    blocked.write_text("")
    report, findings = examine("--output-dir", blocked, code=STORAGE)
    assert findings["output folder"]["state"] == "missing" and report["can_train_on"]["cpu"] is False, report
    assert "--output-dir DIR" in findings["output folder"]["advice"], findings["output folder"]
    _, findings = examine("--output-dir", "/proc", code=STORAGE)
    assert findings["output folder"]["state"] == "missing", findings["output folder"]


def check_stand_in_driver():
    """What the program has of CUDA depends on the preset."""
    report, findings = examine(LD_LIBRARY_PATH=STAND_IN)
    has_cuda = findings["CUDA in this program"]["state"] == "ok"
    assert report["gpus"] == [
        {"name": "Stand-in 80GB", "compute_capability": "9.0", "memory_bytes": 80 << 30},
        {"name": "Stand-in 40GB", "compute_capability": "8.0", "memory_bytes": 40 << 30}], report["gpus"]
    assert findings["GPUs"]["state"] == "ok" and findings["NVIDIA driver"]["found"].startswith("serves CUDA 13.0"), findings
    assert report["can_train_on"]["cuda"] is has_cuda, report
    _, findings = examine(LD_LIBRARY_PATH=STAND_IN, STAND_IN_CUDA="12040")
    assert findings["NVIDIA driver"]["state"] == "missing" and "580 or newer" in findings["NVIDIA driver"]["advice"], findings
    report, findings = examine(LD_LIBRARY_PATH=STAND_IN, STAND_IN_ERROR="100")
    assert report["gpus"] == [] and "no CUDA-capable device" in findings["GPUs"]["found"], findings["GPUs"]
    _, findings = examine(LD_LIBRARY_PATH=STAND_IN, STAND_IN_MAJOR="7")
    assert findings["GPUs"]["state"] == "missing" and "8.0 (A100) and newer" in findings["GPUs"]["advice"], findings["GPUs"]
    _, findings = examine(LD_LIBRARY_PATH=STAND_IN, STAND_IN_GPUS="0")
    assert "CUDA_VISIBLE_DEVICES" in findings["GPUs"]["advice"], findings["GPUs"]


def check_require_cuda():
    report, findings = examine()
    result = run("--require", "cuda")
    assert result.returncode == (0 if report["can_train_on"]["cuda"] else DEVICE), result
    missing = [name for name in GPU_FINDINGS if name != "NCCL" and findings[name]["state"] == "missing"]
    assert all(f"{name}: {findings[name]['found']}" in result.stderr for name in missing), result.stderr
    assert bool(missing) == ("looking for a GPU to train on" in result.stderr), result
    assert "training on the CPU" in result.stdout, result
    # An old driver rules every build out.
    result = run("--require", "cuda", LD_LIBRARY_PATH=STAND_IN, STAND_IN_CUDA="12040")
    assert result.returncode == DEVICE and "GPUs:" not in result.stderr and "580 or newer" in result.stderr, result


def check_ranks():
    result = run(ranks=2)
    assert result.returncode == 0 and result.stdout.count("ok       ranks") == 1, result.stdout
    assert "2, started by a launcher" in result.stdout, result.stdout


def check_net():
    alone = run("--net")
    assert alone.returncode == 2 and "mpirun -n 2 lambert doctor --net" in alone.stderr, alone
    report = json.loads(run("--net", "--seconds", 1, "--json", ranks=2).stdout)
    assert report["ranks"] == 2 and report["algorithm"] == "ring, shared memory", report
    assert [row["megabytes"] for row in report["sweep"]] == [0.004, 0.032, 0.256, 1.0, 4.0, 16.0, 64.0], report
    for row in report["sweep"]:
        # Of two ranks every byte goes over the bus once: 2 (n - 1) / n = 1.
        expected = row["megabytes"] / row["milliseconds"]
        assert abs(row["bus_gb_per_second"] / expected - 1) < 1e-6, row
    best = max(row["bus_gb_per_second"] for row in report["sweep"] if row["megabytes"] >= 16)
    assert report["limit_gb_per_second"] > 0 and report["limit_source"].startswith("memory, which copies"), report
    assert report["verdict"] == ("ok" if best >= 0.5 * report["limit_gb_per_second"] else "warning"), report
    assert f"{best:.2f} GB/s in buckets" in report["found"], report
    text = run("--net", "--seconds", 0.5, ranks=2)
    assert text.returncode == 0 and len(re.findall("ring, shared memory", text.stdout)) == 7, text.stdout


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_machine(folder)
        check_bad_settings(folder)
    check_stand_in_driver()
    check_require_cuda()
    check_ranks()
    check_net()


if __name__ == "__main__":
    main()
