"""GAN: counts, one step by hand, the penalty, and a toy distribution learned."""

import copy
import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import layers, losses, models, optim

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
both = pytest.mark.parametrize("on", [True, False])
SMALL = models.GANConfig((1, 2, 2), latent=3, hidden=(6, 5), classes=2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(config=SMALL, seed=0):
    generator = seeded(seed)
    return models.Generator(config, generator=generator), models.Discriminator(config, generator=generator)


def sgd(*networks):
    return tuple(optim.SGD(network.parameters(), lr=0.1) for network in networks)


@settings(max_examples=20, deadline=None)
@given(
    shape=st.sampled_from([(1,), (1, 2, 2)]),
    hidden=st.sampled_from([(3,), (6, 4)]),
    latent=st.integers(1, 3),
    classes=st.integers(0, 2),
)
def test_the_formula_counts_every_parameter(shape, hidden, latent, classes):
    config = models.GANConfig(shape, latent, hidden, classes)
    assert config.parameters == sum(models.count_parameters(network) for network in pair(config))
    assert models.GANConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@both
def test_samples_have_the_shape_and_the_range(on):
    z, labels = 9 * torch.randn(5, 3, generator=seeded()), torch.arange(5) % 2
    for config in (SMALL, dataclasses.replace(SMALL, bounded=False)):
        generator, discriminator = pair(config)
        with layers.fused(on):
            x = generator(z, labels)
            assert discriminator(x, labels).shape == (5,)
        assert x.shape == (5, 1, 2, 2)
        assert bool(((x > 0) & (x < 1)).all()) is config.bounded


def test_samples_come_from_the_generator_alone():
    network, _ = pair()
    labels = torch.tensor([0, 1, 1])
    one, two = (network.sample(3, labels, generator=seeded(4)) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(one, network(torch.randn(3, 3, generator=seeded(4)), labels))
    assert not one.requires_grad
    assert not torch.equal(one, network.sample(3, 1 - labels, generator=seeded(4)))


@both
@pytest.mark.parametrize("saturating", [False, True])
@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_a_step_is_one_of_each_player(on, saturating, penalty):
    generator, discriminator = (network.double() for network in pair())
    twins = copy.deepcopy((generator, discriminator))
    real = torch.rand(4, 1, 2, 2, generator=seeded(1), dtype=torch.float64)
    z, labels = torch.randn(4, 3, generator=seeded(2), dtype=torch.float64), torch.arange(4) % 2
    with layers.fused(on):
        step = models.gan_step(
            generator,
            discriminator,
            real,
            z,
            sgd(generator, discriminator),
            labels=labels,
            penalty=penalty,
            saturating=saturating,
        )
    G, D = twins
    x = real.clone().requires_grad_()
    on_real, on_fake = D(x, labels), D(G(z, labels), labels)
    loss = losses.gan_discriminator(on_real, on_fake)
    assert step.discriminator_loss.item() == pytest.approx(loss.item())
    assert step.real.item() == pytest.approx(on_real.sigmoid().mean().item())
    assert step.fake.item() == pytest.approx(on_fake.sigmoid().mean().item())
    slope = torch.autograd.grad(on_real.sum(), x, create_graph=True)[0]
    loss = loss + penalty / 2 * slope.flatten(1).square().sum(1).mean()
    weights = list(D.parameters())
    with torch.no_grad():
        gradients = torch.autograd.grad(loss, weights)
        for w, g in zip(weights, gradients, strict=True):
            w -= 0.1 * g
    loss = losses.gan_generator(D(G(z, labels), labels), saturating=saturating)
    assert step.generator_loss.item() == pytest.approx(loss.item())
    weights = list(G.parameters())
    with torch.no_grad():
        for w, g in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            w -= 0.1 * g
    for ours, theirs in ((generator, G), (discriminator, D)):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert not real.requires_grad


def test_a_gan_learns_a_normal_distribution():
    config = models.GANConfig((1,), latent=2, hidden=(16,), bounded=False)
    networks, source = pair(config), seeded(7)
    optimizers = tuple(optim.Adam(n.parameters(), lr=5e-3, betas=(0.5, 0.99)) for n in networks)
    for _ in range(400):
        real = 4 + 0.5 * torch.randn(64, 1, generator=source)
        z = torch.randn(64, 2, generator=source)
        models.gan_step(*networks, real, z, optimizers, penalty=0.3)
    samples = networks[0].sample(2000, generator=source)
    assert samples.mean().item() == pytest.approx(4, abs=0.3)
    assert 0.2 < samples.std().item() < 1


@own_checks
def test_bad_input_is_named():
    generator, discriminator = pair()
    x, z = torch.rand(2, 1, 2, 2), torch.zeros(2, 3)
    for call, text in [
        (lambda: models.GANConfig(()), "shape is empty; give at least one item"),
        (lambda: models.GANConfig(latent=0), "latent=0 is out of range; give an int >= 1"),
        (lambda: models.GANConfig(classes=-1), "classes=-1 is out of range; give an int >= 0"),
        (lambda: generator(z), "labels=None and the model has classes=2; give one class per sample"),
        (
            lambda: discriminator(x, torch.tensor([0])),
            "labels has shape (1,), (2,) is needed; give one class each",
        ),
        (lambda: generator.sample(0), "count=0 is out of range; give an int >= 1"),
        (
            lambda: models.gan_step(generator, discriminator, x, z, (), penalty=-1.0),
            "penalty=-1.0 is out of range; give a float >= 0",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text
