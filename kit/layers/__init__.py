"""Layers written like their formulas, interchangeable with torch.nn's.

In the order the lessons use them:

    fused                                       formula or kernel
    Linear                                      03
    relu  leaky_relu  elu  selu  sigmoid  tanh  gelu  silu  softplus
    ReLU  LeakyReLU  ELU  SELU  Sigmoid  Tanh  GELU  SiLU  Softplus
    logsumexp  softmax  log_softmax  Softmax  LogSoftmax
    dropout  Dropout  BatchNorm1d               05
    im2col  conv2d  Conv2d  ConvTranspose2d     06
    MaxPool2d  AvgPool2d  AdaptiveAvgPool2d  BatchNorm2d  ResidualBlock
    Embedding  masked_mean                      07
    rnn_cell  lstm_cell  gru_cell  RNN  LSTM  GRU
    LayerNorm  RMSNorm                          08
    scaled_dot_product_attention  causal_attention  attention_weights  causal_mask
    MultiheadAttention
    sinusoidal  SinusoidalPosition  LearnedPosition  rotary_angles  rotate  RotaryPosition
    TransformerEncoderLayer  TransformerEncoder  TransformerDecoderLayer  TransformerDecoder
    SwiGLU  KeyValueCache  MixtureOfExperts  load_balance  swap
    LoRALinear  add_lora  merge_lora  remove_lora   09
    LowRankLinear                               13

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
from kit.layers.adapters import LoRALinear, LowRankLinear, add_lora, merge_lora, remove_lora
from kit.layers.attention import (
    MultiheadAttention,
    attention_weights,
    causal_attention,
    causal_mask,
    scaled_dot_product_attention,
)
from kit.layers.cache import KeyValueCache
from kit.layers.convolution import Conv2d, ConvTranspose2d, conv2d, im2col
from kit.layers.dropout import Dropout, dropout
from kit.layers.embedding import Embedding
from kit.layers.experts import MixtureOfExperts, load_balance
from kit.layers.fused import fused
from kit.layers.linear import Linear
from kit.layers.normalization import BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm
from kit.layers.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, masked_mean
from kit.layers.position import (
    LearnedPosition,
    RotaryPosition,
    SinusoidalPosition,
    rotary_angles,
    rotate,
    sinusoidal,
)
from kit.layers.recurrent import GRU, LSTM, RNN, gru_cell, lstm_cell, rnn_cell
from kit.layers.residual import ResidualBlock
from kit.layers.softmax import LogSoftmax, Softmax, log_softmax, logsumexp, softmax
from kit.layers.swap import swap
from kit.layers.transformer import (
    SwiGLU,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
)

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "KeyValueCache",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPosition",
    "Linear",
    "LoRALinear",
    "LogSoftmax",
    "LowRankLinear",
    "MaxPool2d",
    "MixtureOfExperts",
    "MultiheadAttention",
    "RMSNorm",
    "ReLU",
    "ResidualBlock",
    "RotaryPosition",
    "SiLU",
    "Sigmoid",
    "SinusoidalPosition",
    "Softmax",
    "Softplus",
    "SwiGLU",
    "Tanh",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "add_lora",
    "attention_weights",
    "causal_attention",
    "causal_mask",
    "conv2d",
    "dropout",
    "elu",
    "fused",
    "gelu",
    "gru_cell",
    "im2col",
    "leaky_relu",
    "load_balance",
    "log_softmax",
    "logsumexp",
    "lstm_cell",
    "masked_mean",
    "merge_lora",
    "relu",
    "remove_lora",
    "rnn_cell",
    "rotary_angles",
    "rotate",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "sinusoidal",
    "softmax",
    "softplus",
    "swap",
    "tanh",
]
