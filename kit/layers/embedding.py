"""Embedding: one learned vector per index."""

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.fused import fused
from kit.shapes import Float, Int, Tensor


class Embedding(nn.Module):
    """A table of vectors, looked up by index, as `torch.nn.Embedding`.

    Row i of the weight (num_embeddings, embedding_dim) is one_hot(i) · W without
    the multiplication. Rows start from a standard normal distribution.

    Args:
        num_embeddings: how many indices there are.
        embedding_dim: the size D of each vector.
        padding_idx: an index whose row starts at 0 and never receives a gradient;
            negative counts from the end.
        device, dtype: of the weight, as in torch.
        generator: source of the initial weights; None uses torch's global one.

    torch's `max_norm`, `scale_grad_by_freq` and `sparse` are left out: no lesson
    needs them.

    Raises:
        TypeError, ValueError: a size or `padding_idx` is not in its range.

    Source: Bengio et al. 2003, section 2. Lesson: 07
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        check.integer("num_embeddings", num_embeddings, 1)
        check.integer("embedding_dim", embedding_dim, 0)
        if padding_idx is not None:
            check.integer("padding_idx", padding_idx, -num_embeddings, num_embeddings - 1)
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx
        self.weight = nn.Parameter(torch.empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the table afresh from N(0, 1); the padding row becomes 0."""
        with torch.no_grad():
            self.weight.normal_(generator=generator)
            if self.padding_idx is not None:
                self.weight[self.padding_idx] = 0

    def forward(self, indices: Int[Tensor, "*B"]) -> Float[Tensor, "*B D"]:
        """Return the vectors of `indices`, shape (*indices.shape, embedding_dim).

        Raises:
            TypeError: `indices` are not whole numbers (int32 or int64).
            ValueError: an index is outside [0, num_embeddings). On a GPU the check
                is the device's own assertion, since reading indices back is slow.
        """
        if indices.dtype not in (torch.int64, torch.int32):
            raise TypeError(
                f"indices has dtype {indices.dtype}, whole numbers are needed; use indices.long()"
            )
        try:
            if fused():
                return F.embedding(indices, self.weight, self.padding_idx)
            rows = self.weight.index_select(0, indices.flatten())
        except IndexError:
            raise ValueError(
                f"indices has values from {int(indices.min())} to {int(indices.max())}, "
                f"they must lie in 0..{self.num_embeddings - 1}; "
                "raise num_embeddings or map unknown indices to one of their own"
            ) from None
        rows = rows.view(*indices.shape, self.embedding_dim)
        if self.padding_idx is None:
            return rows
        return torch.where((indices == self.padding_idx).unsqueeze(-1), rows.detach(), rows)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
