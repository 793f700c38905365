"""Claims say what they lack; verdicts follow from intervals, never from wishes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.governance import Claim, ClaimsRegister
from kit.metrics import Interval, wilson_interval


def complete(**changes) -> Claim:
    parts = {
        "text": "准确率95%以上",
        "source": "article 000, section 3.1",
        "population": "women with a palpable mass, one hospital",
        "metric": "accuracy",
        "value": 0.95,
        "n": 100,
        "interval": (0.9, 0.98),
        "baseline": 0.63,
    }
    return Claim(**{**parts, **changes})


def measured(claim: Claim, low: float, high: float):
    register = ClaimsRegister()
    return register.measure(register.add(claim), Interval((low + high) / 2, low, high, 0.95, 500, "Wilson"))


def test_a_bare_slogan_lacks_everything():
    claim = Claim("our accuracy is above 95 %", value=0.95)
    assert claim.missing == ("source", "population", "metric", "n", "interval", "baseline")
    assert str(claim.verdict) == (
        "cannot be checked: no source, no population, no metric, no n, no interval, no baseline"
    )


def test_a_complete_claim_is_still_unverified():
    assert complete().missing == ()
    assert str(complete().verdict) == "unverified: complete, but nobody else has measured it"


def test_a_value_of_zero_is_stated():
    assert complete(value=0, baseline=0).missing == ()


@pytest.mark.parametrize(
    ("relation", "low", "high", "word"),
    [
        (">=", 0.96, 0.99, "holds"),
        (">=", 0.95, 0.99, "holds"),
        (">=", 0.90, 0.97, "open"),
        (">=", 0.90, 0.94, "refuted"),
        ("<=", 0.90, 0.94, "holds"),
        ("<=", 0.90, 0.97, "open"),
        ("<=", 0.96, 0.97, "refuted"),
        ("=", 0.90, 0.97, "open"),
        ("=", 0.96, 0.97, "refuted"),
    ],
)
def test_the_interval_decides(relation, low, high, word):
    assert measured(complete(relation=relation), low, high).word == word


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_claim_and_its_opposite_never_both_hold(value, a, b):
    low, high = sorted((a, b))
    words = [measured(complete(value=value, relation=r), low, high).word for r in (">=", "<=")]
    assert words.count("holds") < 2 or low == high == value


def test_the_verdict_names_numbers_and_baseline():
    register = ClaimsRegister()
    name = register.add(complete(unit="of cases"))
    assert str(register.measure(name, wilson_interval(97, 100))) == (
        "open: claimed >= 0.95 of cases, measured 0.97 [0.9155, 0.9897] (95% Wilson, n=100); baseline 0.63"
    )
    assert measured(complete(baseline=0.97), 0.96, 0.99).reason.endswith(
        "; not shown to beat the baseline 0.97"
    )
    assert measured(complete(baseline=None), 0.96, 0.99).reason.endswith("; no baseline is given")
    fewer = complete(relation="<=", baseline=0.9)
    assert measured(fewer, 0.80, 0.85).reason.endswith("; baseline 0.9")
    assert measured(fewer, 0.80, 0.91).reason.endswith("; not shown to beat the baseline 0.9")


def test_our_measurement_brings_n_and_interval():
    register = ClaimsRegister()
    name = register.add(complete(n=None, interval=None))
    assert register.missing() == {"C01": ("n", "interval")}
    register.measure(name, wilson_interval(970, 1000))
    assert register.missing() == {}
    assert register["C01"].status == "measured"
    assert register.verdicts()["C01"].word == "holds"


def test_fiction_stays_fiction():
    register = ClaimsRegister()
    name = register.add(Claim("the example company grew by 300 %", status="fiction"))
    assert register[name].verdict.word == "fiction"
    with pytest.raises(ValueError) as error:
        register.measure(name, wilson_interval(1, 2))
    assert str(error.value) == (
        "C01 has status 'fiction', nothing can be measured; add a claim about a real system"
    )


def test_export_to_markdown_is_a_table():
    register = ClaimsRegister("Example company")
    register.add(Claim("fast | cheap\nand good"))
    lines = register.to_markdown().splitlines()
    assert lines[0] == "## Example company"
    assert lines[2].startswith("| id | claim | source |")
    assert lines[4].startswith("| C01 | fast \\| cheap and good |")
    assert all(line.replace("\\|", "").count("|") == 10 for line in lines[2:])
    assert register._repr_markdown_() == register.to_markdown()


def test_json_comes_back_unchanged(tmp_path):
    register = ClaimsRegister("A")
    register.add(complete())
    register.measure(register.add(complete(relation="<=")), wilson_interval(5, 50))
    register.add(Claim("nothing is stated"))
    text = register.to_json(tmp_path / "claims.json")
    assert (tmp_path / "claims.json").read_text(encoding="utf-8") == text + "\n"
    again = ClaimsRegister.from_json(text)
    assert list(again) == list(register)
    assert again.title == "A"
    assert len(again) == 3
    assert json.loads(text)["claims"]["C02"]["verdict"]["word"] == "holds"
    assert "准确率" in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Claim("  "), "text is empty; give at least one item"),
        (
            lambda: Claim("a", status="fact"),
            "status='fact' is not known; choose from unverified, measured, fiction",
        ),
        (
            lambda: Claim("a", relation=">"),
            "relation='>' is not known; did you mean '>='? choose from >=, <=, =",
        ),
        (lambda: Claim("a", value=float("nan")), "value=nan is out of range; give a float that is finite"),
        (lambda: Claim("a", n=0), "n=0 is out of range; give an int >= 1"),
        (lambda: Claim("a", interval=(0.9, 0.1)), "interval=(0.9, 0.1) runs backwards; give (low, high)"),
        (
            lambda: Claim("a", status="measured"),
            "status='measured' without a measurement; use ClaimsRegister.measure(id, interval)",
        ),
        (lambda: ClaimsRegister()["C01"], "id='C01' is not known; choose from "),
        (
            lambda: measured(complete(), 0.5, float("nan")),
            "C01: measurement nan [0.5, nan] (95% Wilson, n=500) is not finite; measure again",
        ),
        (
            lambda: ClaimsRegister.from_json("{}"),
            "text='{}' is no claims register ('title'); give what to_json wrote",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
