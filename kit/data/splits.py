"""Who is trained on and who is kept apart: index tensors for honest splits.

    Split  random_split  stratified_split  group_split  time_split  k_fold

Each function returns indices, not copies: `x[split.train]`, `y[split.test]`.
The order within a part is shuffled by the seed, except in `time_split`.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch

from kit import check
from kit.shapes import Int, Tensor


class Split(NamedTuple):
    """Indices of three parts that share no sample and cover all of them.

    Shapes: int64 vectors whose lengths sum to N. Lesson: 05.
    """

    train: Int[Tensor, " train"]
    validation: Int[Tensor, " validation"]
    test: Int[Tensor, " test"]


def random_split(n: int, *, validation: float | int = 0.15, test: float | int = 0.15, seed: int = 0) -> Split:
    """Split N samples at random; every sample is as likely in each part.

    `validation` and `test` are shares of N, rounded to whole samples; training gets
    the rest. Raises: ValueError unless something is left to train on. Lesson: 05.
    """
    check.integer("n", n, 1)
    order = torch.randperm(int(n), generator=torch.Generator().manual_seed(seed))
    sizes = _sizes(int(n), validation, test)
    return Split(*order.split(sizes))


def stratified_split(y, *, validation: float | int = 0.15, test: float | int = 0.15, seed: int = 0) -> Split:
    """Split so that each part has the classes in (nearly) the same shares.

    Within a class the parts are cut by rounding down, and what is left over goes to the
    largest fractions, so the totals are exact and no class is off by two samples.

    Shapes: y (N,), class labels. Raises: ValueError where a class is too small to be in each part.
    Source: Kohavi (1995). Lesson: 05.
    """
    classes, label, count = _groups("y", y)
    total = _sizes(len(label), validation, test)
    generator = torch.Generator().manual_seed(seed)
    test_size = _allocate(count, total[2])
    validation_size = _allocate(count - test_size, total[1])
    parts: list[list[Tensor]] = [[], [], []]
    for i, name in enumerate(classes):
        sizes = [
            int(count[i] - test_size[i] - validation_size[i]),
            int(validation_size[i]),
            int(test_size[i]),
        ]
        for size, wanted, part in zip(sizes, total, Split._fields):
            if size == 0 and wanted > 0:
                raise ValueError(
                    f"y holds class {name} {int(count[i])} times, too few for the {part} part; "
                    "add samples, merge classes, or use random_split"
                )
        rows = (label == i).nonzero().squeeze(1)
        rows = rows[torch.randperm(len(rows), generator=generator)]
        for part, piece in zip(parts, rows.split(sizes)):
            part.append(piece)
    joined = (torch.cat(part) for part in parts)
    return Split(*(p[torch.randperm(len(p), generator=generator)] for p in joined))


def group_split(groups, *, validation: float | int = 0.15, test: float | int = 0.15, seed: int = 0) -> Split:
    """Split whole groups, so that no person or document is in two parts.

    Groups are taken in random order until a part has its share, so the shares are met only
    as closely as the groups allow.

    Shapes: groups (N,), the group of each sample. Raises: ValueError for fewer groups than parts.
    Lesson: 11.
    """
    names, label, count = _groups("groups", groups)
    total = _sizes(len(label), validation, test)
    used = sum(size > 0 for size in total)
    if len(names) < used:
        raise ValueError(
            f"groups holds {len(names)} groups, {used} are needed; collect more or ask for fewer parts"
        )
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(names), generator=generator).tolist()
    part_of = torch.zeros(len(names), dtype=torch.long)
    for part in (2, 1):
        have, reserved = 0, 1 + (part == 2 and total[1] > 0)  # groups that the other parts need
        while total[part] and len(order) > reserved:
            size = int(count[order[-1]])
            if have and have + size / 2 >= total[part]:
                break  # nearer to the share without this group
            part_of[order.pop()] = part
            have += size
    rows = torch.randperm(len(label), generator=generator)
    return Split(*(rows[part_of[label[rows]] == part] for part in range(3)))


def time_split(time, *, validation: float | int = 0.15, test: float | int = 0.15) -> Split:
    """Train on the past, validate on the nearer and test on the farther future.

    Samples of equal time stay together, in the earlier part. Indices are in order of time.

    Shapes: time (N,), numbers that grow. Raises: ValueError where ties leave a part empty.
    Source: Bergmeir & Benitez (2012). Lesson: 11.
    """
    time = torch.as_tensor(time)
    check.tensor("time", time, ndim=1)
    check.nonempty("time", time)
    total = _sizes(len(time), validation, test)
    order = time.argsort(stable=True)
    ordered = time[order]
    cuts = [total[0], total[0] + total[1]]
    for i, cut in enumerate(cuts):
        while 0 < cut < len(time) and ordered[cut] == ordered[cut - 1]:
            cut += 1
        cuts[i] = cut
    parts = Split(order[: cuts[0]], order[cuts[0] : cuts[1]], order[cuts[1] :])
    for name, part, wanted in zip(Split._fields, parts, total):
        if wanted and not len(part):
            raise ValueError(f"time has too many equal values, the {name} part is empty; give finer times")
    return parts


def k_fold(n: int, *, k: int = 5, y=None, seed: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield k pairs (train, test) of indices; each sample is tested exactly once.

    With class labels `y` (N,) every fold holds each class in (nearly) its share.
    Raises: ValueError unless 2 <= k <= n, or for a class rarer than k.
    Source: Stone (1974); Kohavi (1995). Lesson: 12.
    """
    check.integer("n", n, 2)
    check.integer("k", k, 2, int(n))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(int(n), generator=generator)
    if y is not None:
        classes, label, count = _groups("y", y)
        check.same_length(y=label, samples=range(n))
        if int(count.min()) < k:
            rare = int(count.argmin())
            raise ValueError(
                f"k={k} is more than the {int(count[rare])} samples of class {classes[rare]}; "
                "choose a smaller k or leave y out"
            )
        order = order[label[order].argsort(stable=True)]  # class by class, then dealt out like cards
    return _folds(order, k)


def _folds(order: torch.Tensor, k: int):
    fold = torch.arange(len(order)) % k
    for i in range(k):
        yield order[fold != i], order[fold == i]


def _groups(name: str, values) -> tuple[list, torch.Tensor, torch.Tensor]:
    """Distinct values, index of each sample's value (N,), and how often each occurs."""
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    check.nonempty(name, listed)
    if isinstance(listed[0], list):
        raise ValueError(f"{name} has more than one dimension; give one entry per sample")
    names = sorted(set(listed))
    index = {value: i for i, value in enumerate(names)}
    label = torch.tensor([index[value] for value in listed])
    return names, label, torch.bincount(label, minlength=len(names))


def _sizes(n: int, validation, test) -> list[int]:
    check.number("validation", validation, 0, below=1)
    check.number("test", test, 0, below=1)
    sizes = [0, round(n * validation), round(n * test)]
    sizes[0] = n - sum(sizes)
    if sizes[0] < 1:
        raise ValueError(
            f"validation={validation} and test={test} of {n} samples leave none to train on; "
            "choose smaller shares"
        )
    return sizes


def _allocate(count: torch.Tensor, total: int) -> torch.Tensor:
    """`total` places shared out in proportion to `count`, by largest remainder."""
    share = count.double() * total / count.sum()
    places = share.floor().long()
    left = total - int(places.sum())
    places[(share - places).argsort(descending=True, stable=True)[:left]] += 1
    return places
