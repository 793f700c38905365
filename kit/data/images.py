"""Pictures as tensors: labelled sets of one size, and photographs by name.

    Images  Photos  read_images  read_photos  read_faces

Pixels are kept as bytes and handed out as float32 in [0, 1], channels first.
"""

import importlib.util
import io
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kit import check
from kit.data.registry import Card, DataError, Entry, path
from kit.shapes import Float, Int, Shaped, Tensor


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled pictures of one size, with the split their publisher made.

    Shapes: pixels (N, C, H, W) uint8, 0 is black; labels (N,) int64 into class_names;
    train and test int64 indices that share no picture. Lesson: 06.
    """

    name: str
    pixels: Shaped[Tensor, "N C H W"]
    labels: Int[Tensor, " N"]
    class_names: tuple[str, ...]
    train: Int[Tensor, " train"]
    test: Int[Tensor, " test"]
    card: Card

    @property
    def images(self) -> Float[Tensor, "N C H W"]:
        """All pictures as float32 in [0, 1]: four times the memory of `pixels`."""
        return self.pixels.float() / 255

    def part(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (n, C, H, W), float32 in [0, 1], and labels (n,) of `indices` (n,)."""
        return self.pixels[indices].float() / 255, self.labels[indices]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.labels)

    def __repr__(self) -> str:
        c, h, w = self.pixels.shape[1:]
        return f"Images({self.name!r}: {len(self)} of {c}x{h}x{w}, {len(self.class_names)} classes)"


class Photos(Mapping):
    """Photographs by name, each (3, H, W) float32 in [0, 1], decoded when asked for.

    Raises: ValueError for an unknown name, with the nearest. Lesson: 06.
    """

    def __init__(self, name: str, files: dict[str, Path], card: Card):
        self.name, self.files, self.card = name, files, card

    def __getitem__(self, name: str) -> Float[Tensor, "3 H W"]:
        """The photograph `name`."""
        from PIL import Image  # comes with matplotlib

        check.one_of("name", name, self.files)
        with Image.open(self.files[name]) as picture:
            pixels = np.array(picture.convert("RGB"))
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float() / 255

    def __contains__(self, name) -> bool:
        return name in self.files

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.files)

    def __repr__(self) -> str:
        return f"Photos({self.name!r}: {', '.join(self.files)})"


def read_images(entry: Entry, card: Card) -> Images:
    """A compressed pair of arrays; the first `train` pictures are for training. Lesson: 06."""
    with np.load(io.BytesIO(lzma.decompress(path(entry.name).read_bytes()))) as arrays:
        pixels, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]).long()
    order = torch.arange(len(labels))
    train, test = order[: entry.options["train"]], order[entry.options["train"] :]
    names = tuple(entry.options["class_names"])
    return Images(entry.name, pixels.unsqueeze(1), labels, names, train, test, card)


def read_photos(entry: Entry, card: Card) -> Photos:
    """Photographs that ship with scikit-image and scikit-learn. Lesson: 06."""
    return Photos(entry.name, {k: _inside(entry, v) for k, v in entry.options["files"].items()}, card)


def read_faces(entry: Entry, card: Card) -> Images:
    """The faces that ship with scikit-image, first half faces; no test part. Lesson: 06."""
    values = np.load(_inside(entry, entry.options["file"]))  # (200, 25, 25) in [0, 1]
    pixels = torch.from_numpy(np.round(values * 255).astype(np.uint8)).unsqueeze(1)
    labels = (torch.arange(len(pixels)) >= len(pixels) // 2).long()
    names, order = tuple(entry.options["class_names"]), torch.arange(len(pixels))
    return Images(entry.name, pixels, labels, names, order, order[:0], card)


def _inside(entry: Entry, file: str) -> Path:
    """A file of an installed package, which is not imported for it."""
    package, _, rest = file.partition("/")
    found = importlib.util.find_spec(package)
    place = Path(found.submodule_search_locations[0]) / rest if found else Path(file)
    if not place.is_file():
        raise DataError(f"{entry.name} needs {file}, which is not installed; reinstall {package}")
    return place
