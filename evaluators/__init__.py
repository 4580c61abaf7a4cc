"""Code that runs inside the sandbox: the judge's harness and the host of candidate programs.

A problem's ``evaluate.py`` needs two names from here::

    from evaluators import Candidate, Score

    def evaluate(candidate: Candidate, stage: str, params: dict) -> Score:
        answer = candidate.call("pack", n=params["n"])
        ...
        return Score(metrics={"sum_radii": total})

Judges of times find theirs in ``evaluators.timing``.

Nothing in this package imports ``evolve``; host and guest exchange the messages described in
``evaluators/README.md``, never code.
"""

from evaluators.candidate import (
    Candidate,
    CandidateCrashed,
    CandidateError,
    CandidateRefused,
    CandidateTimedOut,
    Session,
)
from evaluators.score import Score, invalid

__all__ = [
    "Candidate",
    "CandidateCrashed",
    "CandidateError",
    "CandidateRefused",
    "CandidateTimedOut",
    "Score",
    "Session",
    "invalid",
]
