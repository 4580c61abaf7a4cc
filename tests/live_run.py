"""A run in a process of its own, with a problem whose judge takes its time: little work for the machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from evolve.domain.proposal import Attempt, Event
from evolve.interfaces import RunInfo
from evolve.store.address import is_postgres
from evolve.store.sql import SqlStore

ROOT = Path(__file__).resolve().parents[1]
RUN = "r"
_PROGRAM = """# EVOLVE-BLOCK-START
def value():
    return 1.5 + 0.25 * 2.0 - 0.125
# EVOLVE-BLOCK-END
"""
_JUDGE = """import time

from evaluators import Score


def evaluate(candidate, stage, params):
    time.sleep(params["pause_s"])
    return Score(metrics={"value": float(candidate.call("value"))})
"""
_PROBLEM = """
statement: Make value large.
objectives: [{name: value, direction: maximize}]
stages: [{name: full, timeout_s: 20}]
params: {pause_s: 0.03}
"""
_WAIT_S = 90.0


def write_problem(folder: Path) -> Path:
    """Write the problem's folder and return it."""
    (folder / "seed").mkdir(parents=True)
    (folder / "seed" / "program.py").write_text(_PROGRAM)
    (folder / "evaluate.py").write_text(_JUDGE)
    (folder / "problem.yaml").write_text(_PROBLEM)
    return folder


def until(happened: Callable[[], object], what: str) -> None:
    """Wait for a true answer; fail with ``what`` was waited for."""
    deadline = time.monotonic() + _WAIT_S
    while not happened():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(0.05)


class LiveRun:
    """A process of ``evolve run`` or ``evolve resume``.

    Args:
        folder: an empty folder, for what it prints.
        arguments: of the command.
    """

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        folder.mkdir()
        self._out, self._err = folder / "out", folder / "err"
        command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "EVOLVE_SANDBOX": "process"}
        with self._out.open("w") as out, self._err.open("w") as err:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def said(self) -> str:
        """Return what it told people so far."""
        return self._err.read_text(errors="replace")

    def printed(self) -> str:
        """Return what it printed so far."""
        return self._out.read_text(errors="replace")

    def until_it_says(self, words: str) -> None:
        """Wait until it tells people something; fail if it ends before."""
        until(lambda: words in self.said() or self._process.poll() is not None, words)
        assert words in self.said(), self.said() + self.printed()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        return self._process.wait(_WAIT_S)

    def still_runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, if it has not ended, and its sandboxes, which notice."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(_WAIT_S)


class Place:
    """Where a run is kept: its store, looked at from outside.

    Args:
        url: of the store.
        folder: an empty folder for what runs print, and for the problem.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._problem = write_problem(folder / "problem")
        self._runs: list[LiveRun] = []

    def start(self, *overrides: str, evaluations: int = 10_000) -> LiveRun:
        """Start the run, with two sandboxes and a budget that a test ends by itself if it is the usual one."""
        where = [f"store={'postgres' if is_postgres(self.url) else 'sqlite'}", f"store.url='{self.url}'"]
        limits = ["executor.width=2", f"budget.evaluations={evaluations}", "budget.wall_s=600"]
        rest = ["store.lock_timeout_s=0.5", "mutation.weights.syntax=0", *overrides]
        arguments = ["run", f"problem={self._problem}", f"run={RUN}", *where, *limits, *rest, "--quiet"]
        return self._begun(arguments)

    def resume(self, *overrides: str) -> LiveRun:
        """Start ``evolve resume`` of the run."""
        return self._begun(["resume", RUN, *overrides, "--store", self.url, "--quiet"])

    def attempts(self) -> list[Attempt]:
        """Return the finished attempts on record."""
        with self._opened() as store:
            return list(store.history(RUN))

    def info(self) -> RunInfo:
        """Return the run on record."""
        with self._opened() as store:
            return store.run(RUN)

    def events(self) -> list[Event]:
        """Return the events on record."""
        with self._opened() as store:
            return [event for _, event in store.events(RUN)]

    def holder(self) -> str | None:
        """Return who holds the run."""
        with self._opened() as store:
            return store.holder(RUN)

    def until_finished(self, count: int) -> None:
        """Wait until there are so many finished attempts, and fail if every process ended before."""

        def there() -> bool:
            if not any(run.still_runs() for run in self._runs):
                raise AssertionError("\n".join(run.said() + run.printed() for run in self._runs))
            with self._opened() as store:
                known = {info.id: info for info in store.runs()}
            return RUN in known and known[RUN].evaluated >= count

        until(there, f"{count} evaluations")

    def check_whole(self) -> None:
        """Check that the record has no gap and nothing twice."""
        attempts = self.attempts()
        assert [attempt.finished.sequence for attempt in attempts] == list(range(len(attempts)))
        assert len({attempt.selected.step for attempt in attempts}) == len(attempts)
        with self._opened() as store:
            for attempt in attempts:
                if attempt.program is not None:
                    judged = store.evaluations(RUN, attempt.selected.step)
                    assert len({(e.stage, e.repeat) for e in judged}) == len(judged) > 0

    def close(self) -> None:
        """End what still runs."""
        for run in self._runs:
            run.kill()

    def _begun(self, arguments: Sequence[str]) -> LiveRun:
        self._runs.append(LiveRun(self._folder / f"process{len(self._runs)}", arguments))
        return self._runs[-1]

    @contextmanager
    def _opened(self) -> Iterator[SqlStore]:
        with closing(SqlStore(self.url)) as store:
            yield store
