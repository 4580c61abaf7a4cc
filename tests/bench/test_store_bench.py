from __future__ import annotations

from pathlib import Path

import pytest

from evolve import wiring
from evolve.bench.histories import History, batches
from evolve.bench.store import LONG, WORKSHOP, filled, measure
from evolve.domain.evaluation import Outcome
from evolve.domain.problem import Problem
from evolve.domain.proposal import Applied, Completed, Evaluated, Finished, Record
from evolve.errors import EvolveError
from evolve.mutation.syntax import compiles

PROGRAMS = 20_000
MEMORY = "controller's memory per program"


@pytest.fixture(scope="module")
def attempts() -> list[list[Record]]:
    history = History(Problem.load(WORKSHOP))
    return [history.attempt(step) for step in range(1500)]


def programs(attempts: list[list[Record]]) -> list[str]:
    made = [record.program for records in attempts for record in records if isinstance(record, Applied)]
    return [text for program in made for text in program.files.values()]


def test_a_run_of_20_000_is_written_asked_about_and_resumed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'long.db'}"
    figures = {figure.name: figure.value for figure in measure(url, PROGRAMS, lambda _: None)}
    assert 500 < figures["room per program of 5 kB"] <= 1500
    assert -500 < figures[MEMORY] <= 2000  # of two processes: what they hold is only about known
    assert {name for name, value in figures.items() if value <= 0} <= {MEMORY, "of that, artifacts"}  # there are none
    store = wiring.open_existing(url)
    try:
        assert store.run(LONG).proposals > PROGRAMS  # it went on after it was resumed
    finally:
        store.close()
    assert not filled(url, LONG, PROGRAMS).appends  # it is not written again
    with pytest.raises(EvolveError, match="give another database"):
        filled(url, LONG, 2 * PROGRAMS)


def test_made_up_programs_are_5_kb_of_python_that_differ_a_little(attempts: list[list[Record]]) -> None:
    texts = programs(attempts)
    assert all(4500 < len(text) < 5600 for text in texts)
    assert all(compiles(text) for text in texts[::100])
    assert len(set(texts)) > 0.9 * len(texts)


def test_made_up_attempts_fail_ask_models_and_improve_as_in_a_run(attempts: list[list[Record]]) -> None:
    ends = [record.outcome for records in attempts for record in records if isinstance(record, Finished)]
    assert len(ends) == len(attempts)
    assert 0.7 < ends.count(Outcome.VALID) / len(ends) < 0.9
    assert ends.count(Outcome.CRASHED) > 100 and ends.count(Outcome.REJECTED) > 20
    assert 20 < sum(isinstance(record, Completed) for records in attempts for record in records) < 100
    evaluations = [record.evaluation for records in attempts for record in records if isinstance(record, Evaluated)]
    costs = [evaluation.metrics["cost"] for evaluation in evaluations if evaluation.outcome is Outcome.VALID]
    assert min(costs) < min(costs[: len(costs) // 2]) < costs[0]


def test_a_history_is_the_same_each_time(attempts: list[list[Record]]) -> None:
    again = batches(History(Problem.load(WORKSHOP)), 0, 40, 20)
    assert [record for batch in again for record in batch] == [
        record for records in attempts[:40] for record in records
    ]
