"""The classroom: what a lesson calls, and what builds and runs the lessons.

    start   Lesson   source   table   progress   is_static
    ClaimError   ErratumError

In a lesson:

    import kit.course
    lesson = kit.course.start("03", seed=seed, profile=profile)

The machinery is in modules of its own: `build` (text to executed notebooks),
`run` (papermill over all lessons), `translate`, `coverage`, `colab`.
"""

from kit.course.claims import ClaimError
from kit.course.display import source, table
from kit.course.errata import ErratumError
from kit.course.learner import progress
from kit.course.lesson import Lesson, start
from kit.session import is_static

__all__ = ["ClaimError", "ErratumError", "Lesson", "is_static", "progress", "source", "start", "table"]
