"""From the blocks of a GGUF file back to numbers: what 4 or 8 bits a weight mean.

A block holds 32 whole numbers and one scale d (and, in the `_1` types, a smallest
value m), both half precision: weight = d · q (+ m).

    dequantize  READABLE
"""

import numpy as np
import torch

from kit import check
from kit.shapes import Float, Tensor


def _nibbles(packed: np.ndarray) -> np.ndarray:
    """Bytes (N, 16) -> whole numbers (N, 32): all low halves first, then all high halves."""
    return np.concatenate((packed & 15, packed >> 4), 1).astype(np.float32)


def _fifth_bits(packed: np.ndarray) -> np.ndarray:
    """Bytes (N, 4) -> the fifth bit of each of 32 numbers, as 0 or 16."""
    return np.unpackbits(packed, axis=1, bitorder="little").astype(np.float32) * 16


def _half(raw: np.ndarray) -> np.ndarray:
    """Bytes (N, 2) -> (N, 1) numbers."""
    return np.ascontiguousarray(raw).view(np.float16).astype(np.float32)


def _q8_0(raw: np.ndarray) -> np.ndarray:
    return raw[:, 2:].view(np.int8).astype(np.float32) * _half(raw[:, :2])


def _q4_0(raw: np.ndarray) -> np.ndarray:
    return (_nibbles(raw[:, 2:]) - 8) * _half(raw[:, :2])


def _q4_1(raw: np.ndarray) -> np.ndarray:
    return _nibbles(raw[:, 4:]) * _half(raw[:, :2]) + _half(raw[:, 2:4])


def _q5_0(raw: np.ndarray) -> np.ndarray:
    return (_nibbles(raw[:, 6:]) + _fifth_bits(raw[:, 2:6]) - 16) * _half(raw[:, :2])


def _q5_1(raw: np.ndarray) -> np.ndarray:
    whole = _nibbles(raw[:, 8:]) + _fifth_bits(raw[:, 4:8])
    return whole * _half(raw[:, :2]) + _half(raw[:, 2:4])


_BLOCKS = {
    "Q8_0": (34, _q8_0),
    "Q4_0": (18, _q4_0),
    "Q4_1": (20, _q4_1),
    "Q5_0": (22, _q5_0),
    "Q5_1": (24, _q5_1),
}
_PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
#: The types that can be turned into numbers; the rest of GGUF's list is refused by name.
READABLE = (*_PLAIN, *_BLOCKS)


def dequantize(raw: bytes | memoryview, kind: str, shape: tuple[int, ...]) -> Float[Tensor, "..."]:
    """The float32 tensor stored in `raw` as ggml type `kind`.

    Args:
        raw: the bytes of one tensor.
        kind: a name from `READABLE`.
        shape: in PyTorch's order, slowest first.

    Raises:
        ValueError: the type is not known here, or the bytes do not fill the shape.

    Source: ggml, ggml-quants.c (the layout of the blocks). Lesson: 13
    """
    check.one_of("kind", kind, READABLE)
    data = np.frombuffer(raw, dtype=np.uint8)
    if kind in _PLAIN:
        values = torch.from_numpy(data.copy()).view(_PLAIN[kind]).float()
    else:
        size, unpack = _BLOCKS[kind]
        values = torch.from_numpy(unpack(data.reshape(-1, size)))
    if values.numel() != torch.Size(shape).numel():
        raise ValueError(
            f"raw holds {values.numel()} weights, shape={shape} needs {torch.Size(shape).numel()}"
        )
    return values.reshape(shape)
