"""Figures of lesson 19 show what they are given, and the widget's attackers know what they should."""

import numpy as np
import pytest

from kit.plot import privacy
from kit.plot.privacy import POLICIES, averaging_attack, budget_lab, frozen_budgets


def test_ages_count_every_patient():
    first, counts = privacy.ages()
    assert counts.sum() == 442
    assert first[0] == 10 and len(first) == len(counts)


def test_fresh_noise_averages_away_and_a_shared_budget_does_not():
    rights = {p: averaging_attack(0.5, 1000, p, truth=9.0)[1] for p in POLICIES}
    assert rights[POLICIES[0]] > 0.99
    assert rights[POLICIES[1]] < 0.5
    # One Laplace answer of scale 2 rounds to the truth with P = 1 - e^(-1/4) = 0.22.
    assert rights[POLICIES[2]] == pytest.approx(1 - np.exp(-0.25), abs=0.08)


def test_the_account_adds_up_what_each_policy_spends():
    spent = [averaging_attack(0.5, 100, p, truth=9.0)[2] for p in POLICIES]
    assert spent == [50.0, 0.5, 0.5]


def test_the_first_answer_again_never_changes():
    running, _, _ = averaging_attack(0.5, 50, POLICIES[2], truth=9.0)
    np.testing.assert_allclose(running, running[0])


def test_an_unknown_policy_is_named():
    with pytest.raises(ValueError, match="policy='none' is not known; "):
        averaging_attack(1.0, 1, "none", truth=1.0)


def test_accuracy_is_the_frozen_one_at_a_measured_budget():
    budgets, accuracy, without = frozen_budgets()
    assert privacy.expected_accuracy(budgets[2]) == pytest.approx(accuracy[2])
    assert privacy.expected_accuracy(1000) == pytest.approx(accuracy[-1])
    assert accuracy[0] < accuracy[-1] <= without + 0.02


@pytest.mark.parametrize("epsilon", [0.05, 10.0])
@pytest.mark.parametrize("questions", [1, 1000])
@pytest.mark.parametrize("policy", POLICIES)
def test_budget_lab_draws_at_the_ends_of_its_controls(epsilon, questions, policy):
    figure, alt = budget_lab(epsilon, questions, policy)
    assert f"epsilon {epsilon:.3g} an answer" in alt and "attackers find the count" in alt
    left, middle, last = figure.axes
    assert [bar.get_height() for bar in left.patches] == list(privacy.ages()[1])
    assert len(middle.lines[0].get_xdata()) == questions
    assert last.lines[-1].get_xdata()[0] == epsilon
    named = [ax.get_legend().get_texts()[-1].get_text() for ax in figure.axes]
    assert named == ["true", "truth", "clipped, no noise"]
    assert "years" in left.get_xlabel() and "questions" in middle.get_xlabel()


def test_trade_off_shows_means_and_the_networks_without_noise():
    figure, alt = privacy.trade_off([0.5, 2.0], np.array([[0.5, 0.8], [0.7, 0.9]]), {"early": 0.95})
    ax = figure.axes[0]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.6, 0.85])
    assert ax.lines[1].get_ydata()[0] == 0.95
    assert "0.60 at 0.5" in alt and "early 0.95" in alt and ax.get_xscale() == "log"


def test_scores_of_both_groups_add_up_to_all_records():
    figure, alt = privacy.scores({"by heart": ([5.0, 6, 7], [0.0, 1]), "private": ([1.0, 2], [1.0, 2])})
    for ax in figure.axes:
        assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(200)
        assert "log-odds" in ax.get_xlabel()
    assert "by heart: members 6.0, outsiders 0.5" in alt
