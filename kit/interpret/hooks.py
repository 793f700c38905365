"""Look into any module while it runs, and reach in.

run_with_cache  run_with_hooks  patch  patching_effects  ablate_heads  find_module
"""

import fnmatch
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack

import torch
from torch import nn
from torch.utils import _pytree as pytree

from kit import check
from kit.shapes import Float, Tensor


def run_with_cache(model: nn.Module, *inputs, names: str | Iterable[str] | None = None, **kwargs):
    """Run the model and keep what its modules return.

    Args:
        model: any module.
        inputs, kwargs: of its forward.
        names: modules as in `model.named_modules()`, or patterns such as "layers.*.mlp" (a star also
            stands for dots); None keeps all that run.

    Returns:
        (output, cache): what the model returns, and a dict from name to the module's output
        (detached copies; tuples, lists and dicts stay what they are). A module that runs again
        in the same pass is kept as "name:1", "name:2", ...

    Raises:
        ValueError: no module has that name (near ones are listed), or it did not run.

    Source: the idea of TransformerLens' run_with_cache. Lesson: 21
    """
    cache: dict[str, object] = {}

    def keeper(name: str) -> Callable:
        def keep(out):
            runs = sum(key == name or key.startswith(f"{name}:") for key in cache)
            copy = pytree.tree_map_only(Tensor, lambda x: x.detach().clone(), out)  # in-place ops may follow
            cache[f"{name}:{runs}" if runs else name] = copy

        return keep

    patterns = ["*"] if names is None else [names] if isinstance(names, str) else list(names)
    hooks = {name: keeper(name) for pattern in patterns for name in _match(model, pattern)}
    return _run(model, inputs, kwargs, hooks, required=patterns), cache


def run_with_hooks(model: nn.Module, *inputs, hooks: Mapping[str, Callable], **kwargs):
    """Run the model, with functions that see, and may replace, what modules return.

    Args:
        model: any module; the hooks are gone afterwards, even after an error.
        inputs, kwargs: of its forward.
        hooks: name of a module -> fn(output); what it returns replaces the output, None keeps it.

    Returns:
        What the model returns.

    Raises:
        ValueError: no module has that name (near ones are listed), or it did not run.

    Lesson: 21
    """
    return _run(model, inputs, kwargs, hooks)


def patch(model: nn.Module, *inputs, name: str, cache: Mapping[str, object], positions=None, **kwargs):
    """Run the model with one module's output taken from another run.

    Args:
        model: any module.
        inputs, kwargs: of its forward.
        name: the module whose output is replaced (of a tuple or dict: its first tensor); one that runs
            several times gets the output of the same run.
        cache: of the other run, from `run_with_cache`.
        positions: indices along dimension 1 (tokens) to replace; None replaces everything.

    Returns:
        What the model returns.

    Raises:
        ValueError: `name` is no module or not in the cache, or the two outputs differ in shape.

    Source: Vig et al. 2020, arXiv:2004.12265; Meng et al. 2022, arXiv:2202.05262. Lesson: 21
    """
    find_module(model, name)
    check.one_of("name", name, cache)
    runs = itertools.count()

    def replace(out):
        run = next(runs)
        key = f"{name}:{run}" if run else name
        check.one_of("name", key, cache)
        source, here = _first_tensor(cache[key]), _first_tensor(out)
        check.same_shape("the output of this run", here, "of the cached one", source)
        if positions is None:
            return _with_first_tensor(out, source)
        new = here.clone()
        new[:, positions] = source[:, positions]
        return _with_first_tensor(out, new)

    return run_with_hooks(model, *inputs, hooks={name: replace}, **kwargs)


@torch.no_grad()
def patching_effects(
    model: nn.Module,
    clean: tuple | Tensor,
    corrupted: tuple | Tensor,
    *,
    names: str | Sequence[str],
    metric: Callable,
    positions: Iterable | None = None,
) -> Float[Tensor, "L P"]:
    """How much of the clean run's answer each module brings back into the corrupted run.

    0: nothing changed, 1: as in the clean run. Entry (l, p) patches module l at position p.

    Args:
        model: any module.
        clean, corrupted: the inputs of the two runs, of the same shapes; tuples where there are several.
        names: modules to patch, one after the other.
        metric: function of the model's output that returns one number (a logit difference, say).
        positions: what to patch, each entry an index or list of indices along dimension 1; None
            patches whole outputs (P = 1).

    Raises:
        TypeError, ValueError: an unknown name, `metric` returns no finite number, or does not tell the two
            runs apart.

    Source: Meng et al. 2022, arXiv:2202.05262, section 2.1; Wang et al. 2022, arXiv:2211.00593. Lesson: 21
    """
    clean, corrupted = (x if isinstance(x, tuple) else (x,) for x in (clean, corrupted))
    names = [names] if isinstance(names, str) else list(names)

    def measured(output) -> float:
        value = metric(output)
        check.number("metric(output)", value)
        return float(value)

    output, cache = run_with_cache(model, *clean, names=names)
    top, bottom = measured(output), measured(model(*corrupted))
    if top == bottom:
        raise ValueError(f"metric={top:g} on both runs; choose inputs on which they differ")
    places = [None] if positions is None else list(positions)
    effects = torch.empty(len(names), len(places))
    for i, j in itertools.product(range(len(names)), range(len(places))):
        output = patch(model, *corrupted, name=names[i], cache=cache, positions=places[j])
        effects[i, j] = (measured(output) - bottom) / (top - bottom)
    return effects


def ablate_heads(model: nn.Module, *inputs, heads: Mapping[str, Sequence[int]], num_heads: int, **kwargs):
    """Run the model without some attention heads: their part of the joined output is zero.

    Args:
        model: any module whose heads are joined by a map that takes (..., num_heads · width).
        inputs, kwargs: of its forward.
        heads: name of the joining map ("transformer.h.0.attn.c_proj", "...o_proj") -> heads 0, 1, ...
        num_heads: heads of each layer.

    Returns:
        What the model returns.

    Raises:
        TypeError, ValueError: an unknown name, a head out of range, a width that `num_heads` does not divide.

    Source: Michel, Levy & Neubig 2019, arXiv:1905.10650, equation 1. Lesson: 21
    """

    def without(name: str) -> Callable:
        def mask(x: Tensor) -> Tensor:
            check.divides("num_heads", num_heads, "the input's width", x.shape[-1])
            kept = x.unflatten(-1, (num_heads, -1)).clone()  # (..., H, D/H)
            kept[..., list(heads[name]), :] = 0
            return kept.flatten(-2)

        for head in heads[name]:
            check.integer("heads", head, 0, num_heads - 1)
        return mask

    return _run(model, inputs, kwargs, {name: without(name) for name in heads}, before=True)


def find_module(model: nn.Module, module: str | nn.Module) -> tuple[str, nn.Module]:
    """Name and module, from either of them.

    Raises:
        TypeError, ValueError: no module, no such name (near ones are suggested), or not a part of the model.

    Lesson: 21
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model={check.show(model)} is not a torch.nn.Module; hooks need its modules")
    known = dict(model.named_modules(remove_duplicate=False))
    if isinstance(module, nn.Module):
        names = [name for name, other in known.items() if other is module]
        if not names:
            raise ValueError(f"{type(module).__name__} is not a part of the model; give one of its modules")
        return names[0], module
    check.one_of("name", module, known)
    return module, known[module]


def _match(model: nn.Module, pattern: str) -> list[str]:
    names = [name for name, _ in model.named_modules() if name] if isinstance(model, nn.Module) else []
    return fnmatch.filter(names, pattern) or [find_module(model, pattern)[0]]


def _run(model: nn.Module, inputs, kwargs, hooks: Mapping, *, before: bool = False, required=None):
    """Run with hooks on outputs, or with `before` on first inputs; `required` modules must run."""
    ran: set[str] = set()

    def hook(name: str, fn: Callable) -> Callable:
        if before:
            return lambda module, args: (ran.add(name), (fn(args[0]), *args[1:]))[1]
        return lambda module, args, out: (ran.add(name), fn(out))[1]

    with ExitStack() as stack:
        for name, fn in hooks.items():
            module = find_module(model, name)[1]
            register = module.register_forward_pre_hook if before else module.register_forward_hook
            stack.enter_context(register(hook(name, fn)))
        output = model(*inputs, **kwargs)
    for name in (set(hooks) if required is None else set(hooks) & set(required)) - ran:
        rule = f"module {name!r} did not run as a module of its own"
        raise ValueError(f"{rule}; choose one that is called, or make torch's parts visible: layers.swap")
    return output


def _first_tensor(out) -> Tensor:
    for part in pytree.tree_leaves(out):
        if isinstance(part, Tensor):
            return part
    raise ValueError(f"the module returns {check.show(out)}, which holds no tensor; choose another module")


def _with_first_tensor(out, new: Tensor):
    """`out` with its first tensor exchanged."""
    first = _first_tensor(out)
    return pytree.tree_map(lambda part: new if part is first else part, out)
