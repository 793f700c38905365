"""Certificates: Cohen's numbers by SciPy, the exact radius of a linear model, and abstaining."""

import pytest
import torch
from scipy.stats import beta, binomtest, norm
from torch import nn

from kit.robust import ABSTAIN, Certificate, SmoothedClassifier


class Votes(nn.Module):
    """Names the given classes one after the other, whatever the inputs hold.

    A batch of one is not noise: it is asked for the number of classes.
    """

    def __init__(self, classes):
        super().__init__()
        self.classes, self.used = classes, 0

    def forward(self, x):
        if len(x) == 1:
            return torch.zeros(1, 3)
        mine = self.classes[self.used : self.used + len(x)]
        self.used += len(x)
        return nn.functional.one_hot(torch.tensor(mine), 3).float()


def test_the_certificate_is_cohens():
    """Source: Cohen et al. (2019), CERTIFY: lower limit of Beta(k, n - k + 1) at alpha, radius sigma Φ⁻¹."""
    model = Votes([1] * 10 + [1] * 95 + [0] * 5).eval()
    smoothed = SmoothedClassifier(model, sigma=0.5, alpha=0.01, batch_size=30)
    found = smoothed.certify(torch.zeros(1, 4), n0=10, n=100)
    assert found.classes.tolist() == [1]
    assert found.radius.item() == pytest.approx(0.5 * norm.ppf(beta.ppf(0.01, 95, 6)), abs=1e-6)
    assert model.used == 110


def test_the_first_votes_choose_and_the_second_only_count():
    """A winner sought among the votes that bound its share would be certified too often."""
    model = Votes([1] * 10 + [0] * 95 + [1] * 5).eval()
    found = SmoothedClassifier(model, sigma=0.5, alpha=0.01).certify(torch.zeros(1, 4), n0=10, n=100)
    assert (found.classes.tolist(), found.radius.tolist()) == ([ABSTAIN], [0])


@pytest.mark.parametrize("first", [30, 35, 36, 37, 38, 39, 40, 45, 60])
def test_prediction_abstains_as_the_binomial_test_says(first):
    n, alpha = 60, 0.05
    model = Votes([2] * first + [0] * (n - first)).eval()
    found = SmoothedClassifier(model, sigma=0.1, alpha=alpha).predict(torch.zeros(1, 4), n=n)
    sure = binomtest(first, n, 0.5).pvalue <= alpha
    assert found.tolist() == [2 if sure else ABSTAIN]


def test_a_linear_models_radius_is_its_distance_to_the_border():
    model = nn.Linear(2, 2).eval()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        model.bias.zero_()
    x = torch.tensor([[0.2, 5.0], [-0.4, 1.0], [0.0, 0.0]])
    generator = torch.Generator().manual_seed(0)
    found = SmoothedClassifier(model, sigma=0.25).certify(x, n=4000, generator=generator)
    assert found.classes.tolist() == [0, 1, ABSTAIN]
    assert 0.8 * 0.2 < found.radius[0] <= 0.2
    assert 0.8 * 0.4 < found.radius[1] <= 0.4
    assert found.radius[2] == 0
    same = SmoothedClassifier(model, sigma=0.25).certify(x, n=4000, generator=generator.manual_seed(0))
    assert torch.equal(same.radius, found.radius)


def test_a_certificate_is_wrong_no_more_often_than_alpha():
    """A coin that names class 1 with chance 0.7: how often is the bound of its share above 0.7?"""
    generator = torch.Generator().manual_seed(0)

    class Coin(nn.Module):
        def forward(self, x):
            ones = torch.rand(len(x), generator=generator) < 0.7
            return nn.functional.one_hot(ones.long(), 2).float()

    smoothed = SmoothedClassifier(Coin().eval(), sigma=1.0, alpha=0.05)
    found = smoothed.certify(torch.zeros(1500, 1), n0=30, n=200)
    wrong = (found.radius > norm.ppf(0.7)).float().mean().item()
    assert 0.02 < wrong < 0.065  # 0.05 at most, and not far below


def test_all_votes_give_the_largest_radius():
    found = SmoothedClassifier(Votes([1] * 1100).eval(), sigma=1.0).certify(torch.zeros(1, 2))
    assert found.radius.item() == pytest.approx(norm.ppf(0.001 ** (1 / 1000)), abs=1e-6)
    assert found.radius.item() == pytest.approx(2.46, abs=0.005)


def test_certified_accuracy_falls_with_the_radius():
    certificate = Certificate(torch.tensor([1, 0, ABSTAIN, 2]), torch.tensor([0.5, 0.2, 0.0, 0.9]), 0.001)
    y = torch.tensor([1, 0, 1, 0])
    assert [certificate.accuracy(y, radius=r) for r in (0.0, 0.3, 0.6)] == [0.5, 0.25, 0.0]
    assert repr(certificate) == "Certificate(4 samples, 1 abstained, median radius 0.2, alpha=0.001)"


def test_mistakes_in_smoothing_are_named(trained):
    model, x, _ = trained
    for bad, message in (
        ({"sigma": 0}, r"^sigma=0 is out of range; give a float > 0$"),
        ({"sigma": 1, "alpha": 0.5}, r"^alpha=0.5 is out of range; give a float > 0 and < 0.5$"),
        ({"sigma": 1, "batch_size": 0}, r"^batch_size=0 is out of range; give an int >= 1$"),
    ):
        with pytest.raises(ValueError, match=message):
            SmoothedClassifier(model, **bad)
    with pytest.raises(ValueError, match=r"^n=0 is out of range; give an int >= 1$"):
        SmoothedClassifier(model, 0.1).predict(x[:1], n=0)
    with pytest.raises(ValueError, match=r"^n0=0 is out of range; give an int >= 1$"):
        SmoothedClassifier(model, 0.1).certify(x[:1], n0=0)
    with pytest.raises(ValueError, match=r"^x is empty; give at least one item$"):
        SmoothedClassifier(model, 0.1).predict(x[:0])
    with pytest.raises(
        TypeError, match=r"^x has dtype torch.uint8, a floating one is needed; use x.float\(\)$"
    ):
        SmoothedClassifier(model, 0.1).predict(x[:1].to(torch.uint8))
    with pytest.raises(ValueError, match=r"^model\(x\) has 1 column, one logit per class is needed"):
        SmoothedClassifier(lambda x: model(x)[:, :1], 0.1).predict(x[:1])
    with pytest.raises(ValueError, match=r"^radius=-1 is out of range; give a float >= 0$"):
        Certificate(torch.tensor([1]), torch.tensor([0.1]), 0.1).accuracy(torch.tensor([1]), radius=-1)
    with pytest.raises(ValueError, match=r"^model=Dropout is in training mode; call model.eval\(\)$"):
        SmoothedClassifier(nn.Dropout(), 0.1).predict(x[:1])
    with pytest.raises(ValueError, match=r"^len\(classes\)=1, len\(y\)=2 differ"):
        Certificate(torch.tensor([1]), torch.tensor([0.1]), 0.1).accuracy(torch.tensor([1, 2]), radius=0)
