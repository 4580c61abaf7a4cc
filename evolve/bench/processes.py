"""Processor time of a process and everything below it, and processes that do not outlive their parent."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree_cpu_s(root: int) -> float:
    """Return the processor seconds of a process, its live descendants, and those they have reaped."""
    return sum(_tree(root).values())


def descendants(root: int) -> set[int]:
    """Return the processes that a process has started, and those that they have."""
    return set(_tree(root)) - {root}


def tree_cpu_by_name(root: int) -> dict[str, float]:
    """Return the processor seconds of a process and its live descendants by what they are called; its own as
    ``controller``. Ray's workers are called after what they do."""
    used: dict[str, float] = {}
    for pid, cpu_s in _tree(root).items():
        name = "controller" if pid == root else _called(pid)
        used[name] = used.get(name, 0.0) + cpu_s
    return used


def _called(pid: int) -> str:
    try:
        words = (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return "gone"
    return Path(words.partition(" ")[0]).name.partition(".")[0] if words.strip() else "gone"


def usage() -> float:
    """Return the seconds that all processors of this machine have worked since it was started."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    idle = int(fields[3]) + int(fields[4])
    return (sum(map(int, fields[:8])) - idle) / _TICKS_PER_S


def _tree(root: int) -> dict[int, float]:
    """Return a process and its live descendants, each with its processor seconds."""
    stats = {int(path.name): _stat(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    known = {pid: stat for pid, stat in stats.items() if stat is not None}
    tree, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _) in known.items() if parent in tree} - tree
        tree |= more
        grown = bool(more)
    return {pid: known[pid][1] for pid in tree if pid in known}


def _stat(folder: Path) -> tuple[int, float] | None:
    """Return (parent, own and reaped children's processor seconds), or None for a process that is gone."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[1]), sum(int(field) for field in fields[11:15]) / _TICKS_PER_S


def die_with_parent() -> None:
    """Have this process killed when the thread that started it ends; to be called right after its start."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def this_machine() -> str:
    """Return what figures of this machine should be read with: cores, system, Python."""
    system = f"{platform.machine()}, {platform.system()} {platform.release()}"
    return f"{os.cpu_count()} cores, {system}, Python {platform.python_version()}"
