"""What is trained in the trainer's benchmark: a small MLP and a small GPT, in plain torch.nn.

Workload  small_mlp  small_gpt
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass(frozen=True)
class Workload:
    """Data, model, loss, metric and length of one training run."""

    name: str
    inputs: Tensor
    targets: Tensor
    batch_size: int
    epochs: int
    build: Callable[[], nn.Module]
    loss: nn.Module

    def model(self) -> nn.Module:
        """A fresh model, the same every time."""
        torch.manual_seed(0)
        return self.build()

    def optimizer(self, model: nn.Module, **options) -> torch.optim.Optimizer:
        """PyTorch's AdamW for that model."""
        return torch.optim.AdamW(model.parameters(), lr=1e-3, **options)

    def loader(self) -> DataLoader:
        """PyTorch's loader over the data, shuffled."""
        return DataLoader(TensorDataset(self.inputs, self.targets), self.batch_size, shuffle=True)

    def ready_batches(self) -> list[tuple[Tensor, Tensor]]:
        """The batches as a list: a loader that costs nothing, so that the loop alone is timed."""
        return list(zip(self.inputs.split(self.batch_size), self.targets.split(self.batch_size)))


def small_mlp() -> Workload:
    """64-128-128-10 on tensors of the size of the digits data, batch 64, ten epochs."""
    g = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(1797, 64, generator=g), torch.randint(0, 10, (1797,), generator=g)

    def build() -> nn.Module:
        return nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
        )

    return Workload("small MLP", inputs, targets, 64, 10, build, nn.CrossEntropyLoss())


def small_gpt() -> Workload:
    """2 layers, width 64, 4 heads, block 64, vocabulary 64, batch 8, two epochs of 24 batches."""
    g = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 64, (192, 65), generator=g)
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    return Workload("small GPT", inputs, targets, 8, 2, SmallGPT, TokenLoss())


class TokenLoss(nn.Module):
    """Mean cross-entropy of all tokens: logits (B, T, C), targets (B, T)."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Block(nn.Module):
    """One pre-norm Transformer block."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm_1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, D / H)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, d))  # (B, T, D)
        return x + self.mlp(self.norm_2(x))


class SmallGPT(nn.Module):
    """Tokens (B, T) to logits (B, T, C)."""

    def __init__(
        self, vocabulary: int = 64, width: int = 64, heads: int = 4, layers: int = 2, block: int = 64
    ):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(block, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1], device=tokens.device))
        return self.head(self.norm(self.blocks(x)))
