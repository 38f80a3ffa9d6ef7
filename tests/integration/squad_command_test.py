#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lambert squad train, predict and score as a user runs them, on a tiny random BERT and the bundled excerpt of SQuAD.
Usage: squad_command_test.py LAMBERT SOURCE_DIRECTORY MPIEXEC"""
import array
import json
import math
import os
import random
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

LAMBERT, SOURCE, MPIEXEC = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
FINISHED, CONFIG, DATA, DIVERGED, STOPPED = 0, 2, 3, 5, 75
HIDDEN, INNER, POSITIONS = 32, 64, 64
TRAIN, DEV = SOURCE / "data/sample/squad_train.json", SOURCE / "data/sample/squad_dev.json"
RECIPE = f"""\
output_dir: run
init_from: model
train: {TRAIN}
dev: {DEV}
max_train_questions: 24
max_dev_questions: 10
max_seq_length: 64
doc_stride: 24
max_query_length: 16
global_train_batch_size: 16
per_device_train_batch_size: 8
num_train_epochs: 1
learning_rate: 1.0e-3
seeds: [1]
checkpoint: {{save_steps: 3}}
logging: {{logging_steps: 2}}
threads_per_rank: 1
"""
TIMES = {"step_seconds", "sequences_per_second", "exposed_reduce_seconds", "device_memory_gib"}
VERSION_2 = {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{
    "context": "The sky is blue. The sea, by contrast, is green.",
    "qas": [{"id": "sky", "question": "What is blue?", "is_impossible": False,
             "answers": [{"text": "The sky", "answer_start": 0}]},
            {"id": "sun", "question": "What is yellow?", "is_impossible": True, "answers": []},
            {"id": "sea", "question": "What is green?", "is_impossible": False,
             "answers": [{"text": "sea", "answer_start": 21}]}]}]}]}


def write_model(folder):
    """A random BERT without heads, in Hugging Face's layout."""
    folder.mkdir()
    shutil.copy(SOURCE / "data/sample/vocab.txt", folder / "vocab.txt")
    words = len((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["BertModel"], "model_type": "bert", "vocab_size": words, "hidden_size": HIDDEN,
        "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": INNER, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "initializer_range": 0.02}))
    shapes = {"embeddings.word_embeddings.weight": [words, HIDDEN],
              "embeddings.position_embeddings.weight": [POSITIONS, HIDDEN],
              "embeddings.token_type_embeddings.weight": [2, HIDDEN]}
    layer = "encoder.layer.0."
    for name in ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]:
        shapes |= {f"{layer}{name}.weight": [HIDDEN, HIDDEN], f"{layer}{name}.bias": [HIDDEN]}
    shapes |= {f"{layer}intermediate.dense.weight": [INNER, HIDDEN], f"{layer}intermediate.dense.bias": [INNER],
               f"{layer}output.dense.weight": [HIDDEN, INNER], f"{layer}output.dense.bias": [HIDDEN]}
    for name in ["embeddings.", f"{layer}attention.output.", f"{layer}output."]:
        shapes |= {f"{name}LayerNorm.weight": [HIDDEN], f"{name}LayerNorm.bias": [HIDDEN]}
    generator, header, data = random.Random(1), {}, array.array("f")
    for name, shape in shapes.items():
        begin, count = 4 * len(data), math.prod(shape)
        if name.endswith("LayerNorm.weight"):
            data.extend([1.0] * count)
        else:
            data.extend(generator.gauss(0.0, 0.02) for _ in range(count))
        header[f"bert.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, 4 * len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data.tobytes())


def records_of(run, with_times=False):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in record.items() if with_times or key not in TIMES} for record in records]


def losses_of(run):
    return [record["loss"] for record in records_of(run) if "loss" in record]


def newest(run):
    return run / (run / "latest").read_text().strip()


class SquadCase(unittest.TestCase):
    """Every test works in a folder with recipe.yaml and model/."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="squad-command-")
        cls.folder = Path(cls.temporary.name)
        (cls.folder / "recipe.yaml").write_text(RECIPE)
        write_model(cls.folder / "model")
        cls.golden = cls.folder / "golden"
        result = cls.train("output_dir=golden", "seeds=[1,2,3]")
        assert result.returncode == FINISHED, result.stderr
        cls.golden_output = result

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def lambert(cls, *arguments, launcher=()):
        return subprocess.run([*launcher, LAMBERT, *map(str, arguments)], cwd=cls.folder, capture_output=True, text=True,
                              timeout=120)

    @classmethod
    def train(cls, *overrides, ranks=1, config="recipe.yaml"):
        launcher = [MPIEXEC, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
        return cls.lambert("squad", "train", config, *overrides, launcher=launcher)

    def must(self, result, code=FINISHED):
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def start(self, *overrides):
        return self.start_command("train", "recipe.yaml", *overrides)

    def start_command(self, *arguments):
        return subprocess.Popen([LAMBERT, "squad", *map(str, arguments)], cwd=self.folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def stop_while_answering(self, process):
        self.assertTrue(any("answering windows=" in line for line in process.stderr), "did not come to the questions")
        process.terminate()
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, STOPPED, errors)
        return errors

    def wait_for_steps(self, process, run, steps):
        metrics, deadline = run / "metrics.jsonl", time.monotonic() + 60
        while not (metrics.exists() and len(metrics.read_bytes().splitlines()) >= steps):
            self.assertTrue(process.poll() is None and time.monotonic() < deadline, f"{run} did not reach step {steps}")
            time.sleep(0.002)

    def assert_same_end(self, run, golden):
        for name in ["model.safetensors", "optimizer.safetensors", "train_state.json"]:
            self.assertEqual((newest(run) / name).read_bytes(), (newest(golden) / name).read_bytes(), name)
        for name in ["predictions.json", "nbest_predictions.json"]:
            self.assertEqual((run / name).read_bytes(), (golden / name).read_bytes(), name)
        self.assertEqual(records_of(run), records_of(golden))

    def assert_fails(self, result, code, *parts):
        self.assertEqual(result.returncode, code, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)
        self.assertEqual(result.stdout, "")


class Training(SquadCase):
    def test_leaves_the_files_of_a_run_directory(self):
        for name in ["config.yaml", "config.source.yaml", "run.json", "status.json", "train.log", "run.lock", "results.json"]:
            self.assertTrue((self.golden / name).exists(), name)
        for name in ["metrics.jsonl", "runs", "latest", "predictions.json", "nbest_predictions.json"]:
            self.assertTrue((self.golden / "seed-2" / name).exists(), name)
        self.assertFalse((self.golden / "failure.json").exists())
        self.assertFalse((self.golden / "seed-2/null_odds.json").exists(), "of version 2.0 only")
        self.assertEqual((self.golden / "config.source.yaml").read_text(), RECIPE)

    def test_records_the_launch_and_its_end(self):
        status = json.loads((self.golden / "status.json").read_text())
        self.assertEqual((status["state"], status["code"]), ("finished", 0))
        self.assertEqual(status["step"], status["last_committed_step"])
        launch, = json.loads((self.golden / "run.json").read_text())["launches"]
        self.assertIn("lambert squad train recipe.yaml output_dir=golden", launch["command"])
        self.assertEqual((launch["ranks"], launch["threads_per_rank"], launch["reason"]), (1, 1, "finished"))
        self.assertIn("qa_outputs.weight", launch["decayed_tensors"])
        self.assertNotIn("qa_outputs.bias", launch["decayed_tensors"])
        self.assertIn("run ended code=0 reason=finished", self.golden_output.stderr)

    def test_resolved_config_loads_unchanged(self):
        again = self.must(self.train("output_dir=again", config=self.golden / "config.yaml"))
        self.assertIn("trained on 24 questions", again.stdout)
        changed = [(a, b) for a, b in zip((self.golden / "config.yaml").read_text().splitlines(),
                                          (self.folder / "again/config.yaml").read_text().splitlines()) if a != b]
        self.assertEqual([name for name, _ in changed], ['output_dir: "golden"'])

    def test_reports_mean_deviation_and_best_of_the_seeds(self):
        results = json.loads((self.golden / "results.json").read_text())
        self.assertEqual(list(results["seeds"]), ["1", "2", "3"])
        self.assertEqual((results["train_questions"], results["dev_questions"]), (24, 10))
        for figure in ["exact_match", "f1"]:
            values = [seed[figure] for seed in results["seeds"].values()]
            self.assertAlmostEqual(results["mean"][figure], statistics.mean(values))
            self.assertAlmostEqual(results["deviation"][figure], statistics.stdev(values))
            self.assertEqual(results["best"][figure], max(values))
        table = [line.split() for line in self.golden_output.stdout.splitlines()]
        self.assertEqual([row[0] for row in table], ["seed", "1", "2", "3", "mean", "deviation", "best", "trained"])
        self.assertEqual(table[4][2], f"{results['mean']['f1']:.2f}")
        self.assertIn("trained on 24 questions, scored on 10", self.golden_output.stdout)

    def test_scores_are_those_of_the_predictions(self):
        data = json.loads(DEV.read_text())
        questions = [(paragraph["context"], qa) for article in data["data"] for paragraph in article["paragraphs"]
                     for qa in paragraph["qas"]][:10]
        (self.folder / "ten.json").write_text(json.dumps(
            {"data": [{"paragraphs": [{"context": context, "qas": [qa]} for context, qa in questions]}]}))
        results = json.loads((self.golden / "results.json").read_text())
        for seed in ["1", "2"]:
            score = json.loads(self.must(self.lambert("squad", "score", "ten.json",
                                                      self.golden / f"seed-{seed}/predictions.json", "--json")).stdout)
            self.assertEqual((score["exact_match"], score["f1"], score["total"]),
                             (results["seeds"][seed]["exact_match"], results["seeds"][seed]["f1"], 10))
            recorded = records_of(self.golden / f"seed-{seed}")[-1]
            self.assertEqual(recorded["eval_f1"], score["f1"])

    def test_seeds_differ(self):
        self.assertNotEqual(losses_of(self.golden / "seed-1"), losses_of(self.golden / "seed-2"))

    def test_learning_rates_are_those_of_the_formula(self):
        records = [record for record in records_of(self.golden / "seed-1") if "learning_rate" in record]
        steps, warmup = len(records), max(round(0.1 * len(records)), 0)
        self.assertGreater(steps, 8)
        for step, record in enumerate(records):
            share = (step + 1) / warmup if step < warmup else 1 - step / steps
            self.assertAlmostEqual(record["learning_rate"], 1e-3 * share, places=15)
            self.assertEqual(record["global_step"], step + 1)

    def test_loss_falls(self):
        losses = losses_of(self.golden / "seed-1")
        self.assertLess(statistics.mean(losses[-3:]), statistics.mean(losses[:3]))

    def test_writes_curves_for_tensorboard(self):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        events = EventAccumulator(str(self.golden / "seed-1/runs"))
        events.Reload()
        self.assertLessEqual({"train/loss", "train/learning_rate", "eval/eval_f1"}, set(events.Tags()["scalars"]))
        self.assertEqual([event.step for event in events.Scalars("train/loss")][:2], [2, 4])

    def test_says_where_it_stands(self):
        self.assertRegex(self.golden_output.stderr,
                         r"step 2/\d+ \(\d+\.\d%\) seed 1 loss \d\.\d+ lr \d\.\d\de-\d\d gnorm \d+\.\d\d \| [\d.]+ windows/s "
                         r"\| exposed-reduce \d+\.\d% \| eta ")
        self.assertRegex(self.golden_output.stderr, r"training questions=24 unusable=0 cut=\d+ windows=\d+ steps=\d+ seeds=3")
        self.assertIn("initialised", self.golden_output.stderr)

    def test_lamb_trains_too(self):
        self.must(self.train("output_dir=lamb", "optimizer.name=lamb", "learning_rate=0.01"))
        launch, = json.loads((self.folder / "lamb/run.json").read_text())["launches"]
        self.assertIn("qa_outputs.weight", launch["adapted_tensors"])
        losses = losses_of(self.folder / "lamb/seed-1")
        self.assertLess(statistics.mean(losses[-3:]), statistics.mean(losses[:3]))
        self.assertNotEqual(losses[1:], losses_of(self.golden / "seed-1")[1:])

    def test_without_dev_trains_only(self):
        result = self.must(self.train("output_dir=train_only", "dev=''", "max_train_questions=4"))
        self.assertEqual(result.stdout, "")
        self.assertTrue((self.folder / "train_only/seed-1/latest").exists())
        self.assertFalse((self.folder / "train_only/results.json").exists())

    def test_warns_when_dev_is_train(self):
        result = self.must(self.train("output_dir=same", f"dev={TRAIN}", "max_train_questions=2", "max_dev_questions=2"))
        self.assertIn("dev has the same content as train", result.stderr)

    def test_a_diverging_run_leaves_its_failure(self):
        result = self.train("output_dir=diverged", "learning_rate=1.0e+30", "warmup_steps=0")
        self.assert_fails(result, DIVERGED, "the gradient is not finite", "lower learning_rate")
        failure = json.loads((self.folder / "diverged/failure.json").read_text())
        self.assertEqual((failure["code"], failure["reason"], failure["rank"]), (DIVERGED, "diverged", 0))
        self.assertEqual(json.loads((self.folder / "diverged/status.json").read_text())["state"], "failed")
        self.assertEqual(json.loads((self.folder / "diverged/run.json").read_text())["launches"][0]["code"], DIVERGED)


class Resume(SquadCase):
    def test_after_a_stop_the_same_command_goes_on_bit_for_bit(self):
        for _ in range(2):
            stopped = self.train("output_dir=stopped", "stop_after_steps=4")
            self.must(stopped, STOPPED)
            self.assertIn("reason=stopped_on_request", stopped.stderr)
        self.must(self.train("output_dir=stopped"))
        self.assert_same_end(self.folder / "stopped/seed-1", self.golden / "seed-1")
        launches = json.loads((self.folder / "stopped/run.json").read_text())["launches"]
        self.assertEqual([launch["code"] for launch in launches], [STOPPED, STOPPED, FINISHED])

    def test_after_usr1_it_ends_with_75_and_goes_on_bit_for_bit(self):
        process = self.start("output_dir=signalled", "seeds=[1,2,3]")
        self.wait_for_steps(process, self.folder / "signalled/seed-1", 2)
        process.send_signal(signal.SIGUSR1)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, STOPPED, errors)
        status = json.loads((self.folder / "signalled/status.json").read_text())
        self.assertEqual((status["state"], status["step"]), ("stopped", status["last_committed_step"]))
        self.must(self.train("output_dir=signalled", "seeds=[1,2,3]"))
        for seed in ["seed-1", "seed-2", "seed-3"]:
            self.assert_same_end(self.folder / "signalled" / seed, self.golden / seed)

    def test_after_a_stop_while_it_answers_the_same_command_answers(self):
        overrides = ["output_dir=answering", "seeds=[1,2]", "max_dev_questions=0", "per_device_eval_batch_size=1"]
        self.assertIn("reason=stopped_on_request", self.stop_while_answering(self.start(*overrides)))
        self.assertFalse((self.folder / "answering/seed-1/predictions.json").exists())
        self.assertFalse((self.folder / "answering/seed-2").exists())
        self.must(self.train(*overrides))
        self.assertEqual(losses_of(self.folder / "answering/seed-1"), losses_of(self.golden / "seed-1"))
        self.assertTrue((self.folder / "answering/seed-2/predictions.json").exists())

    def test_after_kill_9_it_goes_on_bit_for_bit(self):
        process = self.start("output_dir=killed", "seeds=[1,2]")
        self.wait_for_steps(process, self.folder / "killed/seed-2", 5)
        process.kill()
        process.communicate()
        result = self.must(self.train("output_dir=killed", "seeds=[1,2]"))
        self.assertIn("resumed checkpoint=killed/seed-2/checkpoint-0000000", result.stderr)
        for seed in ["seed-1", "seed-2"]:
            self.assert_same_end(self.folder / "killed" / seed, self.golden / seed)

    def test_with_other_data_is_a_warning(self):
        self.must(self.train("output_dir=changed", "stop_after_steps=12", "num_train_epochs=2"), STOPPED)
        result = self.must(self.train("output_dir=changed", "num_train_epochs=2", "max_train_questions=12"))
        self.assertRegex(result.stderr, r"the checkpoint has seen 192 windows, its steps are \d+ of these files and batches")
        self.assertIn("now max_train_questions: 12", result.stderr)

    def test_a_finished_seed_is_not_trained_again(self):
        self.must(self.train("output_dir=longer", "seeds=[1]"))
        weights = newest(self.folder / "longer/seed-1") / "model.safetensors"
        before = weights.stat().st_mtime_ns
        result = self.must(self.train("output_dir=longer", "seeds=[1,2]"))
        self.assertNotRegex(result.stderr, r"step \d+/\d+ .* seed 1 ")
        self.assertRegex(result.stderr, r"step \d+/\d+ .* seed 2 ")
        self.assertEqual(weights.stat().st_mtime_ns, before)
        for seed in ["seed-1", "seed-2"]:
            self.assert_same_end(self.folder / "longer" / seed, self.golden / seed)
        self.assertEqual(list(json.loads((self.folder / "longer/results.json").read_text())["seeds"]), ["1", "2"])


class Ranks(SquadCase):
    def test_two_give_the_losses_of_one(self):
        self.must(self.train("output_dir=two", ranks=2))
        for one, two in zip(losses_of(self.golden / "seed-1"), losses_of(self.folder / "two/seed-1"), strict=True):
            self.assertLess(abs(one - two), 1e-4 * one)
        self.assertTrue((self.folder / "two/logs/rank0001.log").exists())

    def test_of_a_reproducible_reduction_end_with_the_same_bits(self):
        for ranks in [1, 2, 3]:
            self.must(self.train(f"output_dir=reproducible{ranks}", "communication.reduction=reproducible", ranks=ranks))
        for ranks in [2, 3]:
            self.assert_same_end(self.folder / f"reproducible{ranks}/seed-1", self.folder / "reproducible1/seed-1")

    def test_say_a_mistake_once(self):
        result = self.train("output_dir=wrong", "train=nowhere.json", ranks=2)
        self.assertEqual(result.returncode, DATA)
        self.assertEqual(result.stderr.count("there is no such file"), 1, result.stderr)


class Predicting(SquadCase):
    def test_a_seed_gives_the_answers_of_its_training(self):
        self.must(self.lambert("squad", "predict", "golden/seed-1", DEV, "--output", "answers", "--max-seq-length", 64,
                               "--doc-stride", 24, "--max-query-length", 16))
        trained = json.loads((self.golden / "seed-1/predictions.json").read_text())
        answered = json.loads((self.folder / "answers/predictions.json").read_text())
        self.assertEqual(len(answered), 172)
        self.assertEqual({key: answered[key] for key in trained}, trained)

    def test_two_ranks_give_the_answers_of_one(self):
        for ranks, launcher in [(1, []), (2, [MPIEXEC, "--oversubscribe", "-n", "2"])]:
            self.must(self.lambert("squad", "predict", "golden/seed-1", DEV, "--output", f"answers{ranks}",
                                   "--max-seq-length", 64, "--doc-stride", 24, "--max-query-length", 16, launcher=launcher))
        one, two = ((self.folder / f"answers{ranks}/predictions.json").read_bytes() for ranks in (1, 2))
        self.assertEqual(one, two)

    def test_a_stop_writes_no_answers(self):
        process = self.start_command("predict", "golden/seed-1", DEV, "--output", "stopped-answers", "--max-seq-length", 64,
                                     "--doc-stride", 8, "--max-query-length", 16, "--batch", 1)
        self.assertIn("stopped on request", self.stop_while_answering(process))
        self.assertFalse((self.folder / "stopped-answers").exists())

    def test_needs_a_question_answering_head(self):
        self.assert_fails(self.lambert("squad", "predict", "model", DEV, "--output", "none", "--max-seq-length", 64,
                                       "--max-query-length", 16),
                          DATA, "no question-answering head", "lambert squad train")

    def test_leaves_room_for_the_paragraph(self):
        self.assert_fails(self.lambert("squad", "predict", "golden/seed-1", DEV, "--output", "none", "--max-seq-length", 64),
                          CONFIG, "--max-query-length")


class Version2(SquadCase):
    def test_goes_the_whole_way(self):
        (self.folder / "v2.json").write_text(json.dumps(VERSION_2))
        self.must(self.train("output_dir=v2", "version=2.0", "train=v2.json", "dev=v2.json", "max_train_questions=0",
                             "max_dev_questions=0", "num_train_epochs=200", "learning_rate=0.003", "global_train_batch_size=3",
                             "checkpoint.save_steps=0", "hidden_dropout_prob=0", "attention_probs_dropout_prob=0"))
        run = self.folder / "v2/seed-1"
        predictions, odds = (json.loads((run / name).read_text()) for name in ["predictions.json", "null_odds.json"])
        self.assertEqual(list(predictions), ["sky", "sun", "sea"])
        for identifier, answer in predictions.items():
            self.assertEqual(answer == "", odds[identifier] > 0, "no answer where its score is above the best answer's")
        best = {identifier: next(entry for entry in entries if entry["text"])
                for identifier, entries in json.loads((run / "nbest_predictions.json").read_text()).items()}
        self.assertEqual({identifier: entry["text"] for identifier, entry in best.items()}.keys(), predictions.keys())
        self.assertEqual(predictions, {"sky": "The sky", "sun": "", "sea": "sea"}, "learnt by heart")
        score = json.loads(self.must(self.lambert("squad", "score", "v2.json", run / "predictions.json", "--null-odds",
                                                  run / "null_odds.json", "--json")).stdout)
        self.assertEqual((score["exact"], score["HasAns_f1"], score["NoAns_exact"], score["NoAns_total"]), (100, 100, 100, 1))
        self.assertEqual(score["best_exact"], 100.0)
        self.assertIn("best_f1_thresh", score)

    def test_predict_takes_the_version_from_the_data(self):
        (self.folder / "v2.json").write_text(json.dumps(VERSION_2))
        self.must(self.lambert("squad", "predict", "golden/seed-1", "v2.json", "--output", "v2_answers", "--max-seq-length", 64,
                               "--max-query-length", 16))
        self.assertTrue((self.folder / "v2_answers/null_odds.json").exists())

    def test_threshold_decides_between_answer_and_nothing(self):
        (self.folder / "v2.json").write_text(json.dumps(VERSION_2))
        for threshold, is_answered in [("1e9", True), ("-1e9", False)]:
            self.must(self.lambert("squad", "predict", "golden/seed-1", "v2.json", "--output", "threshold", "--max-seq-length",
                                   64, "--max-query-length", 16, f"--null-score-difference-threshold={threshold}"))
            answers = json.loads((self.folder / "threshold/predictions.json").read_text())
            self.assertEqual({bool(answer) for answer in answers.values()}, {is_answered})


class Mistakes(SquadCase):
    def assert_refused(self, code, parts, *overrides):
        self.assert_fails(self.train("output_dir=refused", *overrides), code, *parts)
        self.assertFalse((self.folder / "refused").exists(), "nothing is made before all is checked")

    def test_in_the_config_are_listed_at_once(self):
        (self.folder / "wrong.yaml").write_text(RECIPE.replace("doc_stride: 24", "doc_stride: 0").replace(
            "seeds: [1]", "seeds: [1, 1]\nlearnign_rate: 1") + "warmup_steps: 2.5\n")
        self.assert_fails(self.train(config="wrong.yaml"), CONFIG, "wrong.yaml:8:13: doc_stride", "seeds: holds a number twice",
                          "learnign_rate: unknown key", "warmup_steps: 2.5 is neither")

    def test_of_lengths_are_refused(self):
        self.assert_refused(CONFIG, ["max_seq_length: 128 is more than the model's 64 positions"], "max_seq_length=128")

    def test_of_a_warm_up_without_end_are_refused(self):
        self.assert_refused(CONFIG, ["warmup_steps is above all"], "warmup_steps=1000")

    def test_of_missing_files_are_refused(self):
        self.assert_refused(DATA, ["reading nowhere.json", "no such file"], "train=nowhere.json")
        self.assert_refused(DATA, ["reading nowhere.json", "no such file"], "dev=nowhere.json")
        self.assert_refused(DATA, ["nowhere"], "init_from=nowhere")
        self.assert_refused(DATA, ["nowhere"], "tokenizer=nowhere")

    def test_of_the_version_are_refused(self):
        (self.folder / "v2.json").write_text(json.dumps(VERSION_2))
        self.assert_refused(DATA, ["1 questions are impossible", "version 2.0"], "train=v2.json")
        self.assert_refused(DATA, ["this is not SQuAD v2.0", "version 1.1"], "version=2.0")

    def test_in_the_data_name_path_line_and_column(self):
        (self.folder / "cut.json").write_bytes(TRAIN.read_bytes()[:5000])
        self.assert_refused(DATA, ["reading cut.json, line ", "column ", "not JSON"], "train=cut.json")
        (self.folder / "bom.json").write_bytes(b"\xef\xbb\xbf" + TRAIN.read_bytes())
        self.assert_refused(DATA, ["byte order mark"], "train=bom.json")
        data = json.loads(TRAIN.read_text())
        del data["data"][1]["paragraphs"][0]["qas"][0]["id"]
        (self.folder / "no_id.json").write_text(json.dumps(data))
        self.assert_refused(DATA, ["line 1, column ", "data[1].paragraphs[0].qas[0] has no 'id'"], "dev=no_id.json")

    def test_in_many_answer_offsets_end_the_training(self):
        data = json.loads(TRAIN.read_text())
        for qa in data["data"][0]["paragraphs"][0]["qas"]:
            qa["answers"][0]["answer_start"] += 1
        (self.folder / "offsets.json").write_text(json.dumps(data))
        first = data["data"][0]["paragraphs"][0]["qas"][0]["id"]
        self.assert_refused(DATA, [f"first question '{first}': ", " expected at ", ", found "], "train=offsets.json")

    def test_in_answer_offsets_do_not_stop_evaluation(self):
        data = json.loads(DEV.read_text())
        for article in data["data"]:
            for paragraph in article["paragraphs"]:
                for qa in paragraph["qas"]:
                    qa["answers"][0]["answer_start"] = -5
        (self.folder / "dev_offsets.json").write_text(json.dumps(data))
        self.must(self.train("output_dir=dev_offsets", "dev=dev_offsets.json", "max_train_questions=4"))
        self.assertEqual(len(json.loads((self.folder / "dev_offsets/seed-1/predictions.json").read_text())), 10)


class Scoring(SquadCase):
    def score(self, predictions, *options):
        (self.folder / "p.json").write_text(json.dumps(predictions))
        return self.lambert("squad", "score", DEV, "p.json", *options)

    def ids(self):
        return re.findall(r'"id": "(\w+)"', DEV.read_text())

    def test_prints_the_figures_of_the_official_script(self):
        answers = {qa["id"]: qa["answers"][0]["text"] for article in json.loads(DEV.read_text())["data"]
                   for paragraph in article["paragraphs"] for qa in paragraph["qas"]}
        score = json.loads(self.must(self.score(answers, "--json")).stdout)
        self.assertEqual((score["exact_match"], score["f1"], score["total"]), (100.0, 100.0, 172))
        self.assertIn("exact_match", self.must(self.score(answers)).stdout)

    def test_counts_missing_ids_zero_and_lists_them(self):
        ids = self.ids()
        result = self.must(self.score({identifier: "x" for identifier in ids[2:]}, "--json"))
        self.assertEqual(json.loads(result.stdout)["missing"], 2)
        for identifier in ids[:2]:
            self.assertIn(f"no prediction for question {identifier}\n", result.stderr)

    def test_lists_predictions_for_unknown_ids(self):
        result = self.must(self.score({"nobody": "x"}, "--json"))
        self.assertEqual(json.loads(result.stdout)["unknown"], 1)
        self.assertIn("no question for prediction nobody\n", result.stderr)

    def test_gives_the_figures_of_every_question_on_request(self):
        questions = json.loads(self.must(self.score({}, "--json", "--questions")).stdout)["questions"]
        self.assertEqual(sorted(questions), sorted(self.ids()))

    def test_refuses_other_files(self):
        (self.folder / "list.json").write_text("[]")
        self.assert_fails(self.lambert("squad", "score", DEV, "list.json"), DATA, "list.json", "question ids to answers")
        self.assert_fails(self.lambert("squad", "score", DEV, "nowhere.json"), DATA, "nowhere.json", "no such file")
        self.assert_fails(self.lambert("squad", "score", "list.json", "list.json"), DATA, "list.json, line 1, column 1")
        self.assert_fails(self.score({}, "--version", "2.0"), DATA, "not SQuAD v2.0")
        self.assert_fails(self.score({}, "--null-odds", "p.json"), CONFIG, "--null-odds")
        self.assert_fails(self.score({}, "--version", "3"), CONFIG, "--version")


if __name__ == "__main__":
    if os.geteuid() == 0:  # containers; Open MPI refuses root unless told twice
        os.environ |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    os.environ["OMPI_MCA_mpi_yield_when_idle"] = "1"
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
