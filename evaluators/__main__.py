"""Entry of the processes of a slot; started by the host or its container engine alone.

::

    python -P -s evaluators/__main__.py slot HOST PARENT [FOLDER...]   judge and supervisor
    python -P -s evaluators/__main__.py judge HOST PARENT CONTROL      the judge of a container
    python -P -s evaluators/__main__.py judge-of-stream HOST PARENT STREAM
    python -P -s evaluators/__main__.py supervisor SOCKET              in the container
    python -P -s evaluators/__main__.py supervisor                     in the container, on its standard streams

HOST and CONTROL are numbers of inherited sockets, SOCKET is the path of one to connect to, STREAM
is the number of an engine's connection to the standard streams of a container.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn


def _find_own_package() -> None:
    """Make ``evaluators`` importable without making importable what lies beside it."""
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        "evaluators", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package at {folder}")
    package = importlib.util.module_from_spec(spec)
    sys.modules["evaluators"] = package
    spec.loader.exec_module(package)


def _supervise(control: socket.socket) -> NoReturn:
    """Be the supervisor; an image without the libraries says what it lacks."""
    try:
        from evaluators import slot
    except ImportError as error:
        words = f"the image lacks a library: {error}".encode()[:1000]
        # Ready(error=words) by hand: the library for messages may be what is missing.
        control.send(b"\x81\xa5error\xda" + len(words).to_bytes(2, "big") + words)
        control.recv(1)
        sys.exit(1)
    slot.run_supervisor(control)


def _in_container(arguments: list[str]) -> NoReturn:
    """Be the first process of a container."""
    if os.getpid() != 1:
        sys.exit("A supervisor kills every process it sees: it must be the first process of a container.")
    if arguments:
        control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.connect(arguments[0])
        _supervise(control)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        # The standard streams are the relay's.
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(2, 1)
        _supervise(theirs)
    theirs.close()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # orphans end up here, and leave no trace
    from evaluators.relay import Relay, Stream

    Relay(Stream(0, 1, wrapped=False), ours).run()


def main() -> None:
    """Be what the first argument says; FOLDERs hold libraries this interpreter may not know of."""
    role, *arguments = sys.argv[1:]
    if role == "slot":
        sys.path += [folder for folder in arguments[2:] if folder not in sys.path]
    _find_own_package()
    if role == "supervisor":
        _in_container(arguments)
    from evaluators import slot

    host, parent = socket.socket(fileno=int(arguments[0])), int(arguments[1])
    if role in ("judge", "judge-of-stream"):
        slot.run_judge(host, parent, int(arguments[2]), streamed=role == "judge-of-stream")
    slot.run(host, parent, arguments[2:])


if __name__ == "__main__":
    main()
