"""The loop: equal to one written by hand, right with a short last batch, clear about bad input."""

import inspect
import math
import signal
import sys
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from kit.train import LossNotFinite, Trainer, Update, accuracy, evaluate
from kit.train import trainer as trainer_file

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def mlp(dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))


def batches(count=50, size=8, seed=1):
    g = torch.Generator().manual_seed(seed)
    x, y = torch.randn(count, 6, generator=g), torch.randint(0, 3, (count,), generator=g)
    return [(x[i : i + size], y[i : i + size]) for i in range(0, count, size)]


LOSS = nn.CrossEntropyLoss()


def make(model=None, rate=0.05, **options):
    model = model or mlp()
    return Trainer(model, LOSS, torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9), **options)


def by_hand(model, loader, epochs, clip=None):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(epochs):
        model.train()
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = LOSS(model(inputs), targets)
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            losses.append(loss.item())
    return losses


def same_weights(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values()))


@pytest.mark.parametrize("clip", [None, 0.1])
def test_result_is_that_of_a_hand_written_loop_bit_for_bit(clip):
    data = TensorDataset(*map(torch.cat, zip(*batches())))
    model, other = mlp(dropout=0.5), mlp(dropout=0.5)
    torch.manual_seed(3)
    history = make(model, update=Update(clip=clip)).fit(DataLoader(data, 8, shuffle=True), epochs=3)
    torch.manual_seed(3)
    losses = by_hand(other, DataLoader(data, 8, shuffle=True), 3, clip)
    assert same_weights(model, other)
    assert history.steps == losses


def test_epoch_loss_weighs_a_short_last_batch_by_its_samples():
    data = batches(count=17, size=8)
    history = make(rate=1e-9).fit(data, epochs=1)
    whole = [(torch.cat([x for x, _ in data]), torch.cat([y for _, y in data]))]
    assert history["loss"][0] == pytest.approx(evaluate(mlp(), whole, LOSS)["loss"], rel=1e-5)
    assert history["loss"][0] != pytest.approx(sum(history.steps) / 3, rel=1e-3)


@pytest.mark.parametrize("count", [64, 50])
def test_accumulated_batches_equal_one_big_batch(count):
    small, big = mlp(), mlp()
    history = make(small, update=Update(accumulate=4)).fit(batches(count, 8), epochs=3)
    other = make(big).fit(batches(count, 32), epochs=3)
    for a, b in zip(small.parameters(), big.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
    assert len(history.steps) == len(other.steps) == 6
    assert history.steps == pytest.approx(other.steps, rel=1e-5)


def test_metrics_are_of_the_whole_epoch_for_training_and_validation():
    seen = []

    def count(outputs, targets):
        seen.append((len(outputs), outputs.requires_grad))
        return accuracy(outputs, targets)

    trainer = make(metrics={"accuracy": count})
    history = trainer.fit(batches(50), epochs=1, validation=batches(20, seed=2))
    assert seen == [(50, False), (20, False)]
    assert history.names() == ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"]
    assert history["validation_accuracy"] == [
        evaluate(trainer.model, batches(20, seed=2), metrics={"accuracy": accuracy})["accuracy"]
    ]


def test_dropout_is_on_in_every_epoch_and_off_in_validation_and_afterwards():
    modes = []

    class Spy(nn.Linear):
        def forward(self, x):
            modes.append((self.training, torch.is_grad_enabled()))
            return super().forward(x)

    trainer = make(nn.Sequential(Spy(6, 3)))
    trainer.fit(batches(8), epochs=2, validation=batches(8))
    assert modes == [(True, True), (False, False)] * 2
    assert not trainer.model.training


def test_frozen_normalization_stays_frozen_over_validation():
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 3))

    class Freeze:
        def on_fit_start(self, trainer):
            model[0].eval()

    make(model, callbacks=[Freeze()]).fit(batches(), epochs=2, validation=batches())
    assert torch.equal(model[0].running_mean, torch.zeros(6))


@own_checks
def test_at_most_eight_frames_lie_between_the_call_of_fit_and_forward():
    depth = []

    class Deep(nn.Linear):
        def forward(self, x):
            depth.append(len(inspect.stack(0)))
            return super().forward(x)

    trainer = make(Deep(6, 3))
    here = len(inspect.stack(0))
    trainer.fit(batches(8), epochs=1)
    assert depth[0] - here - 1 <= 8


def test_callbacks_run_in_order_and_the_end_comes_even_after_an_error():
    seen = []

    class Note:
        def __init__(self, name):
            self.name = name

        def on_fit_start(self, trainer):
            seen.append((self.name, "start"))

        def on_epoch_start(self, trainer):
            seen.append((self.name, "epoch", trainer.epoch))

        def on_step_end(self, trainer):
            seen.append((self.name, "step", trainer.step, trainer.steps))

        def on_epoch_end(self, trainer):
            seen.append((self.name, "row", len(trainer.history.epochs)))

        def on_fit_end(self, trainer):
            seen.append((self.name, "end"))

    make(callbacks=[Note("a"), Note("b")]).fit(batches(16), epochs=1)
    steps = [(n, "step", s, 2) for s in (1, 2) for n in "ab"]
    assert seen == [
        *[("a", "start"), ("b", "start"), ("a", "epoch", 1), ("b", "epoch", 1)],
        *steps,
        *[("a", "row", 1), ("b", "row", 1), ("a", "end"), ("b", "end")],
    ]
    seen.clear()
    with pytest.raises(TypeError):
        make(callbacks=[Note("a")]).fit([torch.zeros(4, 6)], epochs=1)
    assert seen[-1] == ("a", "end")


def test_a_callback_can_stop_the_run_in_the_middle_of_an_epoch():
    class Enough:
        def on_step_end(self, trainer):
            if trainer.step == 2:
                trainer.stop("enough")

    history = make(callbacks=[Enough()]).fit(batches(), epochs=5)
    assert (len(history.steps), history.epochs, history.stopped) == (2, [], "enough")


def test_tuple_and_mapping_inputs_become_arguments():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(6, 3)

        def forward(self, left, right):
            return self.linear(left + right)

    pairs = [((x, x), y) for x, y in batches()]
    named = [({"right": x, "left": x}, y) for x, y in batches()]
    torch.manual_seed(0)
    first = make(Two()).fit(pairs, epochs=1)
    torch.manual_seed(0)
    assert make(Two()).fit(named, epochs=1) == first


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_runs_the_forward_pass_in_half_and_keeps_weights_in_full(precision):
    dtypes = set()

    class Spy(nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            dtypes.add(out.dtype)
            return out

    model = nn.Sequential(Spy(6, 3))
    history = make(model, update=Update(precision)).fit(batches(), epochs=15)
    assert dtypes == {torch.bfloat16 if precision == "bf16" else torch.float16}
    assert model[0].weight.dtype == torch.float32
    assert history["loss"][-1] < history["loss"][0]


def test_compiled_model_trains_to_the_same_weights():
    plain, compiled = mlp(), mlp()
    make(plain).fit(batches(16), epochs=1)
    make(compiled, compile="eager").fit(batches(16), epochs=1)
    assert same_weights(plain, compiled)


def test_device_moves_the_model_and_the_state_of_its_optimizer():
    trainer = make(device="cpu")
    assert trainer.device == torch.device("cpu")
    assert math.isfinite(trainer.fit(batches(), epochs=1)["loss"][0])


def test_losses_left_on_a_gpu_are_looked_at_in_time(monkeypatch):
    # The path of a GPU, on the CPU: losses stay tensors and are looked at every few steps.
    monkeypatch.setattr(trainer_file, "LOOK_EVERY", 3)
    plain, deferred = make(metrics={"accuracy": accuracy}), make(metrics={"accuracy": accuracy})
    deferred._on_cpu = False
    assert deferred.fit(batches(), epochs=2) == plain.fit(batches(), epochs=2)

    class Enough:
        def on_step_end(self, trainer):
            if trainer.step == 2:
                trainer.stop("enough")

    stopped = make(callbacks=[Enough()])
    stopped._on_cpu = False
    assert len(stopped.fit(batches(), epochs=1).steps) == 2

    data = batches()
    data[3] = (data[3][0] * math.nan, data[3][1])
    trainer = make()
    trainer._on_cpu = False
    with pytest.raises(LossNotFinite) as error:
        trainer.fit(data, epochs=1)
    assert (error.value.epoch, error.value.step) == (1, 4)
    assert len(trainer.history.steps) == 3


def test_nan_in_the_inputs_stops_before_the_weights_are_touched():
    data = batches()
    data[1][0][2, 3] = math.nan
    model, other = mlp(), mlp()
    trainer = make(model)
    with pytest.raises(LossNotFinite) as error:
        trainer.fit(data, epochs=3)
    assert str(error.value) == (
        "loss=nan at epoch 1, step 2, a finite loss is needed; "
        "the inputs of this batch hold NaN or infinity, so clean the data"
    )
    make(other).fit(data[:1], epochs=1)
    assert same_weights(model, other)
    assert len(trainer.history.steps) == 1


def test_weights_that_explode_name_epoch_step_and_rate():
    with pytest.raises(LossNotFinite) as error:
        make(rate=1e30).fit(batches(), epochs=3)
    step = error.value.step
    assert str(error.value) == (
        f"loss=nan at epoch 1, step {step}, a finite loss is needed; the model has diverged, "
        "so lower the learning rate (now 1e+30) or clip the gradients with Update(clip=1.0)"
    )


def test_a_loss_that_is_infinite_by_itself_says_where_to_look():
    trainer = make()
    trainer.loss = lambda outputs, targets: outputs.mean() * 0 + math.inf
    with pytest.raises(LossNotFinite) as error:
        trainer.fit(batches(), epochs=1)
    assert str(error.value) == (
        "loss=inf at epoch 1, step 1, a finite loss is needed; "
        "the model's outputs are finite, so look at this batch's targets and at the loss function"
    )


def test_ctrl_c_finishes_the_step_and_keeps_the_history():
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return LOSS(outputs, targets)

    trainer = make()
    trainer.loss = loss
    before = signal.getsignal(signal.SIGINT)
    history = trainer.fit(batches(), epochs=2)
    assert (len(calls), len(history.steps)) == (3, 3)
    assert history.stopped == "interrupted in epoch 1 after step 3"
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_does_not_wait_for_the_step():
    def loss(outputs, targets):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    trainer = make()
    trainer.loss = loss
    assert trainer.fit(batches(), epochs=2).stopped == "interrupted in epoch 1 after step 0"


def test_progress_is_drawn_when_asked_and_silent_in_static_mode(capsys, monkeypatch):
    make().fit(batches(), epochs=2, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "epoch 2/2 [####################] 7/7  loss " in shown.err
    assert shown.err.endswith("\n")
    monkeypatch.setenv("KIT_STATIC", "1")
    notebook = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None))
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    make().fit(batches(), epochs=1)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("KIT_STATIC", "0")
    make().fit(batches(), epochs=1)
    assert "epoch 1/1" in capsys.readouterr().err


MODEL = mlp()
OPTIMIZER = torch.optim.SGD(MODEL.parameters(), lr=0.1)


@own_checks
@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("m", LOSS, OPTIMIZER), TypeError, "model='m' is not a module; give a torch.nn.Module"),
        (
            (MODEL, "mse", OPTIMIZER),
            TypeError,
            "loss='mse' is not callable; give a function of (outputs, targets)",
        ),
        (
            (MODEL, LOSS, "adam"),
            TypeError,
            "optimizer='adam' is not an optimizer; give a torch.optim.Optimizer",
        ),
        (
            (nn.ReLU(), LOSS, OPTIMIZER),
            ValueError,
            "model=ReLU has no parameter to train; set requires_grad on some",
        ),
        (
            (nn.Linear(2, 2), LOSS, OPTIMIZER),
            ValueError,
            "optimizer holds no parameter of model; build it from model.parameters()",
        ),
    ],
)
def test_parts_that_do_not_fit(arguments, kind, message):
    with pytest.raises(kind) as error:
        Trainer(*arguments)
    assert str(error.value) == message


class Misspelt:
    def on_epoch_ended(self, trainer):
        pass


@own_checks
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"callbacks": [Misspelt()]},
            ValueError,
            "method of callback Misspelt='on_epoch_ended' is not known; did you mean 'on_epoch_end'? "
            "choose from on_fit_start, on_epoch_start, on_step_end, on_epoch_end, on_interrupt, on_fit_end",
        ),
        (
            {"callbacks": [7]},
            TypeError,
            "callback=7 has no on_... method; give it one of on_fit_start, on_epoch_start, on_step_end, "
            "on_epoch_end, on_interrupt, on_fit_end",
        ),
        (
            {"metrics": {"f1": "f1"}},
            TypeError,
            "metrics['f1']='f1' is not callable; give a function of (outputs, targets)",
        ),
        (
            {"device": "tpu"},
            ValueError,
            "device='tpu' is not usable on this machine; choose 'auto' or 'cpu'",
        ),
    ],
)
def test_options_that_are_wrong(options, kind, message):
    with pytest.raises(kind) as error:
        make(**options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (
            {"precision": "bf61"},
            ValueError,
            "precision='bf61' is not known; did you mean 'bf16'? choose from fp32, bf16, fp16",
        ),
        ({"accumulate": 0}, ValueError, "accumulate=0 is out of range; give an int >= 1"),
        ({"clip": 0.0}, ValueError, "clip=0.0 is out of range; give a float > 0"),
    ],
)
def test_updates_that_are_wrong(options, kind, message):
    with pytest.raises(kind) as error:
        Update(**options)
    assert str(error.value) == message


X, Y = torch.zeros(4, 6), torch.zeros(4, dtype=torch.long)


@own_checks
@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        (3, TypeError, "batches=3 is not an iterable of batches; give a loader or a list"),
        (
            X,
            TypeError,
            "batches=Tensor(4, 6) of torch.float32 is not an iterable of batches; give a loader or a list",
        ),
        ([], ValueError, "batches is empty; give at least one batch of (inputs, targets)"),
        (
            iter([(X, Y)]),
            ValueError,
            "batches can be read only once but epochs=2; give a loader or a list",
        ),
        (
            [X],
            TypeError,
            "batch=Tensor(4, 6) of torch.float32 is not a pair; give batches of (inputs, targets)",
        ),
        (
            [[X]],
            ValueError,
            "batch has 1 part, so the data is unlabelled; give batches of (inputs, targets), "
            "or (inputs, inputs) to reconstruct",
        ),
        (
            [(X, Y, Y)],
            ValueError,
            "batch has 3 parts, 2 are needed; give batches of (inputs, targets), several inputs as one tuple",
        ),
        (
            [(X, None)],
            ValueError,
            "targets=None, so the data is unlabelled; give batches of (inputs, targets)",
        ),
        (
            [(X.numpy(), Y.numpy())],
            TypeError,
            "inputs=ndarray(4, 6) of float32 is not a tensor; convert it with torch.as_tensor(inputs)",
        ),
        (
            [(X[:0], Y[:0])],
            ValueError,
            "inputs=Tensor(0, 6) of torch.float32 and targets=Tensor(0,) of torch.int64 hold no samples; "
            "leave empty batches out",
        ),
    ],
)
def test_batches_of_the_wrong_form(data, kind, message):
    with pytest.raises(kind) as error:
        make().fit(data, epochs=2)
    assert str(error.value) == message


def test_a_loader_that_gives_nothing():
    class Nothing:
        def __iter__(self):
            return iter(())

    with pytest.raises(ValueError) as error:
        make().fit(Nothing(), epochs=1)
    assert str(error.value) == "batches is empty; give at least one batch of (inputs, targets)"


def test_other_ways_to_call_fit_wrongly():
    for options, message in (
        ({"epochs": 0}, "epochs=0 is out of range; give an int >= 1"),
        (
            {"epochs": 1, "resume": True},
            "resume=True needs a folder to resume from; add Checkpoints(folder) to callbacks",
        ),
        (
            {"epochs": 1, "validation": []},
            "validation is empty; give at least one batch of (inputs, targets)",
        ),
    ):
        with pytest.raises(ValueError) as error:
            make().fit(batches(), **options)
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("loss", "kind", "message"),
    [
        (
            nn.CrossEntropyLoss(reduction="none"),
            ValueError,
            "loss has shape (8,), a scalar is needed; average it, as reduction='mean' does",
        ),
        (
            lambda outputs, targets: 0.5,
            TypeError,
            "loss=0.5 is not a tensor; compute the loss with torch operations",
        ),
    ],
)
def test_losses_of_the_wrong_form(loss, kind, message):
    model = mlp()
    with pytest.raises(kind) as error:
        Trainer(model, loss, torch.optim.SGD(model.parameters(), lr=0.1)).fit(batches(), epochs=1)
    assert str(error.value) == message


def test_a_model_and_its_trainer_leave_global_random_state_alone():
    model = nn.Sequential(OrderedDict(linear=nn.Linear(6, 3)))
    torch.manual_seed(5)
    make(model).fit(batches(), epochs=1, validation=batches())
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(1))
