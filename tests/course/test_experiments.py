"""Frozen experiments: a card, a result, and a hash that follows the script."""

import pytest

from kit.course import experiments


@pytest.fixture
def folder(tmp_path):
    script = tmp_path / "05_seeds.py"
    script.write_text("print(1)\n", "utf-8")
    card = 'seeds = [0, 1]\nminutes = 2.5\ndevice = "cpu"\n[configuration]\nwidth = 8\n'
    (tmp_path / "05_seeds.toml").write_text(
        f'code_sha256 = "{experiments.code_hash(script)}"\n{card}', "utf-8"
    )
    (tmp_path / "05_seeds.parquet").write_bytes(b"x")
    return tmp_path


def test_a_complete_experiment_has_no_problem(folder):
    assert experiments.problems(folder) == []


def test_line_ends_do_not_change_the_hash(folder):
    script = folder / "05_seeds.py"
    before = experiments.code_hash(script)
    script.write_bytes(b"print(1)\r\n")
    assert experiments.code_hash(script) == before


def test_each_problem_is_named(folder):
    (folder / "05_seeds.py").write_text("print(2)\n", "utf-8")
    (folder / "06_other.py").write_text("", "utf-8")
    (folder / "07_lost.safetensors").write_bytes(b"x")
    assert experiments.problems(folder) == [
        "experiments/05_seeds.py: the script changed after its result was made; run it again",
        "experiments/06_other.py: no card 06_other.toml; run the experiment and write one",
        "experiments/07_lost: a result without its script 07_lost.py",
    ]


def test_an_incomplete_card_and_a_missing_result_are_named(folder):
    (folder / "05_seeds.toml").write_text('device = "cpu"\nseeds = [1]\n', "utf-8")
    (folder / "05_seeds.parquet").unlink()
    assert experiments.problems(folder) == [
        "experiments/05_seeds.py: its card has no valid configuration, minutes, code_sha256; "
        "complete 05_seeds.toml",
        "experiments/05_seeds.py: no result .parquet or .safetensors beside it; run the experiment",
    ]
