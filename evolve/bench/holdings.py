"""What this process and its sandboxes hold: memory, processes, descriptors, files, containers.

Taken while no program runs, two such lists tell what was not given back in between.
"""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evolve.evaluation.docker_engine import Engine, Use, this_owner
from evolve.evaluation.slot import FOLDER_PREFIX
from evolve.redteam.traces import Traces, descendants

_TEMPORARY_FOLDERS = ("/tmp", "/dev/shm")
_MEMORY_GROWTH_MB = 32.0
_JUDGE_GROWTH_MB = (
    80.0  # a judge keeps the room that the largest answers took: four million dictionaries, 40 MB and more
)
_DESCRIPTOR_GROWTH = 4
_COUNTED = ("processes", "in_containers", "strays", "folders", "containers", "volumes")
_THREAD_GROWTH = 8  # the pool that waits for the engine grows to the machine's cores and four


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is held at one moment; memory in MB, of the largest of its kind.

    Args:
        controller_mb: resident memory of this process.
        judge_mb, supervisor_mb: of judges, and of supervisors in a namespace or container of their own.
        container_mb: as the engine counts a container's memory.
        descriptors, threads: of this process.
        processes: below this one.
        in_containers: processes in all containers together.
        strays: processes and files that bear the attacks' word.
        folders: temporary ones of slots.
        containers: that this process owns, in whatever state.
        volumes, images: of the engine, that nothing refers to; others may have made them.
    """

    controller_mb: float
    judge_mb: float
    supervisor_mb: float
    container_mb: float
    descriptors: int
    threads: int
    processes: int
    in_containers: int
    strays: int
    folders: int
    containers: int
    volumes: int
    images: int


class Stocktaking:
    """Finds out what is held.

    Args:
        traces: of the attacks.
        engine: where containers are looked for; None where there are none.
    """

    def __init__(self, traces: Traces, engine: Engine | None) -> None:
        self._traces, self._engine = traces, engine

    def holdings(self) -> Holdings:
        """Return what is held now. Blocks. Raises SandboxUnavailable when the engine does not answer."""
        gc.collect()  # sockets of calls that an engine refused are let go of with their errors
        descriptors, below = len(list(Path("/proc/self/fd").iterdir())), descendants()
        try:
            return self._all(descriptors, below)
        finally:
            if self._engine:
                self._engine.close()  # it keeps a connection for every call

    def _all(self, descriptors: int, below: frozenset[int]) -> Holdings:
        uses: Sequence[Use] = self._engine.uses(this_owner()) if self._engine else ()
        volumes, images = self._engine.dangling() if self._engine else (0, 0)
        inner = [pid for pid in below if _is_nested(pid)] + [use.process for use in uses]
        return Holdings(
            controller_mb=_resident_mb(os.getpid()),
            judge_mb=max((_resident_mb(pid) for pid in below if not _is_nested(pid)), default=0.0),
            supervisor_mb=max(map(_resident_mb, inner), default=0.0),
            container_mb=max((use.memory_mb for use in uses), default=0.0),
            descriptors=descriptors,
            threads=threading.active_count(),
            processes=len(below),
            in_containers=sum(use.processes for use in uses),
            strays=len(self._traces.found()),
            folders=len(list(_slot_folders())),
            containers=len(self._engine.owned_by(this_owner())) if self._engine else 0,
            volumes=volumes,
            images=images,
        )


def growth(early: Holdings, late: Holdings) -> list[str]:
    """Return sentences about what grew more than it may while the same sandboxes wait for work."""
    allowed = {
        **dict.fromkeys(("controller_mb", "supervisor_mb", "container_mb"), _MEMORY_GROWTH_MB),
        "judge_mb": _JUDGE_GROWTH_MB,
        "descriptors": _DESCRIPTOR_GROWTH,
        "threads": _THREAD_GROWTH,
        **dict.fromkeys(_COUNTED, 0.0),
    }
    before, after = asdict(early), asdict(late)
    return [
        f"{name} grew from {before[name]:g} to {after[name]:g}"
        for name in allowed
        if after[name] - before[name] > allowed[name]
    ]


def left_behind(before: Holdings, after: Holdings) -> list[str]:
    """Return sentences about what is still there when every sandbox was closed."""
    then, now = asdict(before), asdict(after)
    return [f"{now[name] - then[name]} more {name} than before" for name in _COUNTED if now[name] > then[name]]


def _resident_mb(pid: int) -> float:
    """Return the resident memory of a process of this machine; 0 if it cannot be seen."""
    return next((int(words[0]) / 1e3 for words in _status(pid, "VmRSS")), 0.0)


def _is_nested(pid: int) -> bool:
    """Whether a process is in a process namespace below this one's."""
    return any(len(words) > 1 for words in _status(pid, "NSpid"))


def _status(pid: int, field: str) -> Iterator[list[str]]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return
    yield from (line.split()[1:] for line in lines if line.startswith(f"{field}:"))


def _slot_folders() -> Iterator[Path]:
    for folder in {Path(tempfile.gettempdir()), *map(Path, _TEMPORARY_FOLDERS)}:
        if folder.is_dir():
            yield from folder.glob(f"{FOLDER_PREFIX}{os.getpid()}-*")
