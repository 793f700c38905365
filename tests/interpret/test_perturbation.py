"""Occlusion and ablation equal Captum's; permutation importance and partial dependence scikit-learn's."""

import warnings

import numpy as np
import pytest
import torch

from kit import interpret
from kit.metrics import accuracy_score

captum = pytest.importorskip("captum.attr")
inspection = pytest.importorskip("sklearn.inspection")
own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def near(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-7, check_dtype=False)  # Captum divides in float32


@pytest.mark.parametrize("target", [1, torch.tensor([0, 1, 2, 3, 0])])
@pytest.mark.parametrize(
    ("window", "strides", "baseline"), [((1, 3, 3), (1, 2, 2), 0), ((1, 3, 2), 1, 0.3), ((1, 5, 5), 3, 1)]
)
def test_occlusion_equals_captum(cnn, images, window, strides, baseline, target):
    arguments = (images, window, strides, baseline, target)
    near(interpret.Occlusion(cnn).attribute(*arguments).values, captum.Occlusion(cnn).attribute(*arguments))


def test_occlusion_of_a_tuple_with_further_arguments(two_inputs, seeded):
    x, y = torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 3, dtype=torch.float64)
    factor = torch.rand(7, dtype=torch.float64)
    options = {"strides": ((2,), (1,)), "target": 2, "additional_forward_args": factor}
    ours = interpret.Occlusion(two_inputs).attribute((x, y), ((2,), (2,)), **options)
    theirs = captum.Occlusion(two_inputs).attribute((x, y), ((2,), (2,)), **options)
    for a, b in zip(ours.values, theirs, strict=True):
        near(a, b)


def test_ablation_equals_captum_alone_and_in_groups(mlp, rows, two_inputs):
    near(
        interpret.FeatureAblation(mlp).attribute(rows, 0.5, 1).values,
        captum.FeatureAblation(mlp).attribute(rows, 0.5, 1),
    )
    mask = torch.tensor([[4, 4, 7, 9, 7, 4]])
    ours = interpret.FeatureAblation(mlp).attribute(rows, target=1, feature_mask=mask).values
    near(ours, captum.FeatureAblation(mlp).attribute(rows, target=1, feature_mask=mask))
    assert torch.equal(ours[:, 0], ours[:, 5])
    each = torch.stack([mask[0].roll(i) for i in range(7)])  # another grouping for every sample
    ours = interpret.FeatureAblation(mlp).attribute(rows, target=1, feature_mask=each).values
    for i in range(7):
        alone = interpret.FeatureAblation(mlp).attribute(
            rows[i : i + 1], target=1, feature_mask=each[i : i + 1]
        )
        near(ours[i], alone.values[0])


def test_integers_can_be_ablated_without_a_gradient():
    tokens = torch.tensor([[3, 1, 2], [5, 0, 1]])
    made = interpret.FeatureAblation(lambda ids: (ids.float() ** 2).sum(1)).attribute(tokens)
    assert made.values.tolist() == [[9, 1, 4], [25, 0, 1]]


def test_permutation_importance_equals_scikit_learn_for_the_same_orders():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
    model = LogisticRegression().fit(X, y)
    theirs = inspection.permutation_importance(model, X, y, n_repeats=3, random_state=7)
    # scikit-learn shuffles one column further and further, with the same seed for every column
    state = np.random.RandomState(np.random.RandomState(7).randint(np.iinfo(np.int32).max + 1))
    order, orders, column = np.arange(60), [], np.arange(60)
    for _ in range(3):
        state.shuffle(order)
        column = column[order]
        orders.append(column.copy())
    ours = interpret.permutation_importance(
        lambda X, y: accuracy_score(y, model.predict(X)), X, y, permutations=orders
    )
    for name in ("importances", "importances_mean", "importances_std"):
        np.testing.assert_allclose(getattr(ours, name), theirs[name], rtol=0, atol=1e-12)


def test_permutation_importance_of_tensors_finds_what_matters_and_changes_nothing(seeded):
    X = torch.randn(200, 3)
    kept, y = X.clone(), X[:, 1] > 0
    found = interpret.permutation_importance(lambda X, y: ((X[:, 1] > 0) == y).float().mean(), X, y, seed=3)
    assert found.baseline == 1
    assert found.importances_mean[1] > 0.3
    assert not found.importances[[0, 2]].any()
    assert torch.equal(X, kept)


@pytest.mark.parametrize("features", [[0], [1], [0, 1]])
def test_partial_dependence_equals_scikit_learn(features):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=80), rng.integers(0, 4, 80), rng.normal(size=80)])
    model = LogisticRegression().fit(X, (X[:, 0] * X[:, 1] > 0).astype(int))
    theirs = inspection.partial_dependence(
        model,
        X,
        features if len(features) == 1 else [tuple(features)],
        grid_resolution=9,
        kind="both",
        method="brute",
    )
    ours = interpret.partial_dependence(
        lambda X: model.predict_proba(X)[:, 1], X, features, grid_resolution=9
    )
    for a, b in zip(ours.grid_values, theirs["grid_values"], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.average, theirs["average"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours.individual, theirs["individual"], rtol=0, atol=1e-12)


def test_partial_dependence_of_several_outputs(mlp, rows):
    made = interpret.partial_dependence(mlp, rows, [2], grid_resolution=4)
    assert made.average.shape == (3, 4)
    assert made.individual.shape == (3, 7, 4)
    at = rows.clone()
    at[:, 2] = made.grid_values[0][1]
    np.testing.assert_allclose(made.individual[:, :, 1], mlp(at).detach().T)


@own_checks
def test_bad_arguments_are_named(mlp, rows, cnn, images):
    occlude, ablate = interpret.Occlusion(cnn).attribute, interpret.FeatureAblation(mlp).attribute
    for call, kind, text in [
        (
            lambda: occlude(images, (3, 3), target=0),
            ValueError,
            "len(sliding_window_shapes)=2, len(strides)=3, len(inputs.shape[1:])=3 differ; "
            "give one entry of each per sample",
        ),
        (
            lambda: occlude(images, (1, 9, 3), target=0),
            ValueError,
            "sliding_window_shapes=9 is out of range; give an int >= 1 and <= 8",
        ),
        (
            lambda: occlude(images, (1, 3, 3), (1, 4, 1), target=0),
            ValueError,
            "strides=4 is out of range; give an int >= 1 and <= 3",
        ),
        (
            lambda: ablate(rows, target=0, feature_mask=torch.zeros(1, 5, dtype=torch.long)),
            ValueError,
            "feature_mask has shape (1, 5); give (1, 6)",
        ),
        (
            lambda: ablate(rows, target=0, feature_mask=torch.zeros(1, 6)),
            TypeError,
            "feature_mask has dtype torch.float32, whole numbers are needed; use feature_mask.long()",
        ),
        (
            lambda: interpret.partial_dependence(mlp, rows, [6]),
            ValueError,
            "features=6 is out of range; give an int >= 0 and <= 5",
        ),
        (
            lambda: interpret.permutation_importance(lambda X, y: 0, rows, rows[:3, 0]),
            ValueError,
            "len(X)=7, len(y)=3 differ; give one entry of each per sample",
        ),
    ]:
        with pytest.raises(kind) as error:
            call()
        assert str(error.value) == text


def test_partial_dependence_takes_one_column_and_refuses_a_cut_grid():
    X = np.arange(60).reshape(30, 2)

    def first(X):
        return X[:, 0].astype(float)

    one = interpret.partial_dependence(first, X.astype(float), 0, grid_resolution=5)
    np.testing.assert_allclose(one.average[0], one.grid_values[0])
    with pytest.raises(TypeError) as error:
        interpret.partial_dependence(first, X, [0], grid_resolution=5)
    assert str(error.value) == "X has dtype int64, which cuts the grid; convert it to floating numbers"
    few = interpret.partial_dependence(first, X % 4, [0], grid_resolution=5)  # its own values need no cut
    np.testing.assert_array_equal(few.average[0], [0, 2])


@own_checks
def test_occlusion_needs_a_dimension_to_slide_along():
    with pytest.raises(ValueError, match=r"^inputs has shape \(2,\), 2 or 3 or "):
        interpret.Occlusion(lambda x: x).attribute(torch.ones(2), (1,))


@pytest.mark.parametrize("target", [1, "all"])
def test_occlusion_tells_its_gap_and_does_not_warn(target):
    torch.manual_seed(0)
    model, images = (
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 3)).eval(),
        torch.rand(2, 1, 6, 6),
    )
    options = {"sliding_window_shapes": (1, 3, 3), "baselines": 0.25}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = interpret.Occlusion(model).attribute(images, target=target, **options)
    one = interpret.Occlusion(model).attribute(images, target=1, **options)
    gap = interpret.completeness_gap(model, images, one, baselines=0.25, target=1)
    assert gap.abs().min() > 1e-3 and not found.delta.requires_grad
    torch.testing.assert_close(found.delta if target == 1 else found.delta[1], gap)
