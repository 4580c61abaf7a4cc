"""Tuning of numeric constants: the structure of a program stays, its numbers move."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import numpy as np

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.program import Program
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft
from evolve.mutation.constants import Literal, literals, rewritten
from evolve.mutation.numbers import Number, write_number
from evolve.mutation.python_analysis import AnalysisCache
from evolve.mutation.tune_ledger import Ledger
from evolve.mutation.tune_session import Axis, Origin, Sample, Session, Vector

_SAMPLES = 8


class Units(StrEnum):
    """Whether the constants 0, 1 and -1 are tuned. Written as ints they mostly count or index."""

    NONE = "none"
    FLOATS = "floats"
    ALL = "all"


class Tune:
    """Moves the numeric constants of the editable regions by CMA-ES.

    Every program structure has a session of its own. A parent that a session made continues it;
    any other parent starts one. Floats move freely, ints stay ints, and ints that index or size
    things stay as they are. Results are learnt in ``observe`` alone; results of an earlier
    generation come too late and are left out.

    Args:
        step_size: initial standard deviation, in units of each constant's size.
        max_constants: how many constants a session tunes; a random choice of them beyond that.
        max_sessions: how many sessions are kept; the one not heard of for longest goes first.
        units: whether 0, 1 and -1 are tuned.
        analyses: remembers analysed files; one of its own if None.
    """

    name = "tune"
    needs_model = False

    def __init__(
        self,
        *,
        step_size: float = 0.3,
        max_constants: int = 30,
        max_sessions: int = 64,
        units: Units | str = Units.FLOATS,
        analyses: AnalysisCache | None = None,
    ) -> None:
        self._step_size = step_size
        self._max_constants = max_constants
        self._max_sessions = max_sessions
        self._units = Units(units)
        self._cache = analyses or AnalysisCache()
        self._sessions: OrderedDict[int, Ledger] = OrderedDict()
        self._unheard: Session | None = None

    async def propose(self, context: Context) -> Draft:
        """Return the parent with other constants.

        Raises ProposalRejected: ``no_constants`` when there is nothing to tune, ``unchanged`` when
        every sample was written as the parent is.
        """
        parent = context.parent.program
        found = literals(context.problem, parent.files, self._cache)
        session = self._session(parent, found)
        chosen = [found[site] for site in session.origin.sites]
        for _ in range(_SAMPLES):
            point = _moved(session, context.rng)
            values = session.decode(point)
            if any(_written(value) != _written(literal.value) for value, literal in zip(values, chosen, strict=True)):
                files = rewritten(parent.files, chosen, values)
                return Draft(files, self._detail(session, point))
        raise ProposalRejected("unchanged", f"{_SAMPLES} samples were written as the parent is")

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Tell the session of a tuned program how it went; failures count as worst."""
        if program is None or scored.operator != self.name or scored.outcome is Outcome.INFRASTRUCTURE:
            return
        detail: Mapping[str, Any] = program.detail
        key = detail["session"]
        ledger = self._sessions.get(key)
        if ledger is None and detail["generation"] == 0:
            ledger = self._sessions[key] = Ledger(Origin.of(detail), self._step_size)
        if ledger is None or not ledger.is_of(detail):
            return
        ledger.note(detail, -scored.gains[0] if scored.valid else np.inf)
        self._sessions.move_to_end(key)
        if len(self._sessions) > self._max_sessions:
            self._sessions.popitem(last=False)

    def _session(self, parent: Program, found: Sequence[Literal]) -> Session:
        """Return the session that made ``parent``, or the one that ``parent`` starts."""
        made_by = Origin.of(parent.detail) if parent.detail.get("operator") == self.name else None
        ledger = None if made_by is None else self._sessions.get(made_by.session)
        if ledger is not None and ledger.origin == made_by and ledger.origin.literals == len(found):
            return ledger.session()
        origin = self._origin(parent.step, found)
        ledger = self._sessions.get(parent.step)
        if ledger is not None and ledger.origin == origin:
            return ledger.session()
        if self._unheard is None or self._unheard.origin != origin:
            self._unheard = Session(origin, self._step_size)
        return self._unheard

    def _origin(self, step: int, found: Sequence[Literal]) -> Origin:
        sites = [place for place, literal in enumerate(found) if self._tunable(literal)]
        if not sites:
            raise ProposalRejected("no_constants", "no numeric constants to tune in the editable regions")
        if len(sites) > self._max_constants:
            chosen = np.random.default_rng(step).choice(len(sites), self._max_constants, replace=False)
            sites = [sites[place] for place in sorted(chosen.tolist())]
        axes = tuple(Axis(found[site].value, isinstance(found[site].value, int)) for site in sites)
        return Origin(step, tuple(sites), len(found), axes)

    def _tunable(self, literal: Literal) -> bool:
        if literal.sizes and isinstance(literal.value, int):
            return False
        if literal.value not in (0, 1, -1) or self._units is Units.ALL:
            return True
        return self._units is Units.FLOATS and isinstance(literal.value, float)

    def _detail(self, session: Session, point: Vector) -> dict[str, object]:
        sample = Sample(session.generation, tuple(float(x) for x in point))
        return {"operator": self.name, **session.origin.detail(), **sample.detail()}


def _moved(session: Session, rng: np.random.Generator) -> Vector:
    """Draw a sample; now and then move one of its ints by one, which a narrow distribution no longer does."""
    point = session.sample(rng)
    whole = [place for place, axis in enumerate(session.origin.axes) if axis.whole]
    if whole and rng.random() < 0.2:
        place = whole[int(rng.integers(len(whole)))]
        axis = session.origin.axes[place]
        point[place] = axis.encode(axis.decode(float(point[place])) + (1 if rng.random() < 0.5 else -1))
    return point


def _written(value: Number) -> str:
    return write_number(value)
