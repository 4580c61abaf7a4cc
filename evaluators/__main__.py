"""Entry of the processes of a slot; started by the host or its container engine alone.

::

    python -P -s evaluators/__main__.py slot HOST PARENT [FOLDER...]   judge and supervisor
    python -P -s evaluators/__main__.py judge HOST PARENT CONTROL      the judge of a container
    python -P -s evaluators/__main__.py supervisor SOCKET              in the container

HOST and CONTROL are numbers of inherited sockets, SOCKET is the path of one to connect to.
"""

from __future__ import annotations

import importlib.util
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


def _supervise(path: str) -> NoReturn:
    """Connect first, so that an image without the libraries can say what it lacks."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(path)
    try:
        from evaluators import slot
    except ImportError as error:
        words = f"the image lacks a library: {error}".encode()[:1000]
        # Ready(error=words) by hand: the library for messages may be what is missing.
        control.send(b"\x81\xa5error\xda" + len(words).to_bytes(2, "big") + words)
        control.recv(1)
        sys.exit(1)
    slot.run_supervisor(control)


def main() -> None:
    """Be what the first argument says; FOLDERs hold libraries this interpreter may not know of."""
    role, *arguments = sys.argv[1:]
    if role == "slot":
        sys.path += [folder for folder in arguments[2:] if folder not in sys.path]
    _find_own_package()
    if role == "supervisor":
        _supervise(arguments[0])
    from evaluators import slot

    host, parent = socket.socket(fileno=int(arguments[0])), int(arguments[1])
    if role == "judge":
        slot.run_judge(host, parent, socket.socket(fileno=int(arguments[2])))
    slot.run(host, parent, arguments[2:])


if __name__ == "__main__":
    main()
