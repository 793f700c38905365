"""Training curves, and the live figure that a trainer draws them into."""

import pytest
import torch
from torch import nn

from kit.plot import training
from kit.train import History, LiveCurve, Trainer, accuracy

BATCHES = [
    (torch.randn(8, 3, generator=torch.Generator().manual_seed(i)), torch.arange(8) % 2) for i in (0, 1)
]


def trained(*callbacks):
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = Trainer(
        model, nn.functional.cross_entropy, optimizer, metrics={"accuracy": accuracy}, callbacks=callbacks
    )
    return trainer.fit(BATCHES, epochs=3, validation=BATCHES)


def test_curves_show_every_recorded_value():
    history = trained()
    figure, alt = training.curves(history)
    losses, others = figure.axes
    assert [line.get_label() for line in losses.lines] == ["loss", "validation loss"]
    assert [line.get_label() for line in others.lines] == ["accuracy", "validation accuracy"]
    assert list(losses.lines[0].get_ydata()) == history["loss"]
    assert losses.get_xlabel() == "epoch" and losses.get_ylabel() == "loss"
    assert alt.startswith("Training curves over 3 epochs; at the end loss ")


def test_an_empty_history_is_refused():
    with pytest.raises(ValueError, match="history has no finished epoch; train for one before you draw it"):
        training.curves(History())


class Place:
    def __init__(self):
        self.pictures = []

    def update(self, picture):
        self.pictures.append(picture.data)


def test_a_live_figure_is_drawn_over_in_one_place(monkeypatch):
    monkeypatch.setenv("KIT_STATIC", "0")
    place, first = Place(), []
    monkeypatch.setattr(
        "IPython.display.display", lambda picture, display_id: first.append(picture.data) or place
    )
    trained(LiveCurve(training.Live()))
    assert len(first) == 1 and len(place.pictures) == 2
    assert "Training curves over 3 epochs" in place.pictures[-1]


def test_a_static_session_draws_nothing_while_training(monkeypatch):
    monkeypatch.setenv("KIT_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", None)
    trained(LiveCurve(training.Live()))
