"""What every lesson holds, in this order; the template of a new one.

SECTIONS  FRONT_MATTER  new_lesson  sections  code_lines  minutes
"""

import re
from collections.abc import Sequence
from pathlib import Path

#: The headings (level 2) of a lesson, in order. A heading may say more after a colon.
SECTIONS = (
    "Where we are",
    "Predict first",
    "The idea",
    "Proof",
    "Play",
    "Experiment",
    "What the articles say",
    "Claims",
    "Exercises",
    "Discuss",
    "Next",
    "Sources",
)

FRONT_MATTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---
"""

_PROSE = {
    "Where we are": "Builds on: the lessons before this one. Time: 45 minutes. "
    "Afterwards you can say what this lesson is about.",
    "Predict first": "Before you run anything: what will the mean of many fair coin flips (0 or 1) be?",
    "The idea": "A coin flip is a number $x \\in \\{0, 1\\}$; the mean of $n$ flips is\n\n"
    "$$\\bar x = \\frac1n \\sum_i x_i$$",
    "Proof": "The same mean, from the reference library.",
    "Play": "Move the slider: how fast does the mean settle?",
    "Experiment": "Ten seeds, and how far their means lie apart.",
    "What the articles say": "The errors of the articles that belong here.",
    "Claims": "What this lesson measured.",
    "Exercises": "Each exercise has a check: `lesson.check(number, answer)`.",
    "Discuss": "What would change your mind?",
    "Next": "The next lesson builds on this one.",
    "Sources": "Name each source with author, title and year.",
}

_CODE = {
    "The idea": "import torch\n\n"
    "flips = torch.randint(0, 2, (flips_per_seed,), generator=lesson.generator())\n"
    'print("flips:", tuple(flips.shape))',
    "Proof": "ours = flips.sum() / len(flips)\n"
    'print("equal:", bool(torch.isclose(ours, flips.float().mean())))',
    "Experiment": "many = torch.randint(0, 2, (10, flips_per_seed), generator=lesson.generator(1))\n"
    "means = many.float().mean(1)\n"
    'lesson.claim("mean of ten fair coins", float(means.mean()), between=(0.4, 0.6))',
    "Claims": "lesson.claims()",
}


def new_lesson(number: str, name: str, folder: Path) -> Path:
    """Write a `source/NN_name.md` that follows the anatomy and builds.

    Raises: ValueError for a number or name of another form, or one that is taken.
    Lesson: 00
    """
    if not re.fullmatch(r"\d{1,2}", number):
        raise ValueError(f"number={number!r} is not a lesson number; give two digits, 07 for example")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(
            f"name={name!r} is not a lesson name; give small letters, digits and _, such as attention"
        )
    number = number.zfill(2)
    taken = sorted((folder / "source").glob(f"{number}_*.md"))
    if taken:
        raise ValueError(f"number={number} is taken by {taken[0].name}; choose another number")
    path = folder / "source" / f"{number}_{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_template(number, name), encoding="utf-8")
    return path


def _template(number: str, name: str) -> str:
    title = name.replace("_", " ").capitalize()
    parts = [FRONT_MATTER, f"# {number} {title}\n"]
    parts += [_cell('seed = 0  # which random numbers\nprofile = "laptop"  # quick, laptop or gpu\n'
                    "flips_per_seed = 1000  # coins in one experiment", "parameters")]  # fmt: skip
    parts += [_cell(f'import kit\n\nlesson = kit.course.start("{number}", seed=seed, profile=profile)')]
    for section in SECTIONS:
        parts.append(f"## {section}\n\n{_PROSE[section]}\n")
        if section in _CODE:
            parts.append(_cell(_CODE[section], "nbval-ignore-output" if section == "Claims" else ""))
    return "\n".join(parts)


def _cell(code: str, tag: str = "") -> str:
    option = f":tags: [{tag}]\n\n" if tag else ""
    return f"```{{code-cell}} ipython3\n{option}{code}\n```\n"


def sections(text: str) -> list[str]:
    """The level-2 headings of a Markdown text, without what follows a colon.

    Lesson: 00
    """
    outside = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
    return [h.split(":")[0].strip() for h in re.findall(r"^## (.+)$", outside, flags=re.M)]


def code_lines(source: str) -> int:
    """The lines of a cell that are code: neither blank nor only a comment.

    Lesson: 00
    """
    return sum(1 for line in source.splitlines() if line.strip() and not line.strip().startswith("#"))


def minutes(text: Sequence[str], code: Sequence[str], exercises: Sequence) -> float:
    """How long a reader alone needs: an estimate, the same for every lesson.

    180 words a minute, five seconds for a line of code, and the minutes of the exercises
    of one and two stars; those of three stars are optional.

    Args:
        text: the Markdown cells.
        code: the code cells.
        exercises: the lesson's, with `level` and `minutes`.

    Lesson: 00
    """
    words = sum(len(cell.split()) for cell in text)
    lines = sum(code_lines(cell) for cell in code)
    return words / 180 + lines / 12 + sum(e.minutes for e in exercises if e.level < 3)
