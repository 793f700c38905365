"""Models: each a config dataclass and a module that reads top to bottom.

count_parameters                                                01
MLPConfig  MLP                                                  03
CNNConfig  CNN  CNN_PRESETS  ResNetConfig  ResNet  RESNET_PRESETS  06
EfficientNetConfig  EfficientNet  load_efficientnet
RNNClassifierConfig  RNNClassifier  RNN_CLASSIFIER_PRESETS      07
CharRNNConfig  CharRNN  FactorizationConfig  MatrixFactorization
Seq2SeqConfig  Seq2SeqTransformer                               08
GPTConfig  GPT  GPT_PRESETS  LlamaConfig  Llama  LLAMA_PRESETS  09
BertConfig  Bert  BertForMaskedLM  BertForSequenceClassification  BERT_PRESETS
load_weights  load_gpt2  load_bert  load_llama  llama_from_gguf
AutoencoderConfig  Autoencoder  VAE                             10
GANConfig  Generator  Discriminator  gan_step  GANStep
DiffusionConfig  Diffusion  coefficients  noised
"""

from kit.models.autoencoder import VAE, Autoencoder, AutoencoderConfig
from kit.models.bert import (
    BERT_PRESETS,
    Bert,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
)
from kit.models.cnn import CNN, CNN_PRESETS, CNNConfig
from kit.models.diffusion import Diffusion, DiffusionConfig, coefficients, noised
from kit.models.efficientnet import EfficientNet, EfficientNetConfig, load_efficientnet
from kit.models.factorization import FactorizationConfig, MatrixFactorization
from kit.models.gan import Discriminator, GANConfig, GANStep, Generator, gan_step
from kit.models.gpt import GPT, GPT_PRESETS, GPTConfig
from kit.models.llama import LLAMA_PRESETS, Llama, LlamaConfig
from kit.models.loading import llama_from_gguf, load_bert, load_gpt2, load_llama, load_weights
from kit.models.mlp import MLP, MLPConfig, count_parameters
from kit.models.recurrent import (
    RNN_CLASSIFIER_PRESETS,
    CharRNN,
    CharRNNConfig,
    RNNClassifier,
    RNNClassifierConfig,
)
from kit.models.resnet import RESNET_PRESETS, ResNet, ResNetConfig
from kit.models.seq2seq import Seq2SeqConfig, Seq2SeqTransformer

__all__ = [
    "BERT_PRESETS",
    "CNN",
    "CNN_PRESETS",
    "GPT",
    "GPT_PRESETS",
    "LLAMA_PRESETS",
    "MLP",
    "RESNET_PRESETS",
    "RNN_CLASSIFIER_PRESETS",
    "VAE",
    "Autoencoder",
    "AutoencoderConfig",
    "Bert",
    "BertConfig",
    "BertForMaskedLM",
    "BertForSequenceClassification",
    "CNNConfig",
    "CharRNN",
    "CharRNNConfig",
    "Diffusion",
    "DiffusionConfig",
    "Discriminator",
    "EfficientNet",
    "EfficientNetConfig",
    "FactorizationConfig",
    "GANConfig",
    "GANStep",
    "GPTConfig",
    "Generator",
    "Llama",
    "LlamaConfig",
    "MLPConfig",
    "MatrixFactorization",
    "RNNClassifier",
    "RNNClassifierConfig",
    "ResNet",
    "ResNetConfig",
    "Seq2SeqConfig",
    "Seq2SeqTransformer",
    "coefficients",
    "count_parameters",
    "gan_step",
    "llama_from_gguf",
    "load_bert",
    "load_efficientnet",
    "load_gpt2",
    "load_llama",
    "load_weights",
    "noised",
]
