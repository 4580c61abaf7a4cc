"""Entry of a slot: ``python -P -s evaluators/__main__.py SOCKET PARENT [FOLDER...]``; started by the host alone."""

from __future__ import annotations

import importlib.util
import socket
import sys
from pathlib import Path


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


def main() -> None:
    """Run a slot on the inherited socket; FOLDERs hold libraries this interpreter may not know of."""
    libraries = sys.argv[3:]
    sys.path += [folder for folder in libraries if folder not in sys.path]
    _find_own_package()
    from evaluators import slot

    slot.run(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), libraries)


if __name__ == "__main__":
    main()
