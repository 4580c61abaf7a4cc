"""This package as a folder that Ray copies to nodes on which it is not installed."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

import evolve
from evolve.paths import bundled

_BUNDLED: Final = ("conf", "evaluators", "infra", "problems")
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "*.pyc")


def staged_package() -> Path:
    """Return a new temporary folder that holds the package as an installation would; the caller removes it.

    What it depends on must be installed on the nodes.
    """
    folder = Path(tempfile.mkdtemp(prefix="evolve-shipped-"))
    package = Path(evolve.__file__).parent
    shutil.copytree(package, folder / "evolve", ignore=_LEFT_OUT)
    for name in _BUNDLED:
        if not (folder / "evolve" / "_bundled" / name).is_dir() and bundled(name).is_dir():
            shutil.copytree(bundled(name), folder / "evolve" / "_bundled" / name, ignore=_LEFT_OUT)
    return folder
