"""One training step of our GPT beside a GPT in plain torch.nn: same sizes, batch, optimizer.

The ratio is of times; tokens per second are its inverse. Float32 always, bf16 autocast
where the processor (or GPU) computes it.
"""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.harness import Session
from benchmarks.plain_gpt import PlainGPT
from kit import models

#: name, config, batch: the yardstick's size, and one whose products are large enough to dominate.
SIZES = (
    ("4 layers, width 128", models.GPTConfig(65, 64, 4, 4, 128, bias=False), 12, 10),
    ("6 layers, width 384", models.GPTConfig(65, 256, 6, 6, 384, bias=False), 4, 2),
)


def training(model: nn.Module, config: models.GPTConfig, batch: int, steps: int, dtype=None) -> Callable:
    """Prepare `steps` training steps of AdamW on one batch of random tokens."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(config.vocabulary, (batch, config.context + 1), generator=generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def run():
        for _ in range(steps):
            with torch.autocast("cpu", dtype, enabled=dtype is not None):
                logits = model(tokens[:, :-1])
                loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def measure(session: Session) -> None:
    """kit's GPT against the plain one, and kit's formulas against kit's kernels."""
    bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported() if torch.backends.mkldnn.is_available() else False
    for name, config, batch, steps in SIZES:
        ours, plain = models.GPT(config), PlainGPT(config)
        for dtype in (None, torch.bfloat16) if bf16 else (None,):
            kind = "fp32" if dtype is None else "bf16 autocast"
            result = session.compare(
                f"kit GPT, {name}, {kind}",
                lambda m=ours, c=config, b=batch, s=steps, d=dtype: training(m, c, b, s, d),
                "plain torch.nn GPT",
                lambda m=plain, c=config, b=batch, s=steps, d=dtype: training(m, c, b, s, d),
                target=1 / 0.98,
            )
            tokens = batch * config.context * steps
            rates = {
                side: tokens / s for side, s in (("kit", result.seconds), ("plain", result.against_seconds))
            }
            session.note("", f"tokens/s: kit {rates['kit']:,.0f}, plain {rates['plain']:,.0f}", **rates)
