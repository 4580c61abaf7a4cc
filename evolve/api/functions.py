"""Problems that are written as functions; what becomes of them is a problem folder like any other."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evolve.api.source import text_of
from evolve.domain.objective import Direction
from evolve.domain.problem import Problem
from evolve.errors import ProblemError, nearest

_ASKED = ("candidate", "stage", "params")
_JUDGE = '''\
"""The judge: hands the program to the scorer, which is written as it was in the script."""

from collections.abc import Mapping

from evaluators import Score
from scorer import {name} as scorer


def evaluate(candidate, stage, params):
    asked = {{"candidate": candidate, "stage": stage, "params": params}}
    found = scorer(**{{name: asked[name] for name in {asked}}})
    if isinstance(found, Score):
        return found
    return Score(metrics=dict(found) if isinstance(found, Mapping) else {{{objective!r}: found}})
'''
_SCORER = """\
from __future__ import annotations

from evaluators import Score, invalid

"""
_SEED = "from __future__ import annotations\n\n\n"


class FunctionProblem:
    """A scoring function with the seed it judges, as :func:`problem` makes it. Calling it calls the function."""

    def __init__(self, score: Callable[..., Any], files: Mapping[str, str], name: str) -> None:
        self._score = score
        self._files = files
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._score(*args, **kwargs)

    def __repr__(self) -> str:
        return f"FunctionProblem({self.name!r})"

    @property
    def files(self) -> Mapping[str, str]:
        """The problem folder that it becomes: path -> text."""
        return dict(self._files)

    def write(self, folder: str | Path) -> Path:
        """Write the problem folder, to go on from there; return it. Raises ProblemError if there is something else."""
        target = Path(folder).resolve()
        if target.exists():
            if not self._is_at(target):
                raise ProblemError(f"{target} exists already and holds something else; choose another folder.")
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".problem-") as beside:
            made = Path(beside) / target.name
            self._fill(made)
            Problem.load(made)
            try:
                made.rename(target)
            except OSError:
                if not self._is_at(target):  # else another process was faster
                    raise
        return target

    def write_below(self, folder: Path) -> Path:
        """Write it under a name that stands for its content, unless it is there; return the problem folder."""
        digest = hashlib.sha256(repr(sorted(self._files.items())).encode()).hexdigest()[:12]
        return self.write(folder / f"{self.name}-{digest}")

    def _fill(self, folder: Path) -> None:
        for path, text in self._files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")

    def _is_at(self, folder: Path) -> bool:
        return all(
            (folder / path).is_file() and (folder / path).read_text("utf-8") == text
            for path, text in self._files.items()
        )


def problem(
    *,
    seed: Callable[..., Any] | str,
    statement: str | None = None,
    maximize: str | Sequence[str] = (),
    minimize: str | Sequence[str] = (),
    name: str | None = None,
    params: Mapping[str, object] | None = None,
    timeout_s: float = 60.0,
    fields: Mapping[str, object] | None = None,
) -> Callable[[Callable[..., Any]], FunctionProblem]:
    """Make a scoring function a problem::

        def pack(n):
            return [(0.5, 0.5, 0.1)] * n

        @evolve.problem(seed=pack, maximize="total", statement="Place n circles ...")
        def score(candidate, params):
            return sum(radius for x, y, radius in candidate.call("pack", 5))

    The scorer is a judge: it runs in a process of its own, and reaches the program only through ``candidate``
    (:class:`evaluators.Candidate`). It takes any of ``candidate``, ``stage`` and ``params``, and returns a number
    (the leading objective), a mapping of metrics, or a ``Score``; ``Score`` and ``invalid(feedback)`` are known to
    it. Both functions are written to files, so what they need is imported or defined inside them.

    Args:
        seed: the program to start from: a function, or the text of a file. Only what stands between the comments
            EVOLVE-BLOCK-START and EVOLVE-BLOCK-END may change, if it has some.
        statement: the task in words, for models; the scorer's docstring unless given.
        maximize, minimize: names of the objectives, most important first (those to maximize before the others);
            ``maximize="score"`` unless given.
        name: of the problem; the scorer's unless given.
        params: what the scorer gets as ``params``; ``optimize(..., params=...)`` changes some.
        timeout_s: the program's time in one evaluation, in seconds.
        fields: further fields of ``problem.yaml``, such as ``limits``, ``constraints``, ``preload``.

    Raises ProblemError for functions that cannot be written to a file, and fields that are unknown.
    """

    def make(score: Callable[..., Any]) -> FunctionProblem:
        scorer = text_of(score, "the scorer", frozenset({"Score", "invalid"}))
        objectives = _objectives(maximize, minimize)
        yaml_fields: dict[str, object] = {
            "name": _checked_name(name or score.__name__),
            "statement": _statement(score, seed, statement),
            "objectives": objectives,
            "params": dict(params or {}),
            "stages": [{"name": "full", "timeout_s": timeout_s}],
        }
        judge = _JUDGE.format(name=score.__name__, asked=_asked(score), objective=objectives[0]["name"])
        files = {
            "problem.yaml": yaml.safe_dump({**yaml_fields, **(fields or {})}, sort_keys=False, allow_unicode=True),
            "seed/program.py": seed if isinstance(seed, str) else _SEED + text_of(seed, "the seed"),
            "evaluate.py": judge,
            "scorer.py": _SCORER + "\n" + scorer,
        }
        _check(files)
        return FunctionProblem(score, files, str(yaml_fields["name"]))

    return make


def _check(files: Mapping[str, str]) -> None:
    """Read the folder once, so that what is wrong with it is said where it is written."""
    with tempfile.TemporaryDirectory(prefix="evolve-") as folder:
        FunctionProblem(print, files, "problem").write(Path(folder) / "problem")


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[\w.-]{1,80}", name) or name.startswith("."):
        raise ProblemError(f"name: expected up to 80 letters, digits, '_', '-' and '.', found {name!r}.")
    return name


def _objectives(maximize: str | Sequence[str], minimize: str | Sequence[str]) -> list[dict[str, str]]:
    both = {Direction.MAXIMIZE: _listed(maximize), Direction.MINIMIZE: _listed(minimize)}
    found = [{"name": name, "direction": str(direction)} for direction, names in both.items() for name in names]
    return found or [{"name": "score", "direction": str(Direction.MAXIMIZE)}]


def _listed(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _asked(score: Callable[..., Any]) -> tuple[str, ...]:
    names = tuple(inspect.signature(score).parameters)
    for name in names:
        if name not in _ASKED:
            raise ProblemError(f"the scorer: {score.__name__} takes {name!r}. {nearest(name, _ASKED)}")
    return names


def _statement(score: Callable[..., Any], seed: Callable[..., Any] | str, statement: str | None) -> str:
    told = statement or inspect.getdoc(score)
    if not told:
        raise ProblemError(
            f"{score.__name__} says nowhere what is asked: models read it. Give statement=..., or a docstring."
        )
    return told if isinstance(seed, str) else f"{told}\n\nWrite `{_signature(seed)}`.\n"


def _signature(seed: Callable[..., Any]) -> str:
    node = ast.parse(text_of(seed, "the seed")).body[0]
    assert isinstance(node, ast.FunctionDef)  # text_of returns one
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"
