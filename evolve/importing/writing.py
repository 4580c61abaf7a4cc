"""Writes the problem folder of a recognised task."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from evolve import __version__
from evolve.domain.isolation import Isolation
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError
from evolve.importing.kinds import travelling
from evolve.importing.peer import Kind, Peer
from evolve.paths import bundled

USUAL = "combined_score"
_LARGEST_MB = 64
_LANGUAGES = {".py": "python", ".cpp": "cpp", ".cc": "cpp", ".c": "c", ".rs": "rust", ".js": "javascript",
              ".ts": "typescript", ".jl": "julia", ".go": "go", ".java": "java", ".r": "r"}  # fmt: skip
_HEAD = """\
# Imported ({kind}). The evaluator under peer/ is as it was found; seed/ is the program it came with.
# isolation: shared means that the evaluator and the program run in one process: scores can be forged.
"""


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as people write it."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def write_problem(peer: Peer, target: Path, objectives: Mapping[str, Direction] | None = None) -> Problem:
    """Write ``target`` and return the problem. Raises ConfigurationError or ProblemError; then nothing is left."""
    if target.exists():
        raise ConfigurationError(f"{target} exists already; choose another folder with --out, or remove it.")
    chosen = objectives or _reported(peer)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".import-") as beside:
        written = Path(beside) / target.name
        _fill(peer, written, chosen)
        Problem.load(written)
        written.rename(target)
    return Problem.load(target)


def problem_beside(peer: Peer) -> Problem:
    """Return the problem of a task that nobody imported, from a copy under the user's cache.

    The copy is found again as long as neither the task nor this package's judge of it changes.
    Raises ConfigurationError or ProblemError.
    """
    target = _cache() / f"{peer.folder.name}-{_digest(peer)}"
    if not target.exists():
        try:
            return write_problem(peer, target)
        except OSError:
            if not target.exists():  # else another process was faster
                raise
    return Problem.load(target)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "evolve" / "imported"


def _digest(peer: Peer) -> str:
    digest = hashlib.sha256(f"{__version__} {peer}".encode())
    ours = bundled("problems") / "_imported"
    for path in (*_files(peer), *(found for found in sorted(ours.rglob("*")) if found.suffix == ".py")):
        digest.update(f"\0{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _reported(peer: Peer) -> Mapping[str, Direction]:
    """Return the usual objective if what scores speaks of it. Raises ConfigurationError rather than guess."""
    scoring = [path for path in _files(peer) if path.relative_to(peer.folder).as_posix() not in peer.programs]
    texts = [path for path in scoring or _files(peer) if path.suffix in (".py", ".sh")]
    if any(USUAL.encode() in path.read_bytes() for path in texts):
        return {USUAL: Direction.MAXIMIZE}
    home = " (OpenEvolve takes the mean of all numbers then)" if peer.kind is Kind.OPENEVOLVE else ""
    what = peer.evaluator or "the command"
    raise ConfigurationError(
        f"{what} reports no {USUAL}{home}. Say what counts: `evolve import PATH --objective NAME=maximize` (or "
        "NAME=minimize), most important first."
    )


def _fill(peer: Peer, folder: Path, objectives: Mapping[str, Direction]) -> None:
    files = _files(peer)
    size_mb = math.ceil(sum(path.stat().st_size for path in files) / 1e6)
    if size_mb > _LARGEST_MB:
        raise ConfigurationError(
            f"{peer.folder} holds {size_mb} MB, at most {_LARGEST_MB} MB travel into the sandbox: move data away that "
            "the evaluator does not need."
        )
    shutil.copytree(bundled("problems") / "_imported", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "peer").mkdir()
    for path in files:
        name = path.relative_to(peer.folder)
        copy = folder / ("seed" if name.as_posix() in peer.programs else "peer") / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    call = {"kind": peer.kind, "program": peer.programs[0], "evaluator": peer.evaluator, **peer.call}
    (folder / "peer.json").write_text(json.dumps({**call, "objectives": list(objectives)}, indent=1) + "\n", "utf-8")
    fields = yaml.dump(_fields(peer, objectives, size_mb), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    (folder / "problem.yaml").write_text(_HEAD.format(kind=peer.kind) + fields, "utf-8")


def _files(peer: Peer) -> list[Path]:
    return [peer.folder / peer.programs[0]] if peer.kind is Kind.FILE else travelling(peer.folder)


def _fields(peer: Peer, objectives: Mapping[str, Direction], size_mb: int) -> dict[str, object]:
    return {
        "name": peer.folder.name if peer.kind is not Kind.FILE else Path(peer.programs[0]).stem,
        "statement": _statement(peer, objectives),
        "isolation": str(Isolation.SHARED),
        "language": _LANGUAGES.get(Path(peer.programs[0]).suffix.lower(), Path(peer.programs[0]).suffix[1:] or "text"),
        "entry": peer.programs[0],
        "objectives": [{"name": name, "direction": str(direction)} for name, direction in objectives.items()],
        "stages": [{"name": "full", "timeout_s": peer.timeout_s}],
        "limits": {"memory_mb": 2048, "processes": 32, "output_mb": 16, "scratch_mb": 64 + 2 * size_mb},
    }


def _statement(peer: Peer, objectives: Mapping[str, Direction]) -> str:
    told = peer.statement or "Improve the program so that its evaluator scores it better."
    scored = "; ".join(f"{direction} {name}" for name, direction in objectives.items())
    return f"{told}\n\nThe program is {', '.join(peer.programs)}. Score: {scored}.\n"
