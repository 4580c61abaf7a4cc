"""Kill -9 at random moments, resume, and prove from outside that nothing was lost, repeated or paid twice.

The witnesses are independent of the program under test: the model server's own log of what it
answered, a file to which the judge appends every program it judged, and the store read back.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from evolve.bench.machinery import TRIVIAL, model_server
from evolve.domain.program import fingerprint
from evolve.store.sql import SqlStore
from tests.cli.cli_support import ROOT

LATENCY_S = 0.02
KILLS = int(os.environ.get("EVOLVE_KILLS", "20"))
JUDGE = """
import hashlib, time
from evaluators import Score

def evaluate(candidate, stage, params):
    value = float(candidate.call("total"))
    time.sleep(0.01)
    with open({log!r}, "a") as log:
        log.write(candidate.files["program.py"].replace("\\n", "\\\\n") + "\\n")
    return Score(metrics={{"value": value}})
"""


@dataclass(frozen=True)
class Record:
    """What the store holds: programs with a verdict (by fingerprint), calls answered, calls not answered."""

    programs: set[str]
    answered: int
    open_calls: int


class Witness:
    """Reads the store, the judge's log and the model server's log."""

    def __init__(self, folder: Path, model_url: str) -> None:
        self._store = f"sqlite:///{folder}/e.db"
        self._judged = folder / "judged"
        self._model_url = model_url

    def judged(self) -> Counter[str]:
        """Return how often each program (by fingerprint) was judged to the end."""
        lines = self._judged.read_text().splitlines() if self._judged.exists() else []
        return Counter(fingerprint({"program.py": line.replace("\\n", "\n")}) for line in lines)

    def answers_given(self) -> int:
        """Return how many answers the model server gave."""
        with urllib.request.urlopen(self._model_url.removesuffix("/v1") + "/log") as answer:
            return int(json.load(answer)["paid"])

    def evaluated(self) -> int:
        """Return how many programs have a verdict on record."""
        store = SqlStore(self._store)
        try:
            return store.run("r").evaluated
        finally:
            store.close()

    def record(self) -> Record:
        """Read the store."""
        store = SqlStore(self._store)
        try:
            attempts, open_ones = list(store.history("r")), store.unfinished("r")
            programs = {attempt.fingerprint for attempt in attempts if attempt.evaluation is not None}
            programs |= {item.program.fingerprint for item in open_ones if item.program and item.evaluations}
            steps = [a.selected.step for a in attempts] + [item.selected.step for item in open_ones]
            answers = [answer for step in steps for _, answer in store.requests("r", step)]
            unanswered = answers.count(None)
            return Record(programs, len(answers) - unanswered, unanswered)
        finally:
            store.close()


@pytest.fixture
def model_url() -> Iterator[str]:
    with model_server("mutator:0.9,prose:0.1", LATENCY_S) as url:
        yield url


def write_problem(folder: Path) -> Path:
    problem = folder / "trivial"
    (problem / "seed").mkdir(parents=True)
    (problem / "seed" / "program.py").write_text((TRIVIAL / "seed" / "program.py").read_text())
    (problem / "problem.yaml").write_text((TRIVIAL / "problem.yaml").read_text())
    (problem / "evaluate.py").write_text(JUDGE.format(log=str(folder / "judged")))
    return problem


def begin(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from evolve.cli import main; main()", *arguments, "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EVOLVE_STORE": f"sqlite:///{folder}/e.db"}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_nothing_is_lost_repeated_or_paid_twice(tmp_path: Path, model_url: str) -> None:
    rng = np.random.default_rng(int.from_bytes(os.urandom(4)))
    witness = Witness(tmp_path, model_url)
    prices = ("llm.input_usd_per_million=1.0", "llm.output_usd_per_million=2.0")
    run = ("run", f"problem={write_problem(tmp_path)}", "run=r", f"store.url=sqlite:///{tmp_path}/e.db")
    # Without repeats, which judge a recorded program again on purpose: they are resumed in tests/controller.
    budget = (
        "noise=off",
        "budget.evaluations=100000",
        "budget.wall_s=null",
        "budget.cost_usd=null",
        f"llm={model_url}#m",
        *prices,
    )
    process = begin(tmp_path, *run, *budget)
    _wait_for_first_verdicts(witness, process)
    lost = 0
    for _ in range(KILLS):
        time.sleep(float(rng.uniform(0.0, 0.4)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(3 * LATENCY_S)  # answers on their way to the dead are given by now
        before, judged, evaluated = witness.record(), witness.judged(), witness.evaluated()
        newly_lost = witness.answers_given() - before.answered - lost
        assert 0 <= newly_lost <= before.open_calls, "more answers are missing than calls were open"
        lost += newly_lost
        process = begin(tmp_path, "resume", "r")
        _wait_for_progress(witness, process, evaluated)
        after = witness.record()
        assert before.programs <= after.programs, "a recorded evaluation was lost"
        assert before.answered <= after.answered, "a paid answer was lost"
        assert not (before.programs & set(witness.judged() - judged)), "a recorded evaluation was done again"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    assert witness.answers_given() == witness.record().answered + lost, "an answer on record was paid for again"
    _check_whole_record(tmp_path)


def _check_whole_record(folder: Path) -> None:
    store = SqlStore(f"sqlite:///{folder}/e.db")
    attempts = list(store.history("r"))
    assert store.unfinished("r") == []
    assert [attempt.finished.sequence for attempt in attempts] == list(range(len(attempts)))
    assert sorted(attempt.selected.step for attempt in attempts) == list(range(len(attempts)))
    judged = [attempt.fingerprint for attempt in attempts if attempt.evaluation is not None]
    assert len(judged) == len(set(judged)), "one program was counted twice"
    known = {attempt.selected.step for attempt in attempts if attempt.program is not None}
    for attempt in attempts:
        assert attempt.program is None or set(attempt.program.parents) <= known, "a parent is missing"
        answers = [answer for _, answer in store.requests("r", attempt.selected.step)]
        assert None not in answers, "an attempt finished while its answer was missing"
    store.close()
    assert len(judged) > 2 * KILLS


def _wait_for_first_verdicts(witness: Witness, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if sum(witness.judged().values()) > 3:
            return
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        time.sleep(0.1)
    raise AssertionError("the run never judged anything")


def _wait_for_progress(witness: Witness, process: subprocess.Popen[bytes], before: int) -> None:
    for _ in range(300):
        if witness.evaluated() > before + 1:
            return
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        time.sleep(0.1)
    raise AssertionError("the resumed run made no progress")
