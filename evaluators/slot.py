"""A slot: the judge, the supervisor, and what sees that both live.

::

    host ── slot ─┬─ judge        trusted; holds the host's socket, the problem and its data
                  └─ supervisor ── candidate, and whatever it starts

    host ── judge ┄┄┄┄ container: supervisor ── candidate, and whatever it starts

If any of them ends, all below it are killed by the kernel and the others end as well.
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
from evaluators.claims import claim_user
from evaluators.linux import Kernel, Namespace
from evaluators.messages import Ready, Setup, Start, Walls
from evaluators.relay import Relay, Stream
from evaluators.remote import Supervisor
from evaluators.supervisor import supervise

_READY_SECONDS = 30.0
_MESSAGE_BYTES = 1 << 16


def run(host: socket.socket, parent: int, libraries: Sequence[str]) -> NoReturn:
    """Build a slot of processes on this machine and watch over it.

    ``parent`` is the host's process id; candidates may read the folders ``libraries``.
    """
    kernel, link, setup = _begin(host, parent)
    _load(setup)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slot = os.getpid()
    if os.fork() == 0:
        theirs.close()
        kernel.die_with_parent(slot)
        kernel.hide_memory()
        _judge(link, ours, setup)
    ours.close()
    # Held open for the life of the slot: the user id is taken from all other slots of this machine.
    uid, _claim = claim_user() if os.geteuid() == 0 else (-1, None)
    namespaces = setup.walls is Walls.NAMESPACES
    error = _leave(kernel, uid) if namespaces else ""
    if error:
        theirs.send(msgspec.msgpack.encode(Ready(error=error)))
        os.wait()
        os._exit(1)
    if os.fork() == 0:
        if namespaces:
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


def run_judge(host: socket.socket, parent: int, descriptor: int, *, streamed: bool) -> NoReturn:
    """Judge with a supervisor that waits in a container at the other end of ``descriptor``.

    That is its control socket or, if ``streamed``, the engine's connection to its standard streams.
    """
    kernel, link, setup = _begin(host, parent)
    kernel.hide_memory()
    control = _relayed(kernel, link, descriptor) if streamed else socket.socket(fileno=descriptor)
    # Users of different containers are one user to the kernel's limits, unless their numbers differ.
    uid, _claim = claim_user()
    control.send(msgspec.msgpack.encode(Start(setup, uid)))
    _judge(link, control, setup)


def _relayed(kernel: Kernel, link: judge.HostLink, stream: int) -> socket.socket:
    """Start a relay below this process; return the control socket that it serves."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    if os.fork() == 0:
        kernel.die_with_parent(parent)
        ours.close()
        link.close()
        Relay(Stream(stream, stream, wrapped=True), theirs).run()
    theirs.close()
    os.close(stream)
    return ours


def run_supervisor(control: socket.socket) -> NoReturn:
    """Be the supervisor of a container, for the judge at the other end of ``control``."""
    start = msgspec.msgpack.decode(control.recv(_MESSAGE_BYTES), type=Start)
    _load(start.setup)
    supervise(control, start.setup, start.candidate_uid, ())


def _begin(host: socket.socket, parent: int) -> tuple[Kernel, judge.HostLink, Setup]:
    kernel = Kernel()
    kernel.die_with_parent(parent)
    os.umask(0o022)
    sys.dont_write_bytecode = True  # the problem's folder is not ours to write to
    link = judge.HostLink(host)
    return kernel, link, msgspec.msgpack.decode(link.receive(), type=Setup)


def _load(setup: Setup) -> None:
    for name in setup.preload:
        importlib.import_module(name)


def _judge(link: judge.HostLink, control: socket.socket, setup: Setup) -> NoReturn:
    control.settimeout(_READY_SECONDS)
    ready = control.recv(_MESSAGE_BYTES)
    link.send(ready or msgspec.msgpack.encode(Ready(error="the supervisor ended while it was starting")))
    judge.serve(link, Supervisor(control, setup.limits, pin=setup.pin), setup.limits)


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


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
