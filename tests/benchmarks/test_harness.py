"""The harness: turns, ratios and records, on a clock that a test moves."""

import json

import pytest

from benchmarks import trainer
from benchmarks.harness import Comparison, Session, compare, version


class Clock:
    """Time moves only when a run says how long it took."""

    def __init__(self):
        self.now, self.order = 0.0, []

    def __call__(self):
        return self.now

    def runner(self, name, times):
        left = iter(times)

        def prepare():
            self.now += 100.0  # preparing is not measured

            def run():
                self.order.append(name)
                self.now += next(left)

            return run

        return prepare


def test_runs_take_turns_and_the_order_alternates_after_a_warm_up():
    clock = Clock()
    compare("a", clock.runner("a", [1.0] * 9), "b", clock.runner("b", [1.0] * 9), pairs=3, clock=clock)
    assert "".join(clock.order) == "ab" + "ab" + "ba" + "ab"


def test_ratio_is_the_median_of_the_pairs_and_not_of_the_times():
    clock = Clock()
    mine = clock.runner("a", [99.0, 1.0, 20.0, 3.0])  # the first is the warm-up
    theirs = clock.runner("b", [99.0, 2.0, 10.0, 4.0])
    result = compare("a", mine, "b", theirs, pairs=3, target=0.8, clock=clock)
    assert result == Comparison("a", "b", 0.75, 0.5, 2.0, 3.0, 4.0, 3, 0.8)


def test_quartiles_leave_the_outer_quarters_out():
    clock = Clock()
    times = [1.0, *map(float, range(1, 9))]
    result = compare("a", clock.runner("a", times), "b", clock.runner("b", [1.0] * 9), pairs=8, clock=clock)
    assert (result.low, result.ratio, result.high) == (3.0, 4.5, 6.0)


def test_a_session_prints_a_line_and_records_machine_and_results(tmp_path, capsys):
    record = tmp_path / "build" / "record.jsonl"
    for _ in range(2):
        with Session("test", pairs=2, record=record) as session:
            session.compare("mine", lambda: lambda: None, "theirs", lambda: lambda: None, target=1e9)
            session.compare("a far faster one", lambda: lambda: None, "it", lambda: lambda: None, target=1e-9)
            session.note("peer", "not installed")
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    assert [row["entry"] for row in rows] == ["test", "test"]
    assert rows[0]["machine"]["threads"] == 1
    assert [result["name"] for result in rows[0]["results"]] == ["mine", "a far faster one", "peer"]
    shown = capsys.readouterr().out
    assert "<= 1.00e+09 met" in shown
    assert "<= 1.00e-09 MISSED" in shown  # a target of a thousandth is not printed as 0.00
    assert "not installed" in shown


def test_a_benchmark_that_fails_records_nothing(tmp_path):
    record = tmp_path / "record.jsonl"
    with pytest.raises(ZeroDivisionError), Session("test", record=record):
        raise ZeroDivisionError
    assert not record.exists()


def test_a_missing_or_broken_peer_is_a_line_and_no_failure(tmp_path, capsys):
    def broken(work):
        raise RuntimeError("of another version")

    work = trainer.small_mlp()
    with Session("test", pairs=1, record=tmp_path / "record.jsonl") as session:
        trainer.against_peer(session, work, "no-such-framework", broken)
        trainer.against_peer(session, work, "pytest", broken)
    shown = capsys.readouterr().out
    assert "no-such-framework: not installed" in shown
    assert f"pytest {version('pytest')}: RuntimeError: of another version" in shown


def test_both_sides_of_the_trainer_benchmark_train_to_the_same_weights(monkeypatch):
    models = []
    work = trainer.small_mlp()
    build = work.build
    object.__setattr__(work, "build", lambda: models.append(build()) or models[-1])
    for prepare in (trainer.by_hand, trainer.with_kit):
        prepare(work, work.ready_batches()[:4])()
    for a, b in zip(*(model.parameters() for model in models)):
        assert a.equal(b)
