"""Every committed lesson has the anatomy of a lesson, and outputs that can be validated."""

import re
import tomllib

import nbformat
import pytest

from kit import paths
from kit.course import anatomy, build, catalogue, exercises, normalize, verify

LESSONS = [lesson for lesson in catalogue.lessons() if lesson.source.exists()]
#: Lesson 00 is the start page: it has no experiment, claims or exercises of its own.
TAUGHT = [lesson for lesson in LESSONS if lesson.number != "00"]


def cells(lesson):
    return nbformat.read(lesson.notebook, as_version=4).cells


def code(lesson):
    return [cell for cell in cells(lesson) if cell.cell_type == "code"]


def prose(lesson):
    return "\n".join(cell.source for cell in cells(lesson) if cell.cell_type == "markdown")


def records(lesson, kind):
    found = normalize.records(nbformat.read(lesson.notebook, as_version=4))
    return [record for record in found if record["record"] == kind]


every = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
taught = pytest.mark.parametrize("lesson", TAUGHT, ids=lambda lesson: lesson.name)


@every
def test_notebook_is_what_its_source_says(lesson):
    assert verify.lesson_problems(lesson) == []


@every
def test_badges_title_bootstrap_and_parameters_come_first(lesson):
    first = cells(lesson)[:4]
    assert first[0].source.startswith("[Open in Colab](https://colab.research.google.com/github/")
    assert "[Open in JupyterLab](" in first[0].source
    assert first[1].source.startswith(f"# {lesson.number} ")
    assert "colab.ready()" in first[2].source and "\n" not in first[2].source
    assert normalize.tags(first[3]) == ["parameters"]


@every
def test_parameters_have_a_seed_a_profile_and_knobs_with_a_comment_each(lesson):
    cell = next(cell for cell in code(lesson) if "parameters" in normalize.tags(cell))
    given = catalogue.parameters([cell])
    assert given["profile"] == "laptop" and isinstance(given["seed"], int)
    assert lesson.number == "00" or 2 <= len(given) - 2 <= 6
    assert all("#" in line for line in cell.source.splitlines() if re.match(r"\w+ *[:=]", line))


@every
def test_lesson_starts_with_its_own_number_seed_and_profile(lesson):
    call = f'kit.course.start("{lesson.number}", seed=seed, profile=profile)'
    assert sum(call in cell.source for cell in code(lesson)) == 1


@taught
def test_sections_follow_the_anatomy(lesson):
    found = [name for name in anatomy.sections(prose(lesson)) if name in anatomy.SECTIONS]
    assert found == list(anatomy.SECTIONS)


@taught
def test_a_lesson_is_long_enough_and_not_too_long(lesson):
    found = cells(lesson)
    starts = [i for i, cell in enumerate(found) if cell.source.startswith("## Exercises")]
    assert 25 <= starts[0] <= 92  # badges and bootstrap are two of them
    assert len(found) <= 122


@every
def test_cells_have_at_most_ten_lines_of_code(lesson):
    counted = [cell for cell in code(lesson) if normalize.tags(cell) != ["parameters"]]
    assert [cell.source for cell in counted if anatomy.code_lines(cell.source) > 10] == []


@every
def test_the_stated_time_is_the_estimated_one_and_at_most_90_minutes(lesson):
    found = cells(lesson)
    text = [cell.source for cell in found if cell.cell_type == "markdown"]
    estimate = anatomy.minutes(text, [c.source for c in code(lesson)], exercises.of(lesson.number).values())
    stated = int(re.search(r"Time:\s+(\d+)\s+minutes", prose(lesson))[1])
    assert estimate <= 92
    assert abs(stated - estimate) <= 10


@taught
def test_one_widget_is_there_and_no_output_widget(lesson):
    calls = sum(len(re.findall(r"\bexplore\(", cell.source)) for cell in code(lesson))
    assert calls >= 1
    for cell in code(lesson):
        forbidden = re.search(
            r"\b(interact|interactive|interactive_output|clear_output|Output)\s*\(", cell.source
        )
        assert not forbidden, forbidden[0]


@taught
def test_headings_of_exercises_agree_with_the_exercises(lesson):
    known = exercises.of(lesson.number)
    assert len(known) >= 5
    found = re.findall(r"^### Exercise .*$", prose(lesson), flags=re.M)
    assert found == [exercise.heading for exercise in known.values()]
    checked = {record["number"]: record["status"] for record in records(lesson, "exercise")}
    assert checked == dict.fromkeys(known, "unanswered")


@every
def test_every_picture_has_an_alternative_text(lesson):
    for cell in code(lesson):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                assert len(alt.split()) >= 4, cell.source
    assert "![](" not in prose(lesson)


@every
def test_claims_hold_and_have_distinct_names(lesson):
    claims = records(lesson, "claim")
    names = [claim["name"] for claim in claims]
    assert len(set(names)) == len(names)
    assert [claim["name"] for claim in claims if claim["kind"] != "timing" and not claim["holds"]] == []


@taught
def test_claims_about_results_are_the_registered_ones(lesson):
    file = paths.checkout() / "kit" / "course" / "claims.toml"
    table = tomllib.loads(file.read_text("utf-8")).get("claim", [])
    registered = {claim["name"] for claim in table if claim["lesson"] == lesson.number}
    measured = {claim["name"] for claim in records(lesson, "claim") if claim["kind"] == "result"}
    assert measured == registered
    assert records(lesson, "claim")


@every
def test_links_between_lessons_lead_somewhere(lesson):
    for text, folder in ((prose(lesson), lesson.folder),):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            assert (folder / target).exists(), target


@every
def test_code_cells_print_no_path_or_address(lesson):
    for cell in code(lesson):
        shown = str(normalize.compared(cell))
        assert not re.search(r"0x[0-9a-f]{8}|/home/|/tmp/|/Users/|site-packages", shown), cell.source


def test_messages_of_the_chinese_editions_are_complete():
    for lesson in LESSONS:
        if lesson.translation.exists():
            from kit.course import translate

            assert translate.problems(lesson.translation, build.messages(lesson)) == []


def test_the_numbers_are_in_order_without_doubles():
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers == sorted(set(numbers))
