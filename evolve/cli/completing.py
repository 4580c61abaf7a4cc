"""What may stand where somebody types: commands, options, settings, problems, runs. Imports nothing slow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from evolve import catalogue
from evolve.cli.command_lines import CommandLine, command_line
from evolve.plugins.writing import kinds
from evolve.store.address import usual_store
from evolve.store.run_ids import run_ids

_SETTINGS = ("overrides", "words")
_PROBLEMS = ("problem", "problems")


def candidates(words: Sequence[str], functions: Mapping[str, tuple[str, str]]) -> list[str]:
    """Return what the last word may become, whole words.

    Args:
        words: what is typed after ``evolve``; the last one is being typed, and may be empty.
        functions: command -> module and function.
    """
    *before, current = words or [""]
    if not before:
        return _starting(current, [*functions, "--help", "--version"])
    if before[0] not in functions:
        return []
    line = command_line(*functions[before[0]])
    taken, open_option = _placed(before[1:], line)
    if line.commands and len(taken) > len(line.arguments):
        inner = taken[len(line.arguments)]
        line = line.commands.get(inner, CommandLine())
        taken, open_option = _placed(before[before.index(inner, 1) + 1 :], line)
    if open_option:
        return _of_option(open_option, current)
    return _next(line, taken, current, before)


def _next(line: CommandLine, taken: Sequence[str], current: str, before: Sequence[str]) -> list[str]:
    """Return what may come after the words that a command has already."""
    if current.startswith("-"):
        return _starting(current, line.options)
    if line.commands and len(taken) == len(line.arguments):
        return _starting(current, line.commands)
    if not line.arguments:
        return []
    return _of_argument(line.arguments[min(len(taken), len(line.arguments) - 1)], current, before)


def _placed(words: Sequence[str], line: CommandLine) -> tuple[list[str], str]:
    """Return the words that stand by their place, and the option that waits for its value."""
    placed: list[str] = []
    open_option = ""
    for word in words:
        if open_option:
            open_option = ""
        elif word.startswith("-"):
            open_option = word if line.options.get(word) else ""
        else:
            placed.append(word)
    return placed, open_option


def _of_option(option: str, current: str) -> list[str]:
    if option == "--set":
        return _override(current)
    if option == "--plugin":
        return _starting(current, kinds())
    return _problem(current) if option in ("--problem", "--problems") else []


def _of_argument(name: str, current: str, before: Sequence[str]) -> list[str]:
    if name in _SETTINGS:
        return _override(current)
    if name in _PROBLEMS:
        return _problem(current)
    if name == "run":
        named = before.index("--store") + 1 if "--store" in before else len(before)
        return _starting(current, run_ids(before[named] if named < len(before) else usual_store()))
    return _starting(current, ("bash", "zsh", "fish")) if name == "shell" else []


# ── settings ──────────────────────────────────────────────────────────────────────────────────
def _override(current: str) -> list[str]:
    key, separator, value = current.partition("=")
    if not separator:
        return _keys(current)
    if key == "problem":
        return [f"problem={name}" for name in _problem(value)]
    return [f"{key}={name}" for name in _starting(value, catalogue.options(key))]


def _keys(current: str) -> list[str]:
    """Return keys up to their next dot: the whole list would be hundreds."""
    found = set()
    groups = catalogue.groups()
    keys = {"problem", *groups, *(key for key in catalogue.known_keys() if "._" not in key)}
    for key in keys:
        rest = key[len(current) :]
        if key.startswith(current) and not key.startswith("hydra"):
            head, dot, _ = rest.partition(".")
            found.add(f"{current}{head}{'.' if dot else '='}")
    settable = {key for key in found if key.endswith("=")}
    branches = {key[:-1] + "." for key in settable} & found
    return sorted(found - {f"{key[:-1]}=" for key in branches if key[:-1] not in groups})


def _problem(current: str) -> list[str]:
    if "/" not in current and not current.startswith("."):
        return _starting(current, catalogue.problem_names())
    folder = Path(current) if current.endswith("/") else Path(current).parent
    beginning = current[: current.rfind("/") + 1]
    if not folder.is_dir():
        return []
    return sorted(_starting(current, (f"{beginning}{path.name}/" for path in folder.iterdir() if path.is_dir())))


def _starting(current: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(current)]
