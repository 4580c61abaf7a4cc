from __future__ import annotations

from tests.cli.cli_support import Command, lines

SHORT = ("problem=bin_packing", "run=r", "sandbox=process", "sealed=false", "budget.evaluations=3", "executor.width=1")


def test_a_run_whose_controller_was_this_command_is_not_attached_to(evolve: Command) -> None:
    assert evolve("run", *SHORT, "-q").returncode == 0
    done = evolve("attach", "r")
    assert done.returncode == 1
    assert "'r' is no actor on a cluster (controller.detached=false)" in done.stderr and "evolve show r" in done.stderr


def test_detaching_needs_a_cluster(evolve: Command) -> None:
    done = evolve("run", *SHORT, "--detach")
    assert done.returncode == 1 and "controller.detached=true" in done.stderr and "executor=ray" in done.stderr


def test_doctor_says_when_no_cluster_answers(evolve: Command) -> None:
    found = {each["topic"]: each for each in lines(evolve("doctor", "--ray", "127.0.0.1:1", "--json"))[0]}
    assert found["ray"]["state"] == "fail" and "ray start --head" in found["ray"]["says"]
    plain = {each["topic"]: each for each in lines(evolve("doctor", "--json"))[0]}
    assert plain["ray"]["state"] == "note" and "executor=local" in plain["ray"]["says"]
