"""Losses of embeddings: what belongs together lies together, the rest apart.

triplet  nt_xent  info_nce
"""

import torch
from torch.nn import functional as F

from kit import check
from kit.layers import fused
from kit.losses.classification import cross_entropy
from kit.losses.reduction import REDUCTIONS, reduce
from kit.shapes import Float, Tensor

_EPSILON = 1e-6  # torch's: it keeps the gradient of a distance finite where the distance is 0


def triplet(
    anchor: Float[Tensor, "*B D"],
    positive: Float[Tensor, "*B D"],
    negative: Float[Tensor, "*B D"],
    *,
    margin: float = 1.0,
    reduction: str = "mean",
) -> Float[Tensor, "..."]:
    """max(0, ‖anchor − positive‖ − ‖anchor − negative‖ + margin), as torch's.

    Args:
        anchor, positive, negative: embeddings, (B, D) or (D,). Anchor and positive are of
            one class, the negative of another.
        margin: how much farther the negative must lie, above 0, in units of the embedding.
        reduction: "mean" and "sum" give a scalar, "none" one value per triplet.

    Raises:
        TypeError: the embeddings are not of a floating dtype, or the margin is no number.
        ValueError: the shapes differ, the margin is not above 0, the reduction is unknown.

    Source: Schroff, Kalenichenko and Philbin 2015, arXiv:1503.03832, eq. 1, with
    distances in place of their squares. Lesson: 06
    """
    check.one_of("reduction", reduction, REDUCTIONS)
    check.number("margin", margin, above=0)
    _check_embeddings("anchor", anchor, "positive", positive, ndim=(1, 2))
    _check_embeddings("anchor", anchor, "negative", negative, ndim=(1, 2))
    if fused():
        return F.triplet_margin_loss(anchor, positive, negative, margin, reduction=reduction)
    near, far = ((anchor - other + _EPSILON).norm(dim=-1) for other in (positive, negative))
    return reduce((near - far + margin).clamp_min(0), reduction)


def nt_xent(
    first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], *, temperature: float = 0.5
) -> Float[Tensor, ""]:
    """SimCLR's loss: each view must find its partner among the 2B − 1 other views.

    ℓ(i, j) = −log [exp(s_ij/τ) / Σ_{k≠i} exp(s_ik/τ)] with s the cosine similarity, averaged
    over all 2B views. Guessing costs log(2B − 1).

    Args:
        first, second: row i of both are embeddings of two views of sample i.
        temperature: τ above 0; a small one looks at the nearest wrong views only.

    Raises:
        TypeError: the embeddings are not of a floating dtype.
        ValueError: the shapes differ, there is one sample only, τ is not above 0.

    Source: Chen et al. 2020, arXiv:2002.05709, eq. 1. Lesson: 06
    """
    _check_pairs(first, second, temperature)
    views = _unit(torch.cat((first, second)))  # (2B, D)
    scores = views @ views.T / temperature
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    partner = torch.arange(len(views), device=views.device).roll(len(first))
    return cross_entropy(scores.masked_fill(itself, -torch.inf), partner)


def info_nce(
    first: Float[Tensor, "B D"], second: Float[Tensor, "B D"], *, temperature: float | Tensor = 0.07
) -> Float[Tensor, ""]:
    """CLIP's loss: row i of one side must find row i of the other, both ways.

    The mean of the cross-entropy of the cosine similarities / τ along rows and along columns,
    with the diagonal as the right answer. Guessing costs log B.

    Args:
        first, second: embeddings of the two sides of B pairs, an image and its caption, say.
        temperature: τ above 0; a tensor may be learned.

    Raises:
        TypeError: the embeddings are not of a floating dtype.
        ValueError: the shapes differ, there is one pair only, τ is not above 0.

    Source: van den Oord et al. 2018, arXiv:1807.03748, eq. 4; Radford et al. 2021,
    arXiv:2103.00020, figure 3. Lesson: 07
    """
    _check_pairs(first, second, temperature)
    scores = _unit(first) @ _unit(second).T / temperature  # (B, B)
    own = torch.arange(len(first), device=first.device)
    return (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def _check_embeddings(a_name: str, a: Tensor, b_name: str, b: Tensor, ndim) -> None:
    check.tensor(a_name, a, ndim=ndim, kind="float")
    check.tensor(b_name, b, kind="float")
    check.same_shape(a_name, a, b_name, b)


def _check_pairs(first: Tensor, second: Tensor, temperature) -> None:
    _check_embeddings("first", first, "second", second, ndim=2)
    learned = isinstance(temperature, Tensor)
    check.number("temperature", temperature.detach() if learned else temperature, above=0)
    if len(first) < 2:
        raise ValueError(f"first has {len(first)} rows, there is nothing to tell apart; give two or more")
