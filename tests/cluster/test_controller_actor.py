from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evolve import configuration, wiring
from evolve.bench.machinery import TRIVIAL
from evolve.cluster.controller_actor import Assignment, Controller, Snapshot
from evolve.cluster.edition import Edition, this_edition
from evolve.cluster.parcel import Shipment, pack
from evolve.controller.run import Observer, Result
from evolve.domain.problem import Problem
from evolve.errors import StoreLocked
from evolve.interfaces import RunInfo
from tests.cluster.cluster_support import LONG_S


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.cluster.controller_actor.parcel_cache", lambda: tmp_path / "cache")


class Started:
    """A controller in this process, and whether it has left."""

    def __init__(
        self,
        overrides: list[str],
        carry_on: Any = wiring.carry_on,
        edition: Edition | None = None,
        again: bool = False,
    ) -> None:
        config = configuration.configure(
            [f"problem={TRIVIAL}", "sandbox=process", "run=r", "executor.width=1", *overrides]
        )
        parts = wiring.build(config)
        parcel = pack(parts.problem)
        shipment = Shipment.of(parts.problem, parcel)
        edition = edition or this_edition()
        info = wiring.new_run(config, parts)
        assignment = Assignment(edition=edition, carry_on=carry_on, config=config, info=info, shipment=shipment)
        self.left = threading.Event()
        self.controller = Controller(assignment, parcel.data, self.left.set, again=again, linger_s=0.2)

    def until_ended(self) -> Snapshot:
        deadline = time.monotonic() + LONG_S
        while not (seen := self.controller.snapshot()).ended:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert self.left.wait(LONG_S)
        return seen


def test_it_works_from_the_parcel_and_is_seen_at_work(tmp_path: Path) -> None:
    store = f"store.url=sqlite:///{tmp_path / 'r.db'}"
    started = Started([store, "budget.evaluations=60"])
    deadline = time.monotonic() + LONG_S
    while started.controller.snapshot().progress.spent.evaluations < 10:
        assert time.monotonic() < deadline
    seen = started.until_ended()
    assert seen.error == "" and seen.result is not None and seen.result.status == "finished"
    assert seen.progress.spent.evaluations >= 60

    lost_after_the_end = Started([store, "budget.evaluations=70"], again=True).until_ended()
    assert lost_after_the_end.error == "" and lost_after_the_end.result is None

    longer = Started([store, "budget.evaluations=70"]).until_ended()
    assert longer.result is not None and longer.progress.spent.evaluations >= 70


def test_what_prevents_a_run_is_told_in_words(tmp_path: Path) -> None:
    started = Started([f"store.url=sqlite:///{tmp_path / 'r.db'}", "params.stamp=/nowhere/stamps"])
    seen = started.until_ended()
    assert not seen.begun and "does not evaluate VALID" in seen.error


def test_other_code_does_not_go_on_with_a_run(tmp_path: Path) -> None:
    seen = Started([f"store.url=sqlite:///{tmp_path / 'r.db'}"], edition=Edition("9.9", "other")).until_ended()
    assert "The controller's node has evolve" in seen.error and not (tmp_path / "r.db").exists()


async def failing(
    config: Mapping[str, Any], info: RunInfo, problem: Problem, observe: Observer, again: bool
) -> Result | None:
    raise ZeroDivisionError("nobody has thought of this")


def test_a_fault_that_nobody_has_thought_of_is_told_too() -> None:
    assert "ZeroDivisionError('nobody has thought of this')" in Started([], failing).until_ended().error


def test_it_waits_for_the_lease_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.cluster.controller_actor._LOOK_EVERY_S", 0.01)
    tried: list[str] = []

    async def locked_at_first(
        config: Mapping[str, Any], info: RunInfo, problem: Problem, observe: Observer, again: bool
    ) -> Result | None:
        tried.append(info.id)
        if len(tried) < 3:
            raise StoreLocked("held by another")
        return None

    seen = Started([], locked_at_first).until_ended()
    assert tried == ["r", "r", "r"] and seen.error == ""
