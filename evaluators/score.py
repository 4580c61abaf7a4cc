"""What a judge returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Score:
    """The judge's verdict on one stage.

    Args:
        metrics: name -> number. Every objective and feature of problem.yaml must be among them
            (``program_lines``, ``program_bytes`` and other numbers of a program's text are added by the
            host), and so must the metrics of its constraints. Booleans and values
            that are not finite make the evaluation INVALID.
        valid: False when the answer breaks a rule of the problem; ``feedback`` should say which.
        feedback: words for the author of the next program.
        artifacts: named results to keep and to show: text, or bytes (PNG pictures).
        per_instance: instance name -> its own score, better in the direction of the first objective.
    """

    metrics: Mapping[str, float] = field(default_factory=dict)
    valid: bool = True
    feedback: str = ""
    artifacts: Mapping[str, str | bytes] = field(default_factory=dict)
    per_instance: Mapping[str, float] = field(default_factory=dict)


def invalid(feedback: str) -> Score:
    """Return the verdict on an answer that breaks a rule of the problem."""
    return Score(valid=False, feedback=feedback)
