"""Runs on disk: written a line an epoch, read after a kill, listed and compared."""

import sys

import pytest

from kit.train import JSONLines, Run, TensorBoard, compare_runs, list_runs


def write(folder, name, rate, losses, finish=True):
    log = JSONLines(folder, name)
    log.start({"rate": rate, "model": "MLP"})
    for epoch, loss in enumerate(losses, 1):
        log.write(epoch, {"loss": loss})
    if finish:
        log.finish("done")
    return log.path


def test_a_run_reads_back(tmp_path):
    run = Run.read(write(tmp_path, "a", 0.1, [2.0, float("nan")]))
    assert run.epochs == [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": None}]
    assert (run.name, run.config, run.finished, run.note) == (
        "a",
        {"rate": 0.1, "model": "MLP"},
        True,
        "done",
    )


def test_a_killed_run_reads_up_to_its_last_whole_line(tmp_path):
    path = write(tmp_path, "a", 0.1, [2.0, 1.0], finish=False)
    path.write_text(path.read_text() + '{"epoch": 3, "lo')
    run = Run.read(path)
    assert (len(run.epochs), run.finished) == (2, False)


def test_a_resumed_run_stays_one_and_counts_an_epoch_once(tmp_path):
    write(tmp_path, "a", 0.1, [2.0, 1.0])
    log = JSONLines(tmp_path, "a")
    log.start({"rate": 0.1})
    log.write(2, {"loss": 0.5})
    run = Run.read(log.path)
    assert [row["loss"] for row in run.epochs] == [2.0, 0.5]
    assert not run.finished


def test_a_file_that_is_no_log(tmp_path):
    (tmp_path / "x.jsonl").write_text("hello\nyou\n")
    with pytest.raises(ValueError) as error:
        Run.read(tmp_path / "x.jsonl")
    assert str(error.value) == "line 1 of x.jsonl is not JSON; it is not a run's log"


def test_runs_are_listed_and_compared_best_first(tmp_path):
    write(tmp_path, "slow", 0.01, [3.0, 2.0])
    write(tmp_path, "fast", 0.1, [3.0, 0.5, 0.9])
    write(tmp_path, "none", 1.0, [], finish=False)
    assert [run.name for run in list_runs(tmp_path)] == ["fast", "none", "slow"]
    assert compare_runs(tmp_path) == [
        {"run": "fast", "rate": 0.1, "epoch": 2, "loss": 0.5, "finished": True},
        {"run": "slow", "rate": 0.01, "epoch": 2, "loss": 2.0, "finished": True},
        {"run": "none", "rate": 1.0, "finished": False},
    ]
    assert [row["run"] for row in compare_runs(tmp_path, mode="max")] == ["fast", "slow", "none"]


def test_wrong_names_and_empty_folders(tmp_path):
    with pytest.raises(ValueError) as error:
        list_runs(tmp_path)
    assert str(error.value) == (
        f"folder={str(tmp_path)!r} holds no run; log one with Tracker(JSONLines(folder, name))"
    )
    with pytest.raises(ValueError) as error:
        JSONLines(tmp_path, "a/b")
    assert str(error.value) == "name='a/b' is not a file name; leave out slashes"
    write(tmp_path, "a", 0.1, [1.0])
    with pytest.raises(ValueError) as error:
        compare_runs(tmp_path, "los")
    assert str(error.value) == "monitor='los' is not known; did you mean 'loss'? choose from epoch, loss"


def test_tensorboard_files_hold_the_values(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = TensorBoard(tmp_path)
    board.start({"rate": 0.1})
    board.write(1, {"loss": 2.0})
    board.write(2, {"loss": 1.0})
    board.finish("done")
    events = reader.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 2.0), (2, 1.0)]


def test_missing_tensorboard_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError) as error:
        TensorBoard(tmp_path)
    assert str(error.value) == (
        "TensorBoard is not installed; run `pip install tensorboard`, "
        "which is in the extra large-model-kit[dev]"
    )
