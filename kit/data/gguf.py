"""Read a GGUF file: what a published language model consists of.

GGUF (llama.cpp) keeps metadata, vocabulary and quantized tensors in one file. Opening
one reads all but the weights, in a moment; `GGUF.tensor` turns one tensor into numbers.

    read_gguf  GGUF  TensorInfo
"""

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kit import check
from kit.data.dequantize import dequantize
from kit.shapes import Tensor

#: ggml type number -> (name, values in a block, bytes of a block).
TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_CURE = "fetch the file again"


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of the file; `shape` is in PyTorch's order (slowest first).

    Units: `offset` in bytes from the start of the file, `nbytes` in bytes as stored. Lesson: 01.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    nbytes: int

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class GGUF:
    """What a GGUF file says about itself. Lesson: 01."""

    path: Path
    version: int
    metadata: dict[str, Any]
    tensors: tuple[TensorInfo, ...]

    @property
    def parameters(self) -> int:
        """Number of weights in all tensors."""
        return sum(t.parameters for t in self.tensors)

    def __repr__(self) -> str:
        return f"GGUF({self.path.name!r}: {len(self.tensors)} tensors, {self.parameters:,} weights)"

    def groups(self) -> dict[str, int]:
        """Weights by role, all layers together, in the order of the file.

        `blk.7.attn_q.weight` counts under `attn_q`, `token_embd.weight` under `token_embd`.
        """
        found: dict[str, int] = {}
        for t in self.tensors:
            parts = t.name.split(".")
            role = parts[2] if parts[0] == "blk" and len(parts) > 2 else parts[0]
            found[role] = found.get(role, 0) + t.parameters
        return found

    def tensor(self, name: str) -> Tensor:
        """One tensor as float32 numbers, read from the file when asked for.

        Raises: ValueError for an unknown name (with the nearest) or a type that cannot be
        dequantized here. Lesson: 09.
        """
        check.one_of("name", name, [t.name for t in self.tensors])
        info = next(t for t in self.tensors if t.name == name)
        with open(self.path, "rb") as file:
            file.seek(info.offset)
            return dequantize(file.read(info.nbytes), info.type, info.shape)

    @property
    def bits_per_weight(self) -> float:
        """Stored bits per weight, scales included."""
        return 8 * sum(t.nbytes for t in self.tensors) / self.parameters


def read_gguf(path: str | Path) -> GGUF:
    """Read version, metadata and tensor listing of a GGUF file, versions 2 and 3.

    Every count and offset is checked against the size of the file before it is
    believed. Raises: ValueError, naming the file, for another format, a damaged or a
    truncated file; FileNotFoundError. Source: ggml, docs/gguf.md. Lesson: 01.
    """
    path = Path(path)
    with open(path, "rb") as file:
        if path.stat().st_size == 0:
            raise ValueError(f"file={path.name} is empty; {_CURE}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Cursor(path, data).read()


class _Cursor:
    """A place in the mapped file that never runs past its end."""

    def __init__(self, path: Path, data: mmap.mmap):
        self.path, self.data, self.place = path, data, 0

    def fail(self, what: str) -> ValueError:
        """The error that says where and what."""
        return ValueError(f"file={self.path.name} is damaged at byte {self.place}, {what}; {_CURE}")

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        if length > len(self.data) - self.place:
            raise self.fail(f"{length} bytes are announced and {len(self.data) - self.place} are left")
        self.place += length
        return self.data[self.place - length : self.place]

    def scalar(self, code: str):
        """One number by its struct code, little-endian."""
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def text(self) -> str:
        """A length and that many bytes of UTF-8."""
        raw = self.take(self.scalar("Q"))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fail("a text is not UTF-8") from error

    def value(self, kind: int, depth: int = 0):
        """One metadata value of type `kind`."""
        if kind in _SCALARS:
            return self.scalar(_SCALARS[kind])
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY or depth > 3:
            raise self.fail(f"metadata type {kind} is not known")
        kind, length = self.scalar("I"), self.scalar("Q")
        if kind in _SCALARS:
            code = _SCALARS[kind]
            raw = self.take(length * struct.calcsize("<" + code))
            return list(struct.unpack(f"<{length}{code}", raw))
        self.believe(length, 8, "entries")
        return [self.value(kind, depth + 1) for _ in range(length)]

    def believe(self, count: int, least: int, what: str) -> None:
        """Refuse a count that cannot fit into the rest of the file."""
        if count * least > len(self.data) - self.place:
            raise self.fail(f"{count} {what} are announced, more than the file can hold")

    def read(self) -> GGUF:
        """The whole header, from the first byte."""
        magic = self.take(4) if len(self.data) >= 4 else bytes(self.data)
        if magic != b"GGUF":
            raise ValueError(f"file={self.path.name} starts with {magic!r}, not b'GGUF'; give a .gguf file")
        version = self.scalar("I")
        if version not in (2, 3):
            raise ValueError(
                f"file={self.path.name} has GGUF version {version}; versions 2 and 3 are read, convert it"
            )
        tensors, pairs = self.scalar("Q"), self.scalar("Q")
        self.believe(tensors, 24, "tensors")
        self.believe(pairs, 13, "metadata entries")
        metadata = {}
        for _ in range(pairs):
            key = self.text()
            metadata[key] = self.value(self.scalar("I"))
        listing = [self.listed() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise self.fail(f"general.alignment={alignment!r} is not a positive whole number")
        start = math.ceil(self.place / alignment) * alignment
        return GGUF(self.path, version, metadata, tuple(self.located(start, *item) for item in listing))

    def listed(self) -> tuple:
        """One entry of the tensor listing: name, shape, type number, offset."""
        name = self.text()
        rank = self.scalar("I")
        if rank > 8:
            raise self.fail(f"tensor {name} has {rank} dimensions")
        shape = tuple(self.scalar("Q") for _ in range(rank))
        return name, shape, self.scalar("I"), self.scalar("Q")

    def located(self, start: int, name: str, shape: tuple, number: int, offset: int) -> TensorInfo:
        """The tensor's place in the file, proved to lie inside it."""
        if number not in TENSOR_TYPES:
            raise self.fail(f"tensor {name} has unknown type {number}")
        kind, block, block_bytes = TENSOR_TYPES[number]
        values = math.prod(shape)
        if values % block or (shape and shape[0] % block):
            raise self.fail(f"tensor {name} of shape {shape} does not fill blocks of {block}")
        nbytes, place = values // block * block_bytes, start + offset
        if place + nbytes > len(self.data):
            raise ValueError(
                f"file={self.path.name} is truncated, tensor {name} ends at byte {place + nbytes} "
                f"of {len(self.data)}; {_CURE}"
            )
        return TensorInfo(name, tuple(reversed(shape)), kind, place, nbytes)
