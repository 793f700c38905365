"""Federated rounds against centralised steps, robust means against SciPy."""

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from kit import privacy
from kit.data import Batches

LOSS = nn.CrossEntropyLoss()


def data(n=60, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=g)
    return x, (x[:, 0] > 0).long()


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).double()


def clients(parts):
    x, y = data()
    return [[(a, b)] for a, b in zip(x.double().split(parts), y.split(parts))]


@pytest.mark.parametrize("parts", [[60], [20, 20, 20], [5, 15, 40]])
def test_one_full_batch_round_is_one_centralised_step(parts):
    federated, central = model(), model()
    privacy.federated_round(federated, LOSS, clients(parts), lr=0.3)
    optimizer = torch.optim.SGD(central.parameters(), lr=0.3)
    x, y = data()
    LOSS(central(x.double()), y).backward()
    optimizer.step()
    for p, q in zip(federated.parameters(), central.parameters()):
        assert torch.allclose(p, q, rtol=0, atol=1e-14)


def test_rounds_learn_and_leave_the_clients_model_alone():
    module, sent = model(), model().state_dict()
    state, samples = privacy.local_update(module, LOSS, clients([60])[0], lr=0.5, epochs=3)
    assert samples == 60  # of one epoch
    assert all(torch.equal(module.state_dict()[name], value) for name, value in sent.items())
    assert not torch.equal(state["0.weight"], sent["0.weight"])
    x, y = data()
    for _ in range(30):
        privacy.federated_round(module, LOSS, clients([20, 40]), lr=0.5, epochs=2)
    assert (module(x.double()).argmax(1) == y).double().mean() > 0.95


def test_a_proximal_step_is_the_formula():
    """Two steps of w <- w - lr (g + mu (w - w0)), against autograd by hand."""
    module, lr, mu = model(), 0.3, 2.0
    state, _ = privacy.local_update(module, LOSS, clients([60])[0], lr=lr, epochs=2, mu=mu)
    own = model()
    start = [p.detach().clone() for p in own.parameters()]
    x, y = data()
    for _ in range(2):
        gradients = torch.autograd.grad(LOSS(own(x.double()), y), list(own.parameters()))
        with torch.no_grad():
            for p, g, p0 in zip(own.parameters(), gradients, start):
                p -= lr * (g + mu * (p - p0))
    assert all(torch.allclose(state[name], p, atol=1e-13) for name, p in own.named_parameters())


def test_the_proximal_term_keeps_clients_close():
    module = model()
    moved = []
    for mu in (0.0, 10.0):
        state, _ = privacy.local_update(module, LOSS, clients([60])[0], lr=0.05, epochs=50, mu=mu)
        moved.append(sum((state[n] - p).square().sum() for n, p in module.named_parameters()).item())
    assert moved[1] < 0.1 * moved[0]


def states(n, seed=0):
    g = torch.Generator().manual_seed(seed)
    return [{"w": torch.randn(3, 2, generator=g), "steps": torch.tensor(i)} for i in range(n)]


@pytest.mark.parametrize("n", [1, 4, 5, 9])
def test_median_and_trimmed_mean_equal_numpy_and_scipy(n):
    stacked = np.stack([s["w"].double().numpy() for s in states(n)])
    assert privacy.coordinate_median(states(n))["w"].numpy() == pytest.approx(np.median(stacked, 0), rel=1e-6)
    trim = (n - 1) // 3
    ours = privacy.trimmed_mean(states(n), trim=trim)["w"].numpy()
    assert ours == pytest.approx(scipy.stats.trim_mean(stacked, (trim + 0.1) / n, axis=0), rel=1e-6)


def test_weights_count_and_whole_numbers_stay_whole():
    merged = privacy.fed_avg(states(3), weights=[1, 0, 3])
    parts = states(3)
    assert torch.allclose(merged["w"], (parts[0]["w"] + 3 * parts[2]["w"]) / 4)
    assert merged["steps"].dtype == torch.int64 and merged["steps"] == 2  # 1.5, to even
    assert merged["w"].dtype == torch.float32


def test_one_liar_moves_the_mean_and_not_the_median():
    honest = states(5)
    lie = [*honest[:4], {"w": torch.full((3, 2), 1e9), "steps": torch.tensor(0)}]
    assert privacy.fed_avg(lie)["w"].abs().max() > 1e8
    for robust in (privacy.coordinate_median(lie), privacy.trimmed_mean(lie, trim=1)):
        stacked = torch.stack([s["w"] for s in honest[:4]])
        assert (robust["w"] <= stacked.amax(0)).all() and (robust["w"] >= stacked.amin(0)).all()


def test_robust_means_work_in_a_round():
    module = privacy.federated_round(
        model(), LOSS, clients([20, 20, 20]), lr=0.3, aggregate=privacy.coordinate_median
    )
    assert not torch.equal(next(module.parameters()), next(model().parameters()))


NAN = {"w": torch.tensor([float("nan")])}


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: privacy.federated_round(model(), LOSS, [], lr=1),
            "clients is empty; give at least one item",
        ),
        (
            lambda: privacy.local_update(model(), LOSS, [], lr=1),
            "samples of batches=0 is out of range; give an int >= 1",
        ),
        (  # a generator: nothing is left for the second epoch
            lambda: privacy.local_update(model(), LOSS, iter(clients([60])[0]), lr=1, epochs=2),
            "samples of batches=0 is out of range; give an int >= 1",
        ),
        (lambda: privacy.fed_avg([]), "states is empty; give at least one item"),
        (
            lambda: privacy.fed_avg(states(2), weights=[1, float("nan")]),
            "sum(weights)=nan is out of range; give a float > 0",
        ),
        (
            lambda: privacy.local_update(model(), LOSS, Batches(*data(), batch_size=4), lr=0),
            "lr=0 is out of range; give a float > 0",
        ),
        (
            lambda: privacy.local_update(model(), LOSS, [], lr=1, mu=-1),
            "mu=-1 is out of range; give a float >= 0",
        ),
        (lambda: privacy.coordinate_median([]), "states is empty; give at least one item"),
        (
            lambda: privacy.fed_avg(states(2), weights=[0, 0]),
            "sum(weights)=0.0 is out of range; give a float > 0",
        ),
        (
            lambda: privacy.fed_avg(states(2), weights=[2, -1]),
            "min(weights)=-1.0 is out of range; give a float >= 0",
        ),
        (
            lambda: privacy.fed_avg(states(2), weights=[1]),
            "len(states)=2, len(weights)=1 differ; give one entry of each per sample",
        ),
        (
            lambda: privacy.fed_avg([{"w": torch.zeros(1)}, {"v": torch.zeros(1)}]),
            "states[1] differs from states[0] in ['v', 'w']; send states of one model",
        ),
        (
            lambda: privacy.fed_avg([{"w": torch.zeros(1)}, {"w": torch.zeros(2)}]),
            "states[1].w has shape (2,) and states[0].w (1,); they must be the same, reshape one of them",
        ),
        (
            lambda: privacy.fed_avg([NAN]),
            "states[0].w holds 1 NaN or infinite values of 1; remove or replace them",
        ),
        (
            lambda: privacy.trimmed_mean(states(4), trim=2),
            "trim=2 is out of range; give an int >= 0 and <= 1",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
