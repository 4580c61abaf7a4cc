"""What a killed host leaves is found and removed, and what a living one uses is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.evaluation.docker_engine import this_owner
from evolve.evaluation.leftovers import find_leftovers
from tests.engine import Engine


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path


@pytest.fixture
def dead() -> str:
    """Return the owner's name of a process that has ended."""
    code = "from evolve.evaluation.docker_engine import this_owner; print(this_owner())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_folders(temporary: Path, dead: str) -> None:
    ours, theirs = temporary / f"evolve-slot-{os.getpid()}-x", temporary / f"evolve-slot-{dead.split(':')[1]}-x"
    for folder in (ours, theirs, temporary / "evolve-other"):
        (folder / "inside").mkdir(parents=True)
    left = find_leftovers()
    assert left.folders == [theirs]
    assert left.names()[-1] == f"folder {theirs}"
    left.remove()
    assert sorted(path.name for path in temporary.iterdir()) == sorted([ours.name, "evolve-other"])


def test_containers(engine: Engine, temporary: Path, dead: str) -> None:
    owners = {"ours": this_owner(), "dead": dead, "elsewhere": "another-machine:1:1", "reused": f"{this_owner()}0"}
    made = {
        name: engine.client.containers.create(engine.base_image, ["true"], labels={"evolve.owner": owner})
        for name, owner in owners.items()
    }
    try:
        left = find_leftovers()
        ours = {made[name].name for name in ("dead", "reused")}
        assert ours <= set(left.containers)
        assert not {made["ours"].name, made["elsewhere"].name} & set(left.containers)
        left.remove()
        assert not ours & {container.name for container in engine.client.containers.list(all=True)}
    finally:
        for name in ("ours", "elsewhere"):
            made[name].remove()
