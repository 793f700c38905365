"""The learning-rate finder: finds the working range, gives everything back as it was."""

import copy

import pytest
import torch
from torch import nn

from kit import data, optim
from kit.losses import cross_entropy
from kit.models import MLP, MLPConfig
from kit.train import Trainer, find_learning_rate
from kit.train.rate_finder import _steepest


def problem():
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]])
    model = nn.Linear(4, 1)
    return (
        model,
        torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9),
        [(x[:32], y[:32]), (x[32:], y[32:])],
    )


def test_the_suggestion_trains_and_a_rate_past_the_scan_does_not():
    model, optimizer, batches = problem()
    scan = find_learning_rate(model, nn.MSELoss(), optimizer, batches, low=1e-5, high=10.0, steps=80)
    assert 1e-3 < scan.suggestion < 1.0
    assert len(scan.rates) == len(scan.losses) < 80  # it ended where the loss exploded
    optimizer.param_groups[0]["lr"] = scan.suggestion
    history = Trainer(model, nn.MSELoss(), optimizer).fit(batches, epochs=40)
    assert history["loss"][-1] < 0.05 * history["loss"][0]


def test_rates_grow_by_one_factor_between_the_limits():
    model, optimizer, batches = problem()
    scan = find_learning_rate(model, nn.MSELoss(), optimizer, batches, low=1e-4, high=1e-1, steps=31)
    assert (scan.rates[0], scan.rates[-1]) == (pytest.approx(1e-4), pytest.approx(1e-1))
    factors = [b / a for a, b in zip(scan.rates, scan.rates[1:])]
    assert factors == pytest.approx([10**0.1] * 30)


def test_model_optimizer_and_modes_are_given_back():
    model, optimizer, batches = problem()
    Trainer(model, nn.MSELoss(), optimizer).fit(batches, epochs=1)  # the optimizer has a state now
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    find_learning_rate(model, nn.MSELoss(), optimizer, batches)
    for a, b in zip(before[0].values(), model.state_dict().values()):
        assert torch.equal(a, b)
    assert before[1]["param_groups"] == optimizer.state_dict()["param_groups"]
    for key, state in before[1]["state"].items():
        assert torch.equal(state["momentum_buffer"], optimizer.state_dict()["state"][key]["momentum_buffer"])
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0.0}, "low=0.0 is out of range; give a float > 0"),
        ({"low": 0.1, "high": 0.01}, "high=0.01 is out of range; give a float > 0.1"),
        ({"steps": 3}, "steps=3 is out of range; give an int >= 20"),
        (
            {"batches": []},
            "batches is empty or can be read only once; give a loader or a list of batches",
        ),
        (
            {"batches": [(torch.full((2, 4), float("nan")), torch.zeros(2, 1))]},
            "loss is not finite, or grows fourfold, within 10 steps of low=1e-06; "
            "lower it, take larger batches, or check the data and the loss",
        ),
        (
            {"low": 1e-9, "high": 1e-8},
            "loss does not fall clearly between low=1e-09 and high=1e-08 in 100 steps; "
            "raise high, give more steps, or take larger batches",
        ),
    ],
)
def test_wrong_input(options, message):
    model, optimizer, batches = problem()
    with pytest.raises(ValueError) as error:
        find_learning_rate(model, nn.MSELoss(), optimizer, **{"batches": batches, **options})
    assert str(error.value) == message


def smoothed(raw):
    average, losses = 0.0, []
    for step, value in enumerate(raw, 1):
        average = 0.9 * average + 0.1 * value
        losses.append(average / (1 - 0.9**step))
    return losses


def wobble(size, count=100):
    """Differences between batches: reproducible, without a trend."""
    generator = torch.Generator().manual_seed(1)
    return (size * torch.randn(count, generator=generator)).tolist()


def test_the_rate_that_caused_the_fall_lies_where_the_fall_began():
    """The average shows a fall nine steps late; the suggestion goes back by nine."""
    raw = [2.0 - 0.1 * min(max(0, i - 60), 10) for i in range(100)]  # falls in steps 61 to 70
    raw = [value + noise for value, noise in zip(raw, wobble(0.02))]
    assert 58 <= _steepest(raw, smoothed(raw)) <= 70


def test_the_recovery_after_a_spike_is_no_suggestion():
    fall = [2.3 - 0.04 * max(0, i - 20) for i in range(40)]
    spike = [fall[-1] + 0.2 * i for i in range(10)]
    recovery = [spike[-1] - 0.3 * i for i in range(10)]
    losses = fall + spike + recovery + [recovery[-1]] * 20
    assert 10 < _steepest(losses, losses) < 40


def test_a_spike_ends_the_search_even_after_a_small_gain():
    """Few steps: the loss has fallen by a few per cent when it jumps; the fall after the jump is steeper."""
    raw = [2.3 - 0.01 * max(0, i - 50) for i in range(70)] + [9.0, 5.0] + [2.3] * 28
    raw = [value + noise for value, noise in zip(raw, wobble(0.02))]
    assert 45 < _steepest(raw, smoothed(raw)) < 70


def test_a_fall_smaller_than_the_difference_between_batches_is_none():
    raw = [2.3 - 0.001 * i + noise for i, noise in enumerate(wobble(0.5))]
    assert _steepest(raw, smoothed(raw)) is None


@pytest.mark.parametrize(("steps", "worst"), [(50, 1.4), (100, 0.5), (200, 0.5)])
@pytest.mark.parametrize("seed", range(200, 208))
def test_the_suggestion_for_plain_sgd_trains(seed, steps, worst):
    """Guessing loses 2.3, the best rate 0.2; with few steps the suggestion is cautious, never too high."""
    digits = data.load("digits")
    g = torch.Generator().manual_seed(seed)
    model = MLP(MLPConfig((64, 32, 10)), generator=g)
    batches = data.Batches(digits.x / 16, digits.y, batch_size=32, shuffle=True, generator=g)
    optimizer = optim.SGD(model.parameters(), lr=1e-3)
    scan = find_learning_rate(model, cross_entropy, optimizer, batches, low=1e-4, high=10, steps=steps)
    assert scan.suggestion < 0.8  # at 1.3 it does not train any more
    optimizer.param_groups[0]["lr"] = scan.suggestion
    history = Trainer(model, cross_entropy, optimizer).fit(batches, epochs=3)
    assert history["loss"][-1] < worst
