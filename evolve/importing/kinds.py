"""Recognises a task of another system by its files."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from evolve.domain.blocks import START, editable_regions
from evolve.errors import ConfigurationError, nearest
from evolve.importing import settings
from evolve.importing.peer import TIMEOUT_S, Kind, Peer

_DEFAULT_THRESHOLDS = (0.5, 0.75, 0.9)
_LEFT_OUT = ("__pycache__", "openevolve_output", "node_modules", "results*", "runs", "venv")
"""Folders that runs and tools make: a task must not change because somebody worked on it."""


def recognise(path: Path, command: str = "", programs: Sequence[str] = ()) -> Peer:
    """Return the task at ``path``. Raises ConfigurationError that says what was looked for."""
    path = path.resolve()
    if not path.exists():
        raise ConfigurationError(f"There is nothing at {path}: expected a folder, or a file with an evaluate function.")
    if command:
        return _command(path, command, programs)
    peer = find_task(path)
    if peer is None:
        raise ConfigurationError(f"{path} is no task that is known here. {_looked_for(path)}")
    return peer


def find_task(path: Path) -> Peer | None:
    """Return the task in a folder or file, None if it is none. Raises ConfigurationError for one that is wrong."""
    path = path.resolve()
    if path.is_file():
        return _file(path)
    return (_openevolve(path) or _shinka(path)) if path.is_dir() else None


def travelling(folder: Path) -> list[Path]:
    """Return the files of a task: no hidden ones, no results, and nothing that a link takes from elsewhere."""
    problems = [file.parent for file in folder.rglob("problem.yaml")]  # written here by an earlier import
    found = []
    for path in sorted(folder.rglob("*")):
        *folders, name = path.relative_to(folder).parts
        if name.startswith(".") or any(_is_left_out(part) for part in folders):
            continue
        if any(path.is_relative_to(problem) for problem in problems):
            continue
        if path.is_file() and path.resolve().is_relative_to(folder):
            found.append(path)
    return found


def _is_left_out(folder: str) -> bool:
    return folder.startswith(".") or any(fnmatch(folder, pattern) for pattern in _LEFT_OUT)


def _looked_for(path: Path) -> str:
    if path.is_file():
        return f"Looked for a Python file with {START} comments and, outside them, a function evaluate."
    found = ", ".join(sorted(item.name for item in path.iterdir())[:12]) or "nothing"
    return (
        "Looked for an OpenEvolve task (initial_program.* and evaluator.py), a ShinkaEvolve task (initial.* and "
        f"evaluate.py); found {found}. A folder whose command prints scores as JSON: --command 'python score.py' "
        "--program FILE."
    )


def _only(folder: Path, pattern: str) -> Path | None:
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise ConfigurationError(f"{folder} has several initial programs ({names}); keep one of them.")
    return found[0] if found else None


# ── the kinds ─────────────────────────────────────────────────────────────────────────────────
def _openevolve(folder: Path) -> Peer | None:
    program = _only(folder, "initial_program.*")
    if program is None or not (folder / "evaluator.py").is_file():
        return None
    config = settings.read_yaml(folder / "config.yaml") if (folder / "config.yaml").is_file() else {}
    evaluator = settings.section(config, "evaluator")
    message = settings.section(config, "prompt").get("system_message") or config.get("system_message") or ""
    return Peer(
        kind=Kind.OPENEVOLVE,
        folder=folder,
        programs=(program.name,),
        statement=str(message).strip(),
        timeout_s=settings.seconds(evaluator.get("timeout")) or TIMEOUT_S,
        evaluator="evaluator.py",
        call={"thresholds": _thresholds(evaluator, folder)},
    )


def _thresholds(evaluator: Any, folder: Path) -> list[float] | None:
    """Return what each stage must reach before the next, None for no cascade."""
    if not evaluator.get("cascade_evaluation", True):
        return None
    values = evaluator.get("cascade_thresholds") or _DEFAULT_THRESHOLDS
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        where = f"{folder / 'config.yaml'}: field 'evaluator.cascade_thresholds'"
        raise ConfigurationError(f"{where}: expected a list of numbers, found {values!r}.") from error


def _shinka(folder: Path) -> Peer | None:
    program = _only(folder, "initial.*")
    if program is None or not (folder / "evaluate.py").is_file():
        return None
    configs = [settings.read_yaml(path) for path in sorted(folder.glob("*.y*ml"))]
    scripts = [path.read_text("utf-8", "replace") for path in sorted(folder.glob("run*.py"))]
    told = [text for config in configs if (text := settings.find_value(config, "task_sys_msg"))]
    told += [text for script in scripts if (text := settings.find_text(script, "task_sys_msg"))]
    limits: list[object] = [settings.find_value(config, "time") for config in configs]
    limits += [settings.find_text(script, "time") for script in scripts]
    return Peer(
        kind=Kind.SHINKA,
        folder=folder,
        programs=(program.name,),
        statement=str(told[0]).strip() if told else "",
        timeout_s=next((found for limit in limits if (found := settings.seconds(limit))), TIMEOUT_S),
        evaluator="evaluate.py",
        call={},
    )


def _file(path: Path) -> Peer | None:
    if path.suffix != ".py":
        return None
    text = path.read_text("utf-8", "replace")
    if START not in text or not _is_judged_by_itself(path, text):
        return None
    return Peer(Kind.FILE, path.parent, (path.name,), "", TIMEOUT_S, path.name, {})


def _is_judged_by_itself(path: Path, text: str) -> bool:
    """Whether the file has a function evaluate that the search cannot change."""
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise ConfigurationError(f"{path}, line {error.lineno}: {error.msg}.") from error
    regions = editable_regions(text, str(path))
    functions = [n for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == "evaluate"]
    return any(not any(r.holds(f.lineno - 1, f.lineno) for r in regions) for f in functions)


def _command(path: Path, command: str, programs: Sequence[str]) -> Peer:
    if not path.is_dir():
        raise ConfigurationError(f"--command needs a folder to run in; {path} is a file.")
    marked = [name for name in map(str, programs) if name] or _with_blocks(path)
    if not marked:
        raise ConfigurationError(f"No file of {path} has {START} comments: name what may change with --program FILE.")
    known = [file.relative_to(path).as_posix() for file in travelling(path)]
    for name in marked:
        if name not in known:
            raise ConfigurationError(f"--program {name}: {path} has no such file. {nearest(name, known)}")
    return Peer(Kind.COMMAND, path, tuple(marked), "", TIMEOUT_S, "", {"command": command})


def _with_blocks(folder: Path) -> list[str]:
    marked = [path for path in travelling(folder) if START.encode() in path.read_bytes()]
    return [path.relative_to(folder).as_posix() for path in marked]
