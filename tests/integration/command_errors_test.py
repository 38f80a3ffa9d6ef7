#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command with nothing, with a missing file, with damaged data, with a damaged checkpoint and
with a wrong key: the exit code, a message that says what to do, and not one changed byte.
Usage: command_errors_test.py LAMBERT SOURCE_DIRECTORY MPIEXEC"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONFIG, DATA, CHECKPOINT, DEVICE, STORAGE = 2, 3, 4, 7, 8
SHARD = "shard-00000-00000-00.bin"
NEWEST = "checkpoint-00000004"
# What a run that fails after taking its output_dir may write there: that it failed.
RUN_RECORDS = {"failure.json", "status.json", "run.json", "run.lock", "train.log"}
TINY_CONFIG = """\
output_dir: run
model: {hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64,
        max_position_embeddings: 32}
phases:
  - name: only
    data: data
    max_seq_length: 32
    max_predictions_per_seq: 5
    global_train_batch_size: 4
    per_device_train_batch_size: 4
    max_steps: 4
    learning_rate: 1.0e-3
    warmup_steps: 1
threads_per_rank: 1
checkpoint: {save_steps: 2}
evaluation: {data: data}
"""
VOCAB_TRAIN = "vocab train --type wordpiece --size 500 --output new"
PREPARE = "prepare --tokenizer vocab.txt --max-seq-length 32 --workers 1 --output new"


@dataclass
class Row:
    arguments: str  # separated by spaces
    code: int
    expected: list  # parts of the message, in any order
    stdout: bool = False  # a table or list is printed although the command fails
    run: str = ""  # this run directory may get the records of a failed run
    new_run: str = ""  # this run directory may be made
    leftover: str = ""  # this unfinished output folder may be made


def usage_rows():
    """Nothing given, or a slip of the fingers."""
    rows = [Row("", CONFIG, ["command line of lambert:", "no command is given", "prepare, data"])]
    for command, missing in [
        ("vocab", "there are train"), ("vocab train", "is required"),
        ("tokenize", "--tokenizer is required"), ("prepare", "is required"),
        ("data", "there are inspect, stats, verify"), ("data inspect", "DIR is required"),
        ("data stats", "DIR is required"), ("data verify", "DIR is required"),
        ("check", "CONFIG is required"), ("plan", "CONFIG is required"), ("train", "CONFIG is required"),
        ("eval", "CONFIG is required"), ("export", "there are hf, verify"),
        ("export hf", "is required"), ("export verify", "FOLDER is required"), ("checkpoint", "there are list, verify"),
        ("checkpoint list", "DIR is required"), ("checkpoint verify", "DIR is required"),
        ("verify-resume", "CONFIG is required"), ("inspect", "there are lamb"),
        ("inspect lamb", "RUN is required"), ("bench", "there are train, matmul"),
        ("bench tokenize", "is required"), ("bench loader", "DIR is required"),
        ("squad", "there are train, predict, score"), ("squad train", "CONFIG is required"),
        ("squad predict", "is required"), ("squad score", "is required"),
        ("config", "there are reference")]:
        rows.append(Row(command, CONFIG, [f"command line of lambert {command}:", missing,
                                          f"see lambert {command} --help"]))
    for slip, meant in [
        ("trian tiny.yaml", "train"), ("vocab tran", "train"), ("data verfy data", "verify"),
        ("checkpoint lst run", "list"), ("export fh run", "hf"), ("config referense", "reference"),
        ("prepare --max-seq-lenght 32", "--max-seq-length"), ("tokenize --tokeniser x", "--tokenizer"),
        ("vocab train --sise 500", "--size"), ("data inspect data --cuont 1", "--count"),
        ("data stats data --jsno", "--json"), ("check tiny.yaml --no-dat", "--no-data"),
        ("plan tiny.yaml --gpsu 8", "--gpus"), ("paln tiny.yaml", "plan"),
        ("train tiny.yaml --hlep", "--help"), ("eval tiny.yaml --checkpiont run", "--checkpoint"),
        ("squad scroe a b", "score"), ("squad predict run a --ouput new", "--output"),
        ("export hf run --ouput new", "--output"), ("export verfy new", "verify"), ("doctor --jsno", "--json"), ("checkpoint verify run --jason", "--json")]:
        rows.append(Row(slip, CONFIG, ["unknown", f"did you mean '{meant}'?", "--help"]))
    return rows + [
        Row("config reference extra", CONFIG, ["unknown argument 'extra'"]),
        Row("data inspect data --count many", CONFIG, ["--count", "many"]),
        Row("data inspect data --count 0", CONFIG, ["--count is 0", "give 1 or more"]),
        Row("check tiny.yaml --ranks -1", CONFIG, ["--ranks is -1"]),
        Row("verify-resume tiny.yaml --steps 0", CONFIG, ["--steps"]),
        Row("verify-resume tiny.yaml --ranks 3", CONFIG, ["global_train_batch_size 4", "2 or 4 ranks"]),
        Row("inspect lamb run --step -1", CONFIG, ["--step"]),
        Row("bench train --model huge", CONFIG, ["--model", "huge"]),
        Row("doctor --require gpu", CONFIG, ["--require", "gpu"]),
        Row("doctor --net", CONFIG, ["there is one rank", "mpirun -n 2 lambert doctor --net"]),
        Row("bench train --seconds 0", CONFIG, ["--seconds"]),
        Row("check tiny.yaml --ranks 3", CONFIG, ["global_train_batch_size 4", "2 or 4 ranks"]),
        Row(f"{PREPARE} --seed -1 text.txt", CONFIG, ["--seed", "-1 is negative"]),
        Row(f"{PREPARE} text.txt".replace("--workers 1", "--workers -1"), CONFIG, ["--workers is -1"]),
        Row("vocab train --type unknown --size 500 --output new text.txt", CONFIG, ["--type"]),
        Row("vocab train --type wordpiece --size 5 --output new text.txt", CONFIG, ["--size 5"]),
    ]


def plan_rows():
    """A cluster that does not exist or that the configuration does not suit."""
    plan = "plan tiny.yaml --gpus 4 --gpu h100"
    return [
        Row("plan tiny.yaml --gpus 4", CONFIG, ["--gpu is required"]),
        Row("plan tiny.yaml --gpu h100", CONFIG, ["--gpus is required"]),
        Row("plan tiny.yaml --gpus many --gpu h100", CONFIG, ["--gpus", "many"]),
        Row("plan tiny.yaml --gpus 0 --gpu h100", CONFIG, ["--gpus is 0", "at least 1"]),
        Row("plan tiny.yaml --gpus 3 --gpu h100", CONFIG, ["global_train_batch_size 4", "2 or 4"]),
        Row("plan tiny.yaml --gpus 4 --gpu h1000", CONFIG,
            ["--gpu is 'h1000'", "did you mean 'h100'?", "a100-80g", "tpuv3"]),
        Row(f"{plan} --gpus-per-node 3", CONFIG, ["not a multiple of --gpus-per-node 3"]),
        Row(f"{plan} --gpus-per-node 0", CONFIG, ["--gpus-per-node is 0"]),
        Row(f"{plan} --network 0", CONFIG, ["--network is 0", "above 0"]),
        Row(f"{plan} --network fast", CONFIG, ["--network", "fast"]),
        Row(f"{plan} --mean-length 33", CONFIG, ["--mean-length of phase only is 33", "32"]),
        Row(f"{plan} --mean-length 16,16", CONFIG, ["2 numbers for 1 phases"]),
        Row(f"{plan} --software nobody", CONFIG, ["--software is 'nobody'", "nvidia-2021"]),
        Row(f"{plan} --software deepspeed-2020", CONFIG, ["no published figure", "v100-32g"]),
        Row("plan tiny.yaml --gpus 4 --gpu tpuv3 precision=fp32", CONFIG, ["precision=bf16"]),
        Row("plan tiny.yaml --gpus 1 --gpu v100 model.hidden_size=32768 model.num_hidden_layers=48",
            CONFIG, ["GB of --gpu v100", "choose a larger GPU"]),
    ]


def missing_rows():
    no_file = "No such file or directory"
    rows = [
        Row(f"{VOCAB_TRAIN} nowhere.txt", DATA, ["nowhere.txt", "no such file"]),
        Row(f"{VOCAB_TRAIN} empty.txt", DATA, ["no document"]),
        Row("tokenize --tokenizer nowhere", DATA, ["reading nowhere", no_file]),
        Row("tokenize --tokenizer folder", DATA, ["folder", "no vocab.txt"]),
        Row(PREPARE.replace("vocab.txt", "nowhere") + " text.txt", DATA, ["nowhere", no_file]),
        Row(f"{PREPARE} nowhere.txt", DATA, ["nowhere.txt", "no such file"]),
        Row("train tiny.yaml device=cuda", DEVICE, ["this program is built without CUDA", "set device: cpu"]),
        Row("eval tiny.yaml evaluation.data=nowhere", DATA, ["nowhere", no_file]),
        Row("eval tiny.yaml --checkpoint nowhere", CHECKPOINT, ["nowhere", "not a directory"]),
        Row("eval tiny.yaml output_dir=nowhere", CHECKPOINT, ["nowhere", "no checkpoint"]),
        Row("export hf nowhere --output new", CHECKPOINT, ["exporting nowhere", "no such folder"]),
        Row("export hf folder --output new", CHECKPOINT, ["exporting folder", "no checkpoint"]),
        Row("export verify nowhere", DATA, ["verifying nowhere", "no such folder"]),
        Row("export verify folder", DATA, ["folder/certificate.json", no_file]),
        Row("inspect lamb nowhere", DATA, ["nowhere", "no such run directory"]),
        Row("inspect lamb run", DATA, ["lamb.jsonl", "logging.log_lamb_table=true"]),
        Row("bench tokenize --tokenizer nowhere text.txt", DATA, ["nowhere", no_file]),
        Row("bench tokenize --tokenizer vocab.txt nowhere.txt", DATA, ["nowhere.txt", no_file]),
        Row("bench loader nowhere", DATA, ["nowhere/index.json", no_file]),
        Row("checkpoint list nowhere", CHECKPOINT, ["nowhere", "no such folder"]),
        Row("checkpoint verify nowhere", CHECKPOINT, ["nowhere", "no such folder"]),
        Row("checkpoint verify folder", CHECKPOINT, ["folder", "it holds no checkpoint"]),
    ]
    for action in ["inspect", "stats", "verify"]:
        rows.append(Row(f"data {action} nowhere", DATA, ["nowhere/index.json", no_file]))
    for command in ["check", "train"]:
        rows.append(Row(f"{command} tiny.yaml output_dir=new phases[0].data=nowhere", DATA,
                        ["data folder nowhere", "no such folder", "lambert prepare"]))
        rows.append(Row(f"{command} tiny.yaml output_dir=new init_from=nowhere", DATA,
                        ["importing nowhere", "no such folder"], new_run="new"))
        rows.append(Row(f"{command} tiny.yaml output_dir=new init_from=folder", DATA,
                        ["importing folder", "neither config.json nor a checkpoint"], new_run="new"))
        rows.append(Row(f"{command} tiny.yaml output_dir=new phases[0].data=shard_gone", DATA,
                        [SHARD, "lambert prepare"]))
    for command in ["check", "train", "eval", "plan --gpus 4 --gpu h100"]:
        rows.append(Row(f"{command} nowhere.yaml", CONFIG, ["nowhere.yaml", no_file]))
        rows.append(Row(f"{command} folder", CONFIG, ["folder", "Is a directory"]))
    return rows


def config_rows():
    rows = []
    for command in ["check", "train", "eval", "plan --gpus 4 --gpu h100"]:
        rows += [
            Row(f"{command} wrong_key.yaml", CONFIG,
                ["wrong_key.yaml:12:5: phases[0].learnign_rate: unknown key",
                 "did you mean 'learning_rate'?"]),
            Row(f"{command} wrong_yaml.yaml", CONFIG, ["wrong_yaml.yaml:2:1: wrong YAML"]),
            Row(f"{command} tiny.yaml sede=1", CONFIG, ["'sede=1'", "did you mean 'seed'?"]),
            Row(f"{command} tiny.yaml seed", CONFIG, ["'seed'", "expected key=value"]),
            Row(f"{command} tiny.yaml seed=many", CONFIG, ["'seed=many'", "whole number"]),
            Row(f"{command} tiny.yaml phases[3].max_steps=1", CONFIG, ["phases[3]", "no such entry"]),
        ]
    return rows + [
        Row("train tiny.yaml output_dir=new model.vocab_size=77", CONFIG, ["vocab_size is 77"]),
        Row("check empty.txt", CONFIG, ["empty.txt: is empty"]),
        Row("check random.bin", CONFIG, ["random.bin:1:", "UTF-8"]),
    ]


def damaged_data_rows():
    rows = []
    for action in ["inspect", "stats", "verify"]:
        # The first examples that inspect prints are whole: the flipped byte lies behind them.
        if action != "inspect":
            rows.append(Row(f"data {action} shard_flipped", DATA, [SHARD, "lambert prepare"],
                            stdout=action == "verify"))
        rows += [
            Row(f"data {action} shard_cut", DATA, [SHARD, "lambert prepare"],
                stdout=action == "verify"),
            Row(f"data {action} index_cut", DATA, ["index.json: not valid JSON from byte"]),
        ]
    for command in ["check", "train"]:
        rows += [
            Row(f"{command} tiny.yaml output_dir=new phases[0].data=index_cut", DATA,
                ["index.json: not valid JSON from byte", "restore the file"]),
            Row(f"{command} tiny.yaml output_dir=new phases[0].data=shard_cut", DATA,
                [SHARD, "file size (cut short?): expected 4", "found 30000"]),
        ]
    return rows + [
        Row("train tiny.yaml output_dir=new phases[0].max_steps=200 phases[0].data=shard_flipped",
            DATA, [SHARD, "block", "hash mismatch", "lambert prepare"], new_run="new"),
        Row("eval tiny.yaml evaluation.data=shard_flipped", DATA, [SHARD, "hash mismatch"]),
        Row("eval tiny.yaml evaluation.data=shard_cut", DATA, [SHARD, "cut short?"]),
        Row("eval tiny.yaml evaluation.data=index_cut", DATA, ["index.json: not valid JSON"]),
        Row(f"{VOCAB_TRAIN} random.bin", DATA, ["random.bin", "UTF-8", "--on-bad-text skip"]),
        Row(f"{PREPARE} random.bin", DATA, ["random.bin", "invalid UTF-8"], leftover="new"),
        Row(f"{PREPARE} cut.gz", DATA, ["cut.gz", "fetch it again"], leftover="new"),
        Row("tokenize --tokenizer random.bin", DATA, ["random.bin:1", "invalid UTF-8"]),
        Row("tokenize --tokenizer random.model", DATA, ["random.model", "no sentencepiece model"]),
    ]


def damaged_checkpoint_rows():
    rows = []
    for name in ["model", "optimizer"]:
        damaged = f"{name}_flipped/{NEWEST}"
        found = [f"{name}.safetensors: hash"]
        rows += [
            Row(f"export hf {damaged} --output new", CHECKPOINT, [f"exporting {damaged}"] + found),
            Row(f"eval tiny.yaml --checkpoint {damaged}", CHECKPOINT, found),
            Row(f"checkpoint verify {damaged}", CHECKPOINT, ["1 of 1"], stdout=True),
            Row(f"checkpoint verify {name}_flipped", CHECKPOINT, ["1 of 2"], stdout=True),
        ]
    none_valid = ["choosing a checkpoint of none_valid", f"{NEWEST}: model.safetensors"]
    other_data = ["vocabulary", "in the checkpoint"]
    return rows + [
        Row(f"export hf manifest_cut/{NEWEST} --output new", CHECKPOINT, ["manifest.json: not JSON"]),
        Row("export hf none_valid --output new", CHECKPOINT, none_valid),
        Row("eval tiny.yaml output_dir=none_valid", CHECKPOINT, none_valid),
        Row("train tiny.yaml output_dir=none_valid", CHECKPOINT, none_valid, run="none_valid"),
        Row("train tiny.yaml phases[0].data=data_small evaluation.data=data_small", CHECKPOINT,
            other_data, run="run"),
        Row("train tiny.yaml phases[0].data=data_cased evaluation.data=data_cased", CHECKPOINT,
            ["cased: false in the checkpoint, true now"], run="run"),
        Row("export verify exported_flipped", DATA,
            ["verifying exported_flipped: model.safetensors: SHA-256", "export the model again"]),
        Row("train tiny.yaml output_dir=new init_from=exported_flipped model.num_hidden_layers=2",
            CONFIG, ["init_from", "num_hidden_layers: 1 in the checkpoint, 2 now"], new_run="new"),
        Row("check tiny.yaml output_dir=new init_from=exported_flipped model.num_hidden_layers=2",
            CONFIG, ["init_from", "num_hidden_layers: 1 in the checkpoint, 2 now"]),
        Row(f"train tiny.yaml output_dir=new init_from=model_flipped/{NEWEST}", DATA,
            [f"importing model_flipped/{NEWEST}: model.safetensors: hash"], new_run="new"),
        Row("train tiny.yaml model.hidden_size=64", CHECKPOINT, ["hidden_size: 32"], run="run"),
        Row("eval tiny.yaml evaluation.data=data_small", CHECKPOINT, other_data),
        Row("eval tiny.yaml evaluation.data=data_cased", CHECKPOINT, ["casing"]),
    ]


def output_rows():
    return [
        Row(VOCAB_TRAIN.replace("new", "taken") + " text.txt", CONFIG, ["taken", "already holds"]),
        Row(VOCAB_TRAIN.replace("new", "text.txt") + " text.txt", CONFIG, ["text.txt", "no folder"]),
        Row(PREPARE.replace("new", "taken") + " text.txt", CONFIG, ["taken", "did not write"]),
        Row(PREPARE.replace("new", "empty.txt") + " text.txt", CONFIG, ["empty.txt", "is a file"]),
        Row(PREPARE.replace("new", "data").replace("32", "64") + " text.txt", CONFIG,
            ["data", "other settings", "max_seq_length"]),
        Row("export hf run --output taken", CONFIG, ["exporting to taken", "choose a new folder"]),
        Row("export hf run --output text.txt", CONFIG, ["exporting to text.txt", "it exists"]),
        Row("check tiny.yaml output_dir=text.txt", STORAGE, ["text.txt", "not a folder"]),
        Row("train tiny.yaml output_dir=text.txt", STORAGE, ["text.txt"]),
    ]


def flip_byte(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x55
    path.write_bytes(content)


def snapshot(folder):
    """Every file below the folder with the hash of its bytes; folders have none."""
    return {str(path.relative_to(folder)):
            hashlib.blake2b(path.read_bytes()).hexdigest() if path.is_file() else ""
            for path in sorted(folder.rglob("*"))}


class Bench:
    def __init__(self, lambert, source, mpiexec, folder):
        self.lambert, self.mpiexec, self.folder = lambert, mpiexec, Path(folder)
        self.sample = Path(source) / "data" / "sample"
        self.configs = Path(source) / "configs"
        self.environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMP_NUM_THREADS="1",
                                OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                                OMPI_MCA_mpi_yield_when_idle="1")

    def run(self, arguments, launcher=()):
        return subprocess.run([*launcher, self.lambert, *arguments.split()], cwd=self.folder,
                              env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120, text=True, errors="replace", check=False)

    def must(self, arguments):
        result = self.run(arguments)
        assert result.returncode == 0, f"lambert {arguments}: {result.stderr}"
        return result

    def damaged_copy(self, source, name, damage):
        shutil.copytree(self.folder / source, self.folder / name)
        damage(self.folder / name)

    def build(self):
        """A vocabulary, prepared folders, one finished run, and damaged copies of them."""
        here = self.folder
        shutil.copy(self.sample / "validation.txt", here / "text.txt")
        shutil.copy(self.sample / "vocab.txt", here / "vocab.txt")
        tokens = (here / "vocab.txt").read_text(encoding="utf-8").splitlines()
        (here / "small.txt").write_text("\n".join(tokens[:4000]) + "\n", encoding="utf-8")
        (here / "random.bin").write_bytes(b"\x97\x88\x05\x96" * 500)
        shutil.copy(here / "random.bin", here / "random.model")
        (here / "empty.txt").touch()
        (here / "folder").mkdir()
        (here / "taken").mkdir()
        (here / "taken" / "vocab.txt").write_text("somebody's\n")
        packed = subprocess.run(["gzip", "-c", "text.txt"], cwd=here, capture_output=True, check=True)
        (here / "cut.gz").write_bytes(packed.stdout[:1000])
        (here / "tiny.yaml").write_text(TINY_CONFIG)
        (here / "wrong_key.yaml").write_text(TINY_CONFIG.replace("learning_rate", "learnign_rate"))
        (here / "wrong_yaml.yaml").write_text("output_dir: [run,\n")
        prepare = "prepare --max-seq-length 32 --workers 1 text.txt"
        self.must(f"{prepare} --tokenizer vocab.txt --output data")
        self.must(f"{prepare} --tokenizer vocab.txt --cased --output data_cased")
        self.must(f"{prepare} --tokenizer small.txt --output data_small")
        self.must("train tiny.yaml")
        self.damaged_copy("data", "shard_flipped", lambda f: flip_byte(f / SHARD, 20000))
        self.damaged_copy("data", "shard_cut", lambda f: os.truncate(f / SHARD, 30000))
        self.damaged_copy("data", "shard_gone", lambda f: (f / SHARD).unlink())
        self.damaged_copy("data", "index_cut", lambda f: os.truncate(f / "index.json", 100))
        model = f"{NEWEST}/model.safetensors"
        older = "checkpoint-00000002/model.safetensors"
        self.damaged_copy("run", "model_flipped", lambda f: flip_byte(f / model, 5000))
        self.must("export hf run --output exported")
        self.damaged_copy("exported", "exported_flipped",
                          lambda f: flip_byte(f / "model.safetensors", 5000))
        self.damaged_copy("run", "optimizer_flipped",
                          lambda f: flip_byte(f / NEWEST / "optimizer.safetensors", 5000))
        self.damaged_copy("run", "manifest_cut",
                          lambda f: os.truncate(f / NEWEST / "manifest.json", 50))
        self.damaged_copy("run", "none_valid",
                          lambda f: (flip_byte(f / model, 5000), flip_byte(f / older, 5000)))

    def remove_new(self, row):
        for name in [row.new_run, row.leftover]:
            if name:
                shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in RUN_RECORDS if row.run else []:
            (self.folder / row.run / name).unlink(missing_ok=True)

    def mistakes_of(self, row):
        """What is wrong with the way the command fails; nothing when all is well."""
        before = snapshot(self.folder)
        result = self.run(row.arguments)
        after = snapshot(self.folder)
        found = []
        if result.returncode != row.code:
            found.append(f"exit code {result.returncode} instead of {row.code}")
        found += [f"no '{part}' in the message" for part in row.expected
                  if part not in result.stderr]
        errors = [line for line in result.stderr.splitlines() if " error " in line]
        said = [line for line in errors if "error run ended" not in line]
        if len(said) != 1:
            found.append(f"{len(said)} error messages instead of one")
        elif ": " not in said[0] or (";" not in said[0] and "\n" not in result.stderr.strip()):
            found.append("the message does not say what to do")
        found += [f"library text '{text}'" for text in
                  ["terminate called", "json.exception", "Run with --help", "what():"]
                  if text in result.stderr]
        if bool(result.stdout) != row.stdout:
            found.append(f"stdout holds '{result.stdout[:80]}'")
        found += self.changes(before, after, row)
        self.remove_new(row)
        return found + ([result.stderr] if found else [])

    @staticmethod
    def changes(before, after, row):
        def is_allowed(name):
            top = name.split("/", maxsplit=1)[0]
            return top in (row.new_run, row.leftover) or (
                top == row.run and name.partition("/")[2] in RUN_RECORDS)
        return [f"{name} was changed, made or removed" for name in sorted({*before, *after})
                if before.get(name) != after.get(name) and not is_allowed(name)]


def check_help(bench):
    """--help at every level starts with an example."""
    found = []
    for command in ["", "vocab", "vocab train", "tokenize", "prepare", "data", "data inspect",
                    "data stats", "data verify", "check", "plan", "train", "verify-resume", "eval", "export",
                    "export hf", "export verify", "checkpoint", "checkpoint list", "checkpoint verify", "inspect",
                    "inspect lamb", "doctor", "bench", "bench train", "bench matmul", "bench lamb",
                    "bench tokenize", "bench loader", "squad", "squad train", "squad predict",
                    "squad score", "config",
                    "config reference"]:
        text = bench.must(f"{command} --help").stdout
        if not text.startswith("Example: ") or "lambert" not in text.splitlines()[0]:
            found.append(f"lambert {command} --help starts with: {text[:60]}")
    if "100 MB per worker" not in bench.must("prepare --help").stdout:
        found.append("lambert prepare --help does not say how much memory it takes")
    return found


def check_plan(bench):
    """lambert plan on both published configurations: no data needed, every key, times that add up."""
    found = []
    for name in ["bert_large_64k.yaml", "bert_large_32k.yaml"]:
        arguments = f"plan {bench.configs / name} --gpus 1024 --gpu h100 --network 400"
        plan = json.loads(bench.must(f"{arguments} --json").stdout)
        text = bench.must(arguments).stdout
        found += [f"no '{part}' in the text of {name}" for part in
                  ["phase seq128", "phase seq512", "exposed all-reduce", "efficiency", "GPU-hours",
                   "memory", "not been measured on a GPU"] if part not in text]
        found += [f"{name}: no {key}" for key in
                  ["software", "gpu", "gpus", "gpus_per_node", "network_gigabits_per_gpu", "parameters",
                   "hours", "gpu_hours", "notes", "matmul_share_source"] if key not in plan]
        for phase in plan["phases"]:
            parts = sum(phase["step_seconds_of"].values())
            if abs(parts - phase["step_seconds"]) > 1e-9:
                found.append(f"{name}: the parts of a step are {parts} of {phase['step_seconds']} s")
            if phase["micro_batch"] * phase["accumulation"] * 1024 != phase["global_batch"]:
                found.append(f"{name}: batch of {phase}")
            if phase["micro_batch_reduced_from"] is not None or not 0.2 < phase["efficiency"] < 1.0:
                found.append(f"{name}: {phase}")
            if phase["memory_bytes_per_gpu"]["total"] > 80e9:
                found.append(f"{name}: memory of {phase}")
        if abs(sum(phase["hours"] for phase in plan["phases"]) - plan["hours"]) > 1e-9:
            found.append(f"{name}: {plan['hours']} hours are not those of the phases")
    reduced = json.loads(bench.must(f"plan {bench.configs / 'bert_large_64k.yaml'} --gpus 8 --gpu a100 "
                                    "--mean-length 128,256 --json").stdout)["phases"]
    if reduced[0]["micro_batch_reduced_from"] != 512 or reduced[1]["mean_length"] != 256:
        found.append(f"on a small GPU: {reduced}")
    return found


def check_fallback(bench):
    """A damaged newest checkpoint: train says so and goes on from the older one."""
    bench.damaged_copy("model_flipped", "fallback", lambda folder: None)
    result = bench.run("train tiny.yaml output_dir=fallback")
    found = [f"no '{part}'" for part in
             [f"ignoring {NEWEST}: model.safetensors", "from_step=2", "step=4"]
             if part not in result.stderr]
    if result.returncode != 0:
        found.append(f"exit code {result.returncode}")
    bench.must(f"checkpoint verify fallback/{NEWEST}")
    shutil.rmtree(bench.folder / "fallback")
    return [f"fallback: {text}\n{result.stderr}" for text in found]


def check_two_ranks(bench):
    """A mistake that every rank finds is said once, with its own exit code."""
    found = []
    for arguments, code, part in [
            ("train wrong_key.yaml", CONFIG, "learnign_rate: unknown key"),
            ("train tiny.yaml --hlep", CONFIG, "unknown option '--hlep'"),
            ("train tiny.yaml output_dir=new phases[0].data=nowhere", DATA, "no such folder")]:
        result = bench.run(arguments, [bench.mpiexec, "--oversubscribe", "-n", "2"])
        times = result.stderr.count(part)
        if result.returncode != code or times != 1:
            found.append(f"2 ranks of {arguments}: exit code {result.returncode}, said {times} "
                         f"times\n{result.stderr}")
    return found


def main():
    lambert, source, mpiexec = sys.argv[1:]
    failures = []
    with tempfile.TemporaryDirectory(prefix="command-errors-") as folder:
        bench = Bench(lambert, source, mpiexec, folder)
        bench.build()
        rows = (usage_rows() + plan_rows() + missing_rows() + config_rows() + damaged_data_rows() +
                damaged_checkpoint_rows() + output_rows())
        for row in rows:
            failures += [f"lambert {row.arguments}: {text}" for text in bench.mistakes_of(row)]
        failures += check_help(bench) + check_plan(bench) + check_fallback(bench) + check_two_ranks(bench)
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"{len(rows)} failing commands, {len(failures)} lines of complaint")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
