"""Relevance handed back layer by layer: DeepLift and LRP, right on functional code too.

DeepLift  LRP

Both watch every torch operation of one forward pass, not the modules: `F.relu`, `x + y` and
modules used twice are traced like the rest, and an operation without a rule is refused by name.
Each nonlinear operation is replaced by a linear one with the same value, whose slope is the
method's multiplier; autograd then does the rest.
"""

import fnmatch
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from kit import check
from kit.interpret.attribution import Attribution
from kit.interpret.calls import Baselines, Call, Inputs, Target
from kit.shapes import Tensor


def _words(text: str) -> set[str]:
    return set(text.split())


SILENT = {"get", "set", "size", "dim", "numel", "len", "set_grad_enabled", "detach", "is_floating_point"}
#: Linear in all floating arguments together.
JOINT = _words("""
add radd iadd sub rsub isub neg cat stack sum mean view reshape flatten unflatten transpose permute squeeze t
unsqueeze expand expand_as view_as getitem setitem chunk split unbind unfold select narrow index_select gather
roll flip contiguous clone to float double masked_fill where tril triu repeat repeat_interleave movedim cumsum
swapaxes take_along_dim zeros_like ones_like empty_like""")
WEIGHTED = _words("linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d")
#: Linear in the first argument while the others stay what they are.
FIRST = WEIGHTED | _words("""
batch_norm avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d interpolate pad dropout dropout1d
dropout2d div truediv itruediv""")
PRODUCT = {"mul", "rmul", "imul", "matmul", "bmm", "mm"}
ACTIVATION = _words("""
relu relu6 leaky_relu elu selu celu gelu silu mish sigmoid tanh softplus hardtanh hardsigmoid hardswish
logsigmoid log_sigmoid softsign""")
ELEMENT = ACTIVATION | _words(
    "exp log sqrt rsqrt reciprocal square pow ipow abs clamp sin cos erf rdiv rtruediv"
)
POOL = {"max_pool1d", "max_pool2d"}
#: Where numbers leave the trace and come back, if at all, as constants.
EXIT = _words("item tolist numpy __float__ __int__ __index__")
#: Changes smaller than this take the derivative instead of the quotient.
SMALL = 1e-7


class DeepLift:
    """Contributions of the inputs' difference from a baseline, by the rescale rule.

    A nonlinearity passes on Δoutput / Δinput instead of its derivative; products, softmax and
    layer norm are split into such steps, so that the values sum to f(x) - f(baseline) exactly.
    Captum's results where its hooks see everything; elsewhere right, or refused.

    Args:
        model: a module, or a function of the inputs made of torch operations.

    Source: Shrikumar, Greenside & Kundaje 2017, arXiv:1704.02685, sections 3.2 and 3.5.1. Lesson: 21
    """

    def __init__(self, model: Callable):
        self.model = model

    def attribute(
        self, inputs: Inputs, baselines: Baselines = None, target: Target = None, additional_forward_args=None
    ) -> Attribution:
        """Arguments as for `IntegratedGradients`; `delta` is 0 up to rounding.

        Raises:
            TypeError, ValueError: as there; an operation has no rule (it is named), the model takes another
                way for the baseline than for the inputs, or part of it hides from the trace.
        """
        call = Call(self.model, inputs, baselines, target, additional_forward_args)
        trace = _Secants()
        with torch.no_grad():
            call.scores(call.baselines, forward=trace.around(self.model))
        trace.record = iter(trace.tape)
        gradients = call.gradients(call.inputs, forward=trace.around(self.model))
        values = [g * (x - b) for g, x, b in zip(gradients, call.inputs, call.baselines)]
        expected = call.difference()
        made = call.attribution("DeepLift", values, baseline=call.given, expected=expected)
        if not bool((made.delta.abs() <= 1e-3 * (expected[0].abs() + expected[1])).all()):
            rule = f"the values miss f(x) - f(baseline) by {made.delta.abs().max():.3g}"
            raise ValueError(f"{rule}: part of the model hides from the trace; use IntegratedGradients")
        return made


class LRP:
    """Layer-wise relevance propagation: each layer hands its relevance to what caused it.

        R_j = Σ_k a_j ρ(w_jk) / (ε + Σ_i a_i ρ(w_ik)) · R_k

    with ρ(w) = w ("epsilon"), w + γ max(w, 0) ("gamma", with the bias as it is, as in Captum), max(w, 0)
    without bias ("z+", meant for a ≥ 0). Activations pass relevance unchanged, maxima to their winner.

    Args:
        model: a module.
        rules: one rule for all linear and convolutional layers, or {pattern of module names: rule},
            the first that fits counts, "epsilon" where none does.
        epsilon: stabilizer, > 0.
        gamma: γ of the gamma rule.

    Raises:
        TypeError, ValueError: an unknown rule, a pattern that fits no module, a number out of range.

    Source: Bach et al. 2015, doi:10.1371/journal.pone.0130140; Montavon et al. 2019,
    doi:10.1007/978-3-030-28954-6_10, section 10.2. Lesson: 21
    """

    def __init__(
        self,
        model: nn.Module,
        rules: str | Mapping[str, str] = "epsilon",
        *,
        epsilon: float = 1e-9,
        gamma: float | int = 0.25,
    ):
        if not isinstance(model, nn.Module):
            raise TypeError(
                f"model={check.show(model)} is not a torch.nn.Module; the rules go by its modules"
            )
        check.number("epsilon", epsilon, above=0)
        check.number("gamma", gamma, 0)
        self.model, self.epsilon, self.gamma = model, epsilon, gamma
        self.rules = {"*": rules} if isinstance(rules, str) else dict(rules)
        names = [name for name, _ in model.named_modules()]
        for pattern, rule in self.rules.items():
            check.one_of("rules", rule, ("epsilon", "gamma", "z+"))
            if not fnmatch.filter(names, pattern):
                check.one_of("rules", pattern, names)

    def attribute(self, inputs: Inputs, target: Target = None, additional_forward_args=None) -> Attribution:
        """Relevances; `delta` = their sum - f(x), what biases and the stabilizer took (no warning).

        Raises:
            TypeError, ValueError: as `Saliency`; an operation has no rule (it is named), or a rule met no
                layer that it could be applied to.
        """
        call = Call(self.model, inputs, 0, target, additional_forward_args)
        fixed, rule_of = {}, {}
        for owner, module in self.model.named_modules():  # each once; a tied weight has one rule a module
            rule = next((r for p, r in self.rules.items() if fnmatch.fnmatch(owner, p)), "epsilon")
            for name, parameter in module.named_parameters(recurse=False):
                fixed[f"{owner}.{name}".removeprefix(".")] = kept = parameter.detach()
                rule_of[id(kept)] = rule
        trace = _Relevance(rule_of, self.epsilon, self.gamma)

        def traced(*arguments):
            run = partial(functional_call, self.model, fixed, tie_weights=False)
            out = trace.around(lambda *x: run(x))(*arguments)
            _refuse_hidden(out)
            return out

        gradients = call.gradients(call.inputs, forward=traced)
        for rule in set(rule_of.values()) - trace.applied - {"epsilon"}:
            told = f"rule {rule!r} met no linear or convolutional operation"
            raise ValueError(f"{told}; write the layer with F.linear or F.conv2d, kit's with layers.fused")
        with torch.no_grad():
            top = call.scores(call.inputs).T
        values = [x * g for x, g in zip(call.inputs, gradients)]
        return call.attribution("LRP", values, expected=(top, top.abs()))


class _Trace(TorchFunctionMode):
    """Sees every torch operation inside `around(function)`."""

    def around(self, function: Callable) -> Callable:
        def traced(*args):
            with self:
                return function(*args)

        return traced

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func.__name__.strip("_")
        if name in SILENT:
            return func(*args, **kwargs)
        out = self.operation(name, func, args, kwargs)
        in_place = kwargs.get("inplace") or (
            func.__name__.endswith("_") and not func.__name__.startswith("__")
        )
        in_place = in_place and name in ELEMENT | PRODUCT | FIRST and out is not args[0]
        return args[0].copy_(out) if in_place else out


class _Relevance(_Trace):
    """The linear operations of LRP. What does not depend on the inputs needs no gradient, and no rule."""

    def __init__(self, rule_of: dict[int, str], epsilon: float, gamma: float | int):
        super().__init__()
        self.rule_of, self.epsilon, self.gamma, self.applied = rule_of, epsilon, gamma, set()

    def operation(self, name: str, func: Callable, args: tuple, kwargs: dict):
        active = [a for a in _tensors((args, kwargs)) if a.requires_grad]
        if name in ACTIVATION and active:
            z = args[0].detach()
            y = func(z.clone(), *args[1:], **kwargs)
            return _with_slope(y, (args[0], torch.where(z == 0, 0, y / z)))
        if func.__name__ in EXIT and active:
            raise ValueError(_refusal("LRP", name))
        out = func(*args, **kwargs)
        if name in WEIGHTED and active:
            return self.weighted(out, func, args, kwargs)
        linear = len(active) == 1 and (name in PRODUCT or (name in FIRST and active[0] is args[0]))
        known = linear or name in JOINT | POOL
        if not known and any(t.requires_grad for t in _tensors(out)):
            raise ValueError(_refusal("LRP", name))
        return out

    def weighted(self, z: Tensor, func: Callable, args: tuple, kwargs: dict) -> Tensor:
        x, weight, bias, *rest = *args, *[None] * (3 - len(args))
        bias = kwargs.pop("bias", bias)
        rule, p = self.rule_of.get(id(weight), "epsilon"), z
        self.applied.add(rule)
        if rule == "gamma":
            p = func(x, weight + self.gamma * weight.clamp(min=0), bias, *rest, **kwargs)
        elif rule == "z+":
            p = func(x, weight.clamp(min=0), None, *rest, **kwargs)
        stable = p.detach() + torch.where(p >= 0, self.epsilon, -self.epsilon)
        return _with_slope(z.detach(), (p, z.detach() / stable))


class _Secants(_Trace):
    """First pass: note the arguments at the baseline; second: slopes between there and the inputs."""

    def __init__(self):
        super().__init__()
        self.tape: list[tuple[str, list[Tensor]]] = []
        self.record = None

    def operation(self, name: str, func: Callable, args: tuple, kwargs: dict):
        leaves = func.__name__ in EXIT | {"__bool__"}
        joint = name in JOINT and not leaves
        tensors = [t for t in _tensors((args, kwargs)) if not (joint and t.is_floating_point())]
        ours = name in FIRST | PRODUCT | ELEMENT | POOL | {"softmax", "log_softmax", "layer_norm"}
        before = [] if self.record else [t if isinstance(t, nn.Parameter) else t.clone() for t in tensors]
        out = None if ours and self.record else func(*args, **kwargs)
        if not tensors or not (ours or leaves or any(t.is_floating_point() for t in _tensors(out))):
            return out
        if self.record is None:
            self.tape.append((name, before))
            return out
        known, refs = next(self.record, ("", []))
        if known != name or [t.shape for t in refs] != [t.shape for t in tensors]:
            raise ValueError("the model does other operations for the baseline; use IntegratedGradients")
        same = [t is r or torch.equal(t, r) for t, r in zip(tensors, refs)]
        if all(same) or (name in FIRST | PRODUCT and all(same[1:])):
            return func(*args, **kwargs) if out is None else out
        if name in PRODUCT:
            return _product(torch.mul if "mul" in name and "mat" not in name else func, *tensors, *refs)
        if ours and name not in FIRST and all(same[1:]):
            return _RULES.get(name, _secant)(
                lambda x: func(x.clone(), *args[1:], **kwargs), *tensors[:1], *refs[:1], args, kwargs
            )
        if name in FIRST and "div" in name:
            inverse = _secant(torch.reciprocal, tensors[1], refs[1])
            return _product(torch.mul, tensors[0], inverse, refs[0], 1 / refs[1])
        raise ValueError(_refusal("DeepLift", name))


def _tensors(tree) -> list[Tensor]:
    return [part for part in pytree.tree_leaves(tree) if isinstance(part, Tensor)]


def _refusal(method: str, name: str) -> str:
    return f"{method} has no rule for the operation {name!r} on the model's way; use IntegratedGradients"


def _refuse_hidden(out) -> None:
    """Raise ValueError if a torch.autograd.Function, into which no trace looks, made a part of `out`."""
    todo, seen = [getattr(out, "grad_fn", None)], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            raise ValueError(_refusal("LRP", type(node).__name__.removesuffix("Backward")))
        seen.add(node)
        todo += [parent for parent, _ in node.next_functions]


def _with_slope(value: Tensor, *parts: tuple[Tensor, Tensor]) -> Tensor:
    """`value`, with the given slopes towards the given tensors."""
    linear = sum(x * slope for x, slope in parts)
    return value.detach() + linear - linear.detach()


def _secant(f: Callable, x: Tensor, x0: Tensor, *_) -> Tensor:
    """f(x) with the slope (f(x) - f(x0)) / (x - x0); the derivative where these are close."""
    with torch.enable_grad():
        at = x.detach().requires_grad_()
        y = f(at)
        (slope,) = torch.autograd.grad(y.sum(), at)
    step = at.detach() - x0
    quotient = (y.detach() - f(x0)) / torch.where(step.abs() < SMALL, 1, step)
    return _with_slope(y, (x, torch.where(step.abs() < SMALL, slope, quotient)))


def _product(func: Callable, x: Tensor, y: Tensor, x0: Tensor, y0: Tensor) -> Tensor:
    """Bilinear: xy - x0 y0 = (x - x0)(y + y0)/2 + (x + x0)/2 (y - y0)."""
    linear = func(x, (y.detach() + y0) / 2) + func((x.detach() + x0) / 2, y)
    return func(x, y).detach() + linear - linear.detach()


def _exponentials(x: Tensor, x0: Tensor, args: tuple, kwargs: dict) -> tuple[Tensor, ...]:
    dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
    top = torch.maximum(x, x0).amax(dim, keepdim=True).detach()  # one constant for both
    e, e0 = _secant(torch.exp, x - top, x0 - top), (x0 - top).exp()
    return top, e, e0, e.sum(dim, keepdim=True), e0.sum(dim, keepdim=True)


def _softmax(f: Callable, x: Tensor, x0: Tensor, args: tuple, kwargs: dict) -> Tensor:
    _, e, e0, total, total0 = _exponentials(x, x0, args, kwargs)
    return _product(torch.mul, e, _secant(torch.reciprocal, total, total0), e0, 1 / total0)


def _log_softmax(f: Callable, x: Tensor, x0: Tensor, args: tuple, kwargs: dict) -> Tensor:
    top, _, _, total, total0 = _exponentials(x, x0, args, kwargs)
    return x - top - _secant(torch.log, total, total0)


def _layer_norm(f: Callable, x: Tensor, x0: Tensor, args: tuple, kwargs: dict) -> Tensor:
    shape, weight, bias, eps = (*args[1:], *[None] * 4)[:4]
    weight, bias, eps = kwargs.get("weight", weight), kwargs.get("bias", bias), kwargs.get("eps", eps or 1e-5)
    dims = tuple(range(-len(kwargs.get("normalized_shape", shape)), 0))
    c, c0 = (t - t.mean(dims, keepdim=True) for t in (x, x0))
    v, v0 = (
        _secant(torch.square, c, c0).mean(dims, keepdim=True) + eps,
        c0.square().mean(dims, keepdim=True) + eps,
    )
    out = _product(torch.mul, c, _secant(torch.rsqrt, v, v0), c0, v0.rsqrt())
    return (out if weight is None else out * weight) + (0 if bias is None else bias)


def _max_pool(f: Callable, x: Tensor, x0: Tensor, args: tuple, kwargs: dict) -> Tensor:
    """What x has above the other is its winner's doing, what it lacks that of the baseline's winner."""
    pool = F.max_pool1d if x.ndim == 3 else F.max_pool2d
    (y, i), (y0, i0) = (pool(t, *args[1:], **{**kwargs, "return_indices": True}) for t in (x.detach(), x0))

    def at(t: Tensor, index: Tensor) -> Tensor:
        return t.flatten(2).gather(2, index.flatten(2)).view_as(index)

    step, step0 = (at(x.detach() - x0, index) for index in (i, i0))
    up, down = (y - y0).clamp(min=0), (y - y0).clamp(max=0)
    slope = torch.where(step.abs() < SMALL, 1, up / torch.where(step.abs() < SMALL, 1, step))
    slope0 = torch.where(step0.abs() < SMALL, 0, down / torch.where(step0.abs() < SMALL, 1, step0))
    return _with_slope(y, (at(x, i), slope), (at(x, i0), slope0))


_RULES = {"softmax": _softmax, "log_softmax": _log_softmax, "layer_norm": _layer_norm}
_RULES |= {"max_pool1d": _max_pool, "max_pool2d": _max_pool}
