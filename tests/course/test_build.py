"""The build: ids, metadata, outputs that stay, whole files, and the check that executes nothing."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from kit.course import build, normalize, pool, verify
from kit.course.catalogue import find


@pytest.fixture
def lesson(built_folder):
    return find(["99"], built_folder)[0]


@pytest.fixture
def stored(lesson):
    return nbformat.read(lesson.notebook, as_version=4)


def problems(stored, lesson):
    return verify.notebook_problems(stored, build.assemble(lesson), lesson.notebook.name)


def test_ids_come_from_content_and_repeated_cells_are_numbered():
    cells = [new_code_cell("x"), new_markdown_cell("x"), new_code_cell("x"), new_code_cell("x")]
    ids = normalize.cell_ids(cells)
    assert ids == normalize.cell_ids(cells)
    assert ids[2:] == [f"{ids[0]}-2", f"{ids[0]}-3"]
    assert len(set(ids)) == 4


def test_generated_cells_stand_first_and_parameters_follow(stored):
    assert [c.cell_type for c in stored.cells[:4]] == ["markdown", "markdown", "code", "code"]
    assert stored.cells[1].source.startswith("# 99 Sample")
    assert "colab.ready()" in stored.cells[2].source and "\n" not in stored.cells[2].source
    assert normalize.tags(stored.cells[3]) == ["parameters"]


def test_stored_notebook_is_valid_clean_and_executed_in_order(stored):
    nbformat.validate(stored)
    text = json.dumps(stored)
    assert "papermill" not in text and "jupytext" not in text and "widget-view" not in text
    counts = [c.execution_count for c in stored.cells if c.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "version" not in stored.metadata.language_info


def test_build_stores_records_and_a_picture(stored):
    records = list(normalize.records(stored))
    assert [(r["record"], r["name"], r["holds"]) for r in records] == [("claim", "mean of the coins", True)]
    assert any("image/png" in o.get("data", {}) for c in stored.cells for o in c.get("outputs", []))


def test_second_build_changes_no_byte(built_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "fingerprint", lambda notebook: "same code")
    scratch = tmp_path / "scratch"
    first = build.build(["99"], folder=built_folder, scratch=scratch)
    before = (built_folder / "99_sample.ipynb").read_bytes()
    second = build.build(["99"], folder=built_folder, scratch=scratch)
    assert (first.written, second.written, second.unchanged) == (["99_sample"], [], ["99_sample"])
    assert (built_folder / "99_sample.ipynb").read_bytes() == before
    assert second.notes == []


def test_fingerprint_follows_the_code_only(stored):
    before = build.fingerprint(stored)
    stored.cells[0].source += " prose"
    assert build.fingerprint(stored) == before
    stored.cells[3].source += "  # more"
    assert build.fingerprint(stored) != before


def cell(text, tag=None, **record):
    output = new_output("display_data", {"text/plain": text}, metadata={"kit": record} if record else {})
    made = new_code_cell("same", metadata={"tags": [tag]} if tag else {}, outputs=[output])
    made.id = f"cell-{tag}"
    return made


def book(*cells, fingerprint="f"):
    return nbformat.v4.new_notebook(cells=list(cells), metadata={"kit": {"fingerprint": fingerprint}})


@pytest.mark.parametrize(
    ("old", "new", "kept", "changed"),
    [
        (book(cell("1.0 s", normalize.IGNORE)), book(cell("2.0 s", normalize.IGNORE)), True, []),
        (book(cell("holds", value=0.1)), book(cell("holds", value=0.2)), True, []),
        (book(cell("holds")), book(cell("fails")), False, ["cell-None"]),
        (
            book(cell("1.0 s", normalize.IGNORE), fingerprint="g"),
            book(cell("2.0 s", normalize.IGNORE)),
            False,
            [],
        ),
    ],
    ids=["ignored output", "measured value in metadata", "compared output", "other code"],
)
def test_outputs_are_kept_only_where_they_may_differ(old, new, kept, changed):
    fresh = [dict(o) for o in new.cells[0].outputs]
    assert normalize.keep_outputs(new, old) == changed
    assert new.cells[0].outputs == (old.cells[0].outputs if kept else fresh)


def test_streams_are_joined_and_widget_views_dropped():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}}
    outputs = [
        new_output("stream", name="stdout", text="a"),
        new_output("stream", name="stdout", text="b\n"),
        new_output("display_data", view),
        new_output("execute_result", {"text/plain": "<A at 0x7f00aa11bb22>"}, execution_count=9),
    ]
    cleaned = normalize.clean_outputs(outputs, 3)
    assert [o.output_type for o in cleaned] == ["stream", "execute_result"]
    assert cleaned[0].text == "ab\n"
    assert (cleaned[1].data["text/plain"], cleaned[1].execution_count) == ("<A>", 3)


def test_failed_lesson_leaves_the_old_notebook_and_names_the_cell(built_folder, tmp_path):
    source = built_folder / "source" / "99_sample.md"
    source.write_text(source.read_text("utf-8").replace('print("first line")', "1 / 0", 1), "utf-8")
    before = (built_folder / "99_sample.ipynb").read_bytes()
    made = build.build(["99"], folder=built_folder, scratch=tmp_path / "scratch")
    assert made.failed == {
        "99_sample": "ZeroDivisionError: division by zero (in the cell that begins `1 / 0`)"
    }
    assert (built_folder / "99_sample.ipynb").read_bytes() == before


def test_write_leaves_nothing_half_written(tmp_path, monkeypatch):
    path = tmp_path / "a.ipynb"
    path.write_text("old", "utf-8")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        normalize.write(nbformat.v4.new_notebook(), path)
    assert path.read_text("utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]


def test_check_is_silent_about_a_fresh_notebook_but_for_its_length(stored, lesson):
    assert problems(stored, lesson) == [
        "99_sample.ipynb: 5 cells have compared outputs, at least 10 are needed; "
        "print shapes, counts and words, and tag fewer cells nbval-ignore-output"
    ]


def _edit_source(nb):
    nb.cells[5].source += "x"


def _edit_id(nb):
    nb.cells[5].id = "other"


def _edit_metadata(nb):
    nb.cells[5].metadata["scrolled"] = True


def _edit_notebook_metadata(nb):
    nb.metadata["widgets"] = {}


def _drop_cell(nb):
    nb.cells.pop()


def _add_error(nb):
    nb.cells[6].outputs = [new_output("error", ename="E", evalue="v", traceback=[])]


def _unexecute(nb):
    nb.cells[6].execution_count = None


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (_edit_source, "99_sample.ipynb: cell 5 is not what its source says; run `kit build 99`"),
        (_edit_id, "99_sample.ipynb: cell 5 has id 'other', its content gives "),
        (_edit_metadata, "99_sample.ipynb: cell 5 has other metadata than its source; run `kit build 99`"),
        (_edit_notebook_metadata, "99_sample.ipynb: notebook metadata is not clean; run `kit build 99`"),
        (_drop_cell, "99_sample.ipynb: 13 cells, its source has 14; run `kit build 99`"),
        (_add_error, "99_sample.ipynb: the cell `import torch` has a stored error; mend it and build again"),
        (_unexecute, "99_sample.ipynb: the cell `import torch` was never executed; run `kit build 99`"),
    ],
)
def test_check_names_each_difference(stored, lesson, edit, line):
    edit(stored)
    assert any(found.startswith(line) for found in problems(stored, lesson)), problems(stored, lesson)


def test_check_names_a_lesson_that_is_not_built_and_a_notebook_without_source(built_folder, lesson):
    (built_folder / "98_stray.ipynb").write_text(lesson.notebook.read_text("utf-8"), "utf-8")
    lesson.notebook.unlink()
    found = verify.problems(folder=built_folder)
    assert "99_sample.ipynb: not built yet; run `kit build 99`" in found
    assert "98_stray.ipynb: no source/98_stray.md makes it; write one or delete the notebook" in found


def test_two_writers_of_one_folder_are_told_so(tmp_path):
    folder = tmp_path / "build"
    with pool.locked(folder), pytest.raises(ValueError) as told, pool.locked(folder):
        pass
    assert str(told.value) == (
        f"build/ is being written by process {os.getpid()}; "
        "wait until it ends, or give another folder with --out"
    )
    (folder / ".lock").write_text("999999999")  # of a process that was killed
    with pool.locked(folder):
        assert (folder / ".lock").exists()
    assert not (folder / ".lock").exists()


@pytest.mark.slow
def test_interrupt_leaves_the_old_notebook_and_no_child(built_folder, tmp_path):
    import psutil

    source = built_folder / "source" / "99_sample.md"
    source.write_text(
        source.read_text("utf-8").replace('print("first line")', "import time; time.sleep(60)", 1), "utf-8"
    )
    before = (built_folder / "99_sample.ipynb").read_bytes()
    script = (
        "import pathlib; from kit.cli.report import errors; from kit.course import build\n"
        "with errors():\n"
        f"    build.build(['99'], folder=pathlib.Path({str(built_folder)!r}),"
        f" scratch=pathlib.Path({str(tmp_path / 'scratch')!r}),"
        " on_event=lambda e: print(e.index, flush=True))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while child.stdout.readline().strip() != "6":
        assert child.poll() is None
    time.sleep(0.5)
    family = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode != 0
    assert "kit: interrupted; what was there before is untouched" in said
    assert (built_folder / "99_sample.ipynb").read_bytes() == before
    # They end by themselves when the parent has gone; on a busy machine that takes its time.
    assert len(family) >= 2 and not psutil.wait_procs(family, timeout=45)[1]
