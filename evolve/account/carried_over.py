"""Whether what a search found holds where it never looked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolve.domain.objective import Objective

_NO_DOUBT: Mapping[str, float] = {}


def shortfall(
    objectives: Sequence[Objective],
    best: Mapping[str, float],
    seed: Mapping[str, float],
    doubt: Mapping[str, float] = _NO_DOUBT,
) -> str:
    """Say that a champion is worse than the seed on sealed instances; an empty string where it is not.

    Args:
        objectives: of the problem.
        best, seed: metrics on the sealed instances. Nothing is said where an objective is missing.
        doubt: objective -> by how much two values may differ by chance.
    """
    told = [objective for objective in objectives if objective.name in best and objective.name in seed]
    if len(told) < len(objectives):
        return ""
    lost = {o.name: o.gain(seed[o.name]) - o.gain(best[o.name]) for o in objectives}
    worse = [o.name for o in objectives if lost[o.name] > doubt.get(o.name, 0.0)]
    better = [o.name for o in objectives if -lost[o.name] > doubt.get(o.name, 0.0)]
    if not worse or better:
        return ""
    values = ", ".join(f"{name} {best[name]:.6g} (seed {seed[name]:.6g})" for name in worse)
    return (
        f"What was found did not carry over: on sealed instances it is worse than the seed, {values}. It fits the "
        "search's own instances; more or more varied ones help, a longer run does not."
    )


def shortfall_on_record(objectives: Sequence[Objective], sealed: Mapping[str, Any]) -> str:
    """Say the same of the last event of kind ``sealed`` of a run: ``{"scores": {"best": ..., "seed": ...}, ...}``."""
    scores = sealed["scores"]
    return shortfall(objectives, scores.get("best", {}), scores.get("seed", {}))
