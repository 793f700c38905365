"""Attacks that must succeed on what leaks, fail on what does not, and never overstate."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from kit import privacy

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

LOSS = nn.CrossEntropyLoss()


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(n, mean=0.0, seed=0):
    return torch.randn(n, generator=gen(seed)) + mean


def test_scores_that_know_nothing_prove_nothing():
    result = privacy.membership_inference(normal(1000), normal(1000, seed=1))
    assert result.epsilon_lower == 0
    assert result.auc == pytest.approx(0.5, abs=0.04)
    assert result.advantage < 0.08
    assert result.tpr_at_1_percent < 0.05


def test_scores_that_know_all_prove_what_the_sample_allows():
    result = privacy.membership_inference(normal(1000, 20), normal(1000, seed=1))
    assert (result.auc, result.advantage, result.tpr_at_1_percent) == (1.0, 1.0, 1.0)
    # 500 of 500 against 0 of 500: the interval's end is 1 - 0.025^(1/500).
    tail = 1 - 0.025 ** (1 / 500)
    assert result.epsilon_lower == pytest.approx(math.log((1 - tail) / tail), rel=1e-6)


def test_rates_equal_scikit_learn():
    from sklearn.metrics import roc_auc_score, roc_curve

    inside, outside = normal(300, 1).round(decimals=1), normal(200, seed=1).round(decimals=1)
    result = privacy.membership_inference(inside, outside)
    labels, scores = np.repeat([1, 0], [300, 200]), torch.cat([inside, outside])
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert result.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert result.advantage == pytest.approx((tpr - fpr).max(), abs=1e-12)
    assert result.tpr_at_1_percent == pytest.approx(tpr[fpr <= 0.01].max(), abs=1e-12)


def test_the_lower_bound_equals_scipy():
    ends = [scipy.stats.binomtest(k, 100).proportion_ci(0.9, "exact") for k in (60, 20)]
    ours = privacy.epsilon_lower_bound(60, 100, 20, 100, delta=0.01, confidence=0.9)
    one = math.log((ends[0].low - 0.01) / ends[1].high)
    two = math.log((1 - ends[1].high - 0.01) / (1 - ends[0].low))
    assert ours == pytest.approx(max(one, two), rel=1e-9)
    assert privacy.epsilon_lower_bound(0, 10, 10, 10) == 0


def test_the_lower_bound_holds_as_often_as_it_says():
    """A mechanism of known epsilon: randomized response, attacked by reading the answer."""
    epsilon, broken = 1.0, 0
    for seed in range(200):
        reports = [
            privacy.randomized_response(
                torch.full((200,), bit), epsilon=epsilon, generator=gen(2 * seed + bit)
            )
            for bit in (1, 0)
        ]
        counts = int(reports[0].sum()), 200, int(reports[1].sum()), 200
        bound = privacy.epsilon_lower_bound(*counts, confidence=0.9)
        broken += bound > epsilon
    assert broken <= 0.1 * 200


def test_the_chosen_threshold_does_not_flatter():
    """Of many useless attacks hardly any gets a bound above 0."""
    bounds = [
        privacy.membership_inference(normal(60, seed=2 * i), normal(60, seed=2 * i + 1)).epsilon_lower
        for i in range(100)
    ]
    assert sum(bound > 0 for bound in bounds) <= 5


def overfit():
    """A network that has learned random labels by heart, and shadows that learned others."""
    g = gen()
    x, y = torch.randn(240, 20, generator=g), torch.randint(2, (240,), generator=g)

    def train(rows, seed):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(120):
            optimizer.zero_grad()
            LOSS(net(x[rows]), y[rows]).backward()
            optimizer.step()
        return privacy.logit_confidence(net(x).detach(), y)

    target = train(slice(0, 80), 0)
    return target, torch.stack([train(torch.arange(160, 240), s) for s in (1, 2, 3)])


def test_an_overfitted_network_is_seen_through():
    target, shadows = overfit()
    loss_attack = privacy.membership_inference(target[:80], target[80:160])
    lira = privacy.lira_scores(target, shadows)
    likelihood = privacy.membership_inference(lira[:80], lira[80:160])
    assert loss_attack.auc > 0.75 and likelihood.auc > 0.65
    assert loss_attack.epsilon_lower > 0.5


def test_the_likelihood_ratio_sees_past_how_hard_a_sample_is():
    """Samples differ in difficulty by more than membership changes their confidence."""
    hard = 3 * normal(400)
    target = hard + 0.5 * normal(400, seed=1) + 1.5 * (torch.arange(400) < 200)
    shadows = torch.stack([hard + 0.5 * normal(400, seed=s) for s in range(2, 10)])
    lira = privacy.lira_scores(target, shadows)
    plain, ratio = (privacy.membership_inference(s[:200], s[200:]) for s in (target, lira))
    assert plain.auc < 0.7 and ratio.auc > 0.95
    assert ratio.epsilon_lower > 2 > plain.epsilon_lower


def test_logit_confidence_is_the_log_odds():
    logits, targets = torch.randn(9, 4, generator=gen()).double(), torch.arange(9) % 4
    p = logits.softmax(1).gather(1, targets[:, None]).squeeze(1)
    assert torch.allclose(privacy.logit_confidence(logits, targets), (p / (1 - p)).log())
    extreme = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]])
    assert privacy.logit_confidence(extreme, torch.tensor([0, 0])).tolist() == [1000, -1000]


def test_lira_orders_as_the_normal_tail():
    target, shadows = normal(30), torch.stack([normal(30, seed=i) * (1 + i % 3) for i in range(1, 80)])
    tail = scipy.stats.norm.cdf(target, shadows.mean(0), shadows.std(0))
    assert scipy.stats.norm.cdf(privacy.lira_scores(target, shadows)) == pytest.approx(tail, abs=1e-5)


def linear_gradient(n):
    layer, x = nn.Linear(784, 10), torch.rand(n, 784, generator=gen(1))
    LOSS(layer(x), torch.arange(n)).backward()
    return x, layer.weight.grad, layer.bias.grad


def test_the_gradient_of_a_linear_layer_is_the_image():
    torch.manual_seed(0)
    x, weight, bias = linear_gradient(1)
    assert (privacy.invert_linear_gradient(weight, bias) - x[0]).abs().max() < 1.3e-7


def test_a_small_smooth_network_gives_its_input_away():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = torch.randn(2, 12, generator=gen(1)).double(), torch.tensor([0, 2])
    gradients = {
        n: g
        for (n, p), g in zip(
            net.named_parameters(), torch.autograd.grad(LOSS(net(x), y), list(net.parameters()))
        )
    }
    options = {"shape": (2, 12), "targets": y, "generator": gen(2)}
    found, left = privacy.invert_gradients(net, LOSS, gradients, **options)
    assert found.dtype == torch.float64
    assert left < 1e-10
    assert (found - x).abs().max() < 1e-2
    assert all(p.grad is None for p in net.parameters())


def test_exposure_counts_the_rank():
    others = torch.arange(1.0, 1024.0)
    assert privacy.exposure(0.5, others) == 10
    assert privacy.exposure(511.5, others) == 1
    assert privacy.exposure(1e9, others) == 0
    assert privacy.exposure(0.1, [0.1, 0.2]) == pytest.approx(math.log2(3 / 2))  # a tie counts against it


def test_exposure_of_an_unlearned_secret_is_one_and_a_half_bits_on_average():
    """log2 of a uniform rank: the mean is 1/ln 2 for many candidates."""
    g = np.random.default_rng(0)
    values = [privacy.exposure(v, g.random(500)) for v in g.random(2000)]
    assert np.mean(values) == pytest.approx(1 / math.log(2), abs=0.1)


def test_a_learned_secret_is_exposed():
    """A bigram table that has seen one sequence often."""
    secret = torch.tensor([0, 3, 1, 4, 2])
    logits = torch.zeros(5, 5)
    logits[secret[:-1], secret[1:]] = 3.0
    model = lambda tokens: logits[tokens]  # noqa: E731
    candidates = torch.cat([torch.zeros(400, 1).long(), torch.randint(5, (400, 4), generator=gen())], dim=1)
    candidates = candidates[(candidates != secret).any(dim=1)]
    losses = privacy.sequence_losses(model, torch.cat([secret[None], candidates]))
    by_hand = -logits.log_softmax(1)[secret[:-1], secret[1:]].sum()
    assert losses[0].item() == pytest.approx(by_hand.item(), rel=1e-6)
    part = privacy.sequence_losses(model, secret[None], start=3)
    assert part.item() == pytest.approx(by_hand.item() / 2, rel=1e-6)
    assert privacy.exposure(losses[0].item(), losses[1:]) == pytest.approx(math.log2(len(losses)))


def test_the_gradient_of_two_samples_is_refused():
    _, weight, bias = linear_gradient(2)
    pattern = r"^weight differs by 0\.\d+ from bias x\^T, of one sample; use invert_gradients$"
    with pytest.raises(ValueError, match=pattern):
        privacy.invert_linear_gradient(weight, bias)


@own_checks
@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: privacy.membership_inference([1, 2, 3], normal(9)),
            "member_scores has 3 entries, 4 are needed; score more samples",
        ),
        (
            lambda: privacy.membership_inference(normal(9), [1, 2, 3, math.nan]),
            "nonmember_scores holds 1 NaN or infinite values of 4; remove or replace them",
        ),
        (
            lambda: privacy.epsilon_lower_bound(5, 4, 1, 4),
            "successes=5 is out of range; give an int >= 0 and <= 4",
        ),
        (
            lambda: privacy.epsilon_lower_bound(1, 4, 1, 4, delta=1),
            "delta=1 is out of range; give a float >= 0 and < 1",
        ),
        (
            lambda: privacy.lira_scores(normal(3), normal(3)[None]),
            "shadow models=1 is out of range; give an int >= 2",
        ),
        (
            lambda: privacy.invert_linear_gradient(torch.zeros(2, 3), torch.zeros(2)),
            "bias holds only 0, so no row carries the input; take a layer whose unit was active",
        ),
        (
            lambda: privacy.invert_linear_gradient(torch.full((2, 3), math.nan), torch.ones(2)),
            "weight holds 6 NaN or infinite values of 6; remove or replace them",
        ),
        (
            lambda: privacy.logit_confidence(torch.zeros(3, 1), torch.zeros(3).long()),
            "classes of logits=1 is out of range; give an int >= 2",
        ),
        (
            lambda: privacy.invert_gradients(
                nn.Linear(2, 2), LOSS, {"wight": torch.zeros(2, 2)}, shape=(1, 2), targets=torch.zeros(1)
            ),
            "gradient='wight' is not known; did you mean 'weight'? choose from weight, bias",
        ),
        (
            lambda: privacy.invert_gradients(nn.Linear(2, 2), LOSS, {}, shape=(1, 2), targets=torch.zeros(1)),
            "gradients is empty; give at least one item",
        ),
        (
            lambda: privacy.exposure(1.0, []),
            "candidate_losses has 0 entries, 1 are needed; score more samples",
        ),
        (
            lambda: privacy.sequence_losses(None, torch.zeros(2, 3).long(), start=3),
            "start=3 is out of range; give an int >= 1 and <= 2",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
