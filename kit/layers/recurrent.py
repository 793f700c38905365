"""Recurrent layers: the same cell at every step, its state is the memory.

rnn_cell  lstm_cell  gru_cell  RNN  LSTM  GRU
"""

import math
import warnings
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from kit import check
from kit.layers.activation import relu, sigmoid, tanh
from kit.layers.dropout import dropout
from kit.layers.fused import fused
from kit.shapes import Float, Tensor


def rnn_cell(
    x: Float[Tensor, "*B D"], h: Float[Tensor, "*B H"], *weights: Tensor, nonlinearity: str = "tanh"
) -> Float[Tensor, "*B H"]:
    """The next state: tanh(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        x: the input of this step.
        h: the state before it.
        weights: W_ih (H, D), W_hh (H, H), and b_ih (H), b_hh (H) if there are biases: one layer's
            parameters, in torch's order.
        nonlinearity: "tanh" or "relu".

    Source: Elman 1990. Lesson: 07
    """
    from_x, from_h = _products(x, h, *weights)
    return (tanh if nonlinearity == "tanh" else relu)(from_x + from_h)


def lstm_cell(
    x: Float[Tensor, "*B D"], state: tuple[Tensor, Tensor], *weights: Tensor, need_gates: bool = False
) -> tuple:
    """One step of an LSTM; its weights are those of input, forget, cell and output gate.

    Args:
        x: the input of this step.
        state: (h, c) before it, each (B, H).
        weights: as in `rnn_cell`, each with 4 H rows.
        need_gates: also return the gates.

    Returns:
        (h, c), with `need_gates` ((h, c), {"input": i, "forget": f, "cell": g, "output": o}),
        all (B, H).

    Source: Hochreiter and Schmidhuber 1997; forget gate: Gers et al. 2000. Lesson: 07
    """
    h, c = state
    i, f, g, o = sum(_products(x, h, *weights)).chunk(4, -1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = f * c + i * g
    h = o * tanh(c)
    return ((h, c), {"input": i, "forget": f, "cell": g, "output": o}) if need_gates else (h, c)


def gru_cell(
    x: Float[Tensor, "*B D"], h: Float[Tensor, "*B H"], *weights: Tensor, need_gates: bool = False
) -> Float[Tensor, "*B H"] | tuple:
    """One step of a GRU; its weights are those of reset gate, update gate and new state.

    As in PyTorch and Keras the reset gate acts after the product W_hh h, and an update
    gate of 1 keeps the old state.

    Args:
        x: the input of this step.
        h: the state before it.
        weights: as in `rnn_cell`, each with 3 H rows.
        need_gates: also return the gates.

    Returns:
        h, with `need_gates` (h, {"reset": r, "update": z, "new": n}), all (B, H).

    Source: Cho et al. 2014, arXiv:1406.1078, equations 5-8. Lesson: 07
    """
    (x_r, x_z, x_n), (h_r, h_z, h_n) = (part.chunk(3, -1) for part in _products(x, h, *weights))
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = tanh(x_n + r * h_n)
    h = (1 - z) * n + z * h
    return (h, {"reset": r, "update": z, "new": n}) if need_gates else h


def _products(x, h, weight_ih, weight_hh, bias_ih=None, bias_hh=None) -> tuple[Tensor, Tensor]:
    return F.linear(x, weight_ih, bias_ih), F.linear(h, weight_hh, bias_hh)


class _Recurrent(nn.Module):
    """What RNN, LSTM and GRU share: weights, layers, directions, padded texts.

    A state is a tuple here, (h,) or (h, c), each (num_layers · directions, B, H).
    """

    mode: str  # torch's name of the kind
    gates: int  # rows of a weight / hidden_size
    states = 1
    proj_size = 0
    kernel: Callable

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        for name in ("input_size", "hidden_size", "num_layers"):
            check.integer(name, getattr(self, name), 1)
        check.probability("dropout", dropout)
        if dropout and num_layers == 1:
            warnings.warn(
                f"dropout={dropout} acts between layers and num_layers=1; use more layers or a Dropout layer",
                stacklevel=2,
            )
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.directions = bidirectional, 1 + bidirectional
        self._flat_weights_names = []
        for layer in range(num_layers):
            columns = input_size if layer == 0 else hidden_size * self.directions
            for end in ("", "_reverse")[: self.directions]:
                shapes = {"weight_ih": (columns,), "weight_hh": (hidden_size,)}
                for name, shape in (shapes | ({"bias_ih": (), "bias_hh": ()} if bias else {})).items():
                    values = torch.empty(self.gates * hidden_size, *shape, device=device, dtype=dtype)
                    self.register_parameter(f"{name}_l{layer}{end}", nn.Parameter(values))
                    self._flat_weights_names.append(f"{name}_l{layer}{end}")
        self.reset_parameters(generator)
        self.flatten_parameters()

    @property
    def _flat_weights(self) -> list[Tensor]:
        return [getattr(self, name) for name in self._flat_weights_names]

    flatten_parameters = nn.RNNBase.flatten_parameters  # cuDNN wants one block of memory; else no effect

    def _apply(self, fn, recurse=True):
        super()._apply(fn, recurse)
        self.flatten_parameters()  # .cuda() has moved the parameters one by one
        return self

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw all weights afresh, uniform in ±1/√hidden_size."""
        bound = 1 / math.sqrt(self.hidden_size)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=generator)

    def forward(
        self,
        x: Float[Tensor, "*B _ D"] | PackedSequence,
        hx: Float[Tensor, "..."] | tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Float[Tensor, "*B _ H"] | PackedSequence, Float[Tensor, "..."] | tuple[Tensor, Tensor]]:
        """Return the last layer's state at every step, and every layer's final state.

        Args:
            x: (T, B, D), with `batch_first` (B, T, D), one sequence (T, D), or a PackedSequence
                of texts of different length.
            hx: initial state (num_layers · directions, B, H), an LSTM's is a pair (h, c); without B
                for one sequence. None is zeros.

        Raises:
            ValueError: wrong rank, features or state, or no step at all.
        """
        packed = isinstance(x, PackedSequence)
        values, sizes = (x.data, x.batch_sizes) if packed else (x, None)
        self._check(values, packed)
        single = not packed and values.ndim == 2
        values = values.unsqueeze(0 if self.batch_first else 1) if single else values
        B = int(sizes[0]) if packed else values.shape[0 if self.batch_first else 1]
        state = self._initial(hx, values, B, single)
        if packed and hx is not None and x.sorted_indices is not None:
            state = tuple(s.index_select(1, x.sorted_indices) for s in state)
        y, state = (self._kernel if fused() else self._formula)(values, sizes, state)
        if packed:
            y = PackedSequence(y, *x[1:])
            if x.unsorted_indices is not None:
                state = tuple(s.index_select(1, x.unsorted_indices) for s in state)
        if single:
            y, state = y.squeeze(0 if self.batch_first else 1), tuple(s.squeeze(1) for s in state)
        return y, state if self.states == 2 else state[0]

    def _kernel(self, x: Tensor, sizes: Tensor | None, state: tuple) -> tuple[Tensor, tuple]:
        hidden = state if self.states == 2 else state[0]
        options = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if sizes is None:
            y, *state = self.kernel(x, hidden, self._flat_weights, *options, self.batch_first)
        else:
            y, *state = self.kernel(x, sizes, hidden, self._flat_weights, *options)
        return y, tuple(state)

    def _formula(self, x: Tensor, sizes: Tensor | None, state: tuple) -> tuple[Tensor, tuple]:
        active = None
        if sizes is not None:
            x, lengths = pad_packed_sequence(PackedSequence(x, sizes))  # (T, B, D)
            active = (torch.arange(len(x))[:, None, None] < lengths[:, None]).to(x.device)  # (T, B, 1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        weights, per_row, finals = self._flat_weights, 4 if self.bias else 2, []
        for layer in range(self.num_layers):
            if layer:
                x = dropout(x, self.dropout, self.training)
            outputs = []
            for row in range(layer * self.directions, (layer + 1) * self.directions):
                parts = weights[row * per_row : (row + 1) * per_row]
                backward = row % self.directions == 1
                y, final = self._scan(x, tuple(s[row] for s in state), parts, active, backward)
                outputs.append(y)
                finals.append(final)
            x = torch.cat(outputs, -1)  # (T, B, directions · H)
        if sizes is not None:
            x = torch.cat([step[:n] for step, n in zip(x, sizes.tolist(), strict=True)])
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, tuple(torch.stack(parts) for parts in zip(*finals, strict=True))

    def _scan(self, x: Tensor, state: tuple, weights: list[Tensor], active: Tensor | None, backward: bool):
        """One layer in one direction: its states (T, B, H) and the final one."""
        outputs = [x] * len(x)
        for t in range(len(x))[:: -1 if backward else 1]:
            new = self._step(x[t], state, weights)
            if active is not None:  # where a text has ended, or not begun, its state stays
                new = tuple(torch.where(active[t], n, s) for n, s in zip(new, state, strict=True))
            state, outputs[t] = new, new[0]
        return torch.stack(outputs), state

    def _initial(self, hx, x: Tensor, B: int, single: bool) -> tuple[Tensor, ...]:
        shape = (self.num_layers * self.directions, B, self.hidden_size)
        if hx is None:
            return (x.new_zeros(shape),) * self.states
        state = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        wanted = shape[::2] if single else shape
        if len(state) != self.states or any(tuple(s.shape) != wanted for s in state):
            shapes = " and ".join(str(tuple(s.shape)) for s in state)
            raise ValueError(
                f"hx has shape {shapes}, {type(self).__name__} needs {wanted}"
                f"{' twice, (h, c)' * (self.states == 2)}; give one state per layer and direction"
            )
        return tuple(s.unsqueeze(1) for s in state) if single else state

    def _check(self, x: Tensor, packed: bool) -> None:
        if x.ndim not in ((2,) if packed else (2, 3)) or x.shape[-1] != self.input_size:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, {type(self).__name__} needs (T, B, input_size="
                f"{self.input_size}), or (B, T, ...) with batch_first=True; reshape x or change input_size"
            )
        if x.shape[1 if self.batch_first and x.ndim == 3 else 0] == 0:
            raise ValueError(f"x has shape {tuple(x.shape)}, it holds no step; give at least one")

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        values = {name: getattr(self, name) for name in usual}
        return text + "".join(f", {n}={v}" for n, v in values.items() if v != usual[n])


class RNN(_Recurrent):
    """The simple recurrent layer, as `torch.nn.RNN`: h ← tanh(W_ih x + W_hh h + b).

    Args:
        input_size: features D of one step.
        hidden_size: size H of the state.
        num_layers: each further layer reads the states of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are two bias vectors.
        batch_first: x is (B, T, D) instead of (T, B, D); states keep their layout.
        dropout: share of the values between layers set to zero while training.
        bidirectional: a second set of cells reads backwards; outputs are joined.
        device, dtype: of the parameters, as in torch.
        generator: source of the initial weights; None uses torch's global one.

    Raises:
        TypeError, ValueError: an option is out of its range.

    Source: Elman 1990, "Finding structure in time". Lesson: 07
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        generator: torch.Generator | None = None,
    ):
        check.one_of("nonlinearity", nonlinearity, ("tanh", "relu"))
        self.nonlinearity, self.mode = nonlinearity, f"RNN_{nonlinearity.upper()}"
        rest = (bias, batch_first, dropout, bidirectional, device, dtype)
        super().__init__(input_size, hidden_size, num_layers, *rest, generator=generator)

    @property
    def kernel(self) -> Callable:
        return torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu

    def _step(self, x: Tensor, state: tuple, weights: list[Tensor]) -> tuple[Tensor]:
        return (rnn_cell(x, state[0], *weights, nonlinearity=self.nonlinearity),)


class LSTM(_Recurrent):
    """Long short-term memory, as `torch.nn.LSTM`; a second state c is the memory.

    Arguments as in `RNN`, without nonlinearity; the cell is `lstm_cell`. torch's `proj_size`
    is left out. One layer has 4 (H D + H² + 2 H) parameters, 4 H more than Keras's.

    Raises:
        TypeError, ValueError: an option is out of its range.

    Source: Hochreiter and Schmidhuber 1997. Lesson: 07
    """

    mode, gates, states = "LSTM", 4, 2
    kernel = staticmethod(torch.lstm)

    def _step(self, x: Tensor, state: tuple, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
        return lstm_cell(x, state, *weights)


class GRU(_Recurrent):
    """Gated recurrent unit, as `torch.nn.GRU`; the cell is `gru_cell`.

    Arguments as in `RNN`, without nonlinearity. One layer has 3 (H D + H² + 2 H) parameters.

    Raises:
        TypeError, ValueError: an option is out of its range.

    Source: Cho et al. 2014, arXiv:1406.1078. Lesson: 07
    """

    mode, gates = "GRU", 3
    kernel = staticmethod(torch.gru)

    def _step(self, x: Tensor, state: tuple, weights: list[Tensor]) -> tuple[Tensor]:
        return (gru_cell(x, state[0], *weights),)
