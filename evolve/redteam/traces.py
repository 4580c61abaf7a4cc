"""What an attack left on the host: processes, files, a sandbox that is not the one it was."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

_SHARED_FOLDERS = ("/tmp", "/dev/shm", "/var/tmp", "/run", "/dev/mqueue")
_ENDED = "ZX"
_NAME_CHARACTERS = 15
"""Of a process's name, as the kernel keeps it."""


class Traces:
    """Finds what bears the attacks' token, in a process's name or a file's.

    Args:
        token: the word; every attack names its processes by it.
        folders: where else to look, directly inside.
    """

    def __init__(self, token: str, folders: Iterable[Path]) -> None:
        self._token = token
        everywhere = [*map(Path, _SHARED_FOLDERS), Path(tempfile.gettempdir()), Path.home(), Path.cwd(), *folders]
        self._folders = sorted(set(everywhere))

    def found(self) -> list[str]:
        """Return sentences about processes and files that outlived their program."""
        processes = [f"process {pid} of the program still runs on the host" for pid in self._processes()]
        return processes + [f"{path} was left on the host" for path in self._files()]

    def _processes(self) -> list[int]:
        name = self._token[:_NAME_CHARACTERS]
        return [pid for pid, (comm, state, _) in _processes().items() if comm == name and state not in _ENDED]

    def _files(self) -> list[Path]:
        return [path for folder in self._folders for path in _listed(folder) if self._token in path.name]


def descendants() -> frozenset[int]:
    """Return the living processes below this one."""
    parents = {pid: parent for pid, (_, state, parent) in _processes().items() if state not in _ENDED}
    found = {os.getpid()}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return frozenset(found - {os.getpid()})


def _processes() -> dict[int, tuple[str, str, int]]:
    """Return name, state and parent of every process by pid."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                before, _, after = (entry / "stat").read_text(errors="replace").rpartition(")")
            except OSError:
                continue
            state, parent = after.split()[:2]
            found[int(entry.name)] = (before.partition("(")[2], state, int(parent))
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
