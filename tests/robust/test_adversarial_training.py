"""Adversarial training: in kit's trainer and in a plain loop, and it helps."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kit import data, train
from kit.robust import FGSM, PGD, AdversarialBatches


def batches(x, y, seed=0):
    return data.Batches(x, y, batch_size=128, generator=torch.Generator().manual_seed(seed))


def test_training_on_the_worst_inputs_makes_them_harmless(digits, trained):
    x, y = digits
    plain, held, truth = trained
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    worst = AdversarialBatches(
        batches(x[:1500], y[:1500]),
        model,
        PGD(0.15, steps=5, step_size=0.06),
        generator=torch.Generator().manual_seed(1),
    )
    trainer = train.Trainer(model, F.cross_entropy, torch.optim.Adam(model.parameters(), 5e-3))
    history = trainer.fit(worst, epochs=15)
    assert len(history.steps) == 15 * len(worst) == 15 * 12
    attack = PGD(0.15, steps=20, step_size=0.02)
    robust, weak = (
        attack(m, held, truth, generator=torch.Generator().manual_seed(2)).accuracy for m in (model, plain)
    )
    assert robust > weak + 0.2
    assert train.evaluate(model, [(held, truth)], metrics={"a": train.accuracy})["a"] > 0.75


def test_batches_are_attacked_with_the_model_as_it_is(digits):
    x, y = digits[0][:64], digits[1][:64]
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(0.5), nn.Linear(64, 10)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    half = AdversarialBatches([(x, y)], model, FGSM(0.1), share=0.5)
    ((found, truth),) = half
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(found[32:], x[32:])
    assert torch.equal(found[:32], FGSM(0.1)(model.eval(), x[:32], y[:32]).x)
    assert torch.equal(truth, y)
    ((same, _),) = AdversarialBatches([(x, y)], model, FGSM(0.1), share=0)
    assert torch.equal(same, x)


def test_the_mode_comes_back_after_an_error(digits):
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(63, 10)).train()
    with pytest.raises(RuntimeError):
        list(AdversarialBatches([(digits[0][:4], digits[1][:4])], model, FGSM(0.1)))
    assert all(module.training for module in model.modules())
    nothing = nn.Flatten()  # has no weights to tell the device
    ((found, _),) = AdversarialBatches([(digits[0][:4], digits[1][:4])], nothing, FGSM(0.1))
    assert found.shape == (4, 1, 8, 8)


def test_a_checkpoint_finds_the_generators(digits):
    inner = batches(*digits)
    mine = torch.Generator()
    worst = AdversarialBatches(inner, nn.Linear(2, 2), FGSM(0.1), generator=mine)
    assert worst.generator is mine
    assert worst.sampler.generator is inner.generator


def test_mistakes_in_adversarial_training_are_named(digits):
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"^share=2 is out of range; give a float >= 0 and <= 1$"):
        AdversarialBatches([], model, FGSM(0.1), share=2)
    loud = AdversarialBatches(
        [(digits[0] * 16, digits[1])], nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), FGSM(0.1)
    )
    with pytest.raises(ValueError, match=r"^x holds values from 0 to 16, outside bounds=\(0.0, 1.0\)"):
        list(loud)
