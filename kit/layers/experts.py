"""Mixture of experts: many feed-forward nets, of which each token uses a few.

MixtureOfExperts  load_balance
"""

import torch
from torch import nn

from kit import check
from kit.layers.linear import Linear
from kit.layers.transformer import SwiGLU
from kit.shapes import Float, Int, Tensor


class MixtureOfExperts(nn.Module):
    """A router sends each token to its `top_k` best experts and mixes their outputs.

    All experts hold parameters, few compute: with 8 experts and top_k 2 a token costs what a
    net of a quarter of the parameters costs. `last_load` keeps the router's probabilities and
    choices of the last call, for `load_balance`.

    Args:
        width: features of input and output.
        hidden: hidden features of each expert (a `SwiGLU`).
        experts: number of experts E.
        top_k: experts per token, 1..E; their weights are renormalized to sum to 1.
        generator: source of the initial weights; None uses torch's global one.

    Raises:
        TypeError, ValueError: `top_k` is not in 1..experts, a size is not a whole number.

    Source: Shazeer et al. 2017, arXiv:1701.06538, equations 1-3; renormalized top-k as in
        Jiang et al. 2024, arXiv:2401.04088, section 2.1.
    Lesson: 08
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        experts: int,
        top_k: int = 2,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        check.integer("experts", experts, 1)
        check.integer("top_k", top_k, 1, experts)
        self.top_k = top_k
        self.router = Linear(width, experts, bias=False, generator=generator)
        self.experts = nn.ModuleList(SwiGLU(width, hidden, generator=generator) for _ in range(experts))
        self.last_load: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """Return Σ weight_e · expert_e(x) over the chosen experts of each token."""
        tokens = x.reshape(-1, x.shape[-1])  # (N, D)
        probability = self.router(tokens).softmax(-1)  # (N, E)
        weight, chosen = probability.topk(self.top_k, -1)  # (N, K)
        weight = weight / weight.sum(-1, keepdim=True)
        self.last_load = (probability, chosen)
        out = torch.zeros_like(tokens)
        for e, expert in enumerate(self.experts):
            row, rank = (chosen == e).nonzero(as_tuple=True)
            if len(row):
                out = out.index_add(0, row, expert(tokens[row]) * weight[row, rank, None])
        return out.view_as(x)


def load_balance(probability: Float[Tensor, "N E"], chosen: Int[Tensor, "N K"]) -> Float[Tensor, ""]:
    """A penalty that is 1 when all experts share the work and up to E when one does all.

    E · Σ_e (share of choices that fell on e) · (mean router probability of e); added to the
    loss with a small factor such as 0.01, it keeps the router from collapsing.

    Args:
        probability: the router's softmax.
        chosen: indices of the experts that each token used.

    Raises:
        ValueError: the two speak of different numbers of tokens.

    Source: Fedus, Zoph and Shazeer 2021, arXiv:2101.03961, equations 4-6.
    Lesson: 08
    """
    check.same_length(probability=probability, chosen=chosen)
    experts = probability.shape[-1]
    share = torch.bincount(chosen.flatten(), minlength=experts).to(probability.dtype) / chosen.numel()
    return experts * (share * probability.mean(0)).sum()
