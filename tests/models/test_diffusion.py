"""Diffusion: the forward process, what follows from the velocity, and exact sampling."""

import dataclasses
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import layers, models, optim
from kit.models.diffusion import PATHS

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
paths = pytest.mark.parametrize("path", PATHS)
SMALL = models.DiffusionConfig((1, 2, 2), width=6, layers=2, classes=3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=20, deadline=None)
@given(
    shape=st.sampled_from([(1,), (1, 2, 2)]),
    width=st.integers(1, 5),
    depth=st.integers(1, 3),
    classes=st.integers(0, 2),
)
def test_the_formula_counts_every_parameter(shape, width, depth, classes):
    config = models.DiffusionConfig(shape, width, depth, classes)
    assert config.parameters == models.count_parameters(models.Diffusion(config))
    assert models.DiffusionConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@paths
def test_paths_lead_from_data_to_noise_with_the_stated_slopes(path):
    t = torch.linspace(0, 1, 101, dtype=torch.float64)
    a, s, da, ds = models.coefficients(t, path)
    ends = torch.tensor([1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(a[[0, -1]], ends, rtol=0, atol=1e-12)
    torch.testing.assert_close(s[[-1, 0]], ends, rtol=0, atol=1e-12)
    torch.testing.assert_close(a * ds - s * da, torch.ones_like(t))
    unit = {"linear": 1, "cosine": math.pi / 2}[path]  # slopes in t, or in the angle πt/2
    for value, slope in ((a, da), (s, ds)):
        measured = (value[2:] - value[:-2]) / (t[2:] - t[:-2])
        torch.testing.assert_close(measured, unit * slope[1:-1], rtol=0, atol=1e-3)
    if path == "cosine":
        torch.testing.assert_close(a**2 + s**2, torch.ones_like(t))


@paths
@pytest.mark.parametrize("t", [0.0, 0.3, 0.8, 1.0])
def test_the_forward_process_has_the_stated_mean_and_variance(path, t):
    n = 40_000
    x = torch.tensor([2.0, -1.0], dtype=torch.float64).expand(n, 2)
    noise = torch.randn(n, 2, generator=seeded(), dtype=torch.float64)
    x_t, velocity = models.noised(x, noise, torch.full((n,), t, dtype=torch.float64), path)
    alpha, sigma = (1 - t, t) if path == "linear" else (math.cos(math.pi * t / 2), math.sin(math.pi * t / 2))
    torch.testing.assert_close(x_t.mean(0), alpha * x[0], rtol=0, atol=0.02)
    assert x_t.std(0).tolist() == pytest.approx([sigma, sigma], abs=0.02)
    _, _, da, ds = models.coefficients(torch.tensor(t, dtype=torch.float64), path)
    a, s = alpha, sigma
    torch.testing.assert_close(ds * x_t - s * velocity, x)  # data and noise are recovered
    torch.testing.assert_close(a * velocity - da * x_t, noise)


class Exact(models.Diffusion):
    """Knows the velocity of data from N(2, 0.5²): the mean of α′ x_0 + σ′ noise, given x_t."""

    def forward(self, x, t, labels=None):
        a, s, da, ds = models.coefficients(t[:, None], self.config.path)
        gain = (a * da * 0.25 + s * ds) / (a**2 * 0.25 + s**2)  # covariance / variance of x_t
        return da * 2 + gain * (x - a * 2)


@paths
@pytest.mark.parametrize("fresh_noise", [0.0, 0.5, 1.0])
def test_the_sampler_draws_from_the_data_when_the_velocity_is_right(path, fresh_noise):
    model = Exact(models.DiffusionConfig((1,), 1, 1, path=path, bounded=False)).double()
    samples = model.sample(40_000, steps=200, fresh_noise=fresh_noise, generator=seeded())
    assert samples.mean().item() == pytest.approx(2, abs=0.01)
    assert samples.std().item() == pytest.approx(0.5, abs=0.01)
    third = ((samples - samples.mean()) / samples.std()).pow(3).mean().item()
    assert third == pytest.approx(0, abs=0.05)


def test_without_fresh_noise_the_linear_path_is_eulers_method():
    model = Exact(models.DiffusionConfig((1,), 1, 1, bounded=False)).double()
    x = torch.randn(5, 1, generator=seeded(3), dtype=torch.float64)
    start = x
    for i in range(10):
        x = x - 0.1 * model(x, torch.full((5,), 1 - 0.1 * i, dtype=torch.float64))
    torch.testing.assert_close(model.sample(5, steps=10, generator=seeded(3)), x)
    assert not torch.equal(x, start)


def test_fresh_noise_is_drawn_only_when_asked_for():
    source, once = seeded(3), seeded(3)
    model = models.Diffusion(SMALL, generator=seeded())
    torch.nn.init.normal_(model.outputs.weight, generator=seeded(1))
    labels = torch.tensor([0, 1, 2])
    plain = model.sample(3, labels, steps=4, generator=source)
    torch.randn(3, 1, 2, 2, generator=once)  # the start is all that is drawn
    assert torch.equal(source.get_state(), once.get_state())
    again = model.sample(3, labels, steps=4, generator=seeded(3))
    stirred = model.sample(3, labels, steps=4, fresh_noise=1.0, generator=seeded(3))
    assert torch.equal(plain, again)
    assert not torch.equal(plain, stirred)
    assert plain.shape == (3, 1, 2, 2)
    assert not plain.requires_grad
    assert ((plain >= 0) & (plain <= 1)).all()


@paths
@pytest.mark.parametrize("on", [True, False])
def test_the_loss_is_the_error_of_the_guessed_data_over_the_noise(on, path):
    x, labels = torch.rand(64, 1, 2, 2, generator=seeded()), torch.arange(64) % 3
    model = models.Diffusion(dataclasses.replace(SMALL, path=path), generator=seeded())
    torch.nn.init.constant_(model.outputs.bias, 0.25)  # the weights are 0: it guesses 0.25 everywhere
    with layers.fused(on):
        loss = model.loss(x, labels, generator=seeded(2))
    source = seeded(2)
    t = torch.rand(64, generator=source)
    noise = torch.randn(x.shape, generator=source)
    sigma = (t if path == "linear" else torch.sin(t * math.pi / 2))[:, None, None, None]
    x_t, velocity = models.noised(2 * x - 1, noise, t, path)
    slope = models.coefficients(t, path)[3][:, None, None, None]
    guess = torch.where(sigma > 0.05, velocity + (2 * x - 1 - 0.25) / sigma, (slope * x_t - 0.25) / 0.05)
    torch.testing.assert_close(loss, (guess - velocity).square().mean(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("on", [True, False])
def test_every_weight_learns_and_time_and_class_are_seen(on):
    model = models.Diffusion(SMALL, generator=seeded())
    torch.nn.init.normal_(model.outputs.weight, generator=seeded(1))
    x, labels = torch.rand(6, 1, 2, 2, generator=seeded(2)), torch.arange(6) % 3
    with layers.fused(on):
        model.loss(x, labels, generator=seeded(3)).backward()
        t = torch.full((6,), 0.5)
        seen = model(x, t, labels)
        assert not torch.equal(seen, model(x, t / 2, labels))
        assert not torch.equal(seen, model(x, t, labels.flip(0)))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@paths
def test_two_points_are_learned(path):
    points = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    labels = torch.tensor([0, 1]).repeat(32)
    config = models.DiffusionConfig((2,), width=32, layers=1, classes=2, path=path, bounded=False)
    model, source = models.Diffusion(config, generator=seeded()), seeded(1)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(200):
        optimizer.zero_grad()
        model.loss(points[labels], labels, generator=source).backward()
        optimizer.step()
    samples = model.sample(64, labels, generator=source)
    assert (samples - points[labels]).abs().mean() < 0.2


@own_checks
def test_bad_input_is_named():
    model = models.Diffusion(SMALL)
    x, t = torch.zeros(2, 1, 2, 2), torch.zeros(2)
    for call, text in [
        (lambda: models.DiffusionConfig(()), "shape is empty; give at least one item"),
        (lambda: models.DiffusionConfig(width=0), "width=0 is out of range; give an int >= 1"),
        (lambda: models.DiffusionConfig(layers=0), "layers=0 is out of range; give an int >= 1"),
        (lambda: models.DiffusionConfig(classes=-1), "classes=-1 is out of range; give an int >= 0"),
        (
            lambda: models.DiffusionConfig(path="cosin"),
            "path='cosin' is not known; did you mean 'cosine'? choose from linear, cosine",
        ),
        (
            lambda: models.coefficients(t, "round"),
            "path='round' is not known; choose from linear, cosine",
        ),
        (
            lambda: models.noised(x, x[:1], t, "linear"),
            "x has shape (2, 1, 2, 2) and noise (1, 1, 2, 2); they must be the same, reshape one of them",
        ),
        (lambda: model(x, t), "labels=None and the model has classes=3; give one class per sample"),
        (lambda: model.sample(0), "count=0 is out of range; give an int >= 1"),
        (lambda: model.sample(1, steps=0), "steps=0 is out of range; give an int >= 1"),
        (
            lambda: model.sample(1, fresh_noise=1.5),
            "fresh_noise=1.5 is out of range; give a float >= 0 and <= 1",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text
