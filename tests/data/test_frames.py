"""Tables about people: what was published about them, columns as numbers, what never reaches the cache."""

import math

import numpy as np
import pytest
import torch

from kit import data
from kit.data import DataError, Frame
from kit.metrics import wilson_interval

ROWS = "city,age,score,race,out\nRome,30,0.5,b,yes\nOslo,40,,a,no\n,50,1.5,b,no\nBonn,60,2.5,a,yes\n"
OPTIONS = """options = { target = "out", positive = "yes", features = ["city", "age", "score", "race"],
sensitive = ["race"], test_rows = 1 }""".replace("\n", " ")


def load(name: str) -> Frame:
    try:
        return data.load(name)
    except DataError as error:
        pytest.skip(str(error))


@pytest.fixture
def small(index) -> Frame:
    index.add("small", {"pkg_small/rows.csv": ROWS}, reader="frame", extra=OPTIONS)
    return data.load("small", fetch=True)


def test_columns_are_numbers_where_they_can_be(small):
    assert repr(small) == "Frame('small': 4 rows, 5 columns, predict out=yes)"
    assert small["age"].dtype == np.int64
    assert np.array_equal(small["score"], [0.5, math.nan, 1.5, 2.5], equal_nan=True)
    assert small["city"].tolist() == ["Rome", "Oslo", "", "Bonn"]
    assert small.y.tolist() == [1, 0, 0, 1]
    assert small.sensitive == ("race",)
    assert (small.train.tolist(), small.test.tolist()) == ([1, 2, 3], [0])


def test_a_part_keeps_its_split(small):
    part = small.where(small["age"] != 40)
    assert part["age"].tolist() == [30, 50, 60]
    assert (part.train.tolist(), part.test.tolist()) == ([1, 2], [0])
    assert small.complete.tolist() == [True, False, False, True]
    assert len(small.where(torch.tensor([True, False, False, False])).train) == 0


def test_texts_become_columns_of_zero_and_one(small):
    table = small.where(small.complete).encode()
    assert table.feature_names == ("city=Rome", "age", "score", "race=b")
    assert table.x.tolist() == [[1, 30, 0.5, 1], [0, 60, 2.5, 0]]
    assert (table.y.tolist(), table.class_names) == ([1, 1], ("other", "yes"))
    three = small.encode(without=("score", "age", "city"), dtype=torch.float64)
    assert (three.feature_names, three.class_names) == (("race=b",), ("no", "yes"))
    assert three.x.dtype == torch.float64
    assert three.train.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda f: f["rase"],
            "column='rase' is not known; did you mean 'race'? choose from city, age, score, race, out",
        ),
        (
            lambda f: f.encode(without=["rac"]),
            "without='rac' is not known; did you mean 'race'? choose from city, age, score, race",
        ),
        (
            lambda f: f.encode(without=["city"]),
            "column 'score' lacks 1 of 4 values; keep the whole rows: frame.where(frame.complete)",
        ),
        (
            lambda f: f.where([0, 1]),
            "rows=ndarray(2,) of int64 is no mask; give 4 values of type bool",
        ),
    ],
)
def test_mistakes_in_a_frame_are_named(small, call, message):
    with pytest.raises(ValueError) as caught:
        call(small)
    assert str(caught.value) == message


def test_adult_has_its_official_test_part():
    adult = load("adult")
    assert (len(adult), len(adult.train), len(adult.test)) == (48_842, 32_561, 16_281)
    assert (int(adult.y[adult.test].sum()), int(adult.y[adult.train].sum())) == (3_846, 7_841)
    table = adult.encode()
    assert "fnlwgt" not in adult.columns
    assert table.x.shape == (48_842, 106)
    assert table.class_names == ("<=50K", ">50K")
    assert (adult["native-country"] == "?").sum() == 857


def error_rates(frame: Frame, race: str) -> list[float]:
    """False positive rate, false negative rate and precision of "medium or high"."""
    group = frame.where(frame["race"] == race)
    said, came = torch.from_numpy(group["score_text"] != "Low"), group.y.bool()
    rates = (said & ~came).sum() / (~came).sum(), (~said & came).sum() / came.sum(), came[said].float().mean()
    return [round(100 * float(rate), 2) for rate in rates]


def test_compas_gives_propublicas_error_rates():
    """Source: Larson, Mattu, Kirchner & Angwin (2016), the table "Prediction Fails Differently"."""
    compas = load("compas")
    assert len(compas) == 7_214
    assert error_rates(compas, "African-American") == [44.85, 27.99, 62.97]
    assert error_rates(compas, "Caucasian") == [23.45, 47.72, 59.13]
    kept = compas.where(abs(compas["days_b_screening_arrest"]) <= 30)
    assert len(kept) == 6_172
    assert error_rates(kept, "African-American") == [42.34, 28.48, 64.95]
    assert error_rates(kept, "Caucasian") == [22.01, 49.64, 59.48]


def test_the_cache_knows_nobody_by_name():
    compas = load("compas")
    assert {"name", "first", "last", "dob", "c_case_number", "c_jail_in"} & set(compas.columns) == set()
    assert "hernandez" not in data.path("compas").read_text("utf-8").lower()


def test_the_audit_of_hiring_gives_the_published_gap():
    """Source: Bertrand & Mullainathan (2004), table 1: 9.65 and 6.45 percent called back."""
    audit = load("resume_names")
    called = {group: audit.where(audit["ethnicity"] == group).y for group in ("afam", "cauc")}
    (a, n), (b, m) = ((int(y.sum()), len(y)) for y in called.values())
    assert (a, n, b, m) == (157, 2_435, 235, 2_435)
    assert (round(100 * a / n, 2), round(100 * b / m, 2), round(a / n / (b / m), 3)) == (6.45, 9.65, 0.668)
    pooled = (a + b) / (n + m)
    z = (b / m - a / n) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    assert round(z, 2) == 4.11
    assert b / m not in wilson_interval(a, n)
    assert audit.encode().x.shape == (4_870, 28)


def test_mortgages_are_denied_at_the_published_rates():
    """Source: Stock & Watson (2003), chapter 11: 28.3 and 9.3 percent denied."""
    mortgages = load("mortgages")
    kept = mortgages.where(mortgages.complete)
    assert (len(mortgages), len(kept)) == (2_381, 2_380)
    rates = {black: float(kept.where(kept["black"] == black).y.double().mean()) for black in ("yes", "no")}
    assert [round(100 * rate, 1) for rate in rates.values()] == [28.3, 9.3]
    assert np.isclose(kept["dir"].mean(), mortgages["dir"][-1])  # the last row is no application but means
    with pytest.raises(ValueError, match=r"^column 'pbcr' lacks 1 of 2381 values; keep the whole rows"):
        mortgages.encode()
