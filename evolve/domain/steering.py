"""What a person may order while a run runs, and whether a program fits a problem.

An order has a JSON-able form (:func:`order_data`), from which :func:`parse_order` makes it again. Each
refuses values that no run could make sense of, with ConfigurationError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from evolve.arguments import at_least, check_value
from evolve.domain.blocks import only_blocks_changed
from evolve.domain.problem import Problem
from evolve.errors import ConfigurationError, ProblemError, nearest

INJECT: Final = "inject"
"""Name of the operator of attempts whose program a person wrote."""
_LONGEST_HINT = 4000
_LONGEST_NOTE = 1000


@dataclass(frozen=True, slots=True)
class Inject:
    """Judge this program, and breed from it as from any other. ``files`` are complete, the seed's others included."""

    files: Mapping[str, str]
    note: str = ""

    def __post_init__(self) -> None:
        _check_text(self.note, "inject.note", _LONGEST_NOTE, least=0)
        if not isinstance(self.files, Mapping) or not self.files:
            raise ConfigurationError(f"inject.files: expected path -> text, found {self.files!r}.")
        for path, text in self.files.items():
            _check_path(path)
            check_value(text, str, f"inject.files[{path!r}]")


@dataclass(frozen=True, slots=True)
class Hint:
    """Show this text in every prompt, for so many finished attempts; None for as long as the run lasts."""

    text: str
    expires_after: int | None = None

    def __post_init__(self) -> None:
        _check_text(self.text, "hint.text", _LONGEST_HINT, least=1)
        check_value(self.expires_after, int | None, "hint.expires_after")
        at_least(1, "hint", expires_after=self.expires_after)


@dataclass(frozen=True, slots=True)
class RemoveHint:
    """Show the hint of that order no more; None for all hints."""

    number: int | None = None

    def __post_init__(self) -> None:
        check_value(self.number, int | None, "remove_hint.number")


@dataclass(frozen=True, slots=True)
class Pin:
    """Make this program the parent of a share of the proposals."""

    step: int

    def __post_init__(self) -> None:
        _check_step(self.step, "pin")


@dataclass(frozen=True, slots=True)
class Unpin:
    """End a pin."""

    step: int

    def __post_init__(self) -> None:
        _check_step(self.step, "unpin")


@dataclass(frozen=True, slots=True)
class Veto:
    """Never use this program again: not as parent, inspiration, elite or champion.

    With ``descendants``, neither what was edited from it, to any depth, nor what will be. Programs
    that were only shown it as an inspiration are not among them.
    """

    step: int
    descendants: bool = False

    def __post_init__(self) -> None:
        _check_step(self.step, "veto")
        check_value(self.descendants, bool, "veto.descendants")


@dataclass(frozen=True, slots=True)
class Weigh:
    """Select by the weighted sum of the gains; objectives that are not named weigh nothing. None: by all again."""

    weights: Mapping[str, float] | None

    def __post_init__(self) -> None:
        if self.weights is not None:
            check_weights(self.weights, "weigh")


@dataclass(frozen=True, slots=True)
class Pause:
    """Begin nothing new; finish what is in flight; the run can be resumed."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Begin nothing new; finish what is in flight; the run is finished."""


Order = Inject | Hint | RemoveHint | Pin | Unpin | Veto | Weigh | Pause | Stop


@dataclass(frozen=True, slots=True)
class Posted:
    """An order in a run's inbox, with its number."""

    number: int
    order: Order


_KINDS: Mapping[str, type[Order]] = MappingProxyType(
    {
        "inject": Inject, "hint": Hint, "remove_hint": RemoveHint, "pin": Pin, "unpin": Unpin, "veto": Veto,
        "weigh": Weigh, "pause": Pause, "stop": Stop,
    }
)  # fmt: skip
_NAMES: Mapping[type[Order], str] = MappingProxyType({kind: name for name, kind in _KINDS.items()})


def kind_of(order: Order) -> str:
    """Return the name of an order's kind, e.g. ``pin``."""
    return _NAMES[type(order)]


def order_data(order: Order) -> dict[str, object]:
    """Return an order as JSON-able data, ``{"kind": "pin", "step": 7}``."""
    return {"kind": kind_of(order), **asdict(order)}


def parse_order(data: object) -> Order:
    """Undo :func:`order_data`. Raises ConfigurationError."""
    if not isinstance(data, Mapping) or data.get("kind") not in _KINDS:
        known = ", ".join(_KINDS)
        raise ConfigurationError(f"An order has a kind, one of {known}; found {data!r}.")
    values = {name: value for name, value in data.items() if name != "kind"}
    try:
        return _KINDS[data["kind"]](**values)
    except TypeError as error:
        raise ConfigurationError(f"Order {data['kind']!r}: {error}.") from error


def misfit(problem: Problem, files: Mapping[str, str]) -> str:
    """Return why a program cannot be one of this problem, or an empty string.

    It must have the seed's files, and differ from the seed only where the search may differ.
    """
    seed = problem.seed().files
    missing = sorted(seed.keys() - files.keys())
    if missing:
        return f"It lacks the file {missing[0]!r} of the seed."
    for path, text in files.items():
        if problem.is_editable(path):
            reason = _outside_blocks(seed[path], text, path) if path in seed else ""
        elif path in seed:
            reason = "" if text == seed[path] else f"{path} differs from the seed's, but is not editable."
        else:
            reason = f"{path} is no file of the seed and matches no pattern of {list(problem.editable)}."
        if reason:
            return reason
    return ""


def check_weights(weights: object, where: str) -> None:
    """Raise ConfigurationError unless ``weights`` are objective -> a number of at least 0, one of them above 0."""
    if not isinstance(weights, Mapping) or not weights:
        raise ConfigurationError(f"{where}: expected weights NAME=NUMBER of objectives, found {weights!r}.")
    for name, weight in weights.items():
        check_value(weight, float, f"{where}.{name}")
        at_least(0, where, **{str(name): weight})
    if not any(weights.values()):
        raise ConfigurationError(f"{where}: expected a weight above 0, found none.")


def weight_vector(problem: Problem, weights: Mapping[str, float] | None) -> tuple[float, ...] | None:
    """Return one weight per objective. Raises ConfigurationError with the nearest name."""
    if weights is None:
        return None
    known = [objective.name for objective in problem.objectives]
    for name in weights:
        if name not in known:
            raise ConfigurationError(f"{problem.name} has no objective {name!r}. {nearest(name, known)}")
    return tuple(float(weights.get(name, 0.0)) for name in known)


def _outside_blocks(before: str, after: str, path: str) -> str:
    try:
        return only_blocks_changed(before, after, path)
    except ProblemError as error:
        return str(error)


def _check_step(step: object, kind: str) -> None:
    check_value(step, int, f"{kind}.step")
    if isinstance(step, int):
        at_least(0, kind, step=step)


def _check_text(text: object, where: str, longest: int, least: int) -> None:
    check_value(text, str, where)
    if isinstance(text, str) and not least <= len(text.strip()) <= longest:
        raise ConfigurationError(f"{where}: expected {least} to {longest} characters, found {len(text.strip())}.")


def _check_path(path: object) -> None:
    """A path from a person's order becomes a file beside a judge: it must stay below the program's folder."""
    parts = PurePosixPath(path).parts if isinstance(path, str) else ()
    normal = "/".join(parts) == path and not {"..", "/"} & set(parts) and "\\" not in path and "\0" not in path
    if not parts or not normal:
        raise ConfigurationError(f"inject.files: expected a path below the program's folder, found {path!r}.")
