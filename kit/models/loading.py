"""Published weights into our models; every missing or unknown name is reported.

load_weights  load_gpt2  load_bert  load_llama  llama_from_gguf
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import nn

from kit.models.bert import Bert
from kit.models.gpt import GPT
from kit.models.llama import Llama, LlamaConfig
from kit.shapes import Tensor

Model = TypeVar("Model", bound=nn.Module)
Weights = Mapping[str, Tensor]


def load_weights(model: Model, weights: Weights, rename: Callable[[str], str | None] = str) -> Model:
    """Copy weights into a model by name; all names and shapes must fit.

    Args:
        model: changed in place, only when everything fits.
        weights: tensors by their published name, as safetensors or torch.load give them.
        rename: published name -> name in the model, or None to leave a tensor out.

    Returns:
        The model.

    Raises:
        ValueError: names are missing, unknown, or of another shape; all are listed.

    Lesson: 09
    """
    named = {rename(name): tensor for name, tensor in weights.items()}
    named.pop(None, None)
    own = model.state_dict(keep_vars=True)
    tied: dict[int, list[str]] = {}
    for name, tensor in own.items():
        tied.setdefault(id(tensor), []).append(name)
    for names in tied.values():  # a checkpoint may hold a shared tensor under one name only
        found = next((named[name] for name in names if name in named), None)
        named |= {name: found for name in names if found is not None and name not in named}
    missing = [name for name in own if name not in named]
    extra = [name for name in named if name not in own]
    shapes = [
        f"{name} {tuple(named[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in named and named[name].shape != own[name].shape
    ]
    problems = {"missing": missing, "unknown": extra, "of another shape": shapes}
    told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names)
    if told:
        raise ValueError(
            f"weights do not fit {type(model).__name__}, {told}; build the model with the checkpoint's "
            "configuration, or leave tensors out with rename"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(named[name])
    return model


def load_gpt2(model: GPT, weights: Weights) -> GPT:
    """Load a published GPT-2 checkpoint, with or without the `transformer.` in its names.

    Its linear maps are stored as (in, out), ours as (out, in) as in torch.nn.Linear; masks
    that old files contain are left out.

    Raises:
        ValueError: names or shapes do not fit; all are listed.

    Source: Radford et al. 2019; names of the file as Hugging Face published it. Lesson: 09
    """

    def rename(name: str) -> str | None:
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            return None
        return name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}"

    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    return load_weights(model, {n: w.T if n.endswith(turned) else w for n, w in weights.items()}, rename)


def load_bert(model: nn.Module, weights: Weights) -> nn.Module:
    """Load a published BERT checkpoint into `Bert` or one of its two heads.

    Names may start with `bert.`; the old names gamma and beta, and tensors that the model has
    no use for (the position counter, heads of other tasks), are allowed for.

    Raises:
        ValueError: names or shapes do not fit; all are listed.

    Source: Devlin et al. 2019, arXiv:1810.04805. Lesson: 09
    """
    alone = isinstance(model, Bert)

    def rename(name: str) -> str | None:
        name = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        name = name.replace("cls.predictions.bias", "cls.predictions.decoder.bias")
        if name.endswith("position_ids") or name.startswith("cls.seq_relationship"):
            return None
        if alone:
            return None if name.startswith("cls.") else name.removeprefix("bert.")
        return name if name.startswith(("bert.", "cls.", "classifier.")) else f"bert.{name}"

    return load_weights(model, weights, rename)


def load_llama(model: Llama, weights: Weights) -> Llama:
    """Load a Llama-style checkpoint with Hugging Face's names.

    Raises:
        ValueError: names or shapes do not fit; all are listed.

    Source: Touvron et al. 2023, arXiv:2302.13971. Lesson: 09
    """
    return load_weights(model, weights, lambda name: None if name.endswith("rotary_emb.inv_freq") else name)


def llama_from_gguf(file: Any) -> Llama:
    """Build a `Llama` from a GGUF file: its sizes, its weights as float32.

    llama.cpp stores the rows of the query and key maps pair by pair, for another order of the
    rotary features than ours; they are put back.

    Args:
        file: what `kit.data.read_gguf` returns: `metadata`, `tensors` with names, `tensor(name)`.

    Raises:
        ValueError: another architecture, a metadata key or a tensor is missing or unknown.

    Source: llama.cpp, convert_hf_to_gguf.py (`LlamaModel.permute`). Lesson: 09
    """
    config = _config(file.metadata, [info.name for info in file.tensors])
    with torch.device("meta"):  # no memory, no random numbers: every weight comes from the file
        model = Llama(config)
    fresh = Llama(
        LlamaConfig(1, config.context, 1, 1, 1, config.width // config.heads, 1, config.rotary_base)
    )
    model.rotary = fresh.rotary
    weights = {}
    for info in file.tensors:
        name, tensor = _name(info.name), file.tensor(info.name)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config.heads if "q_proj" in name else config.kv_heads
            tensor = tensor.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2)
        weights[name] = nn.Parameter(tensor)
    owners = {name: name.rpartition(".") for name in weights}
    unknown = [name for name in weights if name not in dict(model.named_parameters(remove_duplicate=False))]
    if unknown:
        raise ValueError(f"file={file.path.name} holds tensors a Llama has not: {', '.join(unknown)}")
    for name, (owner, _, leaf) in owners.items():
        setattr(model.get_submodule(owner), leaf, weights[name])
    if config.tied:
        model.lm_head.weight = model.model["embed_tokens"].weight
    missing = [name for name, p in model.named_parameters() if p.is_meta]
    if missing:
        raise ValueError(f"file={file.path.name} lacks {', '.join(missing)}; fetch it again")
    return model.eval()


def _config(metadata: Mapping[str, Any], names: list[str]) -> LlamaConfig:
    """The sizes that the file states."""
    kind = metadata.get("general.architecture")
    if kind != "llama":
        raise ValueError(f"general.architecture={kind!r} is not known; llama_from_gguf reads 'llama'")
    keys = {
        "context": "llama.context_length",
        "layers": "llama.block_count",
        "heads": "llama.attention.head_count",
        "kv_heads": "llama.attention.head_count_kv",
        "width": "llama.embedding_length",
        "hidden": "llama.feed_forward_length",
        "rotary_base": "llama.rope.freq_base",
        "norm_eps": "llama.attention.layer_norm_rms_epsilon",
    }
    missing = [key for key in keys.values() if key not in metadata]
    if missing:
        raise ValueError(f"the file's metadata lack {', '.join(missing)}; fetch it again")
    sizes = {name: metadata[key] for name, key in keys.items()}
    vocabulary = len(metadata["tokenizer.ggml.tokens"])
    return LlamaConfig(vocabulary, tied="output.weight" not in names, **sizes)


_PARTS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _name(name: str) -> str:
    """llama.cpp's name of a tensor -> Hugging Face's: blk.3.attn_q.weight -> model.layers.3...."""
    parts = name.split(".")
    if parts[0] == "blk" and len(parts) == 4 and parts[2] in _PARTS:
        return f"model.layers.{parts[1]}.{_PARTS[parts[2]]}.{parts[3]}"
    return f"{_PARTS.get(parts[0], parts[0])}.{'.'.join(parts[1:])}"
