"""What hosts that were killed have left on this machine: containers and temporary folders.

The processes of a slot end with their host, and so do containers, which remove themselves; what can
stay is a container whose engine was killed as well, one that was never started, and folders.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from evolve.evaluation import docker_engine
from evolve.evaluation.slot import FOLDER_PREFIX


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Containers by name, and folders, of hosts that are gone."""

    containers: Sequence[str]
    folders: Sequence[Path]

    def names(self) -> list[str]:
        """Return what there is, for people."""
        return [*(f"container {name}" for name in self.containers), *(f"folder {path}" for path in self.folders)]

    def remove(self) -> None:
        """Remove all of it. Raises SandboxUnavailable."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        with closing(docker_engine.Engine()) as engine:
            for name in self.containers:
                engine.remove(name)


def find_leftovers() -> Leftovers:
    """Return what is left. Raises SandboxUnavailable for an engine that answers but cannot say."""
    return Leftovers(_containers(), _folders())


def _containers() -> list[str]:
    if not docker_engine.answers():
        return []
    with closing(docker_engine.Engine()) as engine:
        return engine.abandoned()


def _folders() -> list[Path]:
    found = Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*-*")
    return [path for path in found if path.stat().st_uid == os.getuid() and not _lives(path.name.split("-")[2])]


def _lives(process: str) -> bool:
    return process.isdigit() and Path(f"/proc/{process}").exists()
