"""Models: each a config dataclass and a module that reads top to bottom.

count_parameters                                                01
MLPConfig  MLP                                                  03
Seq2SeqConfig  Seq2SeqTransformer                               08
GPTConfig  GPT  GPT_PRESETS  LlamaConfig  Llama  LLAMA_PRESETS  09
BertConfig  Bert  BertForMaskedLM  BertForSequenceClassification  BERT_PRESETS
load_weights  load_gpt2  load_bert  load_llama  llama_from_gguf
"""

from kit.models.bert import (
    BERT_PRESETS,
    Bert,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
)
from kit.models.gpt import GPT, GPT_PRESETS, GPTConfig
from kit.models.llama import LLAMA_PRESETS, Llama, LlamaConfig
from kit.models.loading import llama_from_gguf, load_bert, load_gpt2, load_llama, load_weights
from kit.models.mlp import MLP, MLPConfig, count_parameters
from kit.models.seq2seq import Seq2SeqConfig, Seq2SeqTransformer

__all__ = [
    "BERT_PRESETS",
    "GPT",
    "GPT_PRESETS",
    "LLAMA_PRESETS",
    "MLP",
    "Bert",
    "BertConfig",
    "BertForMaskedLM",
    "BertForSequenceClassification",
    "GPTConfig",
    "Llama",
    "LlamaConfig",
    "MLPConfig",
    "Seq2SeqConfig",
    "Seq2SeqTransformer",
    "count_parameters",
    "llama_from_gguf",
    "load_bert",
    "load_gpt2",
    "load_llama",
    "load_weights",
]
