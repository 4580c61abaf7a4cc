"""The messages between host, judge and supervisor, as README.md describes them.

The host has its own copy of those up to Verdict, but for Start: the two sides share a format, never code.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec


class Walls(Enum):
    """What stands around the processes of candidates."""

    CONTAINER = "container"
    """An engine's container: its files, its network, its processes. The judge is outside."""
    NAMESPACES = "namespaces"
    """Namespaces and a private root that the slot makes for itself."""
    NONE = "none"
    """Nothing: candidates share the file system and the process table of this machine."""


class Limits(msgspec.Struct, frozen=True):
    """What one candidate process tree may use."""

    memory_mb: int
    processes: int
    output_mb: int
    scratch_mb: int
    gpus: int


class Setup(msgspec.Struct, frozen=True):
    """Host to slot, once: how to build the sandbox.

    ``hidden`` are paths no candidate may see; ``scratch`` is an empty folder for candidates that
    cannot have a private file system, else empty. ``pin`` keeps all processes of the slot on one core
    from the first job on. ``sockets`` lets candidates use their own loopback, and the network of their container
    if it has one.
    """

    walls: Walls
    limits: Limits
    preload: list[str]
    hidden: list[str]
    scratch: str
    pin: bool
    sockets: bool = False


class Start(msgspec.Struct, frozen=True):
    """Judge to the supervisor in a container, once: what to build, and the user for candidates."""

    setup: Setup
    candidate_uid: int


class Ready(msgspec.Struct, frozen=True):
    """Slot to host, once: what the isolation is made of, or why there is none.

    ``candidate_uid`` is -1 where candidates run as the host's own user. ``scratch_bounded`` is
    whether the scratch folder has a size limit of its own. ``unlimited`` names what this kernel does not limit.
    """

    error: str = ""
    walls: Walls = Walls.NONE
    user_namespace: bool = False
    candidate_uid: int = -1
    landlock: int = 0
    seccomp: bool = False
    scratch_bounded: bool = False
    unlimited: list[str] = []


class Bar(msgspec.Struct, frozen=True):
    """An evaluation whose ``metric`` will at best be worse than ``limit`` is stopped."""

    metric: str
    limit: float
    maximize: bool


class Job(msgspec.Struct, frozen=True):
    """Host to judge: one stage of one evaluation."""

    id: int
    folder: str
    stage: str
    params: dict[str, Any]
    files: dict[str, str]
    entry: str
    timeout_s: float
    seed: int = 0
    bar: Bar | None = None


class Interim(msgspec.Struct, frozen=True, tag="interim"):
    """Judge to host, any number of times before the verdict: what the result will at best be; not answered."""

    id: int
    metrics: dict[str, float]


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """Judge to host. ``healthy`` is False when something of the candidate may be left."""

    id: int
    outcome: str
    metrics: dict[str, float]
    feedback: str
    artifacts: dict[str, bytes]
    per_instance: dict[str, float]
    seconds: float
    log: str
    healthy: bool


class Spawn(msgspec.Struct, frozen=True, tag="spawn"):
    """Judge to supervisor: start a candidate process on the socket that travels with this."""

    cpu_s: int


class Pin(msgspec.Struct, frozen=True, tag="pin"):
    """Judge to supervisor: stay on this processor core, where the judge is; not answered."""

    core: int


class End(msgspec.Struct, frozen=True, tag="end"):
    """Judge to supervisor: end everything the candidate started and clean up."""


class Ended(msgspec.Struct, frozen=True):
    """Supervisor to judge: how the candidate process ended.

    Args:
        returncode: exit code, negative for a signal; None when it was still running.
        head, tail: the first and last bytes of what it printed.
        skipped: bytes of output between them.
        clean: whether no process and no file of it is left.
    """

    returncode: int | None
    head: bytes
    tail: bytes
    skipped: int
    clean: bool
