"""A GPT as one writes it in plain torch.nn: the peer of `kit.models.GPT`, weight for weight.

PlainGPT
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kit.models import GPTConfig


class PlainBlock(nn.Module):
    """Norm, fused projection of queries, keys and values, PyTorch's attention, norm, MLP."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.heads = c.heads
        self.norm_1, self.norm_2 = nn.LayerNorm(c.width, bias=c.bias), nn.LayerNorm(c.width, bias=c.bias)
        self.qkv, self.out = nn.Linear(c.width, 3 * c.width, c.bias), nn.Linear(c.width, c.width, c.bias)
        self.up, self.down = nn.Linear(c.width, 4 * c.width, c.bias), nn.Linear(4 * c.width, c.width, c.bias)
        self.act, self.drop = nn.GELU(approximate="tanh"), nn.Dropout(c.dropout)
        self.p = c.dropout

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm_1(x)).split(d, -1)
        q, k, v = (part.view(b, t, self.heads, -1).transpose(1, 2) for part in (q, k, v))
        p = self.p if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=True)
        x = x + self.drop(self.out(y.transpose(1, 2).reshape(b, t, d)))
        return x + self.drop(self.down(self.act(self.up(self.norm_2(x)))))


class PlainGPT(nn.Module):
    """Tokens (B, T) to logits (B, T, V); the output map is the token embedding."""

    def __init__(self, c: GPTConfig):
        super().__init__()
        self.token, self.position = nn.Embedding(c.vocabulary, c.width), nn.Embedding(c.context, c.width)
        self.drop = nn.Dropout(c.dropout)
        self.blocks = nn.ModuleList(PlainBlock(c) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.width, bias=c.bias)
        self.head = nn.Linear(c.width, c.vocabulary, bias=False)
        self.head.weight = self.token.weight

    def forward(self, tokens: Tensor) -> Tensor:
        place = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.drop(self.token(tokens) + self.position(place))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))
