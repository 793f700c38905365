"""Early stop, schedules, live curves and the tracker, each on a run small enough to follow."""

import math

import pytest
import torch
from torch import nn

from kit.train import EarlyStop, JSONLines, LearningRateSchedule, LiveCurve, Run, Tracker, Trainer

X, Y = torch.ones(4, 2), torch.zeros(4, 1)


class Script:
    """Sets the recorded value of each epoch, and the weights to the epoch's number."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, trainer):
        trainer.history.epochs[-1]["validation_loss"] = self.values[trainer.epoch - 1]
        with torch.no_grad():
            trainer.model.weight.fill_(trainer.epoch)


def make(*callbacks, rate=0.1):
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    return Trainer(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=rate), callbacks=callbacks)


def test_early_stop_waits_for_its_patience_and_brings_the_best_weights_back():
    trainer = make(Script([3.0, 2.0, 2.5, 2.1, 1.0]), EarlyStop(patience=2))
    history = trainer.fit([(X, Y)], epochs=5)
    assert len(history.epochs) == 4
    assert history.stopped == "validation_loss has not improved for 2 epochs; best 2 at epoch 2"
    assert trainer.model.weight.tolist() == [[2.0, 2.0]]


def test_early_stop_can_leave_the_last_weights_and_look_for_a_maximum():
    stop = EarlyStop(patience=1, mode="max", restore=False)
    trainer = make(Script([0.1, 0.5, 0.4]), stop)
    trainer.fit([(X, Y)], epochs=3)
    assert trainer.model.weight.tolist() == [[3.0, 3.0]]
    assert (stop.best, stop.best_epoch) == (0.5, 2)


def test_early_stop_takes_a_small_gain_or_nan_for_no_gain():
    for values in ([1.0, 0.95, 0.92], [1.0, math.nan, math.nan]):
        trainer = make(Script(values), EarlyStop(patience=2, min_delta=0.1))
        assert trainer.fit([(X, Y)], epochs=9).stopped.endswith("best 1 at epoch 1")


def test_early_stop_forgets_an_earlier_fit():
    trainer = make(Script([1.0, 2.0]), EarlyStop(patience=1))
    trainer.fit([(X, Y)], epochs=2)
    assert len(trainer.fit([(X, Y)], epochs=2).epochs) == 2


def test_early_stop_on_a_value_that_is_not_recorded():
    with pytest.raises(ValueError) as error:
        make(EarlyStop()).fit([(X, Y)], epochs=1)
    assert str(error.value) == (
        "monitor='validation_loss' is not recorded; give fit(validation=...) or choose from loss"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience=0 is out of range; give an int >= 1"),
        (
            {"mode": "mim"},
            "mode='mim' is not known; did you mean 'min'? choose from min, max",
        ),
        ({"min_delta": -1.0}, "min_delta=-1.0 is out of range; give a float >= 0"),
    ],
)
def test_early_stop_options(options, message):
    with pytest.raises(ValueError) as error:
        EarlyStop(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(("every", "rates"), [("epoch", [0.5, 0.25]), ("step", [0.125, 0.125 / 8])])
def test_schedule_moves_every_epoch_or_every_step(every, rates):
    seen = []

    class Note:
        def on_epoch_end(self, trainer):
            seen.append(trainer.optimizer.param_groups[0]["lr"])

    trainer = make(rate=1.0)
    schedule = torch.optim.lr_scheduler.ExponentialLR(trainer.optimizer, 0.5)
    trainer.callbacks = [LearningRateSchedule(schedule, every=every), Note()]
    trainer.loss = lambda outputs, targets: (outputs * 0).mean()
    trainer.fit([(X, Y)] * 3, epochs=2)
    assert seen == rates


def test_schedule_can_wait_for_a_plateau():
    trainer = make(Script([1.0, 1.0, 1.0]), rate=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(trainer.optimizer, factor=0.1, patience=0)
    trainer.callbacks.append(LearningRateSchedule(schedule, monitor="validation_loss"))
    trainer.loss = lambda outputs, targets: (outputs * 0).mean()
    trainer.fit([(X, Y)], epochs=2)
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.1)


def test_schedules_of_the_wrong_form():
    schedule = torch.optim.lr_scheduler.ExponentialLR(make().optimizer, 0.5)
    for options, kind, message in (
        (
            {"schedule": 0.1},
            TypeError,
            "schedule=0.1 has no step(); give a learning-rate scheduler",
        ),
        (
            {"schedule": schedule, "every": "day"},
            ValueError,
            "every='day' is not known; choose from epoch, step",
        ),
        (
            {"schedule": schedule, "every": "step", "monitor": "loss"},
            ValueError,
            "monitor='loss' is known once an epoch; use every='epoch'",
        ),
    ):
        with pytest.raises(kind) as error:
            LearningRateSchedule(**options)
        assert str(error.value) == message


def test_live_curve_gets_the_history_now_and_then_and_at_the_end():
    seen = []
    make(LiveCurve(lambda history: seen.append(len(history.epochs)), every=2)).fit([(X, Y)], epochs=5)
    assert seen == [2, 4, 5]
    with pytest.raises(ValueError) as error:
        LiveCurve(print, every=0)
    assert str(error.value) == "every=0 is out of range; give an int >= 1"


def test_tracker_writes_what_was_tried_and_what_came_of_it(tmp_path):
    trainer = make(Tracker(JSONLines(tmp_path, "first"), config={"seed": 3}))
    history = trainer.fit([(X, Y)], epochs=2)
    run = Run.read(tmp_path / "first.jsonl")
    assert run.config == {"model": "Linear", "optimizer": "SGD", "learning_rate": 0.1, "seed": 3}
    assert [row["loss"] for row in run.epochs] == history["loss"]
    assert run.finished
    assert run.note == ""


def test_tracker_notes_that_a_run_failed_before_its_end(tmp_path):
    trainer = make(Tracker(JSONLines(tmp_path, "bad")))
    with pytest.raises(ValueError):
        trainer.fit([(X * math.nan, Y)], epochs=2)
    assert Run.read(tmp_path / "bad.jsonl").epochs == []
