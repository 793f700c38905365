"""Layers with their kernels on beside torch.nn's: forward and backward of one batch."""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.harness import Session
from kit import layers

#: name, arguments, shape of the input, calls a run.
CASES = (
    ("MultiheadAttention", (128, 4), {"batch_first": True}, (12, 64, 128), 20),
    (
        "TransformerEncoderLayer",
        (128, 4, 512, 0.0),
        {"batch_first": True},
        (12, 64, 128),
        8,
    ),
    ("Conv2d", (16, 32, 3), {"padding": 1}, (32, 16, 28, 28), 10),
    ("ConvTranspose2d", (32, 16, 2), {"stride": 2}, (32, 32, 14, 14), 10),
    ("MaxPool2d", (2,), {}, (32, 16, 28, 28), 40),
    ("LSTM", (64, 128), {"batch_first": True}, (32, 40, 64), 3),
    ("GRU", (64, 64), {"batch_first": True, "bidirectional": True}, (32, 40, 64), 3),
    ("LayerNorm", (128,), {}, (12, 64, 128), 100),
    ("RMSNorm", (128,), {}, (12, 64, 128), 100),
    ("Linear", (128, 512), {}, (12, 64, 128), 40),
)


def step(layer: nn.Module, shape: tuple[int, ...], calls: int) -> Callable:
    """Prepare `calls` forward and backward passes."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    attention = isinstance(layer, (nn.MultiheadAttention, layers.MultiheadAttention))
    inputs = (x, x, x) if attention else (x,)
    extra = {"need_weights": False} if attention else {}

    def run():
        for _ in range(calls):
            out = layer(*inputs, **extra)
            (out[0] if isinstance(out, tuple) else out).sum().backward()

    return run


def measure(session: Session) -> None:
    """kit against torch.nn, the same weights on both sides."""
    for name, arguments, options, shape, calls in CASES:
        ours, theirs = getattr(layers, name)(*arguments, **options), getattr(nn, name)(*arguments, **options)
        theirs.load_state_dict(ours.state_dict())
        session.compare(
            f"kit {name}",
            lambda m=ours, s=shape, n=calls: step(m, s, n),
            f"torch.nn.{name}",
            lambda m=theirs, s=shape, n=calls: step(m, s, n),
            target=1 / 0.95,
        )
