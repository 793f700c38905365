"""Autoencoder and VAE: counts, the draw, both parts of the loss against torch.distributions."""

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributions

from kit import layers, models, optim

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
SMALL = models.AutoencoderConfig((1, 2, 3), (7, 5), latent=2, classes=3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=4):
    return torch.rand(n, 1, 2, 3, generator=seeded(5)), torch.arange(n) % 3


@settings(max_examples=20, deadline=None)
@given(
    shape=st.sampled_from([(1,), (1, 2, 2)]),
    hidden=st.sampled_from([(3,), (6, 4)]),
    latent=st.integers(1, 3),
    classes=st.integers(0, 2),
)
def test_the_formula_counts_every_parameter(shape, hidden, latent, classes):
    config = models.AutoencoderConfig(shape, hidden, latent, classes)
    assert config.parameters == models.count_parameters(models.Autoencoder(config))
    assert config.parameters + latent * (hidden[-1] + 1) == models.count_parameters(models.VAE(config))
    assert models.AutoencoderConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize("kind", [models.Autoencoder, models.VAE])
@pytest.mark.parametrize("on", [True, False])
def test_a_reconstruction_is_an_image_of_the_same_shape(kind, on):
    model, (x, labels) = kind(SMALL, generator=seeded()), batch()
    with layers.fused(on):
        y = model(x, labels)
    assert y.shape == x.shape
    assert ((y > 0) & (y < 1)).all()
    assert torch.equal(kind(SMALL, generator=seeded())(x, labels), model(x, labels))


def test_the_draw_has_the_mean_and_variance_asked_for():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, -3.0]])
    n = 40_000
    z = models.VAE.reparameterize(mean.expand(n, 2), log_variance.expand(n, 2), generator=seeded())
    torch.testing.assert_close(z.mean(0), mean[0], rtol=0, atol=0.03)
    torch.testing.assert_close(z.var(0).log(), log_variance[0], rtol=0, atol=0.03)
    again = models.VAE.reparameterize(mean.expand(n, 2), log_variance.expand(n, 2), generator=seeded())
    assert torch.equal(z, again)


def test_gradients_pass_through_the_draw():
    mean, log_variance = torch.zeros(3, 2, requires_grad=True), torch.zeros(3, 2, requires_grad=True)
    z = models.VAE.reparameterize(mean, log_variance, generator=seeded())
    noise = z.detach().clone()  # mean 0, variance 1
    z.sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(3, 2))
    torch.testing.assert_close(log_variance.grad, noise / 2)


@pytest.mark.parametrize("on", [True, False])
def test_the_loss_is_the_negative_evidence_bound_of_torch(on):
    model, (x, labels) = models.VAE(SMALL, generator=seeded()).double(), batch()
    x = x.double()
    with layers.fused(on):
        reconstruction, kl = model.loss_parts(x, labels, noise=0.3, generator=seeded(1))
    mean, log_variance = model.encode(x, labels)
    q = distributions.Normal(mean, (log_variance / 2).exp())
    prior = distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    torch.testing.assert_close(kl, distributions.kl_divergence(q, prior).sum(1).mean())
    z = model.reparameterize(mean, log_variance, generator=seeded(1))
    likelihood = distributions.Normal(model.decode(z, labels), 0.3).log_prob(x).flatten(1).sum(1).mean()
    constant = distributions.Normal(0.0, 0.3).log_prob(torch.tensor(0.0)).item() * 6
    torch.testing.assert_close(reconstruction, constant - likelihood)


def test_samples_come_from_the_generator_alone():
    model = models.VAE(SMALL, generator=seeded())
    labels = torch.tensor([0, 1, 2])
    one, two = (model.sample(3, labels, generator=seeded(4)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (3, 1, 2, 3)
    assert not one.requires_grad
    assert not torch.equal(one, model.sample(3, labels, generator=seeded(5)))
    assert not torch.equal(one, model.sample(3, labels.flip(0), generator=seeded(4)))


def test_a_vae_learns_two_pictures():
    pictures = torch.tensor([[[[1.0, 0, 1], [0, 1, 0]]], [[[0.0, 1, 0], [1, 0, 1]]]])
    labels = torch.tensor([0, 1]).repeat(8)
    model = models.VAE(dataclasses.replace(SMALL, classes=2), generator=seeded())
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        reconstruction, kl = model.loss_parts(pictures[labels], labels, generator=seeded(1))
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()
    samples = model.sample(16, labels, generator=seeded(2))
    assert (samples - pictures[labels]).abs().max() < 0.2


@own_checks
def test_bad_input_is_named():
    model, (x, labels) = models.VAE(SMALL), batch()
    free = models.Autoencoder(dataclasses.replace(SMALL, classes=0))
    for call, text in [
        (lambda: models.AutoencoderConfig(()), "shape is empty; give at least one item"),
        (lambda: models.AutoencoderConfig((1, 0)), "shape[1]=0 is out of range; give an int >= 1"),
        (lambda: models.AutoencoderConfig(latent=0), "latent=0 is out of range; give an int >= 1"),
        (lambda: models.AutoencoderConfig(classes=-1), "classes=-1 is out of range; give an int >= 0"),
        (lambda: model(x), "labels=None and the model has classes=3; give one class per sample"),
        (lambda: model(x, labels[:2]), "labels has shape (2,), (4,) is needed; give one class each"),
        (
            lambda: free(x, labels),
            "labels are given and the model has classes=0; leave them out or set classes",
        ),
        (lambda: model.loss_parts(x, labels, noise=0.0), "noise=0.0 is out of range; give a float > 0"),
        (lambda: model.sample(0), "count=0 is out of range; give an int >= 1"),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text
