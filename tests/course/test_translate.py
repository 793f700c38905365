"""The Chinese edition: blocks, catalogues that follow the English, links, and what the check asks."""

import nbformat
import polib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.course import build, normalize, translate, verify
from kit.course.catalogue import find


@pytest.fixture
def lesson(built_folder):
    return find(["99"], built_folder)[0]


def fill(catalogue, language="译 "):
    messages = polib.pofile(str(catalogue), encoding="utf-8", wrapwidth=0)
    for entry in messages:
        entry.msgstr = language + entry.msgid
    messages.save(str(catalogue))


@given(
    st.lists(
        st.sampled_from(["text", "", "  ", "```python", "```", "$$", "$$ x $$", "x $$", "# head", "~~~"])
    )
)
def test_blocks_give_the_text_back(lines):
    text = "\n".join(lines)
    assert "\n".join(translate.blocks(text)) == text


def test_fences_and_formulas_are_no_messages():
    text = "One.\n\n$$\na\n\nb\n$$\nTwo.\n\n```python\nx = 1\n\ny = 2\n```\n\n$$ c $$\n\n- item"
    cells = [
        nbformat.v4.new_markdown_cell(text),
        nbformat.v4.new_code_cell("# no"),
        nbformat.v4.new_markdown_cell("One."),
    ]
    assert translate.extract(cells) == ["One.", "Two.", "- item"]


def test_a_changed_block_keeps_its_translation_as_fuzzy(tmp_path):
    file = tmp_path / "zh" / "99.po"
    translate.update(file, ["The mean settles slowly.", "Another block."], "99.md")
    fill(file)
    assert translate.problems(file, ["The mean settles slowly.", "Another block."]) == []
    changed = ["The mean settles very slowly.", "Another block.", "Quite new: 42."]
    translate.update(file, changed, "99.md")
    entry = polib.pofile(str(file), encoding="utf-8").find(changed[0])
    assert entry.msgstr == "译 The mean settles slowly."
    assert (entry.flags, entry.previous_msgid) == (["fuzzy"], "The mean settles slowly.")
    assert translate.problems(file, changed) == [
        "99.po: the English changed, translation is fuzzy: 'The mean settles very slowly.'",
        "99.po: not translated: 'Quite new: 42.'",
    ]


def test_an_update_that_changes_nothing_writes_the_same_bytes(tmp_path):
    file = tmp_path / "99.po"
    translate.update(file, ["One\nline.", "Two."], "99.md")
    fill(file)
    translate.update(file, ["One\nline.", "Two."], "99.md")
    before = file.read_bytes()
    translate.update(file, ["One\nline.", "Two."], "99.md")
    assert file.read_bytes() == before


def test_a_message_missing_from_or_left_in_the_catalogue_is_named(tmp_path):
    file = tmp_path / "99.po"
    translate.update(file, ["Old words only."], "99.md")
    fill(file)
    assert translate.problems(file, ["New."]) == [
        "99.po: no message for 'New.'",
        "99.po: no longer in the lesson: 'Old words only.'",
    ]


def test_chinese_edition_has_the_same_code_ids_and_outputs(lesson):
    translate.update(lesson.translation, build.messages(lesson), lesson.source.name)
    fill(lesson.translation)
    english = nbformat.read(lesson.notebook, as_version=4)
    chinese = build.chinese(lesson, english)
    nbformat.validate(chinese)
    assert [c.id for c in chinese.cells] == [c.id for c in english.cells]
    code = [(c.source, c.outputs) for c in english.cells if c.cell_type == "code"]
    assert [(c.source, c.outputs) for c in chinese.cells if c.cell_type == "code"] == code
    prose = "\n".join(c.source for c in chinese.cells if c.cell_type == "markdown")
    assert "译 ## The idea" in prose
    assert "\n$$\n\\bar x = \\frac1n \\sum_i x_i\n$$\n" in prose and "```python\nmean = " in prose
    assert "[English](../99_sample.ipynb) · **中文**" in prose
    assert "notebooks/zh/99_sample.ipynb" in prose


def test_links_are_seen_from_the_chinese_folder():
    text = "[a](98_b.ipynb) [b](99_c.ipynb#x) ![c](images/d.png) [e](https://x.org/y) [f](#here)"
    assert translate.relink(text, ["99_c.ipynb"]) == (
        "[a](../98_b.ipynb) [b](99_c.ipynb#x) ![c](../images/d.png) [e](https://x.org/y) [f](#here)"
    )


def test_english_badges_name_the_chinese_edition_only_where_there_is_one(lesson):
    assert "中文" not in build.assemble(lesson).cells[0].source
    translate.update(lesson.translation, build.messages(lesson), lesson.source.name)
    assert "**English** · [中文](zh/99_sample.ipynb)" in build.assemble(lesson).cells[0].source


def test_check_asks_for_an_edition_only_where_there_is_a_catalogue(lesson):
    assert not [p for p in verify.lesson_problems(lesson) if "zh" in p or ".po" in p]
    translate.update(lesson.translation, build.messages(lesson), lesson.source.name)
    found = verify.lesson_problems(lesson)
    assert "zh/99_sample.ipynb: not built yet; run `kit build 99`" in found
    assert "99_sample.po: not translated: '# 99 Sample'" in found


def test_check_names_a_stale_chinese_notebook(lesson):
    translate.update(lesson.translation, build.messages(lesson), lesson.source.name)
    fill(lesson.translation)
    english = nbformat.read(lesson.notebook, as_version=4)
    normalize.write(build.chinese(lesson, english), lesson.chinese)
    stale = "zh/99_sample.ipynb: not what the English notebook and its catalogue make; run `kit build 99`"
    assert stale not in verify.lesson_problems(lesson)
    fill(lesson.translation, "改 ")
    assert stale in verify.lesson_problems(lesson)


@pytest.mark.parametrize(
    ("message", "translation", "faults"),
    [
        ("## Run `kit run` with $x$", "## 用 $x$ 运行 `kit run`", []),
        ("Run `kit run`", "运行 kit run", ["the code '`kit run`' is lost"]),
        ("a $x_1$ b", "甲 $x$ 乙", ["the formula '$x_1$' is lost"]),
        ("see [this](03.ipynb)", "见[这里](04.ipynb)", ["the link '](03.ipynb)' is lost"]),
        ("see https://a.org/b, please", "请看", ["the link 'https://a.org/b' is lost"]),
        ("### Exercise", "## 练习", ["the heading '###' is lost"]),
        ("Exercise · ★★ · 5 min", "练习 · ★ · 5 分钟", ["the level '★★' is lost"]),
    ],
)
def test_code_formulas_links_and_headings_survive_translation(message, translation, faults):
    assert translate.lost(message, translation) == faults
