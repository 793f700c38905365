"""Targets follow from recorded seeds by the stated rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.course.claims import Recorded, Target, recorded


def entry(form, values, digits=2, target=0.0):
    return Recorded("03", "a", form, target, digits, tuple(values), "cpu")


def test_rule_is_three_standard_deviations_rounded_away():
    values = [0.97, 0.972, 0.968, 0.971, 0.969]
    assert entry("at_least", values).follows() == 0.96
    assert entry("at_most", values).follows() == 0.98


@given(st.lists(st.floats(0, 1), min_size=5, max_size=9), st.integers(1, 4))
def test_a_target_never_passes_the_mean(values, digits):
    mean = sum(values) / len(values)
    assert entry("at_least", values, digits).follows() <= mean + 1e-8
    assert entry("at_most", values, digits).follows() >= mean - 1e-8


@pytest.mark.parametrize("recorded_claim", recorded(), ids=lambda r: f"{r.lesson} {r.name}")
def test_every_recorded_target_follows_from_its_seeds(recorded_claim):
    assert len(recorded_claim.values) >= 5 and recorded_claim.cpu
    assert recorded_claim.target == recorded_claim.follows()


@pytest.mark.parametrize(
    ("target", "met", "missed", "words"),
    [
        (Target(at_least=0.5), 0.5, 0.49, ">= 0.5"),
        (Target(at_most=1000), 1000, 1001, "<= 1,000"),
        (Target(between=(0.93, 0.97)), 0.95, 0.98, "in [0.93, 0.97]"),
        (Target(equals=109_482_240), 109_482_240, 109_482_241, "= 109,482,240"),
        (Target(equals=1.2, within=0.1), 1.29, 1.31, "= 1.2 within 0.1"),
    ],
)
def test_targets(target, met, missed, words):
    assert target.met(met) and not target.met(missed) and not target.met(float("nan"))
    assert target.words() == words
