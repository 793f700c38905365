"""Muon: momentum, orthogonalized by Newton-Schulz, for matrices.

orthogonalize    the nearest orthogonal matrix, roughly, by matrix products alone
Muon             for 2-D parameters only
split_for_muon   which parameters of a model are matrices of hidden layers
MuonWithAdamW    one optimizer for a whole model: matrices by Muon, the rest by AdamW
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from kit import check
from kit.layers import Embedding, fused
from kit.optim.adaptive import AdamW, adam_defaults
from kit.optim.rule import RuleOptimizer
from kit.shapes import Float, Tensor

#: Coefficients of the quintic, chosen for the steepest slope at 0.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalize(
    matrix: Float[Tensor, "M N"],
    *,
    steps: int = 5,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    eps: float = 1e-7,
    dtype: torch.dtype = torch.bfloat16,
) -> Float[Tensor, "M N"]:
    """Push all singular values of `matrix` towards 1 and keep its directions.

        X = G / |G|;  repeat: A = X Xᵀ,  X = a X + (b A + c A²) X

    With G = U S Vᵀ the result is U S' Vᵀ, S' within about 0.7 to 1.2 and not exactly
    1: the coefficients trade precision for speed. Directions whose singular value is
    below about 1% of |G| need more steps.

    Args:
        matrix: G, shape (M, N).
        steps: iterations, 1 to 99.
        coefficients: a, b, c of the quintic.
        eps: the smallest |G| divided by; a matrix of zeros stays zero.
        dtype: what is computed in, and the result's dtype; bfloat16 as published.

    Raises:
        ValueError: `matrix` has not two dimensions, or `steps` is out of range.

    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon. Lesson: 05
    """
    check.tensor("matrix", matrix, ndim=2, kind="float")
    check.integer("steps", steps, 1, 99)
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.to(dtype)
    x = x.T if tall else x  # the products are smallest with the short side first
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        if fused():
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        else:
            x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


class Muon(RuleOptimizer):
    """Momentum with orthogonalized steps, for matrices, as `torch.optim.Muon`.

        B = μ B + (1 − μ) g;   Nesterov: U = (1 − μ) g + μ B, else U = B
        p = (1 − lr λ) p − lr · r · orthogonalize(U)

    r = √max(1, M/N) ("original") or 0.2 √max(M, N) ("match_rms_adamw", which makes
    AdamW's learning rate and decay fit). All directions of a matrix then learn at
    one speed, where AdamW equalizes single coordinates.

    Args:
        params: 2-D parameters of hidden layers. Biases, norms, embeddings and the
            last layer belong to AdamW: see `MuonWithAdamW`.
        lr: the learning rate, >= 0.
        weight_decay: λ >= 0, decoupled.
        momentum: μ in [0, 1).
        nesterov: whether to look ahead.
        ns_steps: Newton-Schulz iterations.
        adjust_lr_fn: None or "original", or "match_rms_adamw".
        fused: True runs fused products, False plain ones. In bfloat16 the two differ
            by its rounding (about 1%). torch's `eps` and `ns_coefficients` stay at
            their defaults.

    Raises:
        TypeError, ValueError: an argument is out of range, or a parameter is no matrix.

    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon; Liu et al. 2025,
    arXiv:2502.16982, equation 4 (match_rms_adamw). Lesson: 05
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        *,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        fused: bool = True,
    ):
        options = {"momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps}
        super().__init__(params, _defaults(lr, weight_decay, adjust_lr_fn, fused, **options))
        for group in self.param_groups:
            _check_matrices(group["params"])

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        return {"momentum_buffer": torch.zeros_like(p)}

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        mu, B = group["momentum"], state["momentum_buffer"]
        B.copy_(mu * B + (1 - mu) * g)
        _apply(p, (1 - mu) * g + mu * B if group["nesterov"] else B, group)

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        mu = group["momentum"]
        for p, state in zip(params, states, strict=True):
            B = state["momentum_buffer"].lerp_(p.grad, 1 - mu)
            _apply(p, p.grad.lerp(B, mu) if group["nesterov"] else B, group)


class MuonWithAdamW(RuleOptimizer):
    """Muon for some parameters and AdamW for the others, in one optimizer.

    One `step`, one `state_dict`, and a schedule scales both learning rates. The
    groups carry `rule="muon"` or `rule="adamw"`.

        optimizer = MuonWithAdamW(*split_for_muon(model, heads=["head"]), lr=0.02)

    Args:
        matrices: 2-D parameters, for Muon; may be empty.
        others: all other parameters, for AdamW; may be empty.
        lr, weight_decay, momentum: of Muon, with its "original" scaling.
        adamw_lr, adamw_betas, adamw_weight_decay: of AdamW.

    Raises:
        TypeError, ValueError: an argument is out of range, a matrix is none, or there
            is no parameter at all.

    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon. Lesson: 05
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        *,
        lr: float = 0.02,
        weight_decay: float = 0.0,
        momentum: float = 0.95,
        adamw_lr: float = 3e-4,
        adamw_betas: tuple[float, float] = (0.9, 0.95),
        adamw_weight_decay: float = 0.0,
    ):
        matrices, others = list(matrices), list(others)
        _check_matrices(matrices)
        muon = _defaults(lr, weight_decay, None, True, momentum=momentum, nesterov=True, ns_steps=5)
        adamw = adam_defaults(adamw_lr, adamw_betas, 1e-8, adamw_weight_decay, True)
        groups = [
            {"params": matrices, "rule": "muon", **muon},
            {"params": others, "rule": "adamw", **adamw},
        ]
        groups = [group for group in groups if group["params"]]
        check.nonempty("matrices and others", groups)
        super().__init__(groups, {})

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        return _RULES[group["rule"]]._start(p, group)

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        _RULES[group["rule"]]._formula(p, g, state, group)

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        _RULES[group["rule"]]._kernel(params, states, group)


_RULES = {"muon": Muon, "adamw": AdamW}


def split_for_muon(model: nn.Module, *, heads: Sequence[str] = ()) -> tuple[list[Tensor], list[Tensor]]:
    """Split trainable parameters into (matrices for Muon, others for AdamW).

    Matrices are the 2-D parameters, without those of embeddings and of the modules
    named in `heads`: the output layer belongs to AdamW, and only you know its name.

    Args:
        model: any module; shared parameters are listed once.
        heads: names of submodules, as `model.named_modules()` gives them.

    Raises:
        ValueError: a name in `heads` is not a submodule.

    Source: Jordan et al. 2024, kellerjordan.github.io/posts/muon. Lesson: 05
    """
    modules = dict(model.named_modules())
    for name in heads:
        check.one_of("heads", name, [n for n in modules if n])
    kept = [m for n, m in modules.items() if isinstance(m, Embedding | nn.Embedding) or n in heads]
    for_adamw = {id(p) for module in kept for p in module.parameters()}
    trainable = [p for p in model.parameters() if p.requires_grad]
    is_matrix = [p.ndim == 2 and id(p) not in for_adamw for p in trainable]
    matrices = [p for p, yes in zip(trainable, is_matrix, strict=True) if yes]
    return matrices, [p for p, yes in zip(trainable, is_matrix, strict=True) if not yes]


def _apply(p: Tensor, update: Tensor, group: dict) -> None:
    direction = orthogonalize(
        update, steps=group["ns_steps"], coefficients=group["ns_coefficients"], eps=group["eps"]
    )
    rows, columns = p.shape
    if group["adjust_lr_fn"] == "match_rms_adamw":
        ratio = 0.2 * math.sqrt(max(rows, columns))
    else:
        ratio = math.sqrt(max(1, rows / columns))
    p.mul_(1 - group["lr"] * group["weight_decay"])
    p.add_(direction, alpha=-group["lr"] * ratio)


def _defaults(
    lr: float, weight_decay: float, adjust_lr_fn: str | None, fused: bool, *, momentum: float, **options
) -> dict:
    check.number("lr", lr, 0)
    check.number("weight_decay", weight_decay, 0)
    check.number("momentum", momentum, 0, below=1)
    check.integer("ns_steps", options["ns_steps"], 1, 99)
    check.one_of("adjust_lr_fn", adjust_lr_fn, (None, "original", "match_rms_adamw"))
    constants = {"ns_coefficients": COEFFICIENTS, "eps": 1e-7, "adjust_lr_fn": adjust_lr_fn, "fused": fused}
    return {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, **options, **constants}


def _check_matrices(params: Iterable[Tensor]) -> None:
    for p in params:
        if p.ndim != 2:
            raise ValueError(
                f"params has a parameter of shape {tuple(p.shape)}, Muon needs matrices; "
                "give the others to AdamW, or use MuonWithAdamW(*split_for_muon(model))"
            )
