# SPDX-License-Identifier: Apache-2.0
"""Random layouts written by the reference library, read and written again by ours, read by the reference library: the
same names, types, shapes and bytes.

Usage: safetensors_parity.py SAFETENSORS_COPY
"""
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

LAYOUTS = 200
TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
         torch.uint8]
LETTERS = "abcXYZ019._- /\\\"'{}:,é\u2028漢😀"


def random_name(source):
    name = "".join(source.choice(LETTERS) for _ in range(source.choice([1, 5, 20, 60])))
    return name.replace("../", "..")  # we refuse what looks like a path out of a folder


def random_tensor(source):
    shape = [source.randint(1, 3) for _ in range(source.randint(0, 8))]
    dtype = source.choice(TYPES)
    size = torch.empty(shape, dtype=dtype).nbytes
    # Every bit pattern, NaN among them.
    return torch.frombuffer(bytearray(source.randbytes(size)), dtype=dtype).reshape(shape)


def random_layout(source):
    return {random_name(source): random_tensor(source) for _ in range(source.choice([0, 1, 2, 10, 50]))}


def bytes_of(tensor):
    return tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def main():
    with tempfile.TemporaryDirectory() as name:
        theirs, ours = pathlib.Path(name) / "theirs", pathlib.Path(name) / "ours"
        theirs.mkdir(), ours.mkdir()
        layouts = {f"{seed}.safetensors": random_layout(random.Random(seed)) for seed in range(LAYOUTS)}
        for file, tensors in layouts.items():
            save_file(tensors, theirs / file, metadata={"format": "pt"})
        subprocess.run([sys.argv[1], theirs, ours], check=True)
        for file, tensors in layouts.items():
            with safe_open(ours / file, "pt") as opened:
                assert opened.metadata() == {"format": "pt"}, file
            loaded = load_file(ours / file)
            assert loaded.keys() == tensors.keys(), file
            for key, tensor in tensors.items():
                assert loaded[key].dtype == tensor.dtype and loaded[key].shape == tensor.shape, (file, key)
                assert bytes_of(loaded[key]) == bytes_of(tensor), (file, key)
            header = int.from_bytes((ours / file).read_bytes()[:8], "little")
            assert header % 8 == 0, (file, header)
        count = sum(len(tensors) for tensors in layouts.values())
        assert count > LAYOUTS and any(not tensors for tensors in layouts.values())
        print(f"{LAYOUTS} layouts, {count} tensors: the same bytes")


if __name__ == "__main__":
    main()
