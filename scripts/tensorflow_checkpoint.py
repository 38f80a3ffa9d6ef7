# SPDX-License-Identifier: Apache-2.0
"""Reads TensorFlow checkpoints of format V2 ("tensor bundle") with NumPy alone.

PREFIX.index is a table in LevelDB's format: blocks of sorted names, each with its masked CRC-32C, and a footer of 48
bytes. A name leads to a protocol-buffer message: type, shape, and place and checksum of the values in one of the files
PREFIX.data-00000-of-0000N. Everything is checked before it is used; CheckpointDamage names the file.

Why not tensorflow itself: it weighs two gigabytes and this needs 150 lines. tests/parity/import_tf_test.py compares
with a checkpoint that TensorFlow wrote."""
import dataclasses
import math
import pathlib
import struct

import numpy

FOOTER_BYTES, BLOCK_TRAILER_BYTES = 48, 5
TABLE_MAGIC = 0xDB4775248B80FB57
CRC_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected
CRC_LANES = 4096  # pieces of a long text whose checksums are computed side by side
FLOAT, TYPE_NAMES = 1, {1: "float32", 2: "float64", 3: "int32", 9: "int64", 14: "bfloat16", 19: "float16"}


class CheckpointDamage(Exception):
    """A file that is missing, damaged, or of a form that is not read. path, found."""

    def __init__(self, path, found):
        super().__init__(path, found)
        self.path, self.found = path, found


@dataclasses.dataclass
class Entry:
    type: int = 0
    shape: tuple = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    checksum: int = 0  # masked CRC-32C of the values
    is_sliced: bool = False


# ------------------------------------------------------------------------------------------------ CRC-32C

def crc_table():
    table = numpy.arange(256, dtype=numpy.uint32)
    for _ in range(8):
        table = numpy.where(table & 1, (table >> 1) ^ CRC_POLYNOMIAL, table >> 1).astype(numpy.uint32)
    return table


CRC_TABLE = crc_table()
CRC_LIST = CRC_TABLE.tolist()


def apply_matrix(matrix, states):
    """matrix: images of the 32 bits. states: uint32 array."""
    result = numpy.zeros_like(states)
    for bit in range(32):
        result ^= numpy.where((states >> numpy.uint32(bit)) & numpy.uint32(1), matrix[bit], numpy.uint32(0))
    return result


def zeros_matrix(count):
    """What `count` zero bytes do to a checksum's state."""
    bits = numpy.left_shift(numpy.uint32(1), numpy.arange(32, dtype=numpy.uint32))
    power, result = CRC_TABLE[bits & 255] ^ (bits >> numpy.uint32(8)), bits
    while count:
        if count & 1:
            result = apply_matrix(power, result)
        power, count = apply_matrix(power, power), count >> 1
    return result


def crc32c(data):
    """Of bytes-like data. A checksum is linear in the text, so the pieces of a long one are joined afterwards."""
    text = numpy.frombuffer(data, numpy.uint8)
    length = len(text) // CRC_LANES
    state = 0xFFFFFFFF
    if length >= 16:
        lanes = numpy.ascontiguousarray(text[:CRC_LANES * length].reshape(CRC_LANES, length).T)
        states = numpy.zeros(CRC_LANES, numpy.uint32)
        states[0] = state
        for column in lanes:
            states = CRC_TABLE[(states ^ column) & 255] ^ (states >> numpy.uint32(8))
        while len(states) > 1:
            states, length = apply_matrix(zeros_matrix(length), states[0::2]) ^ states[1::2], 2 * length
        state, text = int(states[0]), text[length:]
    for byte in text.tolist():
        state = CRC_LIST[(state ^ byte) & 255] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def masked(checksum):
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF


# ------------------------------------------------------------------------------------------------ the index

class Bytes:
    """A text that is read from its start."""

    def __init__(self, text, path):
        self.text, self.path, self.at = text, path, 0

    def is_done(self):
        return self.at == len(self.text)

    def take(self, count):
        if count > len(self.text) - self.at:
            raise CheckpointDamage(self.path, "a record ends too early")
        self.at += count
        return self.text[self.at - count:self.at]

    def varint(self):
        value = 0
        for shift in range(0, 64, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise CheckpointDamage(self.path, "a number is too long")


def fields_of(message, path):
    """(number, value) of a protocol-buffer message; values are whole numbers or bytes."""
    rest = Bytes(message, path)
    while not rest.is_done():
        tag = rest.varint()
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            yield number, rest.varint()
        elif kind == 2:
            yield number, rest.take(rest.varint())
        elif kind in (1, 5):
            yield number, int.from_bytes(rest.take(8 if kind == 1 else 4), "little")
        else:
            raise CheckpointDamage(path, "a record of unknown form")


def block_at(index, offset, size, path):
    """The (name, value) pairs of a block. A name repeats only what differs from the one before."""
    if offset + size + BLOCK_TRAILER_BYTES > len(index) or size < 4:
        raise CheckpointDamage(path, "a block lies outside the file")
    block = index[offset:offset + size]
    compression, checksum = struct.unpack("<BI", index[offset + size:offset + size + BLOCK_TRAILER_BYTES])
    if masked(crc32c(index[offset:offset + size + 1])) != checksum:
        raise CheckpointDamage(path, f"wrong checksum of the block at byte {offset}")
    if compression != 0:
        raise CheckpointDamage(path, "its blocks are compressed")
    restarts = int.from_bytes(block[-4:], "little")
    if 4 * (restarts + 1) > size:
        raise CheckpointDamage(path, "a block has no room for its restarts")
    rest, name = Bytes(block[:size - 4 * (restarts + 1)], path), b""
    while not rest.is_done():
        shared, added, length = rest.varint(), rest.varint(), rest.varint()
        if shared > len(name):
            raise CheckpointDamage(path, "a name continues one that is shorter")
        name = name[:shared] + rest.take(added)
        yield name, rest.take(length)


def entry_of(message, path):
    entry, shape = Entry(), []
    for number, value in fields_of(message, path):
        if number == 2 and isinstance(value, bytes):
            for part, dimension in fields_of(value, path):
                if part == 2 and isinstance(dimension, bytes):
                    shape.append(dict(fields_of(dimension, path)).get(1, 0))
        elif number == 7:
            entry.is_sliced = True
        elif number in (1, 3, 4, 5, 6) and isinstance(value, int):
            setattr(entry, {1: "type", 3: "shard", 4: "offset", 5: "size", 6: "checksum"}[number], value)
        else:
            raise CheckpointDamage(path, "a record of unknown form")
    entry.shape = tuple(shape)
    return entry


class TensorFlowCheckpoint:
    """The tensors of PREFIX.index and PREFIX.data-…; values are read one tensor at a time."""

    def __init__(self, prefix):
        self.prefix = pathlib.Path(prefix)
        self.index = pathlib.Path(f"{prefix}.index")
        if not self.index.is_file():
            found = "it is in format V1, which is not read here" if self.prefix.is_file() else f"there is no {self.index.name}"
            raise CheckpointDamage(self.prefix, found)
        self.entries = {}
        self.shard_count = 0
        for name, message in self._records(self.index.read_bytes()):
            if name == b"":
                self._read_header(message)
            else:
                self.entries[name.decode("utf-8", "replace")] = entry_of(message, self.index)
        if self.shard_count == 0:
            raise CheckpointDamage(self.index, "it has no header")

    def _records(self, index):
        if len(index) < FOOTER_BYTES or int.from_bytes(index[-8:], "little") != TABLE_MAGIC:
            raise CheckpointDamage(self.index, "it is cut off or no index of a checkpoint")
        footer = Bytes(index[-FOOTER_BYTES:], self.index)
        list(block_at(index, footer.varint(), footer.varint(), self.index))  # about filters: nothing to read, but checked
        for _, handle in block_at(index, footer.varint(), footer.varint(), self.index):
            place = Bytes(handle, self.index)
            yield from block_at(index, place.varint(), place.varint(), self.index)

    def _read_header(self, message):
        header = dict(fields_of(message, self.index))
        self.shard_count = header.get(1, 0)
        if header.get(2, 0) != 0:
            raise CheckpointDamage(self.index, "its values are big-endian")

    def shard_file(self, shard):
        return pathlib.Path(f"{self.prefix}.data-{shard:05}-of-{self.shard_count:05}")

    def read(self, name):
        """float32 values; the checksum is compared."""
        entry = self.entries[name]
        if entry.type != FLOAT:
            kind = TYPE_NAMES.get(entry.type, f"type {entry.type}")
            raise CheckpointDamage(self.index, f"{name} is {kind}, only float32 is read")
        if entry.is_sliced:
            raise CheckpointDamage(self.index, f"{name} is partitioned, which is not read here")
        if entry.size != 4 * math.prod(entry.shape):
            raise CheckpointDamage(self.index, f"{name} has {entry.size} bytes for shape {list(entry.shape)}")
        path = self.shard_file(entry.shard)
        if entry.shard >= self.shard_count or not path.is_file():
            raise CheckpointDamage(path, "there is no such file")
        if entry.offset + entry.size > path.stat().st_size:
            raise CheckpointDamage(path, f"it ends before the values of {name}")
        with open(path, "rb") as file:
            file.seek(entry.offset)
            data = file.read(entry.size)
        if masked(crc32c(data)) != entry.checksum:
            raise CheckpointDamage(path, f"wrong checksum of the values of {name}")
        return numpy.frombuffer(data, "<f4").reshape(entry.shape)
