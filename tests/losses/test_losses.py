"""Losses equal torch's, as kernel and as formula, in value and gradient, at any logit."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kit import layers, losses

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
both = pytest.mark.parametrize("on", [True, False])
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 5e-2}
REDUCTION = st.sampled_from(["mean", "sum", "none"])
DTYPE = st.sampled_from(list(TOLERANCE))


def random(*shape, seed=0, dtype=torch.float64, scale=1.0):
    return (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def assert_same(ours, theirs, x, target, on, tolerance):
    results = []
    for loss, setting in ((ours, on), (theirs, True)):
        leaf = x.clone().requires_grad_()
        with layers.fused(setting):
            value = loss(leaf, target)
        value.sum().backward()
        results.append((value.detach(), leaf.grad))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


@both
@settings(max_examples=25, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), max_size=3),
    reduction=REDUCTION,
    dtype=DTYPE,
    name=st.sampled_from(["MSELoss", "L1Loss"]),
)
def test_regression_losses_equal_torch(on, shape, reduction, dtype, name):
    ours, theirs = (getattr(m, name)(reduction=reduction) for m in (losses, nn))
    x, y = random(*shape, dtype=dtype), random(*shape, seed=1, dtype=dtype)
    assert_same(ours, theirs, x, y, on, 4 * TOLERANCE[dtype])


@both
@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 5),
    reduction=REDUCTION,
    scale=st.sampled_from([1.0, 1000.0]),
    weighted=st.booleans(),
    positive=st.booleans(),
    dtype=DTYPE,
)
def test_bce_equals_torch(on, batch, reduction, scale, weighted, positive, dtype):
    options = {
        "weight": random(3, seed=4, dtype=dtype).abs() if weighted else None,
        "pos_weight": random(3, seed=5, dtype=dtype).abs() if positive else None,
        "reduction": reduction,
    }
    x = random(batch, 3, dtype=dtype, scale=scale)
    y = torch.rand(batch, 3, generator=torch.Generator().manual_seed(2)).to(dtype)
    assert_same(
        losses.BCEWithLogitsLoss(**options),
        nn.BCEWithLogitsLoss(**options),
        x,
        y,
        on,
        TOLERANCE[dtype] * max(1, scale / 10),
    )


@both
def test_bce_at_zero_and_at_thousand(on):
    x = torch.tensor([0.0, 1000.0, -1000.0, 1000.0, -1000.0], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    with layers.fused(on):
        loss = losses.bce_with_logits(x, y, reduction="none")
    assert loss.tolist() == pytest.approx([math.log(2), 0, 0, 1000, 1000], abs=1e-12)
    loss.sum().backward()
    assert x.grad.tolist() == pytest.approx([-0.5, 0, 0, 1, -1], abs=1e-12)


@both
@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(0, 4),
    extra=st.lists(st.integers(1, 3), max_size=2),
    reduction=REDUCTION,
    smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    weighted=st.booleans(),
    ignored=st.booleans(),
    scale=st.sampled_from([1.0, 1000.0]),
    dtype=DTYPE,
)
def test_cross_entropy_equals_torch(on, batch, extra, reduction, smoothing, weighted, ignored, scale, dtype):
    x = random(batch, 5, *extra, dtype=dtype, scale=scale)
    target = torch.randint(0, 5, (batch, *extra), generator=torch.Generator().manual_seed(1))
    options = {
        "weight": random(5, seed=3, dtype=dtype).abs() + 0.1 if weighted else None,
        "ignore_index": 2 if ignored else -100,
        "reduction": reduction,
        "label_smoothing": smoothing,
    }
    tolerance = TOLERANCE[dtype] * max(1, scale / 10)
    assert_same(losses.CrossEntropyLoss(**options), nn.CrossEntropyLoss(**options), x, target, on, tolerance)


@both
@settings(max_examples=25, deadline=None)
@given(
    extra=st.lists(st.integers(1, 3), max_size=2),
    reduction=REDUCTION,
    smoothing=st.sampled_from([0.0, 0.2]),
    weighted=st.booleans(),
)
def test_cross_entropy_with_probabilities_equals_torch(on, extra, reduction, smoothing, weighted):
    x = random(3, 4, *extra)
    q = torch.softmax(random(3, 4, *extra, seed=8), 1)
    options = {
        "weight": random(4, seed=3).abs() if weighted else None,
        "reduction": reduction,
        "label_smoothing": smoothing,
    }
    assert_same(losses.CrossEntropyLoss(**options), nn.CrossEntropyLoss(**options), x, q, on, 1e-12)


@both
@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 4), reduction=REDUCTION, weighted=st.booleans(), ignore=st.sampled_from([-100, 1])
)
def test_nll_equals_torch(on, batch, reduction, weighted, ignore):
    x = torch.log_softmax(random(batch, 3, 2), 1)
    target = torch.randint(0, 3, (batch, 2), generator=torch.Generator().manual_seed(1))
    weight = random(3, seed=3).abs() if weighted else None
    options = {"weight": weight, "ignore_index": ignore, "reduction": reduction}
    assert_same(losses.NLLLoss(**options), nn.NLLLoss(**options), x, target, on, 1e-12)


@both
def test_cross_entropy_of_one_sample_without_batch(on):
    x, target = random(4), torch.tensor(2)
    assert_same(losses.CrossEntropyLoss(), nn.CrossEntropyLoss(), x, target, on, 1e-12)


@both
def test_cross_entropy_at_infinity_goes_where_torch_sends_it(on):
    inf = math.inf
    x = torch.tensor([[0.0, -inf, 1.0], [-inf, 0.0, 2.0]])
    for target in ([0, 1], [1, 1]):
        assert_same(losses.CrossEntropyLoss(), nn.CrossEntropyLoss(), x, torch.tensor(target), on, 1e-6)
    with layers.fused(on):
        ignored = losses.cross_entropy(x, torch.tensor([1, 1]), ignore_index=1, reduction="sum")
    assert ignored == 0


@both
def test_known_values(on):
    with layers.fused(on):
        uniform = losses.cross_entropy(torch.zeros(1, 30522), torch.tensor([7]))
        right, wrong = losses.cross_entropy(
            torch.tensor([[1000.0, -1000.0]] * 2), torch.tensor([0, 1]), reduction="none"
        )
        houses = losses.mse(torch.tensor([5000.0, 5000.0, 10000.0]), torch.tensor([0.0, 10000.0, 0.0]))
        assert losses.mae(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0])) == 2
    assert uniform.item() == pytest.approx(10.3262, abs=1e-4)
    assert (right.item(), wrong.item()) == (0, 2000)
    assert houses.item() == pytest.approx(5e7)


@both
def test_the_mean_over_nothing_is_nan_as_in_torch(on):
    with layers.fused(on):
        assert losses.cross_entropy(torch.ones(1, 2), torch.tensor([-100])).isnan()
        assert losses.mse(torch.empty(0), torch.empty(0)).isnan()
        assert losses.mse(torch.empty(0), torch.empty(0), reduction="sum") == 0


def test_class_weights_travel_in_the_state_dict():
    weight = torch.tensor([1.0, 2.0])
    for name in ("CrossEntropyLoss", "NLLLoss", "BCEWithLogitsLoss"):
        ours, theirs = getattr(losses, name)(weight), getattr(nn, name)(torch.ones(2))
        theirs.load_state_dict(ours.state_dict())
        assert torch.equal(theirs.weight, weight)
        assert getattr(losses, name)().state_dict() == {}


def message(call, kind=ValueError):
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


@both
def test_an_unknown_class_is_named(on):
    with layers.fused(on):
        assert message(lambda: losses.cross_entropy(torch.ones(2, 3), torch.tensor([0, 3]))) == (
            "target has class numbers from 0 to 3, logits has 3 classes; "
            "number them from 0 or widen the last layer"
        )
        assert message(lambda: losses.nll(torch.ones(2, 3), torch.tensor([-1, 2]))) == (
            "target has class numbers from -1 to 2, log_p has 3 classes; "
            "number them from 0 or widen the last layer"
        )


@own_checks
def test_bad_input_is_named():
    x = torch.ones(2, 3)
    for call, text in [
        (
            lambda: losses.mse(torch.ones(2, 1), torch.ones(2)),
            "prediction has shape (2, 1) and target (2,); they must be the same, reshape one of them",
        ),
        (
            lambda: losses.bce_with_logits(torch.ones(2, 1), torch.ones(2)),
            "logits has shape (2, 1) and target (2,); they must be the same, reshape one of them",
        ),
        (
            lambda: losses.cross_entropy(x, torch.tensor([[0], [1]])),
            "target has shape (2, 1), (2,) is needed for logits of shape (2, 3); "
            "give one class number per prediction",
        ),
        (
            lambda: losses.cross_entropy(torch.tensor(1.0), torch.tensor(1)),
            "logits has shape (), a dimension of classes is needed; reshape it to (B, C)",
        ),
        (
            lambda: losses.cross_entropy(x, torch.tensor([0, 1]), weight=torch.ones(2)),
            "weight has shape (2,), logits has 3 classes; give one factor per class",
        ),
        (
            lambda: losses.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=1.5),
            "label_smoothing=1.5 is out of range; give a float >= 0 and <= 1",
        ),
        (
            lambda: losses.mae(x, x, reduction="average"),
            "reduction='average' is not known; choose from mean, sum, none",
        ),
    ]:
        assert message(call) == text
    assert message(lambda: losses.cross_entropy(x, torch.tensor([0.0, 1.0])), TypeError) == (
        "target has dtype torch.float32, class numbers are needed; use target.long()"
    )
    assert message(lambda: losses.bce_with_logits(x, x.long()), TypeError) == (
        "target has dtype torch.int64, a floating one is needed; use target.float()"
    )


@pytest.mark.parametrize("name", ["MSELoss", "L1Loss", "BCEWithLogitsLoss", "NLLLoss", "CrossEntropyLoss"])
def test_modules_check_their_reduction_at_once(name):
    assert message(lambda: getattr(losses, name)(reduction="men")) == (
        "reduction='men' is not known; did you mean 'mean'? choose from mean, sum, none"
    )
