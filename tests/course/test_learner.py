"""The learner's record survives damage and full disks."""

import json

import pytest

from kit import paths
from kit.course import learner


@pytest.fixture(autouse=True)
def live(monkeypatch):
    monkeypatch.setenv("KIT_STATIC", "0")


def test_nothing_is_written_in_a_static_session(monkeypatch):
    monkeypatch.setenv("KIT_STATIC", "1")
    learner.remember("03", "1", "right")
    assert learner.recorded() == {}


def test_a_right_answer_stays_right():
    learner.remember("03", "1", "right")
    learner.remember("03", "1", "wrong")
    learner.remember("03", "2", "wrong")
    assert learner.recorded()["03"]["exercises"] == {"1": "right", "2": "wrong"}


def test_a_damaged_record_is_set_aside_not_lost():
    paths.home().mkdir(parents=True)
    (paths.home() / "progress.json").write_text("{ half a file")
    assert learner.recorded() == {}
    assert (paths.home() / "progress.damaged.json").read_text() == "{ half a file"


def test_a_record_that_cannot_be_written_is_one_line(monkeypatch, capsys, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("KIT_HOME", str(blocked))
    learner.remember("03", "1", "right")
    assert capsys.readouterr().out.startswith(f"your progress could not be saved in {blocked}: ")


def test_forget_deletes_the_record():
    learner.remember("03")
    assert "03" in json.loads((paths.home() / "progress.json").read_text())
    learner.forget()
    learner.forget()
    assert learner.recorded() == {}
