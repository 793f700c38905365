"""Penalties by hand and by gradcheck; what they and the adversary do to a model."""

import math

import pytest
import torch
from torch import nn

from kit import fairness, losses, train
from kit.data import Batches

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
GROUP = torch.tensor([0, 0, 1, 1])


def test_the_gap_of_two_groups_by_hand():
    p = torch.tensor([0.9, 0.7, 0.5, 0.1])
    assert fairness.demographic_parity_penalty(p, GROUP).item() == pytest.approx(0.5**2 / 4)
    assert fairness.demographic_parity_penalty(p, GROUP * 7 - 3).item() == pytest.approx(0.5**2 / 4)
    assert fairness.demographic_parity_penalty(torch.tensor([0.9, 0.1, 0.4, 0.6]), GROUP).item() < 1e-14
    three = torch.tensor([0, 1, 1, 2])
    means, share = torch.tensor([0.9, 0.6, 0.1]), torch.tensor([0.25, 0.5, 0.25])
    expected = (share * (means - p.mean()) ** 2).sum().item()
    assert fairness.demographic_parity_penalty(p, three).item() == pytest.approx(expected, rel=1e-5)


def test_many_classes_add_up_and_regressions_work():
    p = torch.rand(40, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    group = torch.arange(40) % 3
    alone = sum(fairness.demographic_parity_penalty(p[:, c], group) for c in range(3))
    assert fairness.demographic_parity_penalty(p, group).item() == pytest.approx(alone.item())
    assert fairness.demographic_parity_penalty(p[:, 0] * 1000 - 500, group).item() == pytest.approx(
        1e6 * fairness.demographic_parity_penalty(p[:, 0], group).item()
    )


def test_equalized_odds_looks_within_the_true_class():
    y = torch.tensor([1, 0, 0, 0])
    p = torch.tensor([0.9, 0.1, 0.1, 0.1])
    assert fairness.demographic_parity_penalty(p, GROUP) > 0.03
    assert fairness.equalized_odds_penalty(p, GROUP, y).item() == pytest.approx(0, abs=1e-12)
    y = torch.tensor([1, 0, 1, 0])
    p = torch.tensor([0.9, 0.1, 0.5, 0.1])
    assert fairness.equalized_odds_penalty(p, GROUP, y).item() == pytest.approx(0.5 * 0.4**2 / 4)


def test_the_individual_penalty_counts_pairs_that_differ_too_much():
    x = torch.tensor([[0.0], [0.1], [5.0]])
    p = torch.tensor([0.2, 0.9, 0.9])
    assert fairness.individual_penalty(p, x).item() == pytest.approx((0.7 - 0.1) ** 2 / 3)
    assert fairness.individual_penalty(p, x, lipschitz=8).item() == 0


def test_gradients():
    generator = torch.Generator().manual_seed(1)
    p = torch.rand(12, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    x = torch.rand(12, 3, generator=generator, dtype=torch.float64)
    group, y = torch.arange(12) % 3, torch.arange(12) // 4
    check = torch.autograd.gradcheck
    assert check(lambda q: fairness.demographic_parity_penalty(q, group), p)
    assert check(lambda q: fairness.equalized_odds_penalty(q, group, y), p)
    assert check(lambda q: fairness.individual_penalty(q, x, lipschitz=0.3), p)


def test_reversal_turns_the_gradient_round():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = fairness.gradient_reversal(x, 0.5)
    assert torch.equal(y, x)
    (y * torch.tensor([3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [-1.5, -2.0]
    masked = torch.tensor([-math.inf, 1.0])  # a logit that is masked out
    assert torch.equal(fairness.gradient_reversal(masked), masked)


def biased(n=800, seed=0):
    """A feature that tells the label and one that tells the group, labels that favour group 1."""
    generator = torch.Generator().manual_seed(seed)
    group = torch.randint(2, (n,), generator=generator)
    skill = torch.randn(n, generator=generator)
    y = (skill + 1.5 * (group - 0.5) + 0.5 * torch.randn(n, generator=generator) > 0).long()
    return torch.stack([skill, 2.0 * group - 1], dim=1), y, group


def gap_after(penalty, seed=0):
    """Demographic parity of a logistic regression trained with kit's Trainer on loss + penalty."""
    x, y, group = biased()
    model = nn.Linear(2, 1)
    nn.init.zeros_(model.weight)
    extra = penalty if isinstance(penalty, nn.Module) else nn.Module()

    def loss(logits, targets):
        y, group = targets.T
        plain = losses.bce_with_logits(logits[:, 0], y.float())
        return plain + penalty(logits, y, group) if callable(penalty) else plain

    optimizer = torch.optim.Adam([*model.parameters(), *extra.parameters()], lr=0.05)
    batches = Batches(x, torch.stack([y, group], dim=1), batch_size=200, shuffle=True)
    train.Trainer(model, loss, optimizer).fit(batches, epochs=20)
    decided = (model(x)[:, 0] > 0).long()
    return fairness.demographic_parity_difference(y, decided, sensitive_features=group)


class Adversary(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.Linear(1, 2)
        nn.init.zeros_(layer.weight)
        self.loss = fairness.AdversarialLoss(layer, strength=3.0)

    def forward(self, logits, y, group):
        return self.loss(logits, group)


def test_in_a_training_loop_they_close_the_gap():
    plain = gap_after(None)
    penalized = gap_after(
        lambda logits, y, group: 20 * fairness.demographic_parity_penalty(logits.sigmoid(), group)
    )
    adversarial = gap_after(Adversary())
    assert plain > 0.5
    assert penalized < 0.2
    assert adversarial < 0.25


def test_an_adversary_that_sees_nothing_costs_log_of_the_groups():
    adversary = fairness.AdversarialLoss(nn.Linear(3, 2))
    nn.init.zeros_(adversary.adversary.weight)
    nn.init.zeros_(adversary.adversary.bias)
    found = adversary(torch.randn(4, 2), GROUP, torch.tensor([0.0, 1.0, 1.0, 0.0]))
    assert found.item() == pytest.approx(math.log(2))


@own_checks
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: fairness.demographic_parity_penalty(torch.tensor([0, 1, 0, 1]), GROUP),
            TypeError,
            "outputs has dtype torch.int64, a floating one is needed; use outputs.float()",
        ),
        (
            lambda: fairness.demographic_parity_penalty(torch.rand(4), GROUP.float()),
            TypeError,
            "group has dtype torch.float32, whole numbers are needed; use group.long()",
        ),
        (
            lambda: fairness.demographic_parity_penalty(torch.rand(3), GROUP),
            ValueError,
            "len(outputs)=3, len(group)=4 differ; give one entry of each per sample",
        ),
        (
            lambda: fairness.equalized_odds_penalty(torch.rand(4), GROUP, torch.tensor([0, 1])),
            ValueError,
            "len(outputs)=4, len(group)=4, len(target)=2 differ; give one entry of each per sample",
        ),
        (
            lambda: fairness.individual_penalty(torch.rand(4), torch.rand(4, 1), lipschitz=-1),
            ValueError,
            "lipschitz=-1 is out of range; give a float >= 0",
        ),
        (
            lambda: fairness.AdversarialLoss(nn.Linear(1, 2), strength=-1),
            ValueError,
            "strength=-1 is out of range; give a float >= 0",
        ),
        (
            lambda: fairness.AdversarialLoss(nn.Linear(1, 2))(torch.rand(3), GROUP),
            ValueError,
            "len(outputs)=3, len(group)=4 differ; give one entry of each per sample",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message


def test_a_batch_of_one_row_costs_nothing():
    one = torch.tensor([0.3], requires_grad=True)
    penalties = (
        fairness.individual_penalty(one, torch.ones(1, 2)),
        fairness.demographic_parity_penalty(one, torch.tensor([1])),
        fairness.equalized_odds_penalty(one, torch.tensor([1]), torch.tensor([0])),
    )
    for penalty in penalties:
        assert penalty.item() == 0
        assert torch.autograd.grad(penalty, one)[0].tolist() == [0]


@own_checks
def test_groups_of_an_adversary_are_whole_numbers():
    adversary = fairness.AdversarialLoss(nn.Linear(1, 2))
    with pytest.raises(TypeError) as caught:
        adversary(torch.rand(4), GROUP.float())
    assert str(caught.value) == ("group has dtype torch.float32, whole numbers are needed; use group.long()")
    assert adversary(torch.rand(4), GROUP.int()).item() > 0
