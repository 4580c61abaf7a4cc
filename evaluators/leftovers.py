"""Removes what a candidate leaves behind: files, and processes where there is no process namespace."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator, Sequence
from itertools import count

_SHARED_FOLDERS = ("/tmp", "/dev/shm", "/var/tmp")


class Cleaner:
    """Empties the folders that a candidate can write to.

    Args:
        folders: folders that belong to candidates alone.
        uid: the candidate's user, whose files are removed from the system's shared folders as well;
            -1 where there are no shared folders, or no user of its own.
        kept: paths directly in the folders that belong to the system and stay.
    """

    def __init__(self, folders: Sequence[str], uid: int, kept: Collection[str] = ()) -> None:
        self._folders, self._uid, self._kept = folders, uid, frozenset(kept)

    def clean(self) -> bool:
        """Remove everything; return whether all of it is gone. The candidate must be dead."""
        try:
            for folder, path in self._left():
                _remove(path, folder)
            return not self._left()
        except OSError:
            return False

    def _left(self) -> list[tuple[str, str]]:
        found = [(folder, f"{folder}/{name}") for folder in self._folders for name in os.listdir(folder)]
        left = [(folder, path) for folder, path in found if path not in self._kept]
        for folder in _SHARED_FOLDERS if self._uid >= 0 else ():
            owned = (entry.path for entry in _entries(folder) if _owner(entry) == self._uid)
            left += [(folder, path) for path in owned if path not in self._folders]
        return left


def _owner(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except FileNotFoundError:
        return -1


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return


def _remove(path: str, folder: str) -> None:
    """Remove a file or a tree of any depth.

    Folders inside are first moved up beside ``path``, so neither the length of a path nor the stack
    grows with the depth that a program chose.
    """
    waiting, numbers = [path], count()
    # Not to be foreseen: a program could have made a folder of that name, which nothing can be renamed to.
    prefix = f"{folder}/.removed-{os.urandom(8).hex()}"
    while waiting:
        path = waiting.pop()
        if not os.path.isdir(path) or os.path.islink(path):
            os.unlink(path)
            continue
        os.chmod(path, 0o700)
        for entry in list(_entries(path)):
            if entry.is_dir(follow_symlinks=False):
                moved = f"{prefix}-{next(numbers)}"
                os.chmod(entry.path, 0o700)
                os.rename(entry.path, moved)
                waiting.append(moved)
            else:
                os.unlink(entry.path)
        os.rmdir(path)


def kill_descendants(ancestor: int, uid: int) -> None:
    """Kill all processes below ``ancestor``, which adopts orphans, and all of user ``uid`` (-1: none).

    They are stopped before any is killed: a stopped process cannot start another.
    """
    stopped: set[int] = set()
    while True:
        fresh = _targets(ancestor, uid) - stopped
        if not fresh:
            break
        for pid in fresh:
            _signal(pid, signal.SIGSTOP)
        stopped |= fresh
    for pid in stopped:
        _signal(pid, signal.SIGKILL)


def _targets(ancestor: int, uid: int) -> set[int]:
    parents: dict[int, int] = {}
    targets: set[int] = set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                state, parent = file.read().rpartition(b")")[2].split()[:2]
            if state in (b"Z", b"X"):
                continue
            parents[int(name)] = int(parent)
            if uid > 0 and os.stat(f"/proc/{name}").st_uid == uid:
                targets.add(int(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return targets | {pid for pid in parents if _is_below(pid, ancestor, parents)}


def _is_below(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == ancestor:
            return True
    return False


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
