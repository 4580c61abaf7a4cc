"""Every sandbox keeps its contract, whatever it is made of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from evolve.conformance.sandbox import SandboxSuite
from evolve.domain.problem import Problem
from evolve.evaluation.docker_sandbox import DockerSandbox
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Sandbox
from tests.engine import Engine

# Without a private file system, candidates need an interpreter that every user may read.
SYSTEM_PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"

MAKERS: dict[str, Callable[[Problem], Sandbox]] = {"process, namespaces": ProcessSandbox}
DOCKER = ["docker", "docker, streams"]
if Path(SYSTEM_PYTHON).exists():
    MAKERS["process, no namespaces"] = partial(ProcessSandbox, namespaces=False, python=SYSTEM_PYTHON)


def in_docker(engine: Engine, streams: bool, problem: Problem) -> Sandbox:
    # Where a runtime is named, containers are reached by their standard streams.
    return DockerSandbox(problem, base_image=engine.base_image, runtime="runc" if streams else None)


class TestSandboxes(SandboxSuite):
    @pytest.fixture(params=[*MAKERS, *DOCKER])
    def make_sandbox(self, request: pytest.FixtureRequest) -> Callable[[Problem], Sandbox]:
        if request.param in DOCKER:
            return partial(in_docker, request.getfixturevalue("engine"), request.param == "docker, streams")
        return MAKERS[request.param]
