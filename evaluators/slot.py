"""A slot: the judge, the supervisor, and this process, which lives only to see that both live.

::

    host ── slot ─┬─ judge        trusted; holds the host's socket, the problem and its data
                  └─ supervisor ── candidate, and whatever it starts

If any of the four ends, all below it are killed by the kernel and the others end as well.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

import msgspec

from evaluators import judge
from evaluators.linux import Kernel, Namespace
from evaluators.messages import Ready, Setup
from evaluators.remote import Supervisor
from evaluators.supervisor import supervise

_READY_SECONDS = 30.0
_SLOTS_PER_CORE = 256
_FIRST_UID, _UIDS = 20000, 10000
_MESSAGE_BYTES = 1 << 16


def run(host: socket.socket, parent: int, libraries: Sequence[str]) -> NoReturn:
    """Build a slot and watch over it.

    ``parent`` is the host's process id; candidates may read the folders ``libraries``.
    """
    kernel = Kernel()
    kernel.die_with_parent(parent)
    os.umask(0o022)
    link = judge.HostLink(host)
    setup = msgspec.msgpack.decode(link.receive(), type=Setup)
    # Held open for the life of the slot: the core is counted as ours by all other slots of this machine.
    _core = _claim_core() if setup.pin else None
    for name in setup.preload:
        importlib.import_module(name)
    sys.dont_write_bytecode = True
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slot = os.getpid()
    if os.fork() == 0:
        theirs.close()
        _judge(kernel, slot, link, ours, setup)
    ours.close()
    # Held open for the life of the slot: the name is taken from all other slots of this machine.
    uid, _claim = _claim_user() if os.geteuid() == 0 else (-1, None)
    error = _leave(kernel, uid) if setup.namespaces else ""
    if error:
        theirs.send(msgspec.msgpack.encode(Ready(error=error)))
        os.wait()
        os._exit(1)
    if os.fork() == 0:
        if setup.namespaces:
            # The first process of a namespace sees 0 as its parent, and takes all others with it.
            kernel.die_with_parent(0)
        else:
            kernel.die_with_parent(slot, by=signal.SIGTERM)
        link.close()
        supervise(theirs, setup, uid, libraries)
    kernel.die_with_parent(parent)
    theirs.close()
    link.close()
    os.wait()
    os._exit(1)


def _judge(kernel: Kernel, slot: int, link: judge.HostLink, control: socket.socket, setup: Setup) -> NoReturn:
    kernel.die_with_parent(slot)
    kernel.hide_memory()
    control.settimeout(_READY_SECONDS)
    ready = control.recv(_MESSAGE_BYTES)
    link.send(ready or msgspec.msgpack.encode(Ready(error="the supervisor ended while it was starting")))
    judge.serve(link, Supervisor(control, setup.limits), setup.limits)


def _leave(kernel: Kernel, uid: int) -> str:
    """Make the next child the first process of its own namespace; return why that failed, or ''."""
    user, group = os.geteuid(), os.getegid()
    try:
        kernel.unshare(Namespace.PROCESSES if uid >= 0 else Namespace.PROCESSES | Namespace.USERS)
        if uid < 0:
            _write("/proc/self/setgroups", "deny")
            _write("/proc/self/uid_map", f"{user} {user} 1")
            _write("/proc/self/gid_map", f"{group} {group} 1")
    except OSError as error:
        return str(error)
    return ""


def _claim_core() -> socket.socket:
    """Move to the usable core that the fewest slots of this machine are on; return what counts it as ours."""
    cores = sorted(os.sched_getaffinity(0))
    for number in range(len(cores) * _SLOTS_PER_CORE):
        core = cores[number % len(cores)]
        claim = _claim(f"core-{core}-{number // len(cores)}")
        if claim is not None:
            os.sched_setaffinity(0, {core})
            return claim
    raise OSError(f"{_SLOTS_PER_CORE} slots on each of {len(cores)} cores: every one is taken")


def _claim_user() -> tuple[int, socket.socket]:
    """Return a user id that no other slot on this machine has, and what keeps it ours."""
    for number in range(_FIRST_UID, _FIRST_UID + _UIDS):
        claim = _claim(f"candidate-{number}")
        if claim is not None:
            return number, claim
    raise OSError("every user id for candidates is taken")


def _claim(name: str) -> socket.socket | None:
    """Return a socket that holds a name on this machine, or None if another process does."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0evolve-{name}")
    except OSError:
        claim.close()
        return None
    return claim


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
