"""The exercises of every lesson, one file a lesson.

    lessons   of

`lesson_NN.py` holds a tuple `EXERCISES` of `kit.course.exercise.Exercise`.
"""

import functools
import importlib
from pathlib import Path


def lessons() -> list[str]:
    """Numbers of the lessons that have exercises, in order."""
    return sorted(path.stem.removeprefix("lesson_") for path in Path(__file__).parent.glob("lesson_*.py"))


@functools.cache
def of(lesson: str) -> dict:
    """Exercises of one lesson by number; {} for a lesson without any."""
    if lesson not in lessons():
        return {}
    module = importlib.import_module(f"kit.course.exercises.lesson_{lesson}")
    return {exercise.number: exercise for exercise in module.EXERCISES}
