"""Clip without per-sample gradients: norms from what each layer saw and what came back to it.

record  Tape

A layer y_t = W a_t + b, at places t = 1 ... T of one sample, has the gradients G^T A of W and sum_t g_t of
b, where A (T, I) is what it saw and G (T, O) the gradient of the loss at its output. The norm needs no
product of that size: |G^T A|^2 = sum over t, t' of (A A^T) * (G G^T). With each sample's factor known, one
weighted product over the batch is the clipped sum, as in ordinary training; so a step of DP-SGD costs
little more than one of SGD.

Where `record` says that this would not hold, kit.privacy.dpsgd takes vmap(grad).
"""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.func import functional_call, grad, vmap

from kit import check, layers
from kit.shapes import Float, Tensor

LINEAR, CONVOLUTION = (nn.Linear, layers.Linear), (nn.Conv2d, layers.Conv2d)
EMBEDDING = (nn.Embedding, layers.Embedding)
#: Numbers held at once for the norms of one layer (16 MB as float32).
CHUNK_NUMBERS = 2**22


class Call(NamedTuple):
    """A layer in a forward pass: what it saw, its output's place in the graph.

    Lesson: 19
    """

    layer: nn.Module
    names: tuple[str, ...]  # of the parameters, in the whole module
    own: dict[str, Tensor]  # the same, by their names in the layer
    x: Tensor
    edge: GradientEdge


def record(module: nn.Module, inputs: tuple[Tensor, ...]) -> "Tape | None":
    """Run `module`, keep each call of a layer with weights; None where that would not do.

    It would not where weights are shared, used outside their layer, or in one called twice or never, or
    where a layer's rows are not the samples. Shapes: inputs (B, ...) each. Lesson: 19
    """
    calls, samples = [], len(inputs[0])

    def note(layer, given, output):
        alone = len(given) == 1 and all(isinstance(v, Tensor) and v.ndim for v in (*given, output))
        if alone and output.requires_grad and len(given[0]) == len(output) == samples:
            calls.append(Call(layer, *owners[layer], given[0], get_gradient_edge(output)))

    owners, hooks = {}, []
    for prefix, layer in module.named_modules():
        own = {name: p for name, p in layer.named_parameters(recurse=False) if p.requires_grad}
        if own:
            owners[layer] = tuple(f"{prefix}.{name}".lstrip(".") for name in own), own
            hooks.append(layer.register_forward_hook(note, prepend=True))
    try:
        with torch.enable_grad():
            output = module(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(output, Tensor) or not output.requires_grad or output.shape[:1] != (samples,):
        return None
    nodes, uses = _graph(output)
    once = all(uses[id(p)] == 1 for _, own in owners.values() for p in own.values())
    each = len(calls) == len(owners) == len({call.layer for call in calls})
    local = all(call.edge.node in nodes and _is_plain(call.layer) for call in calls)
    return Tape(output, calls) if once and each and local else None


def _graph(output: Tensor) -> tuple[set, Counter]:
    """The nodes below `output`, and how often each parameter enters the graph."""
    waiting, nodes, uses = [output.grad_fn], {output.grad_fn}, Counter()
    while waiting:
        for node, _ in waiting.pop().next_functions:
            if hasattr(node, "variable"):
                uses[id(node.variable)] += 1
            elif node is not None and node not in nodes:
                nodes.add(node)
                waiting.append(node)
    return nodes, uses


def _is_plain(layer: nn.Module) -> bool:
    """No layers inside, no weights computed before each call, no counts over the batch."""
    odd = ("scale_grad_by_freq", "sparse", "max_norm")
    inside = next(layer.children(), None) is not None or layer._forward_pre_hooks
    return not inside and not any(getattr(layer, name, None) for name in odd)


@dataclass(frozen=True)
class Tape:
    """A forward pass: its output with the graph, and the calls of layers. Lesson: 19"""

    output: Tensor
    calls: list[Call]

    def agrees(self, alone: "Tape | None", row: int) -> bool:
        """Whether sample `row` is treated as in `alone`, a tape of it without the others.

        Its output and what each layer saw must be the same. Dropout draws anew, and so does not agree.
        Lesson: 19
        """
        if alone is None:
            return False
        mine, own = ([tape.output, *(call.x for call in tape.calls)] for tape in (self, alone))
        return all(torch.allclose(a[row], b[0], rtol=1e-3, atol=1e-5) for a, b in zip(mine, own))

    def clipped_sum(self, upstream: Tensor, max_grad_norm: float) -> tuple[dict, Float[Tensor, "B"]]:
        """As `per_sample_gradients`, then `clip_and_sum`.

        upstream: the gradient of the loss with respect to the output. Shapes: (B, ...) as the
        output -> {name: (...)}, norms before clipping (B,).
        Raises: ValueError for a norm that is not finite. Source: Goodfellow 2015, arXiv:1510.01799 (norms);
        Li et al. 2022, arXiv:2110.05679, section 4 (places); Bu et al. 2023, arXiv:2210.00038 (one
        backward pass). Lesson: 19
        """
        edges = [call.edge for call in self.calls]
        backs = torch.autograd.grad(self.output, edges, upstream, retain_graph=True)
        squares = sum(_squared_norms(call, g) for call, g in zip(self.calls, backs))
        norms, total = squares.clamp(min=0).sqrt(), {}  # rounding may leave -0.0000001
        check.finite("norms of per-sample gradients", norms)
        factor = (max_grad_norm / (norms + 1e-6)).clamp(max=1)  # (B,)
        for call, g in zip(self.calls, backs):
            weighted = (g * factor.view(-1, *[1] * (g.ndim - 1))).to(g.dtype)
            summed = torch.autograd.grad(call.edge, tuple(call.own.values()), weighted, retain_graph=True)
            total |= zip(call.names, summed)
        return total, norms


def _squared_norms(call: Call, g: Tensor) -> Float[Tensor, "B"]:
    """Squared norms of each sample's gradient of one layer's parameters, chunk by chunk."""
    wide = torch.promote_types(g.dtype, torch.float32)
    x = call.x.to(wide) if call.x.is_floating_point() else call.x
    O = g.shape[1 if type(call.layer) in CONVOLUTION else -1]
    T, numbers = g[0].numel() // O, sum(p.numel() for p in call.own.values())
    size = max(1, CHUNK_NUMBERS // (numbers // O * T + min(numbers, T * T)))
    return torch.cat([_squares(call, *part) for part in zip(x.split(size), g.to(wide).split(size))])


def _squares(call: Call, x: Tensor, g: Tensor) -> Float[Tensor, "B"]:
    layer, kind, B = call.layer, type(call.layer), len(x)
    if kind in EMBEDDING:  # A is one-hot: A A^T tells where the same row was looked up
        row, G = x.reshape(B, -1), g.reshape(B, -1, g.shape[-1])
        learned = row != (-1 if layer.padding_idx is None else layer.padding_idx)
        return (G @ G.mT * ((row[:, :, None] == row[:, None, :]) & learned[:, None])).sum((1, 2))
    if kind in LINEAR:
        A, G = x.reshape(B, -1, x.shape[-1]), g.reshape(B, -1, g.shape[-1])  # (B, T, I), (B, T, O)
    elif kind in CONVOLUTION and layer.groups == 1 and getattr(layer, "padding_mode", "zeros") == "zeros":
        patches = layers.im2col(x, layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        A, G = patches.reshape(B, layer.weight[0].numel(), -1).mT, g.flatten(2).mT
    else:
        one = lambda own, x, g: (functional_call(layer, own, (x[None],)) * g[None]).sum()  # noqa: E731
        each = vmap(grad(one), (None, 0, 0))({name: p.detach() for name, p in call.own.items()}, x, g)
        return sum(gradient.flatten(1).square().sum(1) for gradient in each.values())
    found = G.sum(1).square().sum(1) if "bias" in call.own else 0
    if "weight" not in call.own:
        return found
    if A.shape[1] == 1:
        return found + A.square().sum((1, 2)) * G.square().sum((1, 2))
    if 2 * A.shape[1] ** 2 <= A.shape[2] * G.shape[2]:
        return found + (A @ A.mT * (G @ G.mT)).sum((1, 2))
    return found + torch.linalg.vector_norm(G.mT @ A, dim=(1, 2)).square()
