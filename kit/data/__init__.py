"""Data: what there is, where it comes from, and how it reaches a model.

    load  get  available  path  verify  entries  card  DataError
    Entry  Status  Card
    Table  Standardizer  Texts
    random_split  stratified_split  group_split  time_split  k_fold  Split
    Batches  TokenBlocks  in_order
    read_gguf  GGUF  TensorInfo
    ensure_torchvision

`load` uses no network; what must be downloaded is fetched once by
`kit data get NAME` (or `get(NAME)`), verified, and kept in the user's cache.
"""

from kit.data.batches import Batches
from kit.data.blocks import TokenBlocks, in_order
from kit.data.fetch import get
from kit.data.gguf import GGUF, TensorInfo, read_gguf
from kit.data.loading import load
from kit.data.registry import Card, DataError, Entry, Status, available, card, entries, path, verify
from kit.data.splits import Split, group_split, k_fold, random_split, stratified_split, time_split
from kit.data.tables import Standardizer, Table
from kit.data.text import Texts
from kit.data.torchvision_ops import ensure_torchvision

__all__ = [
    "GGUF",
    "Batches",
    "Card",
    "DataError",
    "Entry",
    "Split",
    "Standardizer",
    "Status",
    "Table",
    "TensorInfo",
    "Texts",
    "TokenBlocks",
    "available",
    "card",
    "ensure_torchvision",
    "entries",
    "get",
    "group_split",
    "in_order",
    "k_fold",
    "load",
    "path",
    "random_split",
    "read_gguf",
    "stratified_split",
    "time_split",
    "verify",
]
