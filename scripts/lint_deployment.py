#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manifests of docker/kubernetes against the schemas of their kinds, and the Apptainer definition.

Kubernetes' own kinds and every pod template: the schemas in PyPI's kubernetes-validate. Kubeflow Trainer: the models in
kubeflow-trainer-api. MPIJob: tests/schema/mpijob.json, for want of a package. Then what no schema knows: pods have shared
memory and a user without rights, and their exit codes are those of docs/operations.md.
Run with .deps/lint-venv/bin/python (scripts/setup.sh --lint)."""
import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import kubernetes_validate
import yaml
from kubeflow_trainer_api.models import TrainerV1alpha1TrainingRuntime, TrainerV1alpha1TrainJob

ROOT = pathlib.Path(__file__).resolve().parent.parent
KUBERNETES = "1.37"
TRAINER = {"TrainingRuntime": TrainerV1alpha1TrainingRuntime, "TrainJob": TrainerV1alpha1TrainJob}


def unknown_keys(given, understood, path=""):
    """Keys that a model dropped without a word."""
    if isinstance(given, dict) and isinstance(understood, dict):
        return [found for key, value in given.items() for found in
                ([f"{path}.{key}"] if key not in understood else unknown_keys(value, understood[key], f"{path}.{key}"))]
    if isinstance(given, list) and isinstance(understood, list):
        return [found for i, (left, right) in enumerate(zip(given, understood))
                for found in unknown_keys(left, right, f"{path}[{i}]")]
    return []


def check_kubernetes(document):
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


def check_kind(document):
    kind = document["kind"]
    if kind in TRAINER:
        unknown = unknown_keys(document, TRAINER[kind].from_dict(document).to_dict())
        assert not unknown, f"unknown fields {unknown}"
    elif kind == "MPIJob":
        jsonschema.validate(document, json.loads((ROOT / "tests/schema/mpijob.json").read_text()))
    else:
        check_kubernetes(document)


def pod_templates(value):
    """Every {spec: {containers: ...}} below value."""
    if isinstance(value, dict):
        if "containers" in value.get("spec", {}) and "kind" not in value:
            yield value
        for child in value.values():
            yield from pod_templates(child)
    elif isinstance(value, list):
        for child in value:
            yield from pod_templates(child)


def exit_code_rules(value):
    if isinstance(value, dict):
        if "onExitCodes" in value:
            yield value["action"], value["onExitCodes"]
        for child in value.values():
            yield from exit_code_rules(child)
    elif isinstance(value, list):
        for child in value:
            yield from exit_code_rules(child)


def check_pod(template):
    check_kubernetes({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "pod"}, "template": template})
    pod = template["spec"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] != 0, "runs as root"
    for container in pod["containers"]:
        mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
        gpus = container.get("resources", {}).get("limits", {}).get("nvidia.com/gpu")
        if gpus is None:
            continue  # the launcher of a MPIJob has no ranks
        memory = next((volume for volume in pod["volumes"] if volume["name"] == mounts.get("/dev/shm")), {})
        assert memory.get("emptyDir", {}).get("medium") == "Memory", f"{container['name']} has no memory at /dev/shm"
        assert "/runs" in mounts, f"{container['name']} has no volume for checkpoints"


def documented_final_codes():
    text = (ROOT / "docs/operations.md").read_text()
    return {int(code) for code in re.findall(r"\d+", re.search(r"stop on ([\d, and]+)\.", text)[1])}


def check_codes(document):
    for action, rule in exit_code_rules(document):
        codes = set(rule["values"])
        wanted = documented_final_codes() if action in ("FailJob", "FailJobSet") else {75}
        assert codes == wanted, f"{action} on {sorted(codes)}, docs/operations.md says {sorted(wanted)}"


def check_manifest(path):
    for document in yaml.safe_load_all(path.read_text()):
        try:
            check_kind(document)
            for template in pod_templates(document):
                check_pod(template)
            check_codes(document)
        except Exception as error:  # one line, whichever library complains
            lines = (getattr(error, "message", None) or str(error)).splitlines()
            sys.exit(f"lint: {path.relative_to(ROOT)}, {document.get('kind')}: {' '.join(lines[:3])}")


def check_apptainer(path):
    """Stages with a base each, sections that Apptainer knows, %files of stages and paths that exist, shell that parses."""
    known = {"arguments", "files", "post", "runscript", "test", "help", "environment", "labels"}
    stages, section, script = {}, None, {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"lint: {path.name}:{number}"
        header = re.fullmatch(r"(Bootstrap|From|Stage): (\S.*)", line)
        if header and header[1] == "Bootstrap":
            section, stage = None, {}
        if header:
            stage[header[1]] = header[2]
            if header[1] == "Stage":
                assert set(stage) == {"Bootstrap", "From", "Stage"}, f"{where}: stage without Bootstrap and From"
                stages[header[2]] = stage
        elif line.startswith("%"):
            words = line[1:].split()
            section = words[0]
            assert section in known, f"{where}: unknown section {line}"
            assert words[1:2] != ["from"] or words[2] in stages, f"{where}: no stage {words[2:]}"
            is_host = section == "files" and len(words) == 1
        elif section == "files" and is_host and line.strip():
            assert (ROOT / line.split()[0]).exists(), f"{where}: no {line.split()[0]}"
        elif section in ("post", "runscript", "test"):
            script.setdefault((section, len(stages)), []).append(line.strip())
    assert len(stages) == 2, f"lint: {path.name}: expected two stages, found {list(stages)}"
    for lines in script.values():
        text = re.sub(r"\{\{ (\w+) \}\}", r"\1", "\n".join(lines))
        # SC2050: "{{ PRESET }}" is a constant only here.
        subprocess.run(["shellcheck", "--shell=sh", "--exclude=SC2050", "-"], input=text, text=True, check=True)


def main():
    manifests = sorted((ROOT / "docker/kubernetes").glob("*.yaml"))
    assert manifests, "no manifests"
    for path in manifests:
        check_manifest(path)
    try:
        check_apptainer(ROOT / "docker/lambert.def")
    except (AssertionError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
