"""The logit lens: what would the model say if it stopped after this layer?

logit_lens  LogitLens
"""

from dataclasses import dataclass

import torch
from torch import nn

from kit import check
from kit.interpret.hooks import find_module, run_with_cache
from kit.shapes import Float, Int, Tensor

#: Blocks, last norm and output map by name, as in GPT-2 and Llama (kit's, transformers').
PARTS = (("transformer.h", "transformer.ln_f", "lm_head"), ("model.layers", "model.norm", "lm_head"))


@dataclass(frozen=True, eq=False)
class LogitLens:
    """Logits (L, B, T, V) after each of L blocks, and the blocks' names. Lesson: 21"""

    logits: Float[Tensor, "L B T V"]
    names: tuple[str, ...]

    def top(self, k: int = 1) -> Int[Tensor, "L B T K"]:
        """The k likeliest tokens after each block, likeliest first."""
        return self.logits.topk(k).indices

    def rank(self, token: int) -> Int[Tensor, "L B T"]:
        """How many tokens are likelier than `token`; 0 is first."""
        return (self.logits > self.logits[..., token, None]).sum(-1)


@torch.no_grad()
def logit_lens(
    model: nn.Module, *inputs, positions=None, blocks: str = "", norm: str = "", head: str = "", **kwargs
) -> LogitLens:
    """Read each block's output with the model's own last norm and output map.

    Args:
        model: a language model; kit's GPT and Llama and their namesakes in transformers are known.
        inputs, kwargs: of its forward.
        positions: indices of tokens to read; None reads all (L · B · T · V numbers).
        blocks, norm, head: names of the list of blocks, the last norm and the output map, for other models.

    Returns:
        A `LogitLens`; its last layer equals the model's own output.

    Raises:
        ValueError: the parts are not found.

    Source: nostalgebraist 2020, "interpreting GPT: the logit lens". Lesson: 21
    """
    known = dict(model.named_modules())
    found = next((parts for parts in PARTS if all(part in known for part in parts)), ("", "", ""))
    names = [given or usual for given, usual in zip((blocks, norm, head), found)]
    if not all(names):
        raise ValueError("blocks, norm or head is unknown for this model; name all three of its modules")
    block_list, last_norm, output_map = (find_module(model, name)[1] for name in names)
    wanted = [f"{names[0]}.{child}" for child, _ in block_list.named_children()]
    check.nonempty("blocks", wanted)
    _, cache = run_with_cache(model, *inputs, names=wanted, **kwargs)
    states = [cache[name] if isinstance(cache[name], Tensor) else cache[name][0] for name in wanted]
    states = torch.stack(states)  # (L, B, T, D)
    states = states if positions is None else states[:, :, positions]
    return LogitLens(output_map(last_norm(states)), tuple(wanted))
