"""Who holds a lease: a name from which another process on the same machine can tell whether it still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from evolve.errors import LeaseLost, StoreLocked
from evolve.interfaces import Lease

_STATE, _START_TIME = 0, 19  # positions in /proc/<pid>/stat after the command name
_DEAD_STATES = "ZXx"


def this_holder() -> str:
    """Return ``host:pid:start time`` of this process; no later process has the same."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_start_time(pid)}"


def is_gone(holder: str) -> bool:
    """Whether ``holder`` was a process of this machine that has ended, even if its pid is in use again.

    False for holders of other machines and for names that this module did not make.
    """
    return _lives(holder) is False


def lives_here(holder: str) -> bool:
    """Whether ``holder`` is a process of this machine that has not ended; False where nothing is known."""
    return _lives(holder) is True


def _lives(holder: str) -> bool | None:
    """Return whether a process of this machine lives; None for other machines and other names."""
    host, pid, started = ([*holder.rsplit(":", 2), "", ""])[:3]
    if host != socket.gethostname() or not (pid.isdecimal() and started.isdecimal()):
        return None
    return _start_time(int(pid)) == started


def holds(holder: str | None, left_s: float) -> bool:
    """Whether ``holder``, whose lease lasts ``left_s`` more seconds, is somebody who may be at work."""
    return holder is not None and left_s > 0 and not is_gone(holder)


def refuse_if_held(run: str, holder: str, current: str | None, left_s: float) -> None:
    """Raise StoreLocked if ``current`` holds the run for ``left_s`` more seconds and ``holder`` is another."""
    if current == holder or not holds(current, left_s):
        return
    raise StoreLocked(
        f"Run {run!r} is held by {current} for another {left_s:.0f} s. "
        "Stop that process, or wait until its lease expires, then try again."
    )


def lease_lost(lease: Lease, current: str | None) -> LeaseLost:
    """Return the error of who writes under a lease that is over; ``current`` holds the run now."""
    why = f"is held by {current} now" if current is not None else "was given back"
    return LeaseLost(f"Run {lease.run!r} {why}: lease {lease.fence} is over, and nothing more was written under it.")


def _start_time(pid: int) -> str:
    """Return the clock tick since boot at which a process started, ``""`` if it is dead."""
    try:
        stat = (Path("/proc") / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat.rpartition(")")[2].split()  # the command name may hold spaces and brackets
    return "" if fields[_STATE] in _DEAD_STATES else str(int(fields[_START_TIME]) - _shift_ticks())


def _shift_ticks() -> int:
    """Return by how much start times look later in this process's time namespace than outside of any.

    See time_namespaces(7). Fractions of a second are left out: nothing sets them.
    """
    try:
        offsets = Path("/proc/self/timens_offsets").read_text(encoding="ascii")
    except FileNotFoundError:  # a kernel without them
        return 0
    shifts = {name: int(seconds) for name, seconds, _ in map(str.split, offsets.splitlines())}
    return shifts.get("boottime", 0) * os.sysconf("SC_CLK_TCK")
