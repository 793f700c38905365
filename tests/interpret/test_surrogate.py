"""The rules are a decision tree's; counterfactuals are near, sparse and within what is allowed."""

import numpy as np
import pytest
import torch
from torch import nn

from kit import interpret

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 4))


def label(X):
    X = np.asarray(X)
    return np.where((X[:, 0] > 0.5) & (X[:, 2] <= 1), "yes", "no")


@pytest.mark.parametrize(("depth", "min_rows"), [(1, 1), (2, 1), (3, 1), (3, 20)])
def test_rules_predict_what_scikit_learns_tree_predicts(table, depth, min_rows):
    tree = pytest.importorskip("sklearn.tree")
    y = (table[:, 0] * table[:, 1] + 0.5 * table[:, 3] > 0.2).astype(int) + (table[:, 2] > 1)
    theirs = tree.DecisionTreeClassifier(max_depth=depth, min_samples_leaf=min_rows, random_state=0).fit(
        table, y
    )
    ours = interpret.surrogate_rules(lambda X: y, table, max_depth=depth, min_rows=min_rows)
    assert (ours.predict(table) == theirs.predict(table)).all()
    assert ours.fidelity.estimate == pytest.approx(theirs.score(table, y))
    assert len(ours.rules) == theirs.get_n_leaves()
    assert min(rule.rows for rule in ours.rules) >= min_rows


def test_rules_read_like_sentences_and_every_row_has_exactly_one(table):
    made = interpret.surrogate_rules(
        label, table[:200], X_test=table[200:], max_depth=2, names=["age", "b", "c", "d"]
    )
    assert sum(rule.covers(table).astype(int) for rule in made.rules).tolist() == [1] * 300
    assert made.fidelity.n == 100
    assert made.fidelity.estimate > 0.95
    lines = str(made).splitlines()
    assert lines[0].startswith("age <= 0.5") or lines[0].startswith("age <= 0.4")
    assert "no (100% of " in lines[0]
    assert any(" and c <= " in line and ": yes (" in line for line in lines)
    assert lines[-1] == f"fidelity {made.fidelity}"


def test_a_model_that_says_one_thing_has_one_rule(table):
    made = interpret.surrogate_rules(lambda X: np.zeros(len(X), int), torch.from_numpy(table))
    assert str(made).splitlines()[0] == "always: 0 (100% of 300)"


def test_the_nearest_counterfactual_of_a_linear_score_changes_one_feature():
    weight = torch.tensor([1.0, 3.0, -0.5])
    x = torch.tensor([[0.0, -1.0, 0.0], [0.5, -0.5, 1.0]])
    made = interpret.counterfactual(lambda x: x @ weight, x, 1, steps=800, lr=0.02)
    assert made.success.all()
    assert ((made.values @ weight) > 0).all()
    best = -(x @ weight) / 3  # the L1 distance: all in the feature with the largest weight
    assert (made.distance < 1.15 * best).all()
    assert (made.change.abs() > 0).sum(1).tolist() == [1, 1]
    torch.testing.assert_close(made.distance, made.change.abs().sum(1))


def test_what_is_immutable_stays_and_bounds_hold(seeded):
    net = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 3))
    x = torch.randn(20, 5, generator=seeded)
    made = interpret.counterfactual(
        net,
        x,
        2,
        immutable=[1, 3],
        bounds=(-3, torch.full((5,), 3.0)),
        scale=torch.tensor([1.0, 1, 2, 1, 0.5]),
    )
    assert not made.change[:, [1, 3]].any()
    assert made.values.min() >= -3
    assert made.values.max() <= 3
    assert torch.equal(net(made.values).argmax(1) == 2, made.success)
    assert made.success.float().mean() > 0.5
    assert not made.change[net(x).argmax(1) == 2].any()  # already as wished


def test_a_wish_out_of_reach_is_no_success():
    made = interpret.counterfactual(
        lambda x: x[:, 0], torch.tensor([[-1.0, 0.0]]), 1, immutable=[0], steps=20
    )
    assert not made.success.any()
    assert not made.change.any()


@own_checks
def test_bad_arguments_are_named(table):
    x = torch.zeros(2, 3)
    for call, text in [
        (
            lambda: interpret.surrogate_rules(label, table, max_depth=4),
            "max_depth=4 is out of range; give an int >= 1 and <= 3",
        ),
        (
            lambda: interpret.surrogate_rules(label, table, names=["a"]),
            "len(names)=1, len(X.shape[1])=4 differ; give one entry of each per sample",
        ),
        (
            lambda: interpret.surrogate_rules(label, table * np.nan),
            "X holds 1200 NaN or infinite values of 1200; remove or replace them",
        ),
        (
            lambda: interpret.counterfactual(lambda x: x, x, 3),
            "target=3 is out of range; give an int >= 0 and <= 2",
        ),
        (
            lambda: interpret.counterfactual(lambda x: x, x, 1, immutable=[3]),
            "immutable=3 is out of range; give an int >= 0 and <= 2",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text


def test_rules_of_bytes_of_neighbouring_floats_and_of_words():
    pixels = np.array([[200], [210], [240], [250]], dtype=np.uint8)
    made = interpret.surrogate_rules(lambda X: np.asarray(X)[:, 0] > 220, pixels)
    assert [rule.conditions for rule in made.rules] == [((0, False, 225.0),), ((0, True, 225.0),)]
    one, two = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    words = np.array(["no", "yes"], dtype=object)
    for column in (np.array([[one], [two]]), np.array([[1.0], [np.nextafter(1.0, 2)]])):
        made = interpret.surrogate_rules(lambda X: words, column)
        assert made.predict(column).tolist() == ["no", "yes"]


def test_what_is_already_as_wished_stays_unless_it_is_out_of_bounds():
    def first(x):
        return x[:, 0]

    x = torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    made = interpret.counterfactual(first, x, 1, bounds=(-2, 2), steps=200)
    assert made.success.all()
    assert made.change[0].tolist() == [0, 0]
    assert made.values[1, 0] <= 2
    assert interpret.counterfactual(first, x, 1, steps=1).distance.tolist() == [0, 0]
    with pytest.raises(ValueError) as error:
        interpret.counterfactual(first, x, 1, scale=torch.tensor([1.0, 0.0]))
    assert str(error.value) == "min(scale)=0.0 is out of range; give a float > 0"
