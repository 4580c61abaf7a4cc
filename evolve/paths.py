"""Where the files that ship with the package lie."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """Return the folder ``conf``, ``problems``, ``evaluators`` or ``infra`` of this installation.

    In a checkout it lies beside the package; in a wheel it lies inside it, under ``_bundled``.
    """
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return _PACKAGE / "_bundled" / name
