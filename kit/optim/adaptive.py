"""Adaptive step sizes: RMSprop, Adam, AdamW.

Each divides the step of a coordinate by the root of its mean squared gradient, so
that the learning rate is about the size of the step whatever the gradient's scale.
"""

import torch
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.rmsprop import rmsprop

from kit import check
from kit.optim.rule import RuleOptimizer
from kit.shapes import Tensor


class RMSprop(RuleOptimizer):
    """Divide the gradient by its running root mean square, as `torch.optim.RMSprop`.

        g = ∇f(p) + λ p
        v = α v + (1 − α) g²
        p = p − lr · g / (√v + ε)      (with momentum: b = μ b + g / (√v + ε), p − lr · b)

    Args:
        params: parameters, named parameters or groups, as in torch.
        lr: the learning rate, >= 0.
        alpha: α in [0, 1), the memory of the mean square.
        eps: ε >= 0, added to the root.
        weight_decay: λ >= 0, an L2 penalty λ/2 · |p|².
        momentum: μ >= 0.
        fused: True runs torch's multi-tensor kernels, False the formula above.

    torch's `centered` variant is left out.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Hinton 2012, Neural Networks for Machine Learning, lecture 6e. Lesson: 05
    """

    def __init__(
        self,
        params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        *,
        fused: bool = True,
    ):
        check.number("lr", lr, 0)
        check.number("alpha", alpha, 0, below=1)
        check.number("eps", eps, 0)
        check.number("weight_decay", weight_decay, 0)
        check.number("momentum", momentum, 0)
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "fused": fused,
        }
        super().__init__(params, defaults)

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        state = {"step": torch.zeros((), device=p.device), "square_avg": torch.zeros_like(p)}
        return state | ({"momentum_buffer": torch.zeros_like(p)} if group["momentum"] else {})

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        alpha, v = group["alpha"], state["square_avg"]
        state["step"] += 1
        g = g + group["weight_decay"] * p
        v.copy_(alpha * v + (1 - alpha) * g**2)
        direction = g / (v.sqrt() + group["eps"])
        if group["momentum"]:
            b = state["momentum_buffer"]
            direction = b.copy_(group["momentum"] * b + direction)
        p -= group["lr"] * direction

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        names = ("lr", "alpha", "eps", "weight_decay", "momentum")
        rmsprop(
            params,
            [p.grad for p in params],
            [s["square_avg"] for s in states],
            [],
            [s["momentum_buffer"] for s in states] if group["momentum"] else [],
            [s["step"] for s in states],
            foreach=True,
            maximize=False,
            centered=False,
            **{name: group[name] for name in names},
        )


class Adam(RuleOptimizer):
    """Bias-corrected averages of g and g² set the step, as `torch.optim.Adam`.

        g = ∇f(p) + λ p
        m = β₁ m + (1 − β₁) g          m̂ = m / (1 − β₁ᵗ)
        v = β₂ v + (1 − β₂) g²         v̂ = v / (1 − β₂ᵗ)
        p = p − lr · m̂ / (√v̂ + ε)

    m and v start at 0, so without the correction the first steps come out wrong:
    3.16 lr instead of lr at t = 1.

    Args:
        params: parameters, named parameters or groups, as in torch.
        lr: the learning rate, >= 0; about the size of one step.
        betas: (β₁, β₂), each in [0, 1).
        eps: ε >= 0, added to the root.
        weight_decay: λ >= 0, an L2 penalty; `AdamW` decays the weights themselves.
        fused: True runs torch's fused kernel, False the formula above. Both give the
            same numbers up to rounding; the state_dict is torch's.

    torch's `amsgrad`, `maximize`, `capturable` and `differentiable` are left out.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1. Lesson: 05
    """

    absent = (*RuleOptimizer.absent, "decoupled_weight_decay")  # that is AdamW

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        fused: bool = True,
    ):
        super().__init__(params, adam_defaults(lr, betas, eps, weight_decay, fused))

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        return adam_start(p)

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        adam_formula(p, g + group["weight_decay"] * p, state, group)

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        adam_kernel(adam, params, states, group)


class AdamW(RuleOptimizer):
    """Adam with decoupled weight decay, as `torch.optim.AdamW`.

    p = (1 − lr λ) p first, then Adam's step with the plain gradient: the decay is
    not divided by √v̂, so it is the same for every coordinate.

    Args:
        params, lr, betas, eps, fused: as in `Adam`.
        weight_decay: λ >= 0, the decay per unit of learning rate.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2. Lesson: 05
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        fused: bool = True,
    ):
        defaults = adam_defaults(lr, betas, eps, weight_decay, fused)
        super().__init__(params, defaults | {"decoupled_weight_decay": True})

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        return adam_start(p)

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        p *= 1 - group["lr"] * group["weight_decay"]
        adam_formula(p, g, state, group)

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        adam_kernel(adamw, params, states, group)


def adam_formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
    """One step of Adam on parameter `p` with gradient `g`, in place.

    Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1. Lesson: 05
    """
    beta1, beta2 = group["betas"]
    m, v = state["exp_avg"], state["exp_avg_sq"]
    state["step"] += 1
    t = state["step"].item()
    m.copy_(beta1 * m + (1 - beta1) * g)
    v.copy_(beta2 * v + (1 - beta2) * g**2)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    p -= group["lr"] * m_hat / (v_hat.sqrt() + group["eps"])


def adam_start(p: Tensor) -> dict[str, Tensor]:
    """The state of one parameter before its first step, by torch's names. Lesson: 05"""
    step = torch.zeros((), dtype=torch.float32, device=p.device)
    return {"step": step, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}


def adam_kernel(kernel, params: list[Tensor], states: list[dict], group: dict) -> None:
    """One step on all `params` by torch's fused kernel `adam` or `adamw`. Lesson: 05"""
    kernel(
        params,
        [p.grad for p in params],
        [s["exp_avg"] for s in states],
        [s["exp_avg_sq"] for s in states],
        [],
        [s["step"] for s in states],
        fused=True,
        amsgrad=False,
        maximize=False,
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        lr=group["lr"],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
    )


def adam_defaults(lr, betas, eps, weight_decay, fused) -> dict:
    """Adam's options, checked, as a group of torch. Lesson: 05"""
    check.number("lr", lr, 0)
    if len(betas) != 2:
        raise ValueError(f"betas={check.show(betas)} must be a pair; give (0.9, 0.999), say")
    for i, beta in enumerate(betas):
        check.number(f"betas[{i}]", beta, 0, below=1)
    check.number("eps", eps, 0)
    check.number("weight_decay", weight_decay, 0)
    return {
        "lr": lr,
        "betas": tuple(betas),
        "eps": eps,
        "weight_decay": weight_decay,
        "amsgrad": False,
        "maximize": False,
        "fused": fused,
    }
