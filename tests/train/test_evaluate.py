"""Evaluation: sample-weighted, without gradients, the model given back as it was."""

import importlib

import pytest
import torch
from torch import nn

from kit.train import accuracy, evaluate, pick_device, predict
from kit.train import evaluate as evaluate_function
from kit.train.evaluate import Meter

MODEL = nn.Linear(3, 2)
X, Y = torch.arange(15.0).reshape(5, 3) / 10, torch.tensor([0, 1, 1, 0, 1])
RAGGED = [(X[:4], Y[:4]), (X[4:], Y[4:])]


def test_mean_over_ragged_batches_is_that_of_the_whole():
    whole = evaluate(MODEL, [(X, Y)], nn.CrossEntropyLoss(), metrics={"accuracy": accuracy})
    parts = evaluate(MODEL, RAGGED, nn.CrossEntropyLoss(), metrics={"accuracy": accuracy})
    assert parts == pytest.approx(whole, rel=1e-6)
    assert list(parts) == ["loss", "accuracy"]


def test_a_metric_that_is_no_mean_is_that_of_the_whole():
    def spread(outputs, targets):
        return outputs.max() - outputs.min()

    # Rows of another batch size may differ in the last bit: another matrix product computes them.
    whole = evaluate(MODEL, [(X, Y)], metrics={"spread": spread})["spread"]
    assert evaluate(MODEL, RAGGED, metrics={"spread": spread})["spread"] == pytest.approx(whole, rel=1e-6)


def test_outputs_of_many_batches_are_scored_in_pieces(monkeypatch):
    monkeypatch.setattr(importlib.import_module("kit.train.evaluate"), "CHUNK", 4)
    seen = []

    def share(outputs, targets):
        seen.append(len(outputs))
        return targets.double().mean()

    batches = [(X[i : i + 1], Y[i : i + 1]) for i in range(5)]
    assert evaluate(MODEL, batches, metrics={"share": share})["share"] == pytest.approx(0.6)
    assert seen == [2, 2, 1]


def test_sequences_of_different_lengths_are_scored_apart():
    batches = [(torch.zeros(2, 4, 3), torch.zeros(2, 4)), (torch.zeros(1, 7, 3), torch.ones(1, 7))]
    scores = evaluate(MODEL, batches, metrics={"mean": lambda outputs, targets: targets.mean()})
    assert scores["mean"] == pytest.approx(1 / 3)


def test_a_meter_cut_in_the_middle_goes_on():
    one, two = Meter({"accuracy": accuracy}), Meter({"accuracy": accuracy})
    outputs = MODEL(X)
    for meter, cut in ((one, False), (two, True)):
        meter.add(outputs[:3], Y[:3], 3)
        meter.add_loss(0.3, 3)
        if cut:
            state, meter = meter.state_dict(), Meter({"accuracy": accuracy})
            meter.load_state_dict(state)
            two = meter
        meter.add(outputs[3:], Y[3:], 2)
        meter.add_loss(0.1, 2)
    assert one.values() == two.values()


def test_modules_are_given_back_in_the_mode_they_had():
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3), nn.Linear(3, 2))
    model[1].eval()
    evaluate(model, RAGGED)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    with pytest.raises(RuntimeError):
        evaluate(model, [(torch.zeros(2, 9), Y[:2])])
    assert model.training


def test_predict_joins_batches_and_takes_one_tensor():
    expected = MODEL(X)
    for batches in (X, [X[:2], X[2:]], RAGGED):
        outputs = predict(MODEL, batches)
        torch.testing.assert_close(outputs, expected)
        assert not outputs.requires_grad
    with pytest.raises(ValueError) as error:
        predict(MODEL, [])
    assert str(error.value) == "batches is empty; give at least one batch of inputs"


def test_accuracy_counts_samples_or_tokens():
    assert accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])) == 0.5
    assert accuracy(torch.eye(3).expand(2, 3, 3), torch.tensor([[0, 1, 2], [0, 1, 1]])) == pytest.approx(
        5 / 6
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_accuracy_takes_the_first_of_equal_scores_in_every_precision(dtype):
    scores = torch.zeros(4, 3, dtype=dtype, requires_grad=True)
    assert accuracy(scores, torch.tensor([0, 1, 2, 0])) == 0.5
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(50, 7, generator=generator).to(dtype)
    assert accuracy(scores, scores.argmax(-1)) == 1.0


def test_wrong_metrics_and_empty_data():
    cases = [
        (
            [],
            {},
            ValueError,
            "batches is empty; give at least one batch of (inputs, targets)",
        ),
        (
            RAGGED,
            {"each": lambda outputs, targets: outputs},
            ValueError,
            "metrics['each'] returned Tensor(5, 2) of torch.float32, a number is needed; reduce it to one",
        ),
        (
            [(X, {"label": Y})],
            {"accuracy": accuracy},
            TypeError,
            "metrics need outputs and targets that are tensors; "
            "let the model return one, or leave metrics out",
        ),
    ]
    for batches, metrics, kind, message in cases:
        with pytest.raises(kind) as error:
            evaluate_function(MODEL, batches, metrics=metrics)
        assert str(error.value) == message


def test_device_is_picked_by_what_the_machine_has():
    assert pick_device("cpu") == torch.device("cpu")
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device().type == best


def test_a_metric_that_is_a_mean_is_scored_in_small_pieces_with_the_same_result(monkeypatch):
    monkeypatch.setattr(importlib.import_module("kit.train.evaluate"), "MEAN_CHUNK", 4)
    seen = []

    def share(outputs, targets):
        seen.append(len(outputs))
        return accuracy(outputs, targets)

    whole = evaluate(MODEL, RAGGED, metrics={"share": share})["share"]
    once = list(seen)
    share.is_mean = True
    assert evaluate(MODEL, RAGGED, metrics={"share": share})["share"] == pytest.approx(whole, rel=1e-12)
    assert len(seen) - len(once) > len(once) == 1
    assert accuracy.is_mean
