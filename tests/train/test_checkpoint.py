"""Checkpoints: exact resume after a kill, damage survived, one clear error for each way to fail."""

import errno
import os
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from kit.data import Batches
from kit.train import Checkpoints, History, Trainer

RUN = Path(__file__).with_name("resumable_run.py")
sys.path.insert(0, str(RUN.parent))
from resumable_run import build  # noqa: E402

EPOCHS = 4
checker_draws = pytest.mark.skipif(
    "config.getoption('--shapes')", reason="the type checker draws random numbers"
)


def data(nan_at=None):
    g = torch.Generator().manual_seed(0)
    batches = [(torch.randn(4, 2, generator=g), torch.randn(4, 1, generator=g)) for _ in range(6)]
    if nan_at is not None:
        batches[nan_at][0][0, 0] = float("nan")
    return batches


def small(folder, model=None, optimizer=torch.optim.SGD, **options):
    torch.manual_seed(0)
    model = model or nn.Linear(2, 1)
    saver = Checkpoints(folder, **options)
    return Trainer(model, nn.MSELoss(), optimizer(model.parameters(), lr=0.1), callbacks=[saver])


def run(folder, *kill):
    """Run in a process of its own, to the end or to the update and moment where it kills itself."""
    end = folder / "end.pt"
    command = [sys.executable, str(RUN), str(folder), str(end), str(EPOCHS), *map(str, kill)]
    process = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert process.returncode == (-signal.SIGKILL if kill else 0), process.stderr
    return torch.load(end, weights_only=True) if end.exists() else None


def test_a_run_killed_at_random_steps_ends_with_the_same_bits(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = run(tmp_path / "whole")
    updates = sorted(random.Random().sample(range(2, 25), 3))  # 6 updates an epoch, 24 in all
    for update, moment in zip(updates, random.Random().sample(["step", "sync", "rename"], 3)):
        assert run(tmp_path / "cut", update, moment) is None
    cut = run(tmp_path / "cut")
    for key, value in whole["weights"].items():
        assert torch.equal(cut["weights"][key], value), (key, updates)
    history = History.from_json(cut["history"])
    assert history == History.from_json(whole["history"]), updates
    assert len(history.steps) == 24


@checker_draws
@pytest.mark.parametrize("generator", [True, False])
@pytest.mark.parametrize("cut_at", [1, 3, 6, 9])
def test_resume_inside_an_epoch_and_at_its_ends(tmp_path, cut_at, generator):
    class Cut:
        def on_step_end(self, trainer):
            if trainer.total_steps == cut_at:
                raise RuntimeError("the power is gone")

    trainer, loader, validation = build(tmp_path / "whole", generator=generator)
    whole = trainer.fit(loader, epochs=2, validation=validation)
    broken, loader, validation = build(tmp_path / "cut", [Cut()], generator=generator)
    broken.callbacks.append(broken.callbacks.pop(2))  # the power goes after the checkpoint is written
    broken.callbacks = sorted(broken.callbacks, key=lambda callback: isinstance(callback, Cut))
    with pytest.raises(RuntimeError, match="the power is gone"):
        broken.fit(loader, epochs=2, validation=validation)
    again, loader, validation = build(tmp_path / "cut", generator=generator)
    torch.rand(cut_at)  # whatever was drawn in between does not count
    history = again.fit(loader, epochs=2, validation=validation, resume=True)
    assert history == whole
    assert all(
        torch.equal(a, b)
        for a, b in zip(trainer.model.state_dict().values(), again.model.state_dict().values())
    )


def test_a_loader_with_a_state_of_its_own_is_resumed(tmp_path):
    class Rotating:
        """Gives its batches from another start each epoch."""

        def __init__(self):
            self.epoch = 0

        def __len__(self):
            return 6

        def __iter__(self):
            self.epoch += 1
            batches = data()
            return iter(batches[self.epoch :] + batches[: self.epoch])

        def state_dict(self):
            return {"epoch": self.epoch}

        def load_state_dict(self, state):
            self.epoch = state["epoch"]

    class Cut:
        def on_step_end(self, trainer):
            if trainer.total_steps == 9:
                trainer.stop("cut")

    whole = small(tmp_path / "a").fit(Rotating(), epochs=3)
    cut = small(tmp_path / "b", every_steps=1)
    cut.callbacks.insert(1, Cut())
    cut.fit(Rotating(), epochs=3)
    assert small(tmp_path / "b").fit(Rotating(), epochs=3, resume=True) == whole


def test_further_generators_are_kept(tmp_path):
    noise = torch.Generator().manual_seed(3)
    small(tmp_path, also={"noise": noise}).fit(data(), epochs=1)
    expected = torch.rand(2, generator=noise)
    fresh = torch.Generator()
    small(tmp_path, also={"noise": fresh}).fit(data(), epochs=1, resume=True)
    assert torch.equal(torch.rand(2, generator=fresh), expected)


def test_resume_starts_anew_where_there_is_no_checkpoint(tmp_path):
    assert len(small(tmp_path).fit(data(), epochs=2, resume=True).epochs) == 2


def test_a_finished_run_is_not_run_again(tmp_path):
    first = small(tmp_path).fit(data(), epochs=2)
    second = small(tmp_path).fit(data(), epochs=2, resume=True)
    assert second == first
    assert len(small(tmp_path).fit(data(), epochs=3, resume=True).epochs) == 3


def test_ctrl_c_saves_and_the_run_goes_on_from_there(tmp_path):
    class Press:
        def on_step_end(self, trainer):
            if trainer.total_steps == 8:
                signal.raise_signal(signal.SIGINT)

    whole = small(tmp_path / "a").fit(data(), epochs=2)
    trainer = small(tmp_path / "b")
    trainer.callbacks.insert(0, Press())
    assert trainer.fit(data(), epochs=2).stopped == "interrupted in epoch 2 after step 2"
    history = small(tmp_path / "b").fit(data(), epochs=2, resume=True)
    assert (history, history.stopped) == (whole, "")


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, damage):
    whole = small(tmp_path).fit(data(), epochs=3)
    path = tmp_path / "checkpoint.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    new = {"cut": content[: len(content) // 2], "flip": content, "empty": b""}.get(damage)
    path.unlink() if new is None else path.write_bytes(new)
    what = "checkpoint.pt is missing" if new is None else r"checkpoint.pt \(\w+\) is damaged"
    trainer = small(tmp_path)
    with pytest.warns(UserWarning, match=f"^{what}; going on from checkpoint.previous.pt$"):
        assert len(trainer.callbacks[0].load()["history"]["epochs"]) == 2
    with pytest.warns(UserWarning):
        assert trainer.fit(data(), epochs=3, resume=True) == whole


def test_two_damaged_checkpoints_are_an_error(tmp_path):
    small(tmp_path).fit(data(), epochs=2)
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (tmp_path / name).write_bytes(b"no")
    with pytest.raises(ValueError) as error:
        small(tmp_path).fit(data(), epochs=2, resume=True)
    assert str(error.value) == (
        f"folder={str(tmp_path)!r} holds no checkpoint that can be read: checkpoint.pt (BadZipFile), "
        "checkpoint.previous.pt (BadZipFile); empty the folder to start anew"
    )


def test_a_checkpoint_that_would_run_code_is_not_read(tmp_path):
    class Harm:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harm"),))

    torch.save({"format": 1, "model": Harm()}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="holds no checkpoint that can be read"):
        Checkpoints(tmp_path).load()
    assert not (tmp_path / "harm").exists()


def test_a_checkpoint_of_a_later_version(tmp_path):
    torch.save({"format": 9}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError) as error:
        Checkpoints(tmp_path).load()
    assert str(error.value) == "format=9 of checkpoint.pt is not 1; use the kit that wrote it"


def test_a_checkpoint_of_another_model_names_the_keys(tmp_path):
    small(tmp_path).fit(data(), epochs=1)
    other = nn.Sequential(nn.Linear(2, 1))
    with pytest.raises(ValueError) as error:
        small(tmp_path, other).fit(data(), epochs=2, resume=True)
    assert str(error.value) == (
        "checkpoint is of another model, missing in the checkpoint: 0.weight, 0.bias; "
        "only in the checkpoint: weight, bias; build the model it was made with"
    )
    wide = nn.Linear(2, 5)
    with pytest.raises(ValueError) as error:
        small(tmp_path, wide).fit(data(), epochs=2, resume=True)
    assert str(error.value) == (
        "checkpoint is of another model, of another shape: weight (1, 2) for (5, 2), bias (1,) for (5,); "
        "build the model it was made with"
    )


def test_a_checkpoint_of_another_set_up(tmp_path):
    small(tmp_path).fit(data(), epochs=1)
    cases = [
        (
            small(tmp_path, optimizer=torch.optim.Adam),
            data(),
            "optimizer=Adam, the checkpoint was made with SGD",
        ),
        (small(tmp_path), data()[:5], "steps of an epoch=5, the checkpoint was made with 6"),
        (
            small(tmp_path, also={"g": torch.Generator()}),
            data(),
            "also=['g'], the checkpoint was made with []",
        ),
    ]
    for trainer, batches, message in cases:
        with pytest.raises(ValueError) as error:
            trainer.fit(batches, epochs=2, resume=True)
        assert str(error.value) == message + "; resume with the same set-up"


def test_an_earlier_run_is_not_overwritten_unasked(tmp_path):
    trainer = small(tmp_path)
    trainer.fit(data(), epochs=1)
    trainer.fit(data(), epochs=1)  # the same trainer may train on
    with pytest.raises(ValueError) as error:
        small(tmp_path).fit(data(), epochs=1)
    assert str(error.value) == (
        f"folder={str(tmp_path)!r} already holds a checkpoint; pass resume=True to go on from it, "
        "or choose another folder"
    )


def test_two_runs_in_one_folder(tmp_path):
    busy = f"folder={str(tmp_path)!r} is being written by another run; wait for it or choose another folder"

    class Second:
        def on_epoch_end(self, trainer):
            with pytest.raises(RuntimeError) as error:
                small(tmp_path).fit(data(), epochs=1, resume=True)
            assert str(error.value) == busy
            code = (
                "import sys; from kit.train.folder_lock import FolderLock; FolderLock(sys.argv[1]).acquire()"
            )
            other = subprocess.run(
                [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
            )
            assert f"RuntimeError: {busy}" in other.stderr

    trainer = small(tmp_path)
    trainer.callbacks.append(Second())
    trainer.fit(data(), epochs=1)
    small(tmp_path).fit(data(), epochs=2, resume=True)  # free again


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "run"
    with pytest.raises(OSError) as error:
        small(folder).fit(data(), epochs=1)
    assert str(error.value) == (
        f"folder={str(folder)!r} cannot be written (Not a directory); free space or choose another folder, "
        "the last good checkpoint is kept"
    )


def test_a_full_disk_keeps_the_last_good_checkpoint(tmp_path):
    resource = pytest.importorskip("resource")  # POSIX only
    torch.manual_seed(0)
    model = nn.Linear(2, 4000)
    trainer = Trainer(
        model,
        lambda outputs, targets: outputs.mean(),
        torch.optim.SGD(model.parameters(), lr=0.1),
        callbacks=[Checkpoints(tmp_path)],
    )
    trainer.fit(data(), epochs=1)
    good = (tmp_path / "checkpoint.pt").read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # writes beyond it fail, as on a full disk
    try:
        with pytest.raises(OSError) as error:
            trainer.fit(data(), epochs=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value) == (
        f"folder={str(tmp_path)!r} cannot be written ({os.strerror(errno.EFBIG)}); "
        "free space or choose another folder, the last good checkpoint is kept"
    )
    assert (tmp_path / "checkpoint.pt").read_bytes() == good
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "run.lock"]


def test_no_checkpoint_is_written_from_bad_weights(tmp_path):
    class Break:
        def on_epoch_end(self, trainer):
            if trainer.epoch == 2:
                trainer.model.weight.data[0, 0] = float("nan")

    trainer = small(tmp_path)
    trainer.callbacks.insert(0, Break())
    with pytest.raises(ValueError) as error:
        trainer.fit(data(), epochs=3)
    assert str(error.value) == (
        "weights hold NaN or infinity at epoch 2, step 6; no checkpoint was written, "
        "the last good one is kept; lower the learning rate or use Update(clip=1.0)"
    )
    assert len(Checkpoints(tmp_path).load()["history"]["epochs"]) == 1


def test_a_loss_still_on_the_gpu_is_looked_at_before_a_checkpoint(tmp_path):
    trainer = small(tmp_path, every_steps=4)
    trainer._on_cpu = False
    with pytest.raises(ValueError, match=r"^loss=nan at epoch 1, step 3, a finite loss is needed"):
        trainer.fit(data(nan_at=2), epochs=1)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_saves_are_as_rare_as_asked(tmp_path):
    trainer = small(tmp_path, every_epochs=2, every_steps=None)
    written = []
    saver = trainer.callbacks[0]
    write = saver._write
    saver._write = lambda state: (written.append(len(state["history"]["epochs"])), write(state))
    trainer.fit(data(), epochs=5)
    assert written == [2, 4, 5]
    with pytest.raises(ValueError) as error:
        Checkpoints(tmp_path, every_steps=0)
    assert str(error.value) == "every_steps=0 is out of range; give an int >= 1"


def test_loading_a_good_checkpoint_says_nothing(tmp_path):
    small(tmp_path).fit(data(), epochs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Checkpoints(tmp_path).load()["optimizer_name"] == "SGD"
    assert Checkpoints(tmp_path / "nowhere").load() is None


@pytest.mark.parametrize("cut_at", [2, 5, 7])
def test_in_memory_batches_are_resumed(tmp_path, cut_at):
    class Cut:
        def on_step_end(self, trainer):
            if trainer.total_steps == cut_at:
                trainer.callbacks[-1].save(trainer)
                trainer.stop("cut")

    def batches():
        g = torch.Generator().manual_seed(0)
        x, y = torch.randn(18, 2, generator=g), torch.randn(18, 1, generator=g)
        return Batches(x, y, batch_size=4, shuffle=True, generator=torch.Generator().manual_seed(5))

    whole = small(tmp_path / "a").fit(batches(), epochs=3)
    cut = small(tmp_path / "b")
    cut.callbacks.insert(0, Cut())
    cut.fit(batches(), epochs=3)
    again = small(tmp_path / "b")
    assert again.fit(batches(), epochs=3, resume=True) == whole
