"""Whole runs on a cluster: what is lost, what goes on, what comes out the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from evolve import configuration, wiring
from evolve.bench.machinery import TRIVIAL
from evolve.bench.processes import descendants
from evolve.controller.exhibits import Exhibits
from evolve.controller.loop import Loop
from evolve.controller.replay import Replay
from evolve.controller.run import start_run
from evolve.domain.evaluation import Outcome
from evolve.errors import ConfigurationError, NotFound
from evolve.interfaces import Store
from evolve.store.checker import Checker
from tests.cluster.cluster_support import Nodes, custom, until

DETACH = """
import sys, time
from evolve import configuration, wiring
from evolve.cli import detaching
config = configuration.configure(sys.argv[1:])
parts = wiring.build(config)
detaching.begin(config, parts, wiring.new_run(config, parts))
print("begun", flush=True)
time.sleep(600)
"""


def copy_of_trivial(folder: Path, claim: Any) -> Path:
    """The trivial problem in a folder of its own, with a claim."""
    shutil.copytree(TRIVIAL, folder)
    fields = yaml.safe_load((folder / "problem.yaml").read_text())
    (folder / "problem.yaml").write_text(yaml.safe_dump({**fields, "resources": dict(claim)}))
    return folder


def settings(problem: Path, store: Path, *more: str) -> list[str]:
    """Overrides of a short keyless run."""
    url = f"store.url=sqlite:///{store}"
    return [f"problem={problem}", url, "sandbox=process", "sealed=false", "budget.wall_s=null", *more]


def on_ray(nodes: Nodes, *more: str) -> list[str]:
    return ["executor=ray", f"executor.address={nodes.address}", "executor.heartbeat_s=1", *more]


def reading(store: Path) -> Store:
    return wiring.open_existing(f"sqlite:///{store}")


def process_of(store: Store, run: str) -> int:
    """The process that works on a run, as its lease says; 0 if none does."""
    try:
        holder = store.holder(run)
    except NotFound:
        return 0
    return int(holder.rsplit(":", 2)[1]) if holder else 0


def check_nothing_is_lost_or_doubled(store: Store, run: str, budget: int) -> None:
    """Each attempt stands once in the history, with one verdict per stage that came of judging it once."""
    attempts = list(store.history(run))
    steps = Counter(attempt.selected.step for attempt in attempts)
    assert set(steps.values()) == {1} and store.unfinished(run) == []
    assert sorted(steps) == list(range(len(steps)))
    judged = [attempt for attempt in attempts if attempt.evaluation is not None]
    assert len(judged) == store.run(run).evaluated >= budget
    for attempt in judged:
        stages = Counter((e.stage, e.repeat) for e in store.evaluations(run, attempt.selected.step))
        assert set(stages.values()) == {1}
        assert attempt.evaluation is not None and attempt.evaluation.outcome is not Outcome.INFRASTRUCTURE


async def test_a_run_goes_on_whatever_is_lost(nodes: Nodes, tmp_path: Path) -> None:
    """Its driver, its controller, a worker and two of four nodes die; a node joins."""
    first, second = nodes.add(0, spot=1), nodes.add(0, spot=1)
    nodes.add(0, spot=2)
    problem = copy_of_trivial(tmp_path / "mine", custom(spot=1))
    more = [
        "params.seconds=0.1",
        "budget.evaluations=100",
        "run=r",
        "controller.detached=true",
        "executor.slots_per_worker=1",
    ]
    overrides = settings(problem, tmp_path / "r.db", *on_ray(nodes, *more))
    driver = subprocess.Popen([sys.executable, "-c", DETACH, *overrides], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None and driver.stdout.readline() == "begun\n"
    driver.kill()
    driver.wait()
    driver.stdout.close()

    store = reading(tmp_path / "r.db")
    try:
        before = process_of(store, "r")
        await until(judged(store, 20), "some programs are judged")
        nodes.kill(first)
        os.kill(before, signal.SIGKILL)
        await until(judged(store, 40), "the run goes on")
        assert process_of(store, "r") not in (0, before)
        os.kill(next(pid for pid in descendants(os.getpid()) if is_worker(pid)), signal.SIGKILL)
        nodes.kill(second)
        nodes.add(0, spot=1)
        await until(lambda: store.run("r").status == "finished", "it is finished")
        check_nothing_is_lost_or_doubled(store, "r", 100)
        with closing(Checker(f"sqlite:///{tmp_path / 'r.db'}")) as checker:
            assert list(checker.check(store.run("r"))) == []
        parts = wiring.build(configuration.configure(settings(problem, tmp_path / "r.db", "params.seconds=0.1")))
        decisions = parts.decisions(Exhibits(store, "r", parts.problem))
        replay = Replay(store=store, run="r", decisions=decisions, model=None, novelty=parts.novelty)
        assert await replay.first_difference() is None
    finally:
        store.close()


def judged(store: Store, count: int) -> Callable[[], bool]:
    return lambda: store.run("r").evaluated >= count


def is_worker(pid: int) -> bool:
    """Whether a process judges for an executor on Ray, or would if it were asked."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::WorkerActor")
    except OSError:
        return False


def history(store: Path, run: str) -> list[Any]:
    opened = reading(store)
    try:
        return [
            (a.selected, a.fingerprint, a.finished, a.evaluation and (a.evaluation.outcome, a.evaluation.metrics))
            for a in opened.history(run)
        ]
    finally:
        opened.close()


async def test_equal_seeds_give_the_same_run_here_and_on_a_cluster(nodes: Nodes, tmp_path: Path) -> None:
    ordered = ["seed=7", "controller.ordered=true", "budget.evaluations=30", "run=r"]
    ways = {"here": ["executor.width=1"], "there": on_ray(nodes, "executor.width=2")}
    found = {}
    for name, more in ways.items():
        config = configuration.configure(settings(TRIVIAL, tmp_path / f"{name}.db", *ordered, *more))
        parts = wiring.build(config)
        result = await start_run(parts, wiring.new_run(config, parts), seen_by_nobody)
        assert result.status == "finished"
        found[name] = history(tmp_path / f"{name}.db", "r")
    assert len(found["here"]) >= 30
    assert found["here"] == found["there"]


def seen_by_nobody(loop: Loop) -> None:
    """An observer that is not interested."""


def test_a_detached_run_needs_a_cluster() -> None:
    with pytest.raises(ConfigurationError, match=r"controller.detached=true.*executor=ray"):
        wiring.build(configuration.configure([f"problem={TRIVIAL}", "sandbox=process", "controller.detached=true"]))
