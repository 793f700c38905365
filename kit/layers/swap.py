"""Exchange the layers of a whole model: kit's for torch's, or torch's for kit's.

swap  TWINS
"""

import inspect
from typing import Any

from torch import nn

from kit import check
from kit.layers.activation import ELU, GELU, SELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh
from kit.layers.attention import MultiheadAttention
from kit.layers.convolution import Conv2d, ConvTranspose2d
from kit.layers.dropout import Dropout
from kit.layers.embedding import Embedding
from kit.layers.linear import Linear
from kit.layers.normalization import BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm
from kit.layers.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from kit.layers.recurrent import GRU, LSTM, RNN
from kit.layers.softmax import LogSoftmax, Softmax
from kit.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer

_LAYERS = [
    *(Linear, Embedding, Dropout, BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm),
    *(ReLU, LeakyReLU, ELU, SELU, Sigmoid, Tanh, GELU, SiLU, Softplus, Softmax, LogSoftmax),
    *(MultiheadAttention, TransformerEncoderLayer, TransformerDecoderLayer),
    *(Conv2d, ConvTranspose2d, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, RNN, LSTM, GRU),
]
#: Layers that exist here and in torch.nn, with the same arguments and state_dict keys.
TWINS: dict[type[nn.Module], type[nn.Module]] = {layer: getattr(nn, layer.__name__) for layer in _LAYERS}

#: Used when a layer is made and not kept by it (args, kwargs: of a layer without any option, or of torch's
#: recurrent ones, see `_options`).
_NOT_STORED = {"args", "kwargs", "self", "device", "dtype", "generator"}


def swap(model: nn.Module, to: str) -> nn.Module:
    """Replace every layer that has a twin on the other side; weights and mode stay.

    The parameters are the same objects afterwards, so optimizers and tied weights keep
    working. Hooks on a replaced module are not carried over. Subclasses are left alone.

    Args:
        model: changed in place; where it is itself a layer, its twin is returned.
        to: "torch" or "kit".

    Returns:
        The model.

    Raises:
        ValueError: `to` is another word, or a torch layer uses an option that kit's has
            not (the layer and the option are named; nothing has been changed then).

    Lesson: 08
    """
    check.one_of("to", to, ("torch", "kit"))
    table = TWINS if to == "torch" else {theirs: ours for ours, theirs in TWINS.items()}
    if type(model) in table:
        return _twin("model", model, table[type(model)])
    twins: dict[nn.Module, nn.Module] = {}
    _collect("", model, table, twins)  # make all first: an error changes nothing
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child in twins:
                setattr(parent, name, twins[child])
    return model


def _collect(prefix: str, module: nn.Module, table: dict, twins: dict) -> None:
    """Fill `twins` with the outermost layers of `module` that are in `table`."""
    for name, child in module.named_children():
        if type(child) not in table:
            _collect(f"{prefix}{name}.", child, table, twins)
        elif child not in twins:
            twins[child] = _twin(prefix + name, child, table[type(child)])


def _twin(name: str, layer: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """A layer of class `kind` with the arguments, parameters and mode of `layer`."""
    known = _options(kind)
    arguments = {}
    for option, parameter in _options(type(layer)).items():
        if option in _NOT_STORED:
            continue
        value = _argument(layer, option, parameter.default)
        if option in known:
            arguments[option] = value
        elif value != parameter.default:
            raise ValueError(
                f"{name} is a {type(layer).__name__} with {option}={check.show(value)}, which kit's has not; "
                "keep that layer in torch or make it without the option"
            )
    twin = kind(**arguments, device="meta") if "device" in known else kind(**arguments)
    for path, tensor in [*layer.named_parameters(), *layer.named_buffers()]:
        owner, _, leaf = path.rpartition(".")
        place = twin.get_submodule(owner)
        (place._parameters if leaf in place._parameters else place._buffers)[leaf] = tensor
    return twin.train(layer.training)


def _options(kind: type[nn.Module]) -> dict[str, inspect.Parameter]:
    """What the constructor takes; torch's RNN, LSTM and GRU declare it in their base class."""
    options = dict(inspect.signature(kind).parameters)
    if issubclass(kind, nn.RNNBase):
        options |= inspect.signature(nn.RNNBase).parameters
        del options["mode"]
        if kind is nn.RNN:
            options["nonlinearity"] = inspect.Parameter("nonlinearity", inspect.Parameter.KEYWORD_ONLY)
    return options


def _argument(layer: nn.Module, option: str, default: Any) -> Any:
    """The value that `layer` was made with, read back from what it keeps."""
    block = getattr(layer, "self_attn", None)
    if block is not None and option in _FROM_BLOCK:
        return _FROM_BLOCK[option](layer)
    if isinstance(layer, (nn.MultiheadAttention, MultiheadAttention)) and option in _FROM_ATTENTION:
        return _FROM_ATTENTION[option](layer)
    value = getattr(layer, option, default)
    if option == "bias" and not isinstance(value, bool):  # the parameter, or None
        return value is not None
    return value


_FROM_BLOCK = {
    "d_model": lambda block: block.self_attn.embed_dim,
    "nhead": lambda block: block.self_attn.num_heads,
    "dim_feedforward": lambda block: block.linear1.out_features,
    "dropout": lambda block: block.dropout.p,
    "layer_norm_eps": lambda block: block.norm1.eps,
    "batch_first": lambda block: block.self_attn.batch_first,
    "bias": lambda block: block.linear1.bias is not None,
}
_FROM_ATTENTION = {
    "bias": lambda layer: layer.in_proj_bias is not None,
    "add_bias_kv": lambda layer: layer.bias_k is not None,
    "kdim": lambda layer: None if layer.kdim == layer.embed_dim else layer.kdim,
    "vdim": lambda layer: None if layer.vdim == layer.embed_dim else layer.vdim,
}
