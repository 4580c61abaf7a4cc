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
from pathlib import Path

import numpy as np
import pytest

from evolve.bench.machinery import TRIVIAL, model_server
from evolve.domain.program import fingerprint
from evolve.llm.requests import request_hash
from evolve.store.sql import SqlStore
from tests.cli.cli_support import ROOT

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

    def answered(self) -> Counter[str]:
        """Return how often the model server answered each prompt, by its own hash."""
        with urllib.request.urlopen(self._model_url.removesuffix("/v1") + "/log") as answer:
            log = json.load(answer)
        return Counter(entry["messages_hash"] for entry in log["entries"])

    def on_record(self) -> tuple[set[str], int, float]:
        """Return what the store holds: programs with a verdict, paid answers, and their cost."""
        store = SqlStore(self._store)
        try:
            programs: set[str] = set()
            answers = 0
            for attempt in store.history("r"):
                if attempt.evaluation is not None:
                    programs.add(attempt.fingerprint)
                answers += sum(answer is not None for _, answer in store.requests("r", attempt.selected.step))
            for item in store.unfinished("r"):
                if item.program is not None and item.evaluations:
                    programs.add(item.program.fingerprint)
                answers += sum(answer is not None for _, answer in store.requests("r", item.selected.step))
            return programs, answers, store.run("r").cost_usd
        finally:
            store.close()


@pytest.fixture
def model_url() -> Iterator[str]:
    with model_server("mutator:0.9,prose:0.1", 0.02) as url:
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
    budget = ("budget.evaluations=100000", "budget.wall_s=null", "budget.cost_usd=null", f"llm={model_url}#m", *prices)
    process = begin(tmp_path, *run, *budget)
    _wait_for_first_verdicts(witness, process)
    for _ in range(KILLS):
        time.sleep(float(rng.uniform(0.0, 0.4)))
        process.send_signal(signal.SIGKILL)
        process.wait()
        programs, answers, _ = witness.on_record()
        judged, answered = witness.judged(), witness.answered()
        process = begin(tmp_path, "resume", "r")
        _wait_for_progress(witness, process, programs)
        again = witness.judged() - judged
        assert not (programs & set(again)), "a recorded evaluation was done again"
        after_programs, after_answers, _ = witness.on_record()
        assert programs <= after_programs, "a recorded evaluation was lost"
        assert answers <= after_answers, "a paid answer was lost"
        repeated = [key for key, count in (witness.answered() - answered).items() if answered[key] and count]
        assert len(repeated) <= _in_flight_limit(), "answers that were on record were asked for again"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors.decode()
    _check_whole_record(tmp_path, witness)


def _in_flight_limit() -> int:
    """What a kill may cost: calls sent whose answers were not durable yet."""
    return 4 * len(os.sched_getaffinity(0))


def _check_whole_record(folder: Path, witness: Witness) -> None:
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
        for request, answer in store.requests("r", attempt.selected.step):
            assert answer is not None, "an attempt finished while its answer was missing"
            assert request_hash(request)
    store.close()
    _, answers, cost_usd = witness.on_record()
    assert answers <= sum(witness.answered().values())
    assert cost_usd > 0


def _wait_for_first_verdicts(witness: Witness, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if sum(witness.judged().values()) > 3:
            return
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        time.sleep(0.1)
    raise AssertionError("the run never judged anything")


def _wait_for_progress(witness: Witness, process: subprocess.Popen[bytes], before: set[str]) -> None:
    for _ in range(300):
        if len(witness.on_record()[0]) > len(before):
            return
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        time.sleep(0.1)
    raise AssertionError("the resumed run made no progress")
