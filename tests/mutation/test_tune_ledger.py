from __future__ import annotations

import math

import numpy as np

from evolve.mutation.tune_ledger import Ledger
from evolve.mutation.tune_session import Axis, Origin, Sample, Session

ORIGIN = Origin(7, (0, 2), 3, (Axis(1.5, False), Axis(4, True)))


def detail(generation: int, *coordinates: float) -> dict[str, object]:
    return {"operator": "tune", **ORIGIN.detail(), **Sample(generation, coordinates).detail()}


def told(session: Session) -> tuple[int, list[float]]:
    return session.generation, session.sample(np.random.default_rng(1)).tolist()


def test_a_session_that_is_asked_for_late_is_the_one_that_was_told_at_once() -> None:
    rng, ledger, session = np.random.default_rng(0), Ledger(ORIGIN, 0.3), Session(ORIGIN, 0.3)
    for number in range(2500):  # more than are kept unread
        point, loss = rng.normal(size=2).tolist(), math.inf if number % 5 == 0 else float(rng.random())
        ledger.note(detail(session.generation, *point), loss)
        session.tell(Sample(session.generation, tuple(point)), loss)
    assert told(ledger.session()) == told(session)
    assert told(ledger.session()) == told(session)  # nothing is told twice


def test_an_origin_is_recognised_in_a_detail() -> None:
    ledger = Ledger(ORIGIN, 0.3)
    assert ledger.is_of(detail(0, 1.0, 2.0))
    for name, other in {"session": 8, "sites": [0, 1], "literals": 4, "start": [1.5, 5], "whole": [True, True]}.items():
        assert not ledger.is_of({**detail(0, 1.0, 2.0), name: other})
