"""What slots of one machine share out among themselves: users for candidates, and processor cores.

A claim is an abstract socket's name. The kernel gives each name once and takes it back when the
process that holds the socket is gone, however it ended; no file is left and no lock can be stale.
"""

from __future__ import annotations

import os
import socket
from typing import NewType

Claim = NewType("Claim", socket.socket)
"""Keep it open for as long as what it stands for is in use."""

_SLOTS_PER_CORE = 256
_FIRST_UID, _UIDS = 20000, 10000


def claim_user() -> tuple[int, Claim]:
    """Return a user id that no other slot on this machine has, and what keeps it ours."""
    for number in range(_FIRST_UID, _FIRST_UID + _UIDS):
        claim = _claim(f"candidate-{number}")
        if claim is not None:
            return number, claim
    raise OSError("every user id for candidates is taken")


def claim_core() -> tuple[int, Claim]:
    """Return the usable core that the fewest slots of this machine are on, and what counts it as ours."""
    cores = sorted(os.sched_getaffinity(0))
    for number in range(len(cores) * _SLOTS_PER_CORE):
        core = cores[number % len(cores)]
        claim = _claim(f"core-{core}-{number // len(cores)}")
        if claim is not None:
            return core, claim
    raise OSError(f"{_SLOTS_PER_CORE} slots on each of {len(cores)} cores: every one is taken")


def _claim(name: str) -> Claim | None:
    """Return a socket that holds a name on this machine, or None if another process does."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0evolve-{name}")
    except OSError:
        claim.close()
        return None
    return Claim(claim)
