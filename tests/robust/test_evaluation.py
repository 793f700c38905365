"""The harness: it recomputes, refuses attacks that cheat, and doubts models that hide their gradient."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from kit.robust import FGSM, PGD, DeepFool, evaluate_attack


@dataclass(frozen=True)
class Custom:
    """An attack from outside: returns a plain tensor."""

    change: object
    eps: float = 0.1
    norm: str = "linf"
    bounds: tuple = (0.0, 1.0)
    targeted: bool = False

    def __call__(self, model, x, y, *, generator=None):
        return self.change(x)


class Steep(nn.Module):
    """The same decisions with logits so large that the softmax has no slope left."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x) * 1e4


def test_an_honest_model_gets_a_number_without_doubts(trained):
    model, x, y = trained
    attack = PGD(0.1, steps=30, step_size=0.01)
    report = evaluate_attack(model, x, y, attack, batch_size=50, probe=60)
    assert report.doubts == ()
    with torch.no_grad():
        assert report.accuracy.estimate == (model(x).argmax(1) == y).double().mean()
        assert report.robust_accuracy.estimate == (model(report.x).argmax(1) == y).double().mean()
    assert report.robust_accuracy.n == len(y)
    text = repr(report)
    assert text.startswith("PGD(eps=0.1, norm='linf', steps=30")
    assert "inputs in [0, 1], normalized inside the model if at all" in text
    assert f"robust accuracy  {report.robust_accuracy}" in text
    again = evaluate_attack(model, x, y, attack, batch_size=50, probe=0)
    assert torch.equal(again.x, report.x)


def test_a_hidden_gradient_is_doubted(trained):
    model, x, y = trained
    report = evaluate_attack(Steep(model).eval(), x, y, PGD(0.3, random_start=False), probe=60)
    assert report.robust_accuracy.estimate > 0.5  # though 0.3 breaks the same decisions:
    assert PGD(0.3)(model, x, y, generator=torch.Generator().manual_seed(0)).accuracy < 0.1
    assert len(report.doubts) >= 2
    assert report.doubts[0].startswith("at eps=1, enough for any input, ")
    assert report.doubts[0].endswith("% of the probe stand: the search fails")
    assert any(doubt.startswith("20 random points leave ") for doubt in report.doubts)
    assert f"doubt: {report.doubts[0]}" in str(report)


def test_too_few_steps_are_doubted(trained):
    model, x, y = trained
    lazy = PGD(0.15, steps=3, step_size=0.005, random_start=False)
    doubts = evaluate_attack(model, x, y, lazy, probe=100).doubts
    assert [doubt.split(" leave")[0] for doubt in doubts][:2] == ["twice the steps", "one step (FGSM)"]
    assert all(doubt.endswith(": it misses what is there") for doubt in doubts)


def test_what_was_probed_is_said(trained):
    model, x, y = trained
    honest = evaluate_attack(model, x, y, PGD(0.1, steps=30, step_size=0.01), probe=60)
    assert honest.probed == 60
    assert str(honest).splitlines()[-1] == "no sign of masked gradients in a probe of 60"
    for attack, probe in ((PGD(0.1, steps=2), 0), (DeepFool(), 60), (PGD(0.1, steps=2, targeted=True), 60)):
        report = evaluate_attack(model, x, y, attack, probe=probe)
        assert report.probed == 0
        assert str(report).splitlines()[-1] == "not probed for masked gradients"
    assert evaluate_attack(model, x[:30], y[:30], PGD(0.1, steps=30, step_size=0.01)).probed == 30


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_rounding_is_no_cheating(trained, norm):
    model, x, y = trained
    for dtype, eps, top in (
        (torch.float32, 1e-6, 1.0),
        (torch.float32, 1e-3, 255.0),
        (torch.float64, 1e-9, 1.0),
    ):
        at = lambda z: model(z.float() / top)  # noqa: B023, E731
        attack = PGD(eps, norm, steps=5, bounds=(0.0, top))
        report = evaluate_attack(at, (top * x).to(dtype), y, attack, probe=0)
        assert report.robust_accuracy.estimate == pytest.approx(report.accuracy.estimate, abs=0.02)


def test_what_an_attack_says_of_itself_counts_for_nothing(trained):
    model, x, y = trained
    report = evaluate_attack(model, x, y, Custom(lambda x: x))
    assert report.robust_accuracy.estimate == report.accuracy.estimate
    graph = evaluate_attack(model, x, y, Custom(lambda x: x + torch.zeros(1, requires_grad=True)))
    assert not graph.x.requires_grad
    fooled = evaluate_attack(model, x, y, DeepFool(), probe=10)
    assert (fooled.robust_accuracy.estimate, fooled.doubts) == (0, ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x: (x + 0.2).clamp(0, 1),
            "attack went 0.2 away from x, eps=0.1 is allowed; project onto it",
        ),
        (
            lambda x: x + 0.05,
            "attack(model, x, y) holds values from 0.05 to 1.05, outside bounds=(0.0, 1.0); "
            "give inputs or bounds that agree, and normalize inside the model",
        ),
        (
            lambda x: x * float("nan"),
            "attack(model, x, y) holds 7680 NaN or infinite values of 7680; remove or replace them",
        ),
        (
            lambda x: x.add_(0.2).clamp_(0, 1),
            "attack went 0.2 away from x, eps=0.1 is allowed; project onto it",
        ),
        (
            lambda x: x[:3],
            "attack(model, x, y) has shape (3, 1, 8, 8) and x (120, 1, 8, 8); they must be the same, "
            "reshape one of them",
        ),
    ],
)
def test_an_attack_that_leaves_its_ball_is_refused(trained, change, message):
    with pytest.raises(ValueError) as caught:
        evaluate_attack(*trained, Custom(change))
    assert str(caught.value) == message


def test_lengths_and_modes_are_checked(trained):
    model, x, y = trained
    with pytest.raises(ValueError, match=r"^len\(x\)=120, len\(y\)=119 differ"):
        evaluate_attack(model, x, y[1:], FGSM(0.1))
    with pytest.raises(ValueError, match=r"^norm='l1' is not known; choose from linf, l2$"):
        evaluate_attack(model, x, y, Custom(lambda x: x, norm="l1"))
    with pytest.raises(ValueError, match=r"^probe=-1 is out of range; give an int >= 0$"):
        evaluate_attack(model, x, y, FGSM(0.1), probe=-1)
    with pytest.raises(ValueError, match=r"^model=Sequential is in training mode; call model.eval\(\)$"):
        evaluate_attack(model, x, y, Custom(lambda x: model.train() and x))
    model.eval()
    with pytest.raises(ValueError, match=r"^batch_size=0 is out of range; give an int >= 1$"):
        evaluate_attack(model, x, y, FGSM(0.1), batch_size=0)
    with pytest.raises(ValueError, match=r"^model=Steep is in training mode; call model.eval\(\)$"):
        evaluate_attack(Steep(model).train(), x, y, FGSM(0.1))
    model.eval()
