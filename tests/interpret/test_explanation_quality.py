"""Measures of explanations equal Captum's, and fail explanations that deserve it."""

import numpy as np
import pytest
import torch
from torch import nn

from kit import interpret

metrics = pytest.importorskip("captum.metrics")
own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def test_the_gap_of_any_values(mlp, rows):
    made = interpret.IntegratedGradients(mlp).attribute(rows, 0.2, 1)
    gap = interpret.completeness_gap(mlp, rows, made, 0.2, 1)
    torch.testing.assert_close(gap, made.delta)
    doubled = interpret.completeness_gap(mlp, rows, 2 * made.values, 0.2, 1)
    torch.testing.assert_close(doubled - gap, made.values.sum(1))


def shifted(x):
    return tuple(shifted(part) for part in x) if isinstance(x, tuple) else x + 0.05 * torch.sin(40 * x)


def test_sensitivity_equals_captum_for_the_same_perturbation(mlp, rows):
    def explain(x):
        return interpret.Saliency(mlp).attribute(x, 1)

    ours = interpret.sensitivity_max(explain, rows, perturb_func=shifted, n_perturb_samples=1)
    theirs = metrics.sensitivity_max(
        lambda x: (explain(x[0]).values,) if isinstance(x, tuple) else explain(x).values,
        rows,
        perturb_func=shifted,
        n_perturb_samples=1,
    )
    torch.testing.assert_close(ours, theirs)
    steady = interpret.sensitivity_max(lambda x: torch.ones_like(x), rows)
    assert not steady.any()
    noise = interpret.sensitivity_max(explain, rows, generator=torch.Generator().manual_seed(0))
    again = interpret.sensitivity_max(explain, rows, generator=torch.Generator().manual_seed(0))
    assert torch.equal(noise, again)
    assert noise.min() > 0


def test_infidelity_equals_captum_and_is_zero_for_a_linear_score(mlp, rows):
    def perturb(x):
        change = 0.1 * torch.cos(30 * x)
        return change, x - change

    values = interpret.Saliency(mlp).attribute(rows, 1, abs=False)
    ours = interpret.infidelity(mlp, perturb, rows, values, target=1, n_perturb_samples=3)
    theirs = metrics.infidelity(mlp, perturb, rows, values.values, target=1, n_perturb_samples=3)
    torch.testing.assert_close(ours, theirs)
    linear = nn.Linear(6, 2).double()
    exact = interpret.Saliency(linear).attribute(rows, 0, abs=False)
    assert interpret.infidelity(linear, perturb, rows, exact, target=0).max() < 1e-20


def test_deletion_falls_faster_by_the_right_order_and_insertion_rises(rows):
    weight = torch.tensor([5.0, 3, 2, 1, 0.5, 0.1], dtype=torch.float64)

    def forward(x):
        return x @ weight

    x = rows.abs()
    right = interpret.FeatureAblation(forward).attribute(x)
    areas = {}
    for name, values in (("right", right.values), ("wrong", -right.values)):
        for insert in (False, True):
            curve = interpret.deletion_curve(forward, x, values, steps=6, insert=insert)
            start, end = (0 * x, x) if insert else (x, 0 * x)
            torch.testing.assert_close(curve.scores[0], forward(start))
            torch.testing.assert_close(curve.scores[-1], forward(end))
            areas[name, insert] = curve.auc
    assert (areas["right", False] < areas["wrong", False]).all()
    assert (areas["right", True] > areas["wrong", True]).all()
    order = right.values[0].argsort(descending=True)
    left = [float((right.values[0, order[k:]]).sum()) for k in range(7)]
    assert float(areas["right", False][0]) == pytest.approx(np.trapezoid(left, dx=1 / 6))


def test_randomization_unmasks_an_explanation_that_ignores_the_weights(mlp, rows):
    before = [p.clone() for p in mlp.parameters()]

    def faithful(model):
        return interpret.InputXGradient(model).attribute(rows, 0)

    def blind(model):
        return rows

    real = interpret.randomization_test(mlp, faithful, generator=torch.Generator().manual_seed(0))
    fake = interpret.randomization_test(mlp, blind, generator=torch.Generator().manual_seed(0))
    assert real.names == ("4", "2", "0")
    assert real.correlations.shape == (3, 7)
    assert real.correlations[-1].abs().mean() < 0.6
    torch.testing.assert_close(fake.correlations, torch.ones(3, 7, dtype=torch.float64))
    assert all(torch.equal(a, b) for a, b in zip(before, mlp.parameters(), strict=True))


def test_rank_correlation_equals_scipy_with_ties(rows):
    stats = pytest.importorskip("scipy.stats")
    first, second = rows.round(), (rows + rows.roll(1, 0)).round()
    answers = iter([first, second])
    made = interpret.randomization_test(nn.Linear(2, 2), lambda model: next(answers))
    for i in range(len(rows)):
        expected = stats.spearmanr(first[i], second[i]).statistic
        assert float(made.correlations[0, i]) == pytest.approx(expected)


@own_checks
def test_bad_arguments_are_named(mlp, rows):
    for call, text in [
        (
            lambda: interpret.completeness_gap(mlp, rows, rows[:, :3], 0, 1),
            "attributions[0] has shape (7, 3) and inputs[0] (7, 6); "
            "they must be the same, reshape one of them",
        ),
        (
            lambda: interpret.sensitivity_max(torch.ones_like, rows, n_perturb_samples=0),
            "n_perturb_samples=0 is out of range; give an int >= 1",
        ),
        (
            lambda: interpret.deletion_curve(mlp, rows, rows, target=0, steps=0),
            "steps=0 is out of range; give an int >= 1",
        ),
        (
            lambda: interpret.randomization_test(nn.ReLU(), lambda model: rows),
            "model.parameters() is empty; give at least one item",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text


def test_a_map_of_gradcam_can_be_judged_by_deletion(seeded):
    images = torch.rand(2, 3, 8, 8)
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    seen = interpret.GradCAM(model, "0").attribute(images, 1)
    a = interpret.deletion_curve(model, images, seen, target=1)
    b = interpret.deletion_curve(model, images, seen.values.expand(-1, 3, -1, -1), target=1)
    assert torch.equal(a.scores, b.scores)


def test_sensitivity_of_an_explanation_written_by_hand(mlp, rows):
    def by_hand(x):
        x = x.clone().requires_grad_()
        return torch.autograd.grad(mlp(x)[:, 1].sum(), x)[0]

    def kits(x):
        return interpret.Saliency(mlp).attribute(x, 1, abs=False)

    a, b = (
        interpret.sensitivity_max(e, rows, perturb_func=shifted, n_perturb_samples=1) for e in (by_hand, kits)
    )
    torch.testing.assert_close(a, b)


@own_checks
def test_several_outputs_and_functions_are_refused(mlp, rows):
    def nothing(x):
        return 0 * x, x

    for call in (
        lambda: interpret.completeness_gap(mlp, rows, rows, 0, "all"),
        lambda: interpret.infidelity(mlp, nothing, rows, rows, target="all"),
        lambda: interpret.deletion_curve(mlp, rows, rows, target="all"),
    ):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == "target='all' asks for every output; judge one at a time"
    with pytest.raises(TypeError, match=r"is not a torch\.nn\.Module; it has no weights to shuffle$"):
        interpret.randomization_test(torch.sin, lambda model: rows)
