from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from evolve import configuration
from evolve.bench.machinery import TRIVIAL
from evolve.cluster.edition import Edition
from evolve.domain.evaluation import Outcome
from evolve.domain.resources import Resources
from evolve.errors import ConfigurationError, SandboxUnavailable
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job
from tests.cluster.cluster_support import (
    LONG_S,
    Nodes,
    all_judged,
    claiming,
    custom,
    executor,
    jobs,
    sleeping,
    trivial,
    until,
)

PROCESS = {"sandbox": configuration.option("sandbox", "process")}


async def test_a_program_scores_on_a_node_what_it_scores_here(nodes: Nodes) -> None:
    problem = trivial()
    there = executor(problem, PROCESS)
    await there.start()
    try:
        assert there.width == 2
        verdicts = await all_judged(there, jobs(problem, 6))
        failing = await there.judge(Job(problem, problem.stages[0], {"program.py": "1/0"}))
    finally:
        await there.close()
    here = ProcessSandbox(problem)
    await here.start()
    try:
        expected = await here.judge(jobs(problem, 1)[0])
    finally:
        await here.close()
    assert [(v.outcome, v.metrics) for v in verdicts] == 6 * [(expected.outcome, expected.metrics)]
    assert failing.outcome is Outcome.CRASHED


async def test_nodes_may_leave_and_join_while_programs_are_judged(nodes: Nodes, tmp_path: Path) -> None:
    first, second, _ = nodes.add(0, spot=2), nodes.add(0, spot=1), nodes.add(0, spot=1)
    problem = claiming(tmp_path / "moving", custom(spot=1))
    tested = executor(problem, sleeping(0.3))
    await tested.start()
    try:
        await until(lambda: tested.width == 4, "all nodes have a worker")
        judging = asyncio.create_task(all_judged(tested, jobs(problem, 40)))
        await until(lambda: tested.busy == 4, "all are busy")
        await asyncio.to_thread(nodes.kill, first)
        await asyncio.to_thread(nodes.kill, second)
        await until(lambda: tested.width == 1, "what left is known to have left")
        nodes.add(0, spot=3)
        await until(lambda: tested.busy == tested.width == 4, "the new node is busy too")
        verdicts = await judging
        assert [verdict.outcome for verdict in verdicts] == 40 * [Outcome.VALID]
        assert tested.busy == 0
    finally:
        await tested.close()


async def test_stages_with_other_resources_are_judged_where_those_are(nodes: Nodes, tmp_path: Path) -> None:
    problem = claiming(tmp_path / "two", {"cpus": 1}, custom(accelerator=1))
    tested = executor(problem, sleeping(0.2))
    await tested.start()
    try:
        await until(lambda: tested.width == 4, "both kinds of workers are there")
        judging = asyncio.create_task(all_judged(tested, [*jobs(problem, 10), *jobs(problem, 10, stage=1)]))
        await until(lambda: tested.busy == 4, "both kinds are busy at once")
        assert {verdict.outcome for verdict in await judging} == {Outcome.VALID}
    finally:
        await tested.close()


async def test_what_no_node_has_is_said_in_words(nodes: Nodes, tmp_path: Path) -> None:
    tested = executor(claiming(tmp_path / "one", custom(accelerator=4)), sleeping(0), patience_s=2.0)
    with pytest.raises(SandboxUnavailable, match=r"No worker with 4 accelerator .*no node has that much.*2 CPU"):
        await tested.start()


async def test_a_node_with_other_code_judges_nothing(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.cluster.ray_executor.this_edition", lambda: Edition("9.9", "none"))
    refusals = []
    for patience_s in (5.0, LONG_S):  # on a busy machine a worker takes longer to start than the first
        with pytest.raises(SandboxUnavailable) as refused:
            await executor(trivial(), sleeping(0), patience_s=patience_s).start()
        refusals.append(str(refused.value))
        if "has evolve" in refusals[-1]:
            break
    assert re.search(r"has evolve .*, expected 9.9: scores would not be comparable", refusals[-1])


async def test_a_job_that_nobody_waits_for_any_more_frees_its_sandbox(nodes: Nodes) -> None:
    problem = trivial()
    tested = executor(problem, sleeping(600), width=1)
    await tested.start()
    try:
        first, second = (asyncio.create_task(tested.judge(job)) for job in jobs(problem, 2))
        await until(lambda: tested.busy == 1, "one is judged")
        first.cancel(), second.cancel()
        await until(lambda: tested.busy == 0, "its sandbox is free")
    finally:
        await tested.close()


async def test_jobs_in_flight_end_as_our_fault_when_the_executor_closes(nodes: Nodes) -> None:
    problem = trivial()
    tested = executor(problem, sleeping(600), width=1)
    await tested.start()
    judging = asyncio.create_task(all_judged(tested, jobs(problem, 2)))
    await until(lambda: tested.busy == 1, "one is judged")
    await tested.close()
    assert [verdict.outcome for verdict in await judging] == 2 * [Outcome.INFRASTRUCTURE]


async def test_a_width_that_is_set_is_kept(nodes: Nodes, tmp_path: Path) -> None:
    problem = claiming(tmp_path / "half", {"cpus": 0.5})
    tested = executor(problem, sleeping(0.1), width=3, slots_per_worker=2)
    await tested.start()
    try:
        await until(lambda: len(tested.where()) == 2, "two workers are ready")
        assert tested.width == 3
        judging = asyncio.create_task(all_judged(tested, jobs(problem, 12)))
        await until(lambda: tested.busy == 3, "three are judged at once")
        await judging
    finally:
        await tested.close()


def test_impossible_settings_are_named() -> None:
    with pytest.raises(ConfigurationError, match="silence_s: expected at least twice"):
        executor(trivial(), sleeping(0), heartbeat_s=10.0, silence_s=15.0)
    with pytest.raises(ConfigurationError, match="slots_per_worker"):
        executor(trivial(), sleeping(0), slots_per_worker=0)


def test_without_a_cluster_the_error_says_how_to_start_one() -> None:
    settings = ["executor=ray", "executor.address=127.0.0.1:1", f"problem={TRIVIAL}", "sandbox=process"]
    code = (
        "import asyncio, sys\nfrom evolve import configuration, wiring\n"
        "config = configuration.configure(sys.argv[1:])\n"
        "asyncio.run(wiring.build_executor(config, wiring.build_problem(config)).start())"
    )
    done = subprocess.run([sys.executable, "-c", code, *settings], capture_output=True, text=True, timeout=120)
    assert "SandboxUnavailable: No Ray cluster can be reached at executor.address=127.0.0.1:1" in done.stderr
    assert "ray start --head" in done.stderr


def test_a_run_on_this_machine_imports_no_ray() -> None:
    code = (
        "import sys; from evolve.cli import main; from evolve import configuration, wiring, wiring\n"
        "import evolve.cli.running, evolve.cli.doctor, evolve.cluster.ray_executor\n"
        f"wiring.build(configuration.configure(['problem={TRIVIAL}', 'sandbox=process']))\n"
        f"wiring.build(configuration.configure(['problem={TRIVIAL}', 'sandbox=process', 'executor=ray']))\n"
        "print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"


def test_a_stage_may_claim_a_device_and_no_processor(tmp_path: Path) -> None:
    problem = claiming(tmp_path / "two", {"cpus": 1}, custom(accelerator=1))
    assert [str(stage.resources) for stage in problem.stages] == ["1 CPU", "1 accelerator"]
    assert problem.stages[1].resources == Resources(0.0, custom=(("accelerator", 1.0),))
