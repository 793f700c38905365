"""Evidence must show the erratum; the article's own version is rejected."""

import re

import pytest

from kit.course import ErratumError, errata
from kit.course.errata import Erratum, demonstrate

BASE = {
    "id": "Z01",
    "where": "004 §4",
    "quote": "q",
    "statement": "s",
    "right": "r",
    "source": "definition",
    "lesson": "03",
}
NUMBER = Erratum(kind="number", printed=0.46, value=1.204, **BASE)
RUNS = Erratum(kind="runs", outcome="RuntimeError", **BASE)
WRONG = Erratum(kind="runs", outcome="wrong output", **BASE)
PROPERTY = Erratum(kind="property", **BASE)
RECORD = Erratum(kind="record", **BASE)


def fail(error):
    def run():
        raise error

    return run


def test_each_kind_accepts_its_evidence():
    assert demonstrate(NUMBER, 1.2040) == "computed 1.204, the article prints 0.46"
    assert demonstrate(RUNS, fail(RuntimeError("5 and 3"))) == "run as printed it raises RuntimeError"
    assert demonstrate(WRONG, lambda: False) == "run as printed it gives a wrong result"
    assert demonstrate(PROPERTY, False) == "checked above: the article's statement fails"
    assert demonstrate(RECORD) == "source: definition"


@pytest.mark.parametrize(
    ("erratum", "evidence", "error", "message"),
    [
        (NUMBER, 0.46, ErratumError, "erratum Z01: computed 0.46, the registry says 1.204 is right"),
        (NUMBER, "x", TypeError, "evidence='x' for erratum Z01 is not a number; give the computed value"),
        (RUNS, lambda: 1, ErratumError, "the listing ran and returned 1, the registry says RuntimeError"),
        (
            RUNS,
            fail(KeyError("k")),
            ErratumError,
            "the listing raised KeyError, the registry says RuntimeError",
        ),
        (RUNS, 3, TypeError, "cannot be called; give a function that runs the listing"),
        (WRONG, lambda: True, ErratumError, "the listing ran and returned True"),
        (PROPERTY, True, ErratumError, "the article's statement passed the check"),
        (PROPERTY, None, ErratumError, "the article's statement passed the check"),
        (RECORD, 1, TypeError, "its evidence is the source in the registry, give none"),
    ],
)
def test_wrong_evidence_is_refused(erratum, evidence, error, message):
    with pytest.raises(error, match=re.escape(message)):
        demonstrate(erratum, evidence)


def test_an_erratum_whose_value_is_what_the_article_prints_is_refused():
    same = Erratum(kind="number", printed=1.204, value=1.204, **BASE)
    with pytest.raises(ErratumError, match="which is what the article prints"):
        demonstrate(same, 1.204)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "guess"}, "kind of erratum Z01='guess' is not known"),
        (
            {"kind": "record", "quote": "x" * 31},
            "quote of erratum Z01 has 31 characters; at most 30 are allowed",
        ),
        ({"kind": "number"}, "erratum Z01 is of kind number; give printed and value"),
        ({"kind": "runs"}, "erratum Z01 is of kind runs; give outcome"),
    ],
)
def test_a_bad_entry_is_refused(wrong, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Erratum(**(BASE | wrong))


ALL = list(errata.errata().values())


@pytest.mark.parametrize("erratum", [e for e in ALL if e.kind == "number"], ids=lambda e: e.id)
def test_the_printed_number_of_every_numeric_erratum_is_rejected(erratum):
    demonstrate(erratum, erratum.value)
    with pytest.raises(ErratumError):
        demonstrate(erratum, erratum.printed)


def test_every_erratum_is_complete():
    for e in ALL:
        assert re.fullmatch(r"[MKCH]\d\d", e.id), e.id
        assert re.fullmatch(r"\d\d", e.lesson) and "00" <= e.lesson <= "24", e.id
        assert e.where and e.statement and e.right and e.source, e.id
        assert e.confidence in ("high", "medium", "low"), e.id
