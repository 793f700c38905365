"""Data: what there is, where it comes from, and how it reaches a model.

    load  get  available  path  verify  entries  card  DataError
    Entry  Status  Card
    Table  Frame  Standardizer  Texts  Images  Photos  Corpus  Pairs  Ratings
    random_split  stratified_split  group_split  time_split  k_fold  Split
    Batches  TokenBlocks  in_order
    augment: random_crop  random_flip  random_rotation  random_light  cutout  mixup  rotate  adjust_light
    CharTokenizer  WordPieceTokenizer  BytePairTokenizer  Tokenizer  split_words  pad_batch
    read_gguf  GGUF  TensorInfo
    ensure_torchvision

`load` uses no network; what must be downloaded is fetched once by
`kit data get NAME` (or `get(NAME)`), verified, and kept in the user's cache.
"""

from kit.data import augment
from kit.data.batches import Batches
from kit.data.blocks import TokenBlocks, in_order
from kit.data.byte_pairs import BytePairTokenizer
from kit.data.corpora import Corpus, Pairs
from kit.data.fetch import get
from kit.data.frames import Frame
from kit.data.gguf import GGUF, TensorInfo, read_gguf
from kit.data.images import Images, Photos
from kit.data.loading import load
from kit.data.pretokens import split_words
from kit.data.ratings import Ratings
from kit.data.registry import Card, DataError, Entry, Status, available, card, entries, path, verify
from kit.data.splits import Split, group_split, k_fold, random_split, stratified_split, time_split
from kit.data.tables import Standardizer, Table
from kit.data.text import Texts
from kit.data.tokenizers import CharTokenizer, Tokenizer, pad_batch
from kit.data.torchvision_ops import ensure_torchvision
from kit.data.wordpieces import WordPieceTokenizer

__all__ = [
    "GGUF",
    "Batches",
    "BytePairTokenizer",
    "Card",
    "CharTokenizer",
    "Corpus",
    "DataError",
    "Entry",
    "Frame",
    "Images",
    "Pairs",
    "Photos",
    "Ratings",
    "Split",
    "Standardizer",
    "Status",
    "Table",
    "TensorInfo",
    "Texts",
    "TokenBlocks",
    "Tokenizer",
    "WordPieceTokenizer",
    "augment",
    "available",
    "card",
    "ensure_torchvision",
    "entries",
    "get",
    "group_split",
    "in_order",
    "k_fold",
    "load",
    "pad_batch",
    "path",
    "random_split",
    "read_gguf",
    "split_words",
    "stratified_split",
    "time_split",
    "verify",
]
