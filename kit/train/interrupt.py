"""Ctrl-C during training: the step under way is finished first.

FinishStepFirst
"""

import signal
import threading


class FinishStepFirst:
    """A block where the first Ctrl-C waits for the end of the step.

    It sets `trainer.interrupted`; a second one does not wait.

    An interrupt in the middle of an optimizer step would leave weights that
    are half updated and not worth saving. Only the main thread of a program
    gets signals, so elsewhere nothing changes. Lesson: 05
    """

    def __init__(self, trainer):
        self.trainer = trainer

    def __enter__(self) -> None:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *error) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number, frame) -> None:
        if self.trainer.interrupted:
            raise KeyboardInterrupt
        self.trainer.interrupted = True
