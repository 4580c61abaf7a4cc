"""Landlock: which files a process and its descendants may touch, enforced by the kernel."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

from evaluators.linux import Kernel

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER, _TRUNCATE, _IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL
_TCP = 3
_SCOPE_SOCKETS_AND_SIGNALS = 3


def version(kernel: Kernel) -> int:
    """Return the version of Landlock this kernel offers, 0 for none."""
    try:
        return kernel.call("landlock", _CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))
    except OSError:
        return 0


class Ruleset:
    """A set of rules, built once and applied in each child. With ``sockets`` it says nothing of TCP.

    Raises OSError where Landlock is missing.
    """

    def __init__(
        self, kernel: Kernel, readable: Iterable[str], writable: Iterable[str], *, sockets: bool = False
    ) -> None:
        self._kernel = kernel
        abi = version(kernel)
        self._rights = _rights(abi)
        attributes = struct.pack(
            "<QQQ", self._rights, _TCP if abi >= 4 and not sockets else 0, _SCOPE_SOCKETS_AND_SIGNALS if abi >= 6 else 0
        )[: _attribute_size(abi)]
        self._fd = kernel.call("landlock", _CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
        for path in readable:
            self._allow(path, _EXECUTE | _READ_FILE | _READ_FOLDER)
        for path in writable:
            self._allow(path, self._rights)

    def apply(self) -> None:
        """Restrict this process for good. Needs ``forbid_new_privileges`` before."""
        self._kernel.call("landlock", _RESTRICT, self._fd, 0)

    def _allow(self, path: str, rights: int) -> None:
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            if not stat.S_ISDIR(os.fstat(folder).st_mode):
                rights &= _FILE_RIGHTS
            rule = struct.pack("<Qi", rights & self._rights, folder)
            self._kernel.call(f"landlock({path})", _ADD_RULE, self._fd, _PATH_BENEATH, rule, 0)
        finally:
            os.close(folder)


def _rights(abi: int) -> int:
    known = {1: 13, 2: 14, 3: 15, 4: 15}
    return (1 << known.get(abi, 16)) - 1


def _attribute_size(abi: int) -> int:
    if abi < 4:
        return 8
    return 16 if abi < 6 else 24
