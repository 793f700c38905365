"""A learner in a real JupyterLab: answers wrongly, gets a hint, answers rightly, sees the progress."""

import pytest
from test_widgets import SESSION, open_and_run, page, quick_copy  # noqa: F401 - page is a fixture

from kit.course import catalogue

#: Puts code into the cell that calls lesson.check("N", ...) or another call, runs it, gives back its text.
ANSWER = """async ([call, code]) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  const index = notebook.widgets.findIndex(c => c.model.type === 'code'
    && c.model.sharedModel.getSource().includes(call));
  const cell = notebook.widgets[index];
  if (code) cell.model.sharedModel.setSource(code);
  notebook.activeCellIndex = index;
  await jupyterapp.commands.execute('notebook:run-cell');
  return cell.model.outputs.toJSON().map(o => o.text ?? o.data?.['text/plain'] ?? '').flat().join('');
}"""


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_wrong_then_right_then_progress(lab, page):  # noqa: F811
    lesson = catalogue.find(["00"])[0]
    quick_copy(lesson, lab.root)
    open_and_run(page, lab.url(lesson.notebook.name))

    def answer(call, code=None):
        said = page.evaluate(ANSWER, [call, code])
        page.wait_for_function(f"{SESSION}.kernel.status === 'idle'")
        return said

    check = 'lesson.check("1"'
    assert "exercise 1: not answered yet" in answer(check)
    assert "give the share, a number from 0 to 1" in answer(check, 'lesson.check("1", 10)')
    assert "exercise 1: correct" in answer(check, 'lesson.check("1", 0.1)')
    wrong = 'def f(y, answers):\n    while True:\n        pass\n\n\nlesson.check("3", f)'
    assert "look for a loop that never ends" in answer('lesson.check("3"', wrong)
    assert "| 00 | 1 of 6 |" in answer("kit.course.progress()")
    assert "hint 1 of 2" in answer(check, 'lesson.hint("1")')
    assert page.said == []
