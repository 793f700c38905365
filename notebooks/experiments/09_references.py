"""Lesson 09, frozen: what two reference libraries give, so that the lesson can compare without them.

    python notebooks/experiments/09_references.py

Needs `tokenizers` and `transformers`, which the course does not. Writes 09_references.safetensors:
merges (M, 2), the ids of both parts of each byte pair that `tokenizers` learns from the first
characters of the plays; sample, its ids of the next characters; prompt (5,), the ids of a text in
SmolLM2's vocabulary; logits (V,), what `transformers` computes for the token after it.
"""

import json
import platform
import time
from pathlib import Path

import tokenizers
import torch
from safetensors.torch import save_file
from tokenizers import models as token_models
from tokenizers import pre_tokenizers, trainers

from kit import data, models
from kit.course.experiments import code_hash

CONFIGURATION = {
    "characters": 60_000,
    "vocabulary": 512,
    "sample": 2_000,
    "prompt": "The capital of France is",
}


def byte_pairs(text):
    """Merges and sample ids from the tokenizers library."""
    made = tokenizers.Tokenizer(token_models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    options = {
        "vocab_size": CONFIGURATION["vocabulary"],
        "initial_alphabet": alphabet,
        "show_progress": False,
    }
    n = CONFIGURATION["characters"]
    made.train_from_iterator([text[:n]], trainers.BpeTrainer(**options))
    inside = json.loads(made.to_str())["model"]
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in inside["merges"]]
    merges = torch.tensor([[inside["vocab"][part] for part in pair] for pair in pairs])
    return merges, torch.tensor(made.encode(text[n : n + CONFIGURATION["sample"]]).ids)


@torch.no_grad()
def language_model():
    """Prompt ids and next-token logits from transformers, with the weights of the file."""
    data.ensure_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    file = data.load("smollm2_135m")
    ours = models.llama_from_gguf(file)
    sizes = ours.config
    config = LlamaConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.width,
        intermediate_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.kv_heads,
        rms_norm_eps=sizes.norm_eps,
        rope_parameters={"rope_theta": sizes.rotary_base, "rope_type": "default"},
        tie_word_embeddings=True,
    )
    theirs = LlamaForCausalLM(config).eval()
    theirs.load_state_dict(dict(ours.state_dict()))
    prompt = torch.tensor(data.BytePairTokenizer.from_gguf(file).encode(CONFIGURATION["prompt"]))
    return prompt, theirs(prompt[None]).logits[0, -1].contiguous()


def main():
    """Ask both, write result and card."""
    torch.set_num_threads(1)
    began, here = time.time(), Path(__file__)
    merges, sample = byte_pairs(data.load("shakespeare").text)
    prompt, logits = language_model()
    parts = {"merges": merges, "sample": sample, "prompt": prompt, "logits": logits}
    save_file(parts, str(here.with_suffix(".safetensors")))
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = []\nminutes = {(time.time() - began) / 60:.0f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
