"""What all methods share: Captum's arguments, checked, and the scores they choose.

Call  Method  Inputs  Target
"""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from kit import check
from kit.interpret.attribution import Attribution, CompletenessWarning
from kit.shapes import Float, Tensor

Inputs = Tensor | tuple[Tensor, ...]
Baselines = Tensor | float | int | tuple | None
#: An int for all samples, one a sample, a tuple of indices, "all", or None for a single output.
Target = int | tuple | list | np.ndarray | Tensor | str | None
#: A gap above this share of |f(x) - f(baseline)|, plus a thousandth of the larger |f|, is warned about.
TOLERANCE = 0.05


class Method:
    """Base of the methods that need only a function of the inputs: a module, or any callable.

    `forward_func(*inputs, *additional_forward_args)` returns (N,), (N, 1) or (N, ..., K).

    Lesson: 21
    """

    def __init__(self, forward_func: Callable):
        self.forward_func = forward_func


class Call:
    """One question to a model: inputs, baselines, target and further arguments.

    N samples, K explained outputs (1 unless `target="all"`). All methods compute
    (K, N, ...) values and hand them to `attribution`.

    Args:
        forward: function of the inputs and the further arguments, see `Method`.
        inputs: (N, ...), or a tuple of such tensors.
        baselines: a number, (1, ...) or the inputs' shape, or a tuple of these; None is 0.
        target: output index, one per sample (N,), a tuple of indices, "all", or None for one output.
        extra: further arguments, one or a tuple; tensors with N rows belong to the samples.

    Raises:
        TypeError, ValueError: inputs that are no tensors or of unequal length, a baseline of
            the wrong shape, a target out of range, a model whose output is random because of
            active dropout or batch statistics.

    Lesson: 21
    """

    def __init__(self, forward: Callable, inputs: Inputs, baselines=None, target: Target = None, extra=None):
        refuse_training(forward)
        self.forward, self.target, self.is_tuple = forward, target, isinstance(inputs, tuple)
        inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        for i, x in enumerate(inputs):
            if not isinstance(x, Tensor):
                shown = f"inputs[{i}]={check.show(x)} is not a tensor"
                raise TypeError(f"{shown}; convert it with torch.as_tensor(inputs[{i}])")
            check.tensor(f"inputs[{i}]", x, ndim=tuple(range(1, 9)))
        check.same_length(**{f"inputs[{i}]": x for i, x in enumerate(inputs)})
        check.nonempty("inputs", inputs[0])
        self.inputs, self.N = tuple(x.detach() for x in inputs), len(inputs[0])
        self.given = 0 if baselines is None else baselines
        given = baselines if isinstance(baselines, tuple) else (self.given,) * len(inputs)
        check.same_length(baselines=given, inputs=inputs)
        self.baselines = tuple(_as_baseline(b, x) for b, x in zip(given, self.inputs))
        self.extra = extra if isinstance(extra, tuple) else () if extra is None else (extra,)
        if isinstance(target, str):
            check.one_of("target", target, ("all",))
        if isinstance(target, (list, np.ndarray, Tensor)):
            self.target = torch.as_tensor(target, device=self.inputs[0].device).reshape(-1)
            check.tensor("target", self.target, kind="integer")
            if len(self.target) not in (1, self.N):
                raise ValueError(f"len(target)={len(self.target)} for {self.N} samples; give one each")
            self.target = self.target.expand(self.N)

    def scores(self, xs: tuple, rows: Tensor | None = None, forward=None) -> Float[Tensor, "M K"]:
        """The explained outputs of M inputs; `rows` (M,) says to which sample each belongs.

        Raises:
            TypeError, ValueError: the output is no tensor with M rows, or the target does not fit it.
        """
        extra = self.extra
        if rows is not None:
            extra = tuple(
                a[rows] if isinstance(a, Tensor) and a.ndim and len(a) == self.N else a for a in extra
            )
        xs = [x.clone() for x in xs]  # the model may change its inputs in place
        out = (forward or self.forward)(*xs, *extra)
        if not isinstance(out, Tensor) or out.ndim == 0 or len(out) != len(xs[0]):
            shown = check.show(out) if isinstance(out, Tensor) else type(out).__name__
            rule = f"the model returns {shown} for {len(xs[0])} samples, one row each is needed"
            raise ValueError(f"{rule}; wrap it, for example lambda *x: model(*x).logits")
        sizes, target = tuple(out.shape[1:]), self.target
        if target is None:
            if out[0].numel() != 1:
                raise ValueError(f"target=None for outputs of shape {sizes}; say which one, or 'all'")
            return out.reshape(-1, 1)
        index = target if isinstance(target, tuple) else (target,)
        if len(sizes) != len(index):
            rule = f"target={check.show(target)} for outputs of shape {sizes}"
            raise ValueError(f"{rule}; give {f'a tuple of {len(sizes)} indices' if sizes else None}")
        if isinstance(target, str):
            return out
        for i, size in zip(index, sizes):
            for one in (int(i.min()), int(i.max())) if i is target and isinstance(i, Tensor) else (i,):
                check.integer("target", one, 0, size - 1)
        if isinstance(target, Tensor):
            return out.gather(1, (target if rows is None else target[rows])[:, None])
        return out[(slice(None), *index)][:, None]

    def gradients(self, xs: tuple, rows: Tensor | None = None, forward=None) -> tuple[Tensor, ...]:
        """d score / d input (K, M, ...) for each input.

        Raises:
            TypeError, ValueError: an input is not floating, or autograd finds no way to it.
        """
        self.need_gradients(xs)
        xs = tuple(x.detach().requires_grad_() for x in xs)
        with torch.enable_grad():
            scores = self.scores(xs, rows, forward).unbind(1)
            if scores[0].requires_grad:
                last = len(scores) - 1
                options = [{"retain_graph": k < last, "allow_unused": True} for k in range(len(scores))]
                found = [torch.autograd.grad(s.sum(), xs, **o) for s, o in zip(scores, options)]
            else:
                found = [(None,)]
        for i, gradient in enumerate(found[0]):
            if gradient is None:
                rule = f"autograd finds no way from the score to inputs[{i}] (detached, rounded or unused)"
                raise ValueError(f"{rule}; repair the model, or use FeatureAblation or KernelShap")
        return tuple(torch.stack(g) if len(g) > 1 else g[0][None] for g in zip(*found))

    @staticmethod
    def need_gradients(xs: tuple) -> None:
        """Raise TypeError unless all of `xs` are floating."""
        for i, x in enumerate(xs):
            if not x.is_floating_point():
                rule = f"inputs[{i}] has dtype {x.dtype}, which has no gradient"
                raise TypeError(f"{rule}; explain a function from embeddings to scores instead")

    @torch.no_grad()
    def difference(self) -> tuple[Tensor, Tensor]:
        """f(x) - f(baseline) and the larger |f| of the two, each (K, N)."""
        top, bottom = self.scores(self.inputs).T, self.scores(self.baselines).T
        return top - bottom, torch.maximum(top.abs(), bottom.abs())

    def attribution(self, method: str, values, *, baseline=None, expected=None, advice="") -> Attribution:
        """Pack (K, N, ...) values; `expected` are their right sums and the sizes of f, (K, N) each.

        With `advice` (the way out) a gap above the tolerance is warned about.
        """
        drop, delta = not isinstance(self.target, str), None
        if expected is not None:
            delta = sum(v.reshape(*v.shape[:2], -1).sum(2) for v in values) - expected[0]
            missed = ~(delta.abs() <= TOLERANCE * expected[0].abs() + 1e-3 * expected[1])  # NaN is a miss
            if advice and bool(missed.any()):
                rule = f"{method}: the values of {int(missed.any(0).sum())} of {self.N} samples do not sum to"
                text = f"{rule} f(x) - f(baseline), the largest gap is {delta.abs().max():.3g}; {advice}"
                warnings.warn(text, CompletenessWarning, stacklevel=3)
            delta = delta[0] if drop else delta
        parts = tuple(v[0] if drop else v for v in values)
        return Attribution(parts if self.is_tuple else parts[0], method, baseline, self.target, delta)


def refuse_training(model) -> None:
    """Raise ValueError when active dropout (its kin too) or batch norm make the output random.

    Lesson: 21
    """
    for name, module in model.named_modules() if isinstance(model, nn.Module) else ():
        kind, rate = type(module).__name__, getattr(module, "dropout", 0)  # of recurrence and attention
        random = "BatchNorm" in kind or kind in ("RReLU", "StochasticDepth", "DropPath")
        random = random or ("Dropout" in kind and getattr(module, "p", 1) != 0)
        if module.training and (random or (isinstance(rate, float) and rate > 0)):
            raise ValueError(f"{name or 'model'} ({kind}) is in training mode; call model.eval() first")


def _as_baseline(b, x: Tensor) -> Tensor:
    """`b` as large as `x`, without copying it."""
    if not isinstance(b, Tensor):
        check.number("baselines", b)
        if not x.is_floating_point() and b != int(b):
            raise ValueError(f"baselines={b} for inputs of {x.dtype} would be cut; give a whole number")
        return torch.full((), b, dtype=x.dtype, device=x.device).expand(x.shape)
    if b.shape not in (x.shape, (1, *x.shape[1:])):
        rule = f"baselines has shape {tuple(b.shape)} for inputs of shape {tuple(x.shape)}"
        raise ValueError(f"{rule}; give a number, {(1, *x.shape[1:])} or {tuple(x.shape)}")
    if b.is_floating_point() and not x.is_floating_point():
        raise TypeError(f"baselines has dtype {b.dtype} for inputs of {x.dtype}; give whole numbers")
    return b.detach().to(x).expand(x.shape)
