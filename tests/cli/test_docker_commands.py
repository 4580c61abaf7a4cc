"""The commands where programs run in containers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolve import wiring
from evolve.evaluation.docker_engine import owner_is_gone
from tests.cli.cli_support import ROOT, Command, lines
from tests.engine import Engine


@pytest.fixture
def with_docker(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Ask for it before ``evolve``, which takes the environment as it is then."""
    monkeypatch.delenv("EVOLVE_SANDBOX")
    monkeypatch.setenv("EVOLVE_BASE_IMAGE", engine.base_image)
    engine.images().build(None, lambda line: None)
    return engine


def test_a_run_chooses_docker_and_records_it(with_docker: Engine, evolve: Command, tmp_path: Path) -> None:
    done = evolve("run", "problem=circle_packing", "budget.evaluations=6", "run=boxed", "--json")
    assert lines(done)[0]["status"] == "finished"
    recorded = wiring.find_run(f"sqlite:///{tmp_path}/runs/evolve.db", "boxed").config["sandbox"]
    assert isinstance(recorded, dict) and recorded["_target_"].endswith("DockerSandbox")
    resumed = evolve("resume", "boxed", "budget.evaluations=9", "sandbox=process", "--json")
    assert lines(resumed)[0]["status"] == "finished"
    owned = with_docker.client.containers.list(all=True, filters={"label": "evolve.owner"})
    assert not [one for one in owned if owner_is_gone(one.labels["evolve.owner"])]


def test_doctor_says_which_sandbox_is_used_and_what_each_does(with_docker: Engine, evolve: Command) -> None:
    done = evolve("doctor", "--json")
    findings = json.loads(done.stdout)
    by_topic = {
        topic: [f["says"] for f in findings if f["topic"] == topic] for topic in ("sandbox", "docker", "process")
    }
    assert by_topic["sandbox"] == ["sandbox=docker is used unless you choose: a container engine answers."]
    assert any("outside the container" in says for says in by_topic["docker"])
    assert any("not limited" in says for says in by_topic["process"])


def test_without_an_image_the_reason_is_printed_and_the_run_goes_on(
    with_docker: Engine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("EVOLVE_BASE_IMAGE", "127.0.0.1:1/evolve-nowhere:1")
    evolve: Command = request.getfixturevalue("evolve")
    done = evolve("eval", "circle_packing", str(seed_of_circle_packing()), "--json")
    assert done.returncode == 0, done.stderr
    assert "A container engine answers, but" in done.stderr and done.stderr.rstrip().endswith("Using sandbox=process.")
    chosen = evolve("eval", "circle_packing", str(seed_of_circle_packing()), "--set", "sandbox=docker")
    assert chosen.returncode == 1 and "evolve-nowhere" in chosen.stderr


def seed_of_circle_packing() -> str:
    return str(ROOT / "problems" / "circle_packing" / "seed")


def test_without_an_engine_docker_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    evolve: Command = request.getfixturevalue("evolve")
    done = evolve("run", "problem=circle_packing", "sandbox=docker", "budget.evaluations=3")
    assert done.returncode == 1
    assert done.stderr.startswith("evolve: ") and "sandbox=process" in done.stderr
