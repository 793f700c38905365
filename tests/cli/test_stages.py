"""The stages of `make test`: all run, counts are summed, budgets hold, exit codes tell."""

import os
import sys

from kit.cli import stages


def perform(code, budget=20, tmp="."):
    stage = stages.Stage("demo", tuple((sys.executable, "-c", one) for one in code), budget)
    return stages.perform(stage, tmp, dict(os.environ))


def test_counts_come_from_the_last_summary_line(tmp_path, capsys):
    result = perform(
        ["print('9 passed of old'); print('2 failed, 3 passed, 1 skipped in 0.1s')"], tmp=tmp_path
    )
    assert (result.code, dict(result.counts)) == (0, {"failed": 2, "passed": 3, "skipped": 1})
    assert "=== demo (budget 20 s)" in capsys.readouterr().out


def test_every_command_runs_and_the_first_failure_is_kept(tmp_path, capsys):
    result = perform(["raise SystemExit(3)", "print('still here')"], tmp=tmp_path)
    assert result.code == 3
    assert "still here" in capsys.readouterr().out


def test_a_stage_over_its_budget_is_stopped_and_failed(tmp_path, capsys):
    result = perform(["import time; time.sleep(60)", "print('never')"], budget=1, tmp=tmp_path)
    said = capsys.readouterr().out
    assert result.code != 0 and result.seconds < 20
    assert "kit: demo was stopped after its budget of 1 s" in said and "never" not in said


def test_the_summary_closes_with_totals(tmp_path):
    good = perform(["print('5 passed, 1 skipped in 0.1s')"], tmp=tmp_path)
    lint = perform(["raise SystemExit(1)"], tmp=tmp_path)
    lines = stages.summary([good, lint]).splitlines()
    assert lines[-1] == "5 passed, 1 failed, 1 skipped"
    assert [line.split()[1] for line in lines[2:4]] == ["ok", "FAILED"]


def test_the_stages_cover_lint_units_check_notebooks_rules_and_browser():
    from kit import paths

    named = {stage.name: stage for stage in stages.stages(paths.checkout())}
    expected = ["lint", "unit tests", "shapes", "build --check", "notebooks", "course rules", "browser"]
    assert list(named) == expected
    assert "--shapes" in named["shapes"].commands[0] and "--shapes" not in named["unit tests"].commands[0]
    for folder in ("layers", "optim", "train"):
        assert f"tests/{folder}" in named["shapes"].commands[0]
    assert sum(stage.budget for stage in named.values()) <= 40 * 60


def test_bench_runs_the_benchmarks_in_the_checkout_and_passes_their_exit_code(monkeypatch):
    from typer.testing import CliRunner

    from kit import paths
    from kit.cli.app import app

    calls = []
    monkeypatch.setattr(stages.subprocess, "call", lambda command, cwd: calls.append((command, cwd)) or 3)
    assert CliRunner().invoke(app, ["bench"]).exit_code == 3
    assert calls == [([sys.executable, "-m", "benchmarks"], paths.checkout())]
