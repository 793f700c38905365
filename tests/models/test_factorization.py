"""Matrix factorization: the formula, published counts, and that it finds planted factors."""

import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import layers, losses, metrics, models, optim

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=20, deadline=None)
@given(users=st.integers(1, 9), items=st.integers(1, 9), width=st.integers(0, 5))
def test_the_formula_counts_every_parameter(users, items, width):
    config = models.FactorizationConfig(users, items, width)
    assert config.parameters == models.count_parameters(models.MatrixFactorization(config, 3.5))
    assert models.FactorizationConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_known_counts():
    assert models.FactorizationConfig(671, 9066, 16).parameters == 165_529  # MovieLens "latest small", 2016
    assert models.FactorizationConfig(943, 1682, 32).parameters == 86_625  # MovieLens 100K


@pytest.mark.parametrize("on", [True, False])
def test_a_rating_is_mean_and_biases_and_product(on):
    model = models.MatrixFactorization(models.FactorizationConfig(3, 4, 2), 3.5, generator=seeded()).double()
    torch.nn.init.normal_(model.user_bias.weight, generator=seeded(1))
    torch.nn.init.normal_(model.item_bias.weight, generator=seeded(2))
    users, items = torch.tensor([0, 2, 2]), torch.tensor([3, 1, 0])
    with layers.fused(on):
        ratings, table = model(users, items), model.scores(torch.tensor([2, 0]))
        penalty = model.penalty(users, items)
    squares = 0.0
    for u, i, rating in zip(users.tolist(), items.tolist(), ratings.tolist(), strict=True):
        p, q = model.user.weight[u].tolist(), model.item.weight[i].tolist()
        b, c = model.user_bias.weight[u].item(), model.item_bias.weight[i].item()
        assert rating == pytest.approx(3.5 + b + c + p[0] * q[0] + p[1] * q[1])
        squares += sum(x * x for x in (*p, *q, b, c))
    assert penalty.item() == pytest.approx(squares / 3)
    assert table.shape == (2, 4)
    torch.testing.assert_close(table[0, 1], ratings[1])
    torch.testing.assert_close(table[1, 3], ratings[0])


def test_the_mean_is_kept_and_not_learned():
    model = models.MatrixFactorization(models.FactorizationConfig(2, 2), 3.53)
    assert model.state_dict()["mean"].item() == pytest.approx(3.53)
    assert "mean" not in dict(model.named_parameters())


def test_factors_find_what_biases_cannot():
    p, q = torch.randn(2, 40, 2, generator=seeded())
    table = 3 + p @ q.T
    users, items = torch.cartesian_prod(torch.arange(40), torch.arange(40)).T
    held = torch.rand(1600, generator=seeded(1)) < 0.2
    rating = table[users, items]
    error = {}
    for width in (0, 2):
        config = models.FactorizationConfig(40, 40, width)
        model = models.MatrixFactorization(config, rating[~held].mean().item(), generator=seeded(2))
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        for _ in range(200):
            pair = users[~held], items[~held]
            loss = losses.mse(model(*pair), rating[~held]) + 1e-3 * model.penalty(*pair)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        error[width] = metrics.root_mean_squared_error(rating[held], model(users[held], items[held]))
    assert error[2] < 0.1
    assert error[0] > 0.8


@own_checks
def test_bad_input_is_named():
    model = models.MatrixFactorization(models.FactorizationConfig(2, 3), 0.0)
    one, two = torch.tensor([0]), torch.tensor([0, 1])
    for call, text in [
        (lambda: models.FactorizationConfig(0, 3), "users=0 is out of range; give an int >= 1"),
        (lambda: models.FactorizationConfig(2, 0), "items=0 is out of range; give an int >= 1"),
        (lambda: models.FactorizationConfig(2, 3, -1), "width=-1 is out of range; give an int >= 0"),
        (
            lambda: models.MatrixFactorization(models.FactorizationConfig(2, 3), float("nan")),
            "mean=nan is out of range; give a float that is finite",
        ),
        (
            lambda: model(one, two),
            "users has shape (1,) and items (2,); they must be the same, reshape one of them",
        ),
        (
            lambda: model(two + 1, two),
            "indices has values from 1 to 2, they must lie in 0..1; "
            "raise num_embeddings or map unknown indices to one of their own",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text
