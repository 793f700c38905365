"""Stochastic gradient descent, with momentum in its two forms.

    SGD          v = μ v + g,            p -= lr v     (torch's form)
    EMAMomentum  v = β v + (1 − β) g,    p -= lr v     (exponential moving average)

With a constant gradient the first settles at steps of lr g / (1 − μ), the second
at lr g: at 0.9 the same learning rate moves ten times further in torch's form.
"""

from torch.optim.sgd import sgd

from kit import check
from kit.optim.rule import RuleOptimizer
from kit.shapes import Tensor


class SGD(RuleOptimizer):
    """Gradient descent with momentum and weight decay, as `torch.optim.SGD`.

        g = ∇f(p) + λ p
        v = μ v + (1 − dampening) g        (v = g at the first step)
        p = p − lr · v                     (Nesterov: p − lr (g + μ v))

    Args:
        params: parameters, named parameters or groups, as in torch.
        lr: the learning rate, >= 0.
        momentum: μ >= 0; 0 is plain gradient descent.
        dampening: the share of the gradient left out of v.
        weight_decay: λ >= 0, an L2 penalty λ/2 · |p|².
        nesterov: look ahead along v; needs momentum and no dampening.
        fused: True runs torch's fused kernel, False the formula above. Both give the
            same numbers up to rounding; the state_dict is torch's.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Sutskever et al. 2013, equations 1-4. Lesson: 05
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        fused: bool = True,
    ):
        check.number("lr", lr, 0)
        check.number("momentum", momentum, 0)
        check.number("dampening", dampening)
        check.number("weight_decay", weight_decay, 0)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(
                f"nesterov=True with momentum={momentum} and dampening={dampening}, it needs momentum and no "
                "dampening; set momentum=0.9, dampening=0"
            )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": False,
            "fused": fused,
        }
        super().__init__(params, defaults)

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        return {}  # v does not exist before the first step

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        mu = group["momentum"]
        g = g + group["weight_decay"] * p
        v = g
        if mu:
            v = state.get("momentum_buffer")
            v = g.clone() if v is None else v.copy_(mu * v + (1 - group["dampening"]) * g)
            state["momentum_buffer"] = v
        p -= group["lr"] * (g + mu * v if group["nesterov"] else v)

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        if not group["momentum"]:
            _sgd(params, [None] * len(params), group)
            return
        buffers = [s.get("momentum_buffer") for s in states]
        fresh = [i for i, v in enumerate(buffers) if v is None]
        if not fresh:
            _sgd(params, buffers, group)
            return
        # The kernel takes either first steps only, or none.
        moving = [i for i, v in enumerate(buffers) if v is not None]
        for chosen in (fresh, moving):
            part = [buffers[i] for i in chosen]
            _sgd([params[i] for i in chosen], part, group)
            for i, v in zip(chosen, part, strict=True):
                states[i]["momentum_buffer"] = v


class EMAMomentum(RuleOptimizer):
    """Gradient descent along an exponential moving average of the gradient.

        g = ∇f(p) + λ p
        v = β v + (1 − β) g        (v = 0 before the first step)
        p = p − lr · v

    The form that courses print; `SGD` is the one that libraries run.

    Args:
        params: parameters, named parameters or groups, as in torch.
        lr: the learning rate, >= 0.
        momentum: β in [0, 1).
        weight_decay: λ >= 0, an L2 penalty λ/2 · |p|².
        fused: True runs torch's fused kernel, False the formula above.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Polyak 1964, written as a moving average. Lesson: 05
    """

    def __init__(
        self,
        params,
        lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        fused: bool = True,
    ):
        check.number("lr", lr, 0)
        check.number("momentum", momentum, 0, below=1)
        check.number("weight_decay", weight_decay, 0)
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "fused": fused}
        super().__init__(params, defaults)

    @staticmethod
    def _start(p: Tensor, group: dict) -> dict[str, Tensor]:
        return {"momentum_buffer": p.new_zeros(p.shape)}

    @staticmethod
    def _formula(p: Tensor, g: Tensor, state: dict, group: dict) -> None:
        beta, v = group["momentum"], state["momentum_buffer"]
        g = g + group["weight_decay"] * p
        v.copy_(beta * v + (1 - beta) * g)
        p -= group["lr"] * v

    @staticmethod
    def _kernel(params: list[Tensor], states: list[dict], group: dict) -> None:
        beta = group["momentum"]
        # Dampening by β from v = 0 is the moving average. β = 0 keeps no v, and needs none.
        _sgd(params, [s["momentum_buffer"] for s in states], {"nesterov": False, **group, "dampening": beta})


def _sgd(params: list[Tensor], buffers: list[Tensor | None], group: dict) -> None:
    if not params:
        return
    names = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
    options = {name: group[name] for name in names}
    sgd(params, [p.grad for p in params], buffers, maximize=False, fused=True, **options)
