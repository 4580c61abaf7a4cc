"""A package to start from: one that can be installed at once, and passes its conformance suite."""

from __future__ import annotations

import keyword
import shutil
import sys
from pathlib import Path
from typing import Final

from evolve.errors import ConfigurationError
from evolve.paths import bundled

_TEMPLATES: Final = Path(__file__).parent / "templates"
_COMMON: Final = "_package"
_NAME, _DISTRIBUTION, _CLASS = "plugin_name", "plugin-name", "PluginName"
_NO_CODE = shutil.ignore_patterns("__pycache__")


def kinds() -> list[str]:
    """Return what a plug-in can be."""
    return sorted(path.name for path in _TEMPLATES.iterdir() if not path.name.startswith("_"))


def write_plugin(kind: str, name: str, parent: Path) -> Path:
    """Write a package ``name`` that brings one thing of a kind; return its folder. Raises ConfigurationError."""
    _check_name(name)
    target = parent / name
    if target.exists():
        raise ConfigurationError(f"{target} exists already; choose another name or remove it.")
    for template in (_TEMPLATES / _COMMON, _TEMPLATES / kind):
        shutil.copytree(template, target, ignore=_NO_CODE, dirs_exist_ok=True)
    if kind == "problem":
        shutil.copytree(bundled("problems") / "_template", target / _NAME / "problems" / _NAME, ignore=_NO_CODE)
    _rename(target, name)
    return target


def _check_name(name: str) -> None:
    taken = name in sys.stdlib_module_names or name in ("evolve", "evaluators", "tests", "conf", "problems")
    if not (name.isidentifier() and name.isascii() and name == name.lower()) or keyword.iskeyword(name) or taken:
        raise ConfigurationError(
            f"{name!r} is no good name for a package: use lower-case letters, digits and '_', and no name that "
            "Python or evolve has already, e.g. my_operator."
        )


def _rename(folder: Path, name: str) -> None:
    """Write the name in the place of the templates', in texts and in names of files and folders."""
    class_name = "".join(part.capitalize() for part in name.split("_"))
    for path in sorted(folder.rglob("*"), reverse=True):  # what is inside a folder before the folder
        if path.is_file():
            text = path.read_text("utf-8").replace(_NAME, name).replace(_CLASS, class_name)
            path.write_text(text.replace(_DISTRIBUTION, name.replace("_", "-")), "utf-8")
        if _NAME in path.name:
            path.rename(path.with_name(path.name.replace(_NAME, name)))
