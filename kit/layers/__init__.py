"""Layers written like their formulas, interchangeable with torch.nn's.

In the order the lessons use them:

    fused                                       formula or kernel
    Linear                                      03
    relu  leaky_relu  elu  selu  sigmoid  tanh  gelu  silu  softplus
    ReLU  LeakyReLU  ELU  SELU  Sigmoid  Tanh  GELU  SiLU  Softplus
    logsumexp  softmax  log_softmax  Softmax  LogSoftmax
    dropout  Dropout  BatchNorm1d               05
    BatchNorm2d                                 06
    Embedding                                   07
    LayerNorm  RMSNorm                          08

Same constructor arguments, forward contract, initialization and state_dict keys
as torch.nn, so weights move either way. By default a layer runs PyTorch's fused
kernel; `with kit.layers.fused(False):` runs the formula.
"""

from kit.layers.activation import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
    elu,
    gelu,
    leaky_relu,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    tanh,
)
from kit.layers.dropout import Dropout, dropout
from kit.layers.embedding import Embedding
from kit.layers.fused import fused
from kit.layers.linear import Linear
from kit.layers.normalization import BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm
from kit.layers.softmax import LogSoftmax, Softmax, log_softmax, logsumexp, softmax

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "Embedding",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "RMSNorm",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "dropout",
    "elu",
    "fused",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
