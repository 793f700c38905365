"""Every message of kit.check, word for word."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kit import check


def message(call, kind=ValueError) -> str:
    with pytest.raises(kind) as error:
        call()
    assert type(error.value) is kind
    return str(error.value)


def test_values_are_shown_short():
    assert check.show("adam") == "'adam'"
    assert check.show("x" * 100) == "'" + "x" * 56 + "..."
    assert check.show(torch.ones(2, 3)) == "Tensor(2, 3) of torch.float32"
    assert check.show(np.zeros(4)) == "ndarray(4,) of float64"


def test_unknown_names_get_a_suggestion():
    check.one_of("optimizer", "adam", ["sgd", "adam"])
    assert message(lambda: check.one_of("optimizer", "adma", ["sgd", "adam"])) == (
        "optimizer='adma' is not known; did you mean 'adam'? choose from sgd, adam"
    )
    assert message(lambda: check.one_of("optimizer", ["adam"], {"adam": 1})) == (
        "optimizer=['adam'] is not known; did you mean 'adam'? choose from adam"
    )
    assert message(lambda: check.one_of("optimizer", 7, ["sgd", "adam"])) == (
        "optimizer=7 is not known; choose from sgd, adam"
    )


def test_whole_numbers():
    for good in (3, np.int64(3), torch.tensor(3)):
        check.integer("heads", good, 1, 8)
    assert message(lambda: check.integer("heads", 2.0, 1), TypeError) == (
        "heads=2.0 is not a whole number; give an int >= 1"
    )
    assert message(lambda: check.integer("heads", True), TypeError) == (
        "heads=True is not a whole number; give an int"
    )
    assert message(lambda: check.integer("heads", torch.tensor(2.0)), TypeError) == (
        "heads=Tensor() of torch.float32 is not a whole number; give an int"
    )
    assert message(lambda: check.integer("heads", np.array([1, 2])), TypeError) == (
        "heads=ndarray(2,) of int64 is not a whole number; give an int"
    )
    assert message(lambda: check.integer("heads", 0, 1, 8)) == (
        "heads=0 is out of range; give an int >= 1 and <= 8"
    )
    assert message(lambda: check.integer("heads", 9, high=8)) == "heads=9 is out of range; give an int <= 8"


def test_real_numbers():
    for good in (0.1, 1, np.float32(0.5), torch.tensor(0.5)):
        check.number("lr", good, 0, above=0, below=2)
    assert message(lambda: check.number("lr", -1, 0)) == "lr=-1 is out of range; give a float >= 0"
    assert message(lambda: check.number("lr", 0, above=0)) == "lr=0 is out of range; give a float > 0"
    assert message(lambda: check.number("beta", 1.0, 0, below=1)) == (
        "beta=1.0 is out of range; give a float >= 0 and < 1"
    )
    assert message(lambda: check.number("lr", float("nan"))) == (
        "lr=nan is out of range; give a float that is finite"
    )
    assert message(lambda: check.number("lr", float("inf"), 0)) == "lr=inf is out of range; give a float >= 0"
    assert message(lambda: check.number("n", 10**400)) == (
        "n=1" + "0" * 56 + "... is out of range; give a float that is finite"
    )
    for bad in ("0.1", None, True, [1, 2]):
        assert message(lambda bad=bad: check.number("lr", bad, 0), TypeError) == (
            f"lr={bad!r} is not a number; give a float >= 0"
        )


def test_probabilities():
    check.probability("p", 0)
    check.probability("p", 1.0)
    assert message(lambda: check.probability("p", 1.01)) == (
        "p=1.01 is out of range; give a float >= 0 and <= 1"
    )


def test_divisors_are_listed():
    check.divides("heads", 4, "width", 12)
    assert message(lambda: check.divides("heads", 5, "width", 12)) == (
        "heads=5 does not divide width=12; choose heads from 1, 2, 3, 4, 6, 12"
    )
    assert message(lambda: check.divides("heads", 0, "width", 12)) == (
        "heads=0 is out of range; give an int >= 1"
    )


def test_emptiness():
    check.nonempty("batch", [1])
    assert message(lambda: check.nonempty("batch", [])) == "batch is empty; give at least one item"


def test_lengths():
    check.same_length(x=[1, 2], y=(3, 4))
    assert message(lambda: check.same_length(x=[1, 2], y=[1])) == (
        "len(x)=2, len(y)=1 differ; give one entry of each per sample"
    )


def test_tensors():
    x = torch.ones(2, 3)
    check.tensor("x", x, ndim=(2, 3), last=3, kind="float")
    check.tensor("x", np.ones(2, dtype=int), ndim=1, kind="integer")
    check.tensor("x", x.bfloat16(), kind="float")
    assert message(lambda: check.tensor("x", [1, 2]), TypeError) == (
        "x=[1, 2] is not a tensor; convert it with torch.as_tensor(x)"
    )
    assert message(lambda: check.tensor("x", x.long(), kind="float"), TypeError) == (
        "x has dtype torch.int64, a floating one is needed; use x.float()"
    )
    assert message(lambda: check.tensor("x", x, kind="integer"), TypeError) == (
        "x has dtype torch.float32, whole numbers are needed; use x.long()"
    )
    assert message(lambda: check.tensor("x", x > 0, kind="integer"), TypeError) == (
        "x has dtype torch.bool, whole numbers are needed; use x.long()"
    )
    assert message(lambda: check.tensor("x", x, ndim=1)) == (
        "x has shape (2, 3), 1 dimension is needed; reshape it"
    )
    assert message(lambda: check.tensor("x", x, ndim=(3, 4))) == (
        "x has shape (2, 3), 3 or 4 dimensions are needed; reshape it"
    )
    assert message(lambda: check.tensor("x", x, last=4)) == (
        "x has shape (2, 3), its last dimension must be 4; reshape it"
    )
    assert message(lambda: check.tensor("x", torch.tensor(1.0), last=4)) == (
        "x has shape (), its last dimension must be 4; reshape it"
    )


def test_shapes():
    check.same_shape("x", torch.ones(2), "y", np.ones(2))
    assert message(lambda: check.same_shape("x", torch.ones(2), "y", torch.ones(2, 1))) == (
        "x has shape (2,) and y (2, 1); they must be the same, reshape one of them"
    )


def test_finiteness():
    check.finite("loss", torch.ones(2))
    check.finite("loss", np.ones(2))
    check.finite("loss", torch.empty(0))
    bad = [1.0, float("nan"), float("inf"), -float("inf")]
    for array in (torch.tensor(bad), np.array(bad)):
        assert message(lambda array=array: check.finite("loss", array)) == (
            "loss holds 3 NaN or infinite values of 4; remove or replace them"
        )
    assert message(lambda: check.finite("loss", torch.tensor([float("nan")]))) == (
        "loss holds 1 NaN or infinite values of 1; remove or replace them"
    )


def test_nothing_is_imported_but_the_standard_library():
    tree = ast.parse(Path(check.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {alias.name for node in imports for alias in node.names} <= sys.stdlib_module_names
