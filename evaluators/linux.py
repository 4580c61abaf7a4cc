"""The Linux calls that Python has no name for."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
from collections.abc import Iterable
from enum import IntEnum, IntFlag

_GET_INTERFACE_FLAGS, _SET_INTERFACE_FLAGS, _INTERFACE_UP, _INTERFACE_BYTES = 0x8913, 0x8914, 1, 40


class Namespace(IntFlag):
    """What ``unshare`` gives a private copy of."""

    MOUNTS = 0x00020000
    HOSTNAME = 0x04000000
    IPC = 0x08000000
    USERS = 0x10000000
    PROCESSES = 0x20000000
    NETWORK = 0x40000000


class Mount(IntFlag):
    """Flags of ``mount``."""

    READ_ONLY = 1
    NO_SETUID = 2
    NO_DEVICES = 4
    NO_EXECUTE = 8
    BIND = 4096
    RECURSIVE = 16384
    PRIVATE = 1 << 18


class Capability(IntEnum):
    """The rights of root that the supervisor keeps."""

    DAC_OVERRIDE = 1
    FOWNER = 3
    KILL = 5
    SETGID = 6
    SETUID = 7


_NUMBERS = {
    "x86_64": {"pivot_root": 155, "capset": 126, "umount2": 166},
    "aarch64": {"pivot_root": 41, "capset": 91, "umount2": 39},
}
# These have one number on every architecture.
_MOUNT_SETATTR = 442
_SET_DEATH_SIGNAL, _SET_DUMPABLE, _DROP_BOUNDING, _SET_SUBREAPER, _NO_NEW_PRIVILEGES, _AMBIENT = 1, 4, 24, 36, 38, 47
_CLEAR_AMBIENT = 4
_LAST_CAPABILITY = 40
_CAPSET_VERSION = 0x20080522
_DETACH = 2
_AT_RECURSIVE = 0x8000
_ATTR_READ_ONLY, _ATTR_NO_SETUID, _ATTR_NO_DEVICES = 1, 2, 4


class Unsupported(OSError):
    """This kernel, architecture or container does not allow a call that the isolation needs."""


class Kernel:
    """A handle on the C library. Every method raises OSError naming the call."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        # Keeps Python's lock across the call, as the child must.
        self._fork = ctypes.PyDLL(None, use_errno=True).fork
        self._numbers = _NUMBERS.get(platform.machine(), {})

    def call(self, name: str, number: int, *arguments: object) -> int:
        """Make a system call by number."""
        result = self._libc.syscall(ctypes.c_long(number), *arguments)
        return self._checked(name, int(result))

    def prctl(self, option: int, value: int, extra: object = 0) -> None:
        """Set an attribute of this process."""
        zero = ctypes.c_ulong(0)
        self._checked(
            f"prctl({option})", int(self._libc.prctl(option, ctypes.c_ulong(value), extra or zero, zero, zero))
        )

    def fork(self) -> int:
        """Fork a process that has one thread, without the repairs to threads and locks of ``os.fork``.

        They write to some fifty pages, each of which the kernel then copies at 3 microseconds.
        """
        pid: int = self._fork()
        return pid if pid >= 0 else self._checked("fork", pid)

    def unshare(self, what: Namespace) -> None:
        """Leave the shared copy of the given namespaces."""
        self._checked("unshare", int(self._libc.unshare(ctypes.c_int(int(what)))))

    def mount(self, source: str, target: str, kind: str = "", flags: Mount | int = 0, options: str = "") -> None:
        """Mount a file system."""
        result = self._libc.mount(
            source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(int(flags)), options.encode()
        )
        self._checked(f"mount({source} on {target})", int(result))

    def make_read_only(self, target: str) -> None:
        """Make a mount and all mounts below it read-only, without set-uid programs and devices."""
        attributes = struct.pack("<QQQQ", _ATTR_READ_ONLY | _ATTR_NO_SETUID | _ATTR_NO_DEVICES, 0, 0, 0)
        arguments = (-100, target.encode(), _AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes)))
        self.call(f"mount_setattr({target})", _MOUNT_SETATTR, *arguments)

    def pivot_root(self, new: str, old: str) -> None:
        """Make ``new`` the root of the file system; the former root appears at ``old``."""
        self.call("pivot_root", self._number("pivot_root"), new.encode(), old.encode())

    def detach(self, target: str) -> None:
        """Unmount a tree at once, however it is used."""
        self.call(f"umount({target})", self._number("umount2"), target.encode(), _DETACH)

    def die_with_parent(self, parent: int, by: signal.Signals = signal.SIGKILL) -> None:
        """End when the parent ends, even if it ended before this call."""
        self.prctl(_SET_DEATH_SIGNAL, by)
        if os.getppid() != parent:
            os._exit(0)

    def hide_memory(self) -> None:
        """Keep processes of the same user from reading or tracing this one."""
        self.prctl(_SET_DUMPABLE, 0)

    def adopt_orphans(self) -> None:
        """Become the parent of every descendant whose own parent ends."""
        self.prctl(_SET_SUBREAPER, 1)

    def forbid_new_privileges(self) -> None:
        """Make set-uid programs powerless for this process and its descendants."""
        self.prctl(_NO_NEW_PRIVILEGES, 1)

    def keep_capabilities(self, kept: Iterable[Capability]) -> None:
        """Give up every right of root but ``kept``; programs started later have none at all.

        Dropping from the bounding set needs a right itself; a process without it has nothing to drop.
        """
        zero = ctypes.c_ulong(0)
        for number in range(_LAST_CAPABILITY + 1):
            self._libc.prctl(_DROP_BOUNDING, ctypes.c_ulong(number), zero, zero, zero)
        self._libc.prctl(_AMBIENT, ctypes.c_ulong(_CLEAR_AMBIENT), zero, zero, zero)
        self.set_capabilities(sum(1 << capability for capability in kept))

    def set_capabilities(self, mask: int) -> None:
        """Set the effective and permitted rights of this process to ``mask`` (of the first 32)."""
        header = struct.pack("<II", _CAPSET_VERSION, 0)
        self.call("capset", self._number("capset"), header, struct.pack("<6I", mask, mask, 0, 0, 0, 0))

    def _number(self, name: str) -> int:
        if name not in self._numbers:
            raise Unsupported(f"no system call numbers for {platform.machine()}")
        return self._numbers[name]

    def _checked(self, name: str, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{name}: {os.strerror(number)}")
        return result


def raise_loopback() -> None:
    """Switch the loopback interface of this process's own network namespace on. Raises OSError."""
    name, flags = b"lo", struct.Struct("16sh")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, _GET_INTERFACE_FLAGS, flags.pack(name, 0).ljust(_INTERFACE_BYTES, b"\0"))
        up = flags.unpack_from(asked)[1] | _INTERFACE_UP
        fcntl.ioctl(any_socket, _SET_INTERFACE_FLAGS, flags.pack(name, up).ljust(_INTERFACE_BYTES, b"\0"))
