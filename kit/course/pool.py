"""Several notebooks at once: N driver processes fed from one queue.

Job  Event  execute_all  static_environment  locked
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """A notebook to run: `source` is read, `target` written.

    `timeout` is in seconds per cell.

    Lesson: 00
    """

    name: str
    source: Path
    target: Path
    cwd: Path
    parameters: Mapping[str, object] = field(default_factory=dict)
    timeout: int = 600


@dataclass(frozen=True)
class Event:
    """What happened to job `name`.

    Kind `start`, `cell` (with index and cells) or `done` (with seconds and error).

    Lesson: 00
    """

    name: str
    kind: str
    index: int = 0
    cells: int = 0
    seconds: float = 0.0
    error: str | None = None


def static_environment(home: Path, *, strict: bool = True) -> dict[str, str]:
    """What a run sets: static, one thread, no learner; strict: a claim that fails stops it.

    Lesson: 00
    """
    return {
        "KIT_STATIC": "1",
        "KIT_STRICT": "1" if strict else "0",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
        "KIT_HOME": str(home),
    }


def execute_all(
    jobs: Sequence[Job], *, workers: int, environment: Mapping[str, str], logs: Path
) -> Iterator[Event]:
    """Run the jobs on `workers` processes; events arrive as they happen.

    A driver that dies fails its notebook only. Leaving the loop early (Ctrl-C,
    an exception) stops every driver and kernel before it returns.

    Lesson: 00
    """
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    drivers = [_Driver(waiting, events, environment, logs) for _ in range(min(workers, len(jobs)))]
    for driver in drivers:
        driver.thread.start()
    finished = 0
    try:
        while finished < len(jobs):
            try:
                event = events.get(timeout=0.5)  # short, so that Ctrl-C is heard
            except queue.Empty:
                continue
            finished += event.kind == "done"
            yield event
    finally:
        for driver in drivers:
            driver.stop()


class _Driver:
    """One child process (a new one if it died) and the thread that feeds it."""

    def __init__(self, waiting, events, environment, logs):
        self.waiting, self.events, self.environment, self.logs = waiting, events, environment, logs
        self.child: subprocess.Popen | None = None
        self.stopping = False
        self.starting = threading.Lock()
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def loop(self) -> None:
        while not self.stopping:
            try:
                job = self.waiting.get_nowait()
            except queue.Empty:
                break
            try:
                self.run(job)
            except (OSError, ValueError) as error:
                # A child that is gone (memory, a signal) must not take the other notebooks with it.
                code = self.discard()
                why = f"the driver process ended with exit code {code} ({error}); see logs/{job.name}.log"
                self.events.put(Event(job.name, "done", error=why))
        if self.child and not self.stopping:
            with self.child as child:  # closes its pipes; it ends when it has no more to read
                child.stdin.close()

    def discard(self) -> int | None:
        """Close what is left of a child that died; its exit code."""
        if self.child is None:
            return None
        with self.child as child, contextlib.suppress(OSError):
            child.stdin.close()
        self.child = None
        return child.returncode

    def run(self, job: Job) -> None:
        child = self.start()
        request = {"source": str(job.source), "target": str(job.target), "cwd": str(job.cwd)}
        request |= {"parameters": dict(job.parameters), "timeout": job.timeout}
        request |= {"log": str(self.logs / f"{job.name}.log")}
        child.stdin.write(json.dumps(request) + "\n")
        child.stdin.flush()
        for line in child.stdout:
            told = json.loads(line)
            self.events.put(Event(job.name, told.pop("event"), **told))
            if "seconds" in told:
                return
        raise OSError("it closed its pipe")

    def start(self) -> subprocess.Popen:
        with self.starting:
            if self.stopping:
                raise OSError("stopped")
            if self.child is None:
                self.child = subprocess.Popen(
                    [sys.executable, "-m", "kit.course.driver"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    env={**os.environ, **self.environment},
                    start_new_session=True,  # Ctrl-C reaches the parent, which stops the children in order
                )
            return self.child

    def stop(self) -> None:
        with self.starting:
            self.stopping = True
            child = self.child
        if child is not None and child.poll() is None and self.waiting_for_reply(child):
            _end(child)
        self.thread.join(10)
        if child is not None:
            with child, contextlib.suppress(OSError):
                child.stdin.close()

    def waiting_for_reply(self, child: subprocess.Popen) -> bool:
        """Whether the child is still at work a moment after its thread could have let it go."""
        self.thread.join(0.5)
        if self.thread.is_alive():
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
        return child.poll() is None


def _end(child: subprocess.Popen) -> None:
    """Interrupt the driver, which ends its kernel; kill both after 5 s."""
    import psutil

    try:
        kernels = psutil.Process(child.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        kernels = []
    child.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    _, alive = psutil.wait_procs(kernels, timeout=1)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process alone.

    Raises: ValueError when another living process holds it.
    Lesson: 00
    """
    import psutil

    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".lock"
    for _ in range(3):
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            break
        except FileExistsError:
            owner = _owner(lock)
            if owner is None or psutil.pid_exists(owner):
                raise ValueError(
                    f"{folder.name}/ is being written by process {owner or 'unknown'}; "
                    "wait until it ends, or give another folder with --out"
                ) from None
            lock.unlink(missing_ok=True)  # left behind by a process that was killed
    else:
        raise ValueError(f"{folder.name}/ cannot be locked; give another folder with --out")
    try:
        os.write(handle, str(os.getpid()).encode())
        os.close(handle)
        yield
    finally:
        lock.unlink(missing_ok=True)


def _owner(lock: Path) -> int | None:
    try:
        return int(lock.read_text())
    except (OSError, ValueError):
        return None
