"""Building with a real engine: what is in an image, what is not, and what a failure leaves."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
from docker.errors import ContainerError

from evolve.domain.problem import Problem
from evolve.errors import SandboxUnavailable
from evolve.evaluation.images import Images, held, remove
from tests.engine import Engine
from tests.evaluation.slots import write_problem


@dataclass(frozen=True)
class Workplace:
    """A problem of this test alone, on the engine; everything that is built for it has the mark as a label."""

    folder: Path
    mark: str
    engine: Engine

    def problem(self, *steps: str) -> Problem:
        """Return the problem with a Dockerfile of these steps."""
        lines = ("ARG BASE_IMAGE", "FROM ${BASE_IMAGE}", f"LABEL mark={self.mark}", *steps)
        (self.folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        return Problem.load(self.folder)

    def left(self) -> int:
        """Return how many images, layers and containers the engine holds of it."""
        marked: dict[str, str | list[str] | bool] = {"label": f"mark={self.mark}"}
        client = self.engine.client
        return len(client.images.list(all=True, filters=marked)) + len(client.containers.list(all=True, filters=marked))


@pytest.fixture
def workplace(engine: Engine, tmp_path: Path) -> Iterator[Workplace]:
    mark = uuid.uuid4().hex[:12]
    place = Workplace(write_problem(tmp_path / f"try-{mark}"), mark, engine)
    yield place
    remove(engine.client, [info for info in held(engine.client) if info.problem == f"try-{mark}"])
    assert place.left() == 0


def silent(_: str) -> None:
    """Progress that nobody looks at."""


def run(engine: Engine, image: str, code: str) -> str:
    """Return what a program prints in a container as closed as the sandbox's."""
    printed: bytes = engine.client.containers.run(
        image,
        ["python3", "-P", "-s", "-B", "-c", code],
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        remove=True,
    )
    return printed.decode()


def content(client: docker.DockerClient, image: str) -> bytes:
    """Return everything in an image as one tar file."""
    container = client.containers.create(image, ["true"])
    try:
        chunks: Iterable[bytes] = container.export()  # type: ignore[assignment]  # the stubs say str
        return b"".join(chunks)
    finally:
        container.remove()


def test_an_image_runs_the_guest_without_compiling_anything(engine: Engine) -> None:
    said: list[str] = []
    images = engine.images()
    tag = images.build(None, said.append)
    assert images.exists(None) and images.tag(None) == tag
    code = """
import sys, pathlib; sys.path.insert(0, "/opt/evolve")
import evaluators.slot, numpy, msgspec
print([m for m in sys.modules.values() if getattr(m, "__cached__", None) and not pathlib.Path(m.__cached__).exists()])
"""
    assert run(engine, tag, code) == "[]\n"
    said.clear()
    assert images.build(None, said.append) == tag
    assert said == []


def test_a_problems_dockerfile_adds_to_the_image_and_its_folder_does_not_leak(workplace: Workplace) -> None:
    tools = workplace.folder / "docker"
    tools.mkdir()
    (tools / "solver").write_text("#!/bin/sh\necho solved\n")
    (tools / "solver").chmod(0o755)
    for folder in ("baselines", "exploits"):
        (workplace.folder / folder).mkdir()
        (workplace.folder / folder / "one.py").write_text("'held-out data'\n")
    said: list[str] = []
    problem = workplace.problem(
        "COPY . /opt/tools/", "RUN [\"python3\", \"-c\", \"open('/opt/made', 'w').write('here')\"]"
    )
    images = workplace.engine.images()
    assert not images.exists(problem)
    tag = images.build(problem, said.append)
    assert images.exists(problem)
    assert any(line.startswith("Step ") for line in said)
    code = """
import os, subprocess
print(os.listdir("/opt/tools"), open("/opt/made").read(), subprocess.getoutput("/opt/tools/solver"))
"""
    assert run(workplace.engine, tag, code) == "['solver'] here solved\n"
    everything = content(workplace.engine.client, tag)
    with tarfile.open(fileobj=io.BytesIO(everything)) as tar:
        names = tar.getnames()
    assert "opt/evolve/evaluators/supervisor.py" in names
    assert not [name for name in names if name.endswith(("evaluate.py", "secret.py", "problem.yaml"))]
    assert b"held-out data" not in everything
    kinds = {info.kind for info in held(workplace.engine.client) if info.problem == problem.name}
    assert kinds == {"problem", "guest"}


def test_a_step_that_fails_is_named_with_what_it_said_and_leaves_nothing(workplace: Workplace) -> None:
    problem = workplace.problem("ENV BEFORE=1", 'RUN ["python3", "-c", "print(\'reason 17\'); raise SystemExit(3)"]')
    with pytest.raises(SandboxUnavailable) as failure:
        workplace.engine.images().build(problem, silent)
    for expected in (
        f"evolve-problem-try-{workplace.mark}:",
        "raise SystemExit(3)",
        "code: 3",
        "\n  reason 17\n",
        "problem's Dockerfile",
    ):
        assert expected in str(failure.value)
    assert workplace.left() == 0
    assert not workplace.engine.images().exists(problem)


def test_a_build_that_is_cut_off_leaves_nothing(workplace: Workplace) -> None:
    problem = workplace.problem(
        "ENV BEFORE=1",
        'RUN ["python3", "-c", "import time; print(\'now\', flush=True); time.sleep(60)"]',
    )

    def interrupt(line: str) -> None:
        if line == "now":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workplace.engine.images().build(problem, interrupt)
    assert workplace.left() == 0


def test_a_guest_that_cannot_load_its_packages_is_no_image(workplace: Workplace) -> None:
    problem = workplace.problem('RUN ["python3", "-m", "pip", "uninstall", "--yes", "msgspec"]')
    with pytest.raises(SandboxUnavailable, match="loads numpy and msgspec"):
        workplace.engine.images().build(problem, silent)
    assert not workplace.engine.images().exists(problem)


def test_builds_at_the_same_time_make_one_image(workplace: Workplace) -> None:
    problem = workplace.problem('RUN ["python3", "-c", "import time; time.sleep(0.5)"]')
    said: list[str] = []
    with ThreadPoolExecutor(3) as threads:
        builds = [threads.submit(workplace.engine.images().build, problem, said.append) for _ in range(3)]
        assert len({build.result() for build in builds}) == 1
    assert sum(line.startswith("building evolve-problem-") for line in said) == 1


def test_what_a_changed_problem_leaves_behind_is_stale(workplace: Workplace) -> None:
    images = workplace.engine.images()
    old = images.build(workplace.problem("ENV A=1"), silent)
    problem = workplace.problem("ENV A=2")
    new = images.build(problem, silent)
    stale = [info for info in images.stale([problem]) if info.problem == problem.name]
    assert {old} < {info.tag for info in stale} and new not in {info.tag for info in stale}
    assert set(remove(workplace.engine.client, stale)) == {info.tag for info in stale}
    assert images.exists(problem)


def test_a_base_image_that_cannot_be_had_is_named_with_what_to_do(engine: Engine) -> None:
    images = Images(engine.client, "127.0.0.1:1/evolve-nowhere:1")
    assert not images.exists(None)
    with pytest.raises(
        SandboxUnavailable, match=r"(?s)127\.0\.0\.1:1/evolve-nowhere:1.*base_image\.sh.*EVOLVE_BASE_IMAGE"
    ):
        images.build(None, silent)


def test_the_root_is_read_only_and_there_is_no_network(engine: Engine) -> None:
    tag = engine.images().build(None, silent)
    with pytest.raises(ContainerError, match="Read-only file system"):
        run(engine, tag, "open('/opt/evolve/evaluators/x', 'w')")
