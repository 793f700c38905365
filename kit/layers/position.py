"""Positions: what tells attention the order of its tokens.

sinusoidal  SinusoidalPosition  LearnedPosition  rotary_angles  rotate  RotaryPosition
"""

import torch
from torch import nn

from kit import check
from kit.layers.embedding import Embedding
from kit.shapes import Float, Tensor


def sinusoidal(length: int, width: int, *, base: float = 10_000.0) -> Float[Tensor, "T D"]:
    """Waves of falling frequency: column 2i is sin(t / base^(2i/D)), column 2i+1 its cosine.

    Args:
        length: number of positions T.
        width: features D, an even number.
        base: the longest wave is 2π · base positions.

    Raises:
        TypeError, ValueError: a size is not whole or too small, `width` is odd.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    Lesson: 08
    """
    check.integer("length", length, 0)
    angle = torch.arange(length)[:, None] * _frequencies("width", width, base)  # (T, D/2)
    return torch.stack((angle.sin(), angle.cos()), -1).flatten(-2).float()  # (T, D)


class SinusoidalPosition(nn.Module):
    """Adds the sinusoidal table to a sequence; nothing is learned.

    Args:
        width: features D, an even number.
        max_length: longest sequence.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    Lesson: 08
    """

    def __init__(self, width: int, max_length: int):
        super().__init__()
        self.register_buffer("table", sinusoidal(max_length, width), persistent=False)

    def forward(self, x: Float[Tensor, "*B T D"]) -> Float[Tensor, "*B T D"]:
        """Return x + table[:T].

        Raises:
            ValueError: the sequence is longer than `max_length` or not `width` wide.
        """
        _check_sequence(x, *self.table.shape)
        return x + self.table[: x.shape[-2]].to(x.dtype)


class LearnedPosition(nn.Module):
    """Adds a learned vector per position, as BERT and GPT-2 do.

    Args:
        width: features D.
        max_length: longest sequence.
        generator: source of the initial vectors; None uses torch's global one.

    Source: Devlin et al. 2019, arXiv:1810.04805.
    Lesson: 08
    """

    def __init__(self, width: int, max_length: int, *, generator: torch.Generator | None = None):
        super().__init__()
        self.embedding = Embedding(max_length, width, generator=generator)

    def forward(self, x: Float[Tensor, "*B T D"]) -> Float[Tensor, "*B T D"]:
        """Return x + embedding[:T].

        Raises:
            ValueError: the sequence is longer than `max_length` or not `width` wide.
        """
        _check_sequence(x, *self.embedding.weight.shape)
        return x + self.embedding.weight[: x.shape[-2]]


def rotary_angles(
    length: int, width: int, *, base: float = 10_000.0, start: int = 0
) -> Float[Tensor, "T D2"]:
    """Angle t / base^(2i/D) of position t = start, start+1, ... for each pair i of features.

    Args:
        length: number of positions T.
        width: features of one head D, an even number.
        base: the slowest pair turns once in about 2π · base positions.
        start: the first position, the number of tokens already in a cache.

    Raises:
        TypeError, ValueError: a size is not whole or too small, `width` is odd.

    Source: Su et al. 2021, arXiv:2104.09864, equation 15.
    Lesson: 08
    """
    check.integer("length", length, 0)
    check.integer("start", start, 0)
    return (torch.arange(start, start + length)[:, None] * _frequencies("width", width, base)).float()


def rotate(
    x: Float[Tensor, "*B T D"], cos: Float[Tensor, "T D2"], sin: Float[Tensor, "T D2"]
) -> Float[Tensor, "*B T D"]:
    """Turn feature pair (i, i + D/2) of each token by its angle.

    The scalar product of two turned vectors depends on their distance only:
    rotate(q, t) · rotate(k, s) is a function of t - s.

    Args:
        x: queries or keys.
        cos, sin: of the angles, D2 = D/2 columns.

    Raises:
        ValueError: the tables do not fit the length and width of `x`.

    Source: Su et al. 2021, arXiv:2104.09864, equation 34, in the half-split order of Llama.
    Lesson: 08
    """
    if cos.shape[-2:] != (x.shape[-2], x.shape[-1] // 2) or cos.shape != sin.shape or x.shape[-1] % 2:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, cos {tuple(cos.shape)} and sin {tuple(sin.shape)} must be "
            f"{(x.shape[-2], x.shape[-1] // 2)}: one angle per token and pair of features"
        )
    first, second = x.chunk(2, -1)  # (..., T, D/2) each
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


class RotaryPosition(nn.Module):
    """Turns queries and keys by their position; nothing is learned or stored.

    Args:
        width: features of one head D, an even number.
        max_length: longest sequence, cached tokens included.
        base: 10,000 as in the paper; SmolLM2 uses 100,000.

    Source: Su et al. 2021, arXiv:2104.09864.
    Lesson: 08
    """

    def __init__(self, width: int, max_length: int, base: float = 10_000.0):
        super().__init__()
        angle = rotary_angles(max_length, width, base=base)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, x: Float[Tensor, "*B T D"], start: int = 0) -> Float[Tensor, "*B T D"]:
        """Return `x`, turned as positions start, start+1, ...

        Raises:
            ValueError: start + T is over `max_length`, or `x` is not `width` wide.
        """
        stop = start + x.shape[-2]
        if stop > len(self.cos):
            raise ValueError(
                f"start={start} and {x.shape[-2]} tokens pass max_length={len(self.cos)}; "
                "shorten the sequence or raise max_length"
            )
        return rotate(x, self.cos[start:stop].to(x.dtype), self.sin[start:stop].to(x.dtype))


def _frequencies(name: str, width: int, base: float) -> Tensor:
    """base^(-2i/D) for i = 0 .. D/2 - 1, in float64: positions up to 10⁵ lose nothing."""
    check.integer(name, width, 2)
    check.number("base", base, above=0)
    if width % 2:
        raise ValueError(f"{name}={width} is odd; features are turned in pairs, choose an even number")
    return base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)


def _check_sequence(x: Tensor, max_length: int, width: int) -> None:
    if x.shape[-1] != width or x.shape[-2] > max_length:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, it must be (..., T, {width}) with T <= max_length={max_length}; "
            "cut the sequence or raise max_length"
        )
