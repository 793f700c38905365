"""The engine: an array that remembers how it was computed, and the walk back.

The backward pass walks the graph in reverse topological order. At each node the
chain rule multiplies the gradient that arrived by the local derivative, and adds
the product to the parent: a value used twice receives both parts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kit import check

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Edge:
    """One input of a node: the parent, and how a gradient travels back to it.

    `pull(g)` turns the gradient of the node into the parent's share, in the parent's
    shape. `local` is the local derivative where it is one number per entry, else
    None; `rule` says in words what `pull` does.

    Lesson: 04
    """

    parent: "Value"
    pull: Callable[[Array], Array]
    rule: str
    local: Array | None = None


class Value:
    """An array in a computation graph, with its gradient.

    Attributes: `data` (float64 array), `grad` (same shape, starts at 0), `op` (what
    computed it, "leaf" for inputs), `edges` (its inputs), `name` (shown in drawings).

    Args:
        data: numbers, nested lists or an array; kept as float64.
        name: a label for drawings and tables.

    Raises:
        TypeError: `data` is not numeric.

    Source: Baydin et al. 2018, arXiv:1502.05767, section 3.2. Lesson: 04
    """

    __array_priority__ = 100  # array * Value calls Value.__rmul__, not array.__mul__

    def __init__(self, data, name: str = ""):
        try:
            self.data = np.array(data, dtype=np.float64)
        except (TypeError, ValueError):
            raise TypeError(f"data={check.show(data)} is not numeric; give numbers or an array") from None
        self.grad = np.zeros_like(self.data)
        self.op, self.edges, self.name = "leaf", (), name

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `data` and `grad`. Lesson: 04"""
        return self.data.shape

    def __add__(self, other) -> "Value":
        other = as_value(other)
        return _broadcast("+", self.data + other.data, (self, 1.0), (other, 1.0))

    def __mul__(self, other) -> "Value":
        other = as_value(other)
        return _broadcast("*", self.data * other.data, (self, other.data), (other, self.data))

    def __sub__(self, other) -> "Value":
        other = as_value(other)
        return _broadcast("-", self.data - other.data, (self, 1.0), (other, -1.0))

    def __truediv__(self, other) -> "Value":
        other = as_value(other)
        slope = -self.data / other.data**2
        return _broadcast("/", self.data / other.data, (self, 1 / other.data), (other, slope))

    def __pow__(self, exponent: float | int) -> "Value":
        check.number("exponent", exponent)
        # x^0 is flat everywhere, also at 0 where 0 · 0^-1 would be NaN.
        slope = exponent * self.data ** (exponent - 1) if exponent else np.zeros_like(self.data)
        return _broadcast(f"**{exponent:g}", self.data**exponent, (self, slope))

    def __neg__(self) -> "Value":
        return _broadcast("neg", -self.data, (self, -1.0))

    def __radd__(self, other) -> "Value":
        return as_value(other) + self

    def __rmul__(self, other) -> "Value":
        return as_value(other) * self

    def __rsub__(self, other) -> "Value":
        return as_value(other) - self

    def __rtruediv__(self, other) -> "Value":
        return as_value(other) / self

    def __matmul__(self, other) -> "Value":
        a, b = self, as_value(other)
        if a.data.ndim not in (1, 2) or b.data.ndim not in (1, 2) or a.shape[-1] != b.shape[0]:
            raise ValueError(
                f"shapes {a.shape} @ {b.shape} do not fit; the last size of the first must equal the first "
                "size of the second, each a vector or a matrix"
            )
        left, right = np.atleast_2d(a.data), b.data.reshape(b.shape[0], -1)  # (M, K), (K, N)
        wide = (len(left), right.shape[1])
        pull_a = lambda g: (g.reshape(wide) @ right.T).reshape(a.shape)  # noqa: E731
        pull_b = lambda g: (left.T @ g.reshape(wide)).reshape(b.shape)  # noqa: E731
        return _node("@", a.data @ b.data, Edge(a, pull_a, "g @ Bᵀ"), Edge(b, pull_b, "Aᵀ @ g"))

    def __rmatmul__(self, other) -> "Value":
        return as_value(other) @ self

    def exp(self) -> "Value":
        """eˣ, entry by entry. Lesson: 04"""
        y = np.exp(self.data)
        return _broadcast("exp", y, (self, y))

    def log(self) -> "Value":
        """The natural logarithm, entry by entry. Lesson: 04"""
        return _broadcast("log", np.log(self.data), (self, 1 / self.data))

    def tanh(self) -> "Value":
        """The hyperbolic tangent, entry by entry. Lesson: 04"""
        y = np.tanh(self.data)
        return _broadcast("tanh", y, (self, 1 - y**2))

    def relu(self) -> "Value":
        """max(x, 0), entry by entry, with slope 0 at 0. Lesson: 04"""
        return _broadcast("relu", np.maximum(self.data, 0), (self, (self.data > 0).astype(float)))

    def sigmoid(self) -> "Value":
        """1 / (1 + e⁻ˣ), entry by entry, without overflow. Lesson: 04"""
        z = np.exp(-np.abs(self.data))
        y = np.where(self.data >= 0, 1 / (1 + z), z / (1 + z))
        return _broadcast("sigmoid", y, (self, y * (1 - y)))

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Value":
        """The sum over all entries or along `axis`. Lesson: 04"""
        y = self.data.sum(axis, keepdims=True)
        pull = lambda g: np.broadcast_to(g.reshape(y.shape), self.shape)  # noqa: E731
        return _node("sum", self.data.sum(axis, keepdims=keepdims), Edge(self, pull, "g to every entry"))

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> "Value":
        """The mean over all entries or along `axis`. Lesson: 04"""
        y = self.data.mean(axis, keepdims=True)
        n = self.data.size / y.size
        pull = lambda g: np.broadcast_to(g.reshape(y.shape) / n, self.shape)  # noqa: E731
        rule = f"g / {n:g} to every entry"
        return _node("mean", self.data.mean(axis, keepdims=keepdims), Edge(self, pull, rule))

    def reshape(self, *shape: int) -> "Value":
        """The same entries in another shape. Lesson: 04"""
        pull = lambda g: g.reshape(self.shape)  # noqa: E731
        return _node("reshape", self.data.reshape(*shape), Edge(self, pull, "g in the old shape"))

    def transpose(self, *axes: int) -> "Value":
        """The axes in another order, reversed if none are given. Lesson: 04"""
        order = axes or tuple(reversed(range(self.data.ndim)))
        pull = lambda g: g.transpose(np.argsort(order))  # noqa: E731
        return _node("transpose", self.data.transpose(order), Edge(self, pull, "g, axes put back"))

    @property
    def T(self) -> "Value":
        """The transpose. Lesson: 04"""
        return self.transpose()

    def graph(self) -> list["Value"]:
        """All values this one depends on, inputs first, itself last: a topological order.

        Lesson: 04
        """
        order, seen, stack = [], set(), [(self, False)]
        while stack:  # a loop, since deep graphs would exhaust Python's recursion
            node, ready = stack.pop()
            if ready:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((edge.parent, False) for edge in reversed(node.edges))
        return order

    def backward(self, grad=None) -> None:
        """Add d(self)/d(v) to `v.grad` for every value `v` this one depends on.

        Gradients of leaves accumulate over calls, as in PyTorch, until `zero_grad()`.

        Args:
            grad: the gradient to start from, in the shape of this value; None is 1,
                for a single number only.

        Raises:
            ValueError: `grad` is missing for an array, or has another shape.

        Lesson: 04
        """
        for _ in self.backward_steps(grad):
            pass

    def backward_steps(self, grad=None) -> Iterator["Value"]:
        """As `backward`, but yields each node once it has passed its gradient on.

        Lesson: 04
        """
        if grad is None and self.data.size != 1:
            raise ValueError(
                f"grad=None for a value of shape {self.shape}, only a single number starts by itself; "
                "reduce it with .sum() or .mean(), or give grad"
            )
        start = np.ones(self.shape) if grad is None else np.asarray(grad, dtype=np.float64)
        check.same_shape("grad", start, "the value", self.data)
        order = self.graph()
        for node in order:
            if node.edges:  # left from an earlier pass; leaves accumulate
                node.grad = np.zeros_like(node.data)
        self.grad = self.grad + start
        for node in reversed(order):
            for edge in node.edges:
                edge.parent.grad = edge.parent.grad + edge.pull(node.grad)
            yield node

    def zero_grad(self) -> None:
        """Set `grad` of every value this one depends on to 0. Lesson: 04"""
        for node in self.graph():
            node.grad = np.zeros_like(node.data)

    def __repr__(self) -> str:
        label = f", name={self.name!r}" if self.name else ""
        return f"Value({np.array2string(self.data, precision=4, threshold=8)}, op={self.op!r}{label})"


def as_value(x) -> Value:
    """`x` itself if it is a Value, else a new leaf. Lesson: 04"""
    return x if isinstance(x, Value) else Value(x)


def gradcheck(
    function: Callable[..., Value], *inputs: Value, step: float = 1e-6, tolerance: float = 1e-6
) -> float:
    """The largest difference between gradients and central differences.

    Every entry x of every input moves by ±step; (f(x + h) − f(x − h)) / 2h is compared
    with the entry of the gradient, as |a − b| / max(1, |a|, |b|).

    Args:
        function: takes the inputs, returns a Value of one entry.
        inputs: leaves; their `data` is restored, their `grad` set to 0.
        step: h > 0.
        tolerance: the largest difference allowed.

    Returns:
        The largest difference found.

    Raises:
        ValueError: it exceeds `tolerance`; the message names input and entry.

    Source: Nocedal and Wright 2006, equation 8.7. Lesson: 04
    """
    check.number("step", step, above=0)
    for x in inputs:
        x.grad = np.zeros_like(x.data)
    function(*inputs).backward()
    gradients = [x.grad.copy() for x in inputs]
    worst = 0.0
    for k, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        x.grad = np.zeros_like(x.data)
        for index in np.ndindex(x.shape):
            before = x.data[index]
            ends = []
            for sign in (1, -1):
                x.data[index] = before + sign * step
                ends.append(function(*inputs).data.item())
            x.data[index] = before
            slope = (ends[0] - ends[1]) / (2 * step)
            found = gradient[index]
            error = abs(found - slope) / max(1.0, abs(found), abs(slope))
            if not error <= tolerance:  # NaN is an error, too
                raise ValueError(
                    f"gradient of input {k} at {index} is {found:.6g}, central differences give {slope:.6g}; "
                    "check the local derivatives on its path"
                )
            worst = max(worst, error)
    return worst


def _node(op: str, data: Array | np.float64, *edges: Edge) -> Value:
    value = Value(data)
    value.op, value.edges = op, edges
    return value


def _broadcast(
    op: str, data: Array | np.float64, *parents: tuple[Value, Array | np.float64 | float]
) -> Value:
    """A node of an entry-by-entry operation, from (parent, local derivative) pairs."""

    def edge(parent: Value, local: Array | np.float64 | float) -> Edge:
        spread = np.broadcast_to(np.asarray(local, dtype=np.float64), data.shape)
        return Edge(parent, lambda g: _unbroadcast(g * spread, parent.shape), "g · local", spread)

    return _node(op, data, *(edge(*pair) for pair in parents))


def _unbroadcast(g: Array | np.float64, shape: tuple[int, ...]) -> Array | np.float64:
    """Sum `g` over the axes along which an array of `shape` was repeated."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=repeated, keepdims=True)
