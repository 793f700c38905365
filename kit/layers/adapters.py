"""Adapters: change a large model by training few weights beside it.

LoRALinear  add_lora  merge_lora  remove_lora  LowRankLinear
"""

from collections.abc import Sequence

import torch
from torch import nn

from kit import check
from kit.layers.dropout import dropout
from kit.layers.linear import Linear
from kit.shapes import Float, Tensor


class LoRALinear(nn.Module):
    """A frozen linear layer and a trained low-rank change: W x + (alpha/rank) · B A x.

    A (rank, in) starts as a linear layer does, B (out, rank) at zero, so nothing changes at
    first. rank · (in + out) weights are trained instead of in · out.

    Args:
        base: the layer to adapt, any module with `in_features`, `out_features` and `weight`;
            it is kept and not copied, its parameters stop needing gradients.
        rank: of the change, 1..min(in, out).
        alpha: its scale; the change is multiplied by alpha / rank.
        dropout: share of the input of A set to zero while training.
        generator: source of A; None uses torch's global one.

    Raises:
        TypeError, ValueError: `base` is not linear, `rank` or `dropout` is out of range.

    Source: Hu et al. 2021, arXiv:2106.09685, equation 3.
    Lesson: 09
    """

    def __init__(
        self,
        base: nn.Module,
        rank: int = 8,
        alpha: float = 16.0,
        dropout: float = 0.0,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        if not all(hasattr(base, name) for name in ("in_features", "out_features", "weight")):
            raise TypeError(f"base={type(base).__name__} is not a linear layer; adapt Linear layers only")
        check.integer("rank", rank, 1, min(base.in_features, base.out_features))
        check.number("alpha", alpha)
        check.probability("dropout", dropout)
        place = {"device": base.weight.device, "dtype": base.weight.dtype}
        self.base, self.scale, self.dropout = base.requires_grad_(False), alpha / rank, dropout
        self.lora_A = Linear(base.in_features, rank, bias=False, generator=generator, **place)
        self.lora_B = Linear(rank, base.out_features, bias=False, **place)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Float[Tensor, "*B D_in"]) -> Float[Tensor, "*B D_out"]:
        """Return base(x) + (alpha/rank) · B A dropout(x)."""
        change = self.lora_B(self.lora_A(dropout(x, self.dropout if self.training else 0.0)))
        return self.base(x) + self.scale * change

    def change(self) -> Float[Tensor, "D_out D_in"]:
        """The low-rank matrix (alpha/rank) · B A that `merge_lora` adds to the weight.

        Lesson: 09
        """
        return self.scale * self.lora_B.weight @ self.lora_A.weight


def add_lora(
    model: nn.Module,
    targets: Sequence[str],
    *,
    rank: int = 8,
    alpha: float = 16.0,
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> list[str]:
    """Freeze a model and put a `LoRALinear` around each layer whose name ends in a target.

    Args:
        model: changed in place.
        targets: last parts of module names, such as ("q_proj", "v_proj").
        rank, alpha, dropout, generator: as for `LoRALinear`.

    Returns:
        The full names of the adapted layers.

    Raises:
        ValueError: a target matches no layer, or the model already has adapters.

    Source: Hu et al. 2021, arXiv:2106.09685. Lesson: 09
    """
    names = [name for name, _ in model.named_modules()]
    if any(isinstance(module, LoRALinear) for module in model.modules()):
        raise ValueError("the model has adapters already; call merge_lora or remove_lora first")
    found = [name for name in names if name.rsplit(".", 1)[-1] in targets]
    missing = [t for t in targets if not any(name.rsplit(".", 1)[-1] == t for name in found)]
    if missing or not found:
        known = sorted(
            {n.rsplit(".", 1)[-1] for n in names if hasattr(model.get_submodule(n), "in_features")}
        )
        raise ValueError(
            f"targets={list(targets)}: no layer is named {missing or targets}; choose from {known}"
        )
    adapted = {
        name: LoRALinear(model.get_submodule(name), rank, alpha, dropout, generator=generator)
        for name in found
    }
    model.requires_grad_(False)
    for name, adapter in adapted.items():
        adapter.lora_A.requires_grad_(True)
        adapter.lora_B.requires_grad_(True)
        model.set_submodule(name, adapter)
    return found


def remove_lora(model: nn.Module) -> list[str]:
    """Take all adapters out; the base weights are exactly as they were, and still frozen.

    Returns:
        The names of the layers that had one.

    Lesson: 09
    """
    found = [name for name, module in model.named_modules() if isinstance(module, LoRALinear)]
    for name in found:
        model.set_submodule(name, model.get_submodule(name).base)
    return found


def merge_lora(model: nn.Module) -> list[str]:
    """Add each adapter's change to its base weight and take the adapter out.

    The model then computes the same, up to rounding, at the base model's cost.

    Returns:
        The names of the layers that had one.

    Source: Hu et al. 2021, arXiv:2106.09685, section 4.1. Lesson: 09
    """
    for module in model.modules():
        if isinstance(module, LoRALinear):
            with torch.no_grad():
                module.base.weight += module.change()
    return remove_lora(model)


class LowRankLinear(nn.Module):
    """A linear layer whose weight is a product: y = U (V x) + b, rank · (in + out) weights.

    Args:
        in_features, out_features: sizes of input and output.
        rank: columns of U and rows of V.
        bias: whether to add b.
        generator: source of the initial weights; None uses torch's global one.

    Raises:
        TypeError, ValueError: a size is not whole, or `rank` is not in 1..min(in, out).

    Source: Eckart and Young 1936, Psychometrika 1:211-218 (the best approximation of a given rank).
    Lesson: 13
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        rank: int,
        bias: bool = True,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        check.integer("rank", rank, 1, min(in_features, out_features))
        self.V = Linear(in_features, rank, bias=False, generator=generator)
        self.U = Linear(rank, out_features, bias, generator=generator)

    def forward(self, x: Float[Tensor, "*B D_in"]) -> Float[Tensor, "*B D_out"]:
        """Return U (V x) + b."""
        return self.U(self.V(x))

    @classmethod
    def from_linear(cls, layer: nn.Module, rank: int) -> "LowRankLinear":
        """The layer of this rank that is nearest to `layer` in the sum of squared differences.

        Lesson: 13
        """
        small = cls(layer.in_features, layer.out_features, rank, layer.bias is not None)
        small = small.to(layer.weight.device, layer.weight.dtype)
        left, scale, right = torch.linalg.svd(layer.weight.detach().float(), full_matrices=False)
        with torch.no_grad():
            root = scale[:rank].sqrt()
            small.U.weight.copy_(left[:, :rank] * root)
            small.V.weight.copy_(root[:, None] * right[:rank])
            if layer.bias is not None:
                small.U.bias.copy_(layer.bias)
        return small
