"""Runs from a script: the record behind them, interrupts, callbacks, event loops, and what is refused."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.errors import ConfigurationError, NotFound, SeedNotValid, StoreError
from evolve.store.sql import SqlStore

_TIMEOUT_S = 60.0
LONG = "100000 evaluations, 1 minute"


@evolve.problem(
    seed="# EVOLVE-BLOCK-START\ndef value():\n    return 1.5 + 0.25 * 2.0\n# EVOLVE-BLOCK-END\n",
    statement="Make value large.",
    maximize="value",
    params={"pause_s": 0.0},
    timeout_s=100,
)
def large(candidate: Any, params: Any) -> Any:
    import time

    found = candidate.call("value")
    if found != 2.0:
        time.sleep(params["pause_s"])
    return found


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "e.db"


def test_a_result_is_what_is_on_record(store: Path) -> None:
    told: list[evolve.Progress] = []
    threads: set[threading.Thread] = set()

    def watch(progress: evolve.Progress) -> None:
        told.append(progress)
        threads.add(threading.current_thread())

    result = evolve.optimize(large, "12 evaluations", store=store, run="mine", seed=1, on_progress=watch)
    assert (result.run, result.status, result.problem) == ("mine", "finished", "large")
    assert "12 evaluations" in result.reason
    assert result.spent.evaluations == told[-1].evaluations == len(result.history) == 12
    assert threads == {threading.current_thread()}
    assert result.best.scores == told[-1].scores and result.best.step == told[-1].step
    assert result.best.scores["value"] == max(v for v in result.history["value"] if v is not None)
    assert result.front[0].files == result.best.files and result.seed.scores == {"value": 2.0}
    assert result.best.source in result.best.files.values() and result.diff().startswith("--- a/program.py")
    assert "finished" in str(result) and "value" in str(result)
    assert evolve.open_run("mine", store=store) == result
    opened = SqlStore(f"sqlite:///{store}")
    assert str(opened.run("mine").config["problem"]).startswith(str(store.parent / "problems" / "large-"))
    opened.close()


def test_ctrl_c_gives_what_was_found_so_far_and_resume_goes_on(store: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupt(progress: evolve.Progress) -> None:
        if progress.evaluations >= 3:
            signal.raise_signal(signal.SIGINT)

    found = evolve.optimize(large, LONG, store=store, on_progress=_once(interrupt))
    assert (found.status, found.reason) == ("paused", "interrupted")
    assert 3 <= found.spent.evaluations < 100_000
    assert signal.getsignal(signal.SIGINT) is before
    more = evolve.resume(found.run, {"evaluations": found.spent.evaluations + 5}, store=store)
    assert (more.status, more.spent.evaluations) == ("finished", found.spent.evaluations + 5)
    with pytest.raises(ConfigurationError, match=r"is finished"):
        evolve.resume(found.run, "3 evaluations", store=store)


def _once(act: Callable[[evolve.Progress], None]) -> Callable[[evolve.Progress], None]:
    """Stop calling what it calls as soon as a signal was raised: each is an interrupt of its own."""
    seen: list[int] = []

    def call(progress: evolve.Progress) -> None:
        if not seen and progress.evaluations >= 3:
            seen.append(progress.evaluations)
            act(progress)

    return call


def test_a_second_ctrl_c_leaves_what_is_in_flight(store: Path) -> None:
    def interrupt(progress: evolve.Progress) -> None:
        if progress.evaluations and progress.in_flight:
            signal.raise_signal(signal.SIGINT)

    found = evolve.optimize(
        large, "9 evaluations", store=store, params={"pause_s": 90.0}, on_progress=_twice(interrupt)
    )
    assert (found.status, found.best.scores) == ("paused", {"value": 2.0})


def _twice(interrupt: Callable[[evolve.Progress], None]) -> Callable[[evolve.Progress], None]:
    def call(progress: evolve.Progress) -> None:
        interrupt(progress)
        interrupt(progress)

    return call


def test_what_a_callback_raises_ends_the_run_and_arrives(store: Path) -> None:
    def fail(progress: evolve.Progress) -> None:
        if progress.evaluations:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match=r"mine"):
        evolve.optimize(large, LONG, store=store, run="r", on_progress=fail)
    assert evolve.open_run("r", store=store).status == "paused"


async def test_a_loop_that_runs_goes_on_and_cancelling_ends_the_run_cleanly(store: Path) -> None:
    begun = asyncio.Event()

    def watch(progress: evolve.Progress) -> None:
        if progress.evaluations:
            begun.set()

    task = asyncio.create_task(evolve.aoptimize(large, LONG, store=store, run="r", on_progress=watch))
    await asyncio.wait_for(begun.wait(), _TIMEOUT_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, _TIMEOUT_S)
    found = evolve.open_run("r", store=store)
    assert (found.status, found.reason) == ("paused", "interrupted")
    more = await evolve.aresume("r", {"evaluations": found.spent.evaluations + 2}, store=store)
    assert more.spent.evaluations == found.spent.evaluations + 2


def test_what_is_wrong_is_said_before_anything_begins(store: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"search has no option 'gredy'. Did you mean 'greedy'"):
        evolve.optimize(large, "1 evaluation", store=store, search="gredy")
    with pytest.raises(ConfigurationError, match=r"Did you mean .*executor.width"):
        evolve.optimize(large, "1 evaluation", store=store, overrides=["width=2"])
    with pytest.raises(ConfigurationError, match=r"Did you mean 'circle_packing'"):
        evolve.optimize("circle_pakcing", "1 evaluation", store=store)
    with pytest.raises(ConfigurationError, match=r"evolve run --multirun"):
        evolve.optimize("bin_packing", store=store, overrides=["study=x"])
    with pytest.raises(ConfigurationError, match=r"expected true or false"):
        evolve.optimize(large, store=store, overrides=["controller.detached=1"])
    with pytest.raises(NotFound, match=r"no store at"):
        evolve.open_run("x", store=store)
    assert not store.exists()


def test_a_seed_that_does_not_score_and_a_name_that_is_taken_are_errors(store: Path) -> None:
    @evolve.problem(seed="def value():\n    return 1\n", statement="s")
    def never(candidate: Any) -> Any:
        return invalid("never")  # type: ignore[name-defined]  # noqa: F821 - known to scorers

    with pytest.raises(SeedNotValid, match=r"never"):
        evolve.optimize(never, "3 evaluations", store=store)
    evolve.optimize(large, "2 evaluations", store=store, run="r")
    with pytest.raises(StoreError, match=r"There is a run 'r' already"):
        evolve.optimize(large, "2 evaluations", store=store, run="r")
    (folder,) = (store.parent / "problems").glob("large-*")
    (folder / "scorer.py").write_text((folder / "scorer.py").read_text() + "\n")
    with pytest.raises(ConfigurationError, match=r"was scored by judge"):
        evolve.resume("r", "9 evaluations", store=store)
