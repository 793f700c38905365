"""Tables of numbers: real data sets as tensors, and standardizing without a leak.

Table  read_table  Standardizer
"""

import importlib
from dataclasses import dataclass

import torch

from kit import check
from kit.data.registry import Card, Entry
from kit.shapes import Float, Int, Shaped, Tensor


@dataclass(frozen=True, eq=False)
class Table:
    """Features and targets of one data set.

    Shapes: x (N, D) floating; y (N,), int64 class numbers or floating values;
    feature_names D texts, class_names C texts (empty for a regression); train and test
    are int64 row numbers where its publisher made a split, else None. Units of the features
    stand in the card. Lesson: 02.
    """

    name: str
    x: Float[Tensor, "N D"]
    y: Shaped[Tensor, " N"]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    card: Card
    train: Int[Tensor, " train"] | None = None
    test: Int[Tensor, " test"] | None = None

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.y)

    def __repr__(self) -> str:
        what = f"{len(self.class_names)} classes" if self.class_names else "a regression"
        return f"Table({self.name!r}: {len(self)} samples, {self.x.shape[1]} features, {what})"


@dataclass(frozen=True, eq=False)
class Standardizer:
    """(x - mean) / scale, with mean and scale of the data it was fitted on.

    Fit it on the training part alone: a mean that has seen the test part is a leak.
    Shapes: mean and scale (D,). Lesson: 05.
    """

    mean: Float[Tensor, " D"]
    scale: Float[Tensor, " D"]

    @classmethod
    def fit(cls, x: Tensor) -> "Standardizer":
        """Mean and population standard deviation of x (N, D); 1 for a constant column.

        Raises: TypeError unless floating, ValueError for another rank, NaN or no sample.
        """
        check.tensor("x", x, ndim=2, kind="float")
        check.nonempty("x", x)
        check.finite("x", x)
        scale = x.double().std(dim=0, correction=0)
        constant = scale <= 10 * torch.finfo(x.dtype).eps * x.double().mean(dim=0).abs()
        return cls(x.double().mean(dim=0).to(x.dtype), torch.where(constant, 1, scale).to(x.dtype))

    def __call__(self, x: Tensor) -> Float[Tensor, "N D"]:
        """Standardize x (N, D). Raises: ValueError for another number of columns."""
        check.tensor("x", x, ndim=2, last=len(self.mean), kind="float")
        return (x - self.mean) / self.scale

    def inverse(self, z: Tensor) -> Float[Tensor, "N D"]:
        """Undo the standardizing of z (N, D)."""
        check.tensor("z", z, ndim=2, last=len(self.mean), kind="float")
        return z * self.scale + self.mean


def read_table(entry: Entry, card: Card, *, dtype: torch.dtype = torch.float32) -> Table:
    """A table that ships with scikit-learn, as tensors of `dtype`. Lesson: 02."""
    module = importlib.import_module(entry.options["module"])
    bunch = getattr(module, entry.options["function"])()
    classes = tuple(str(name) for name in getattr(bunch, "target_names", ()))
    target = torch.from_numpy(bunch.target)
    return Table(
        entry.name,
        torch.from_numpy(bunch.data).to(dtype),
        target.long() if classes else target.to(dtype),
        tuple(str(name) for name in bunch.feature_names),
        classes,
        card,
    )
