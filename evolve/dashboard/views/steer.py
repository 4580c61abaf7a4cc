"""What people ordered of a run, and what is in force because of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evolve.account.orders import REFUSED, WAITING, Ordered
from evolve.dashboard.asked import attempt_number
from evolve.dashboard.figures import ago, number
from evolve.dashboard.tables import Align, Cell, Column, Row, Tone
from evolve.dashboard.views.archive import Lead
from evolve.domain.objective import Objective
from evolve.domain.rules import Rules
from evolve.domain.steering import Hint, Inject, Pause, Pin, RemoveHint, Stop, Unpin, Veto, Weigh, kind_of
from evolve.errors import ConfigurationError

LOG: Final = (
    Column("number", "Order", Align.RIGHT),
    Column("kind", "Kind"),
    Column("what", "What", wide=True),
    Column("given", "Given"),
    Column("state", "State"),
    Column("effect", "Since", wide=True),
)
FORCE: Final = (Column("kind", "In force"), Column("what", "", wide=True))
_TONES: Final = {WAITING: Tone.BUSY, REFUSED: Tone.BAD}
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Force:
    """What is in force when all that waits is taken up; ``rules`` are None where the problem's folder is gone."""

    rules: Rules | None
    pins: Sequence[int]
    hints: Mapping[int, Hint]


def force_rows(force: Force, objectives: Sequence[Objective]) -> list[Row]:
    """Return what selection goes by, a line for each kind of order."""
    told = {"pinned": ", ".join(map(str, force.pins))}
    if force.rules is not None:
        told["selected by"] = _selected_by(force.rules, objectives)
        told["vetoed"] = ", ".join(
            f"{step} and what descends from it" if step in force.rules.tainted else str(step)
            for step in sorted(force.rules.vetoed)
        )
    told |= {f"hint {key}": _short(hint.text) for key, hint in force.hints.items()}
    return [Row(kind, {"kind": Cell(kind), "what": Cell(what)}) for kind, what in told.items() if what]


def _selected_by(rules: Rules, objectives: Sequence[Objective]) -> str:
    if rules.weights is None:
        return "all objectives"
    parts = [f"{weight:g} × {o.name}" for o, weight in zip(objectives, rules.weights, strict=True) if weight]
    return f"the weighted sum {' + '.join(parts)}, as gains"


def log_rows(orders: Sequence[Ordered], lead: Lead, now: float) -> list[Row]:
    """Return a line for each order, the latest first."""
    return [_row(item, lead, now) for item in reversed(orders)]


def _row(item: Ordered, lead: Lead, now: float) -> Row:
    return Row(
        str(item.number),
        {
            "number": Cell(str(item.number)),
            "kind": Cell(kind_of(item.order).replace("_", " ")),
            "what": _what(item, lead),
            "given": Cell(ago(item.given_at, now) if item.given_at is not None else "in the run it was forked from"),
            "state": Cell(item.state, tone=_TONES.get(item.state, Tone.GOOD), badge=True),
            "effect": Cell(_effect(item, now)),
        },
    )


def _what(item: Ordered, lead: Lead) -> Cell:
    step = _about(item)
    return Cell(_short(_in_words(item)), href=lead(step) if step is not None else "")


def _about(item: Ordered) -> int | None:
    """Return the attempt that an order is about, or became."""
    match item.order:
        case Pin(step) | Unpin(step) | Veto(step):
            return step
        case Inject() if item.taken is not None and not item.taken.refused:
            return item.taken.step
    return None


def _in_words(item: Ordered) -> str:
    told = ""
    match item.order:
        case Inject(files, note):
            step = _about(item)
            told = " ".join([f"attempt {step}" if step is not None else f"{len(files)} files", note])
        case Hint(text, lasts):
            told = text if lasts is None else f"for {lasts} attempts: {text}"
        case RemoveHint(removed):
            told = "all hints" if removed is None else f"hint {removed}"
        case Pin(step) | Unpin(step):
            told = str(step)
        case Veto(step, descendants):
            told = f"{step} and what descends from it" if descendants else str(step)
        case Weigh(weights):
            told = "by all objectives" if weights is None else ", ".join(f"{k}={number(v)}" for k, v in weights.items())
        case Pause() | Stop():
            pass
    return told.strip()


def _effect(item: Ordered, now: float) -> str:
    if item.taken is None:
        return "taken up within seconds, or when the run is resumed"
    if item.taken.refused:
        return item.taken.refused
    at = f", {ago(item.taken_at, now)}" if item.taken_at is not None else ""
    return f"after {item.taken.told} attempts{at}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


# ── what people type ──────────────────────────────────────────────────────────────────────────
def lasting(text: str) -> int | None:
    """Return for how many attempts a hint is shown; None, as long as the run lasts, for nothing. Raises NotFound."""
    if not text.strip():
        return None
    return attempt_number(text)


def weights_of(texts: Mapping[str, str]) -> dict[str, float]:
    """Return weights by objective; what is empty weighs nothing. Raises ConfigurationError."""
    found = {}
    for name, text in texts.items():
        if text.strip():
            try:
                found[name] = float(text)
            except ValueError as error:
                raise ConfigurationError(f"Weight of {name}: expected a number, found {text!r}.") from error
    return found
