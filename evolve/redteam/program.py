"""Joins an attack to the seed of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evolve.domain.problem import Problem
from evolve.redteam.attack import Attack, prelude

_EXTRA_FILE = "raise SystemExit('a file that the attack brought along was run')\n"
_FINISH = "finish()\n"
_ENTRY = "exec(compile({text!r}, 'attack.py', 'exec'), {{'__name__': __name__, 'MODULE': globals()}})\n"


def takes_attacks(problem: Problem) -> bool:
    """Whether the judge calls Python functions; the attacks are written in nothing else."""
    return problem.entry.endswith(".py")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an attack is told of where it is.

    Args:
        token: word in the names of everything attacks leave, by which leftovers are found.
        canary: addresses and paths on the host that must be out of reach.
    """

    token: str
    canary: Mapping[str, object] = field(default_factory=dict)


def compose(problem: Problem, surroundings: Surroundings, code: str, variant: str = "") -> str:
    """Return the entry file: guard and tools, the attack, the seed."""
    names = {
        "TOKEN": surroundings.token,
        "VARIANT": variant,
        "CANARY": dict(surroundings.canary),
        "LIMITS": {
            "memory_mb": problem.limits.memory_mb,
            "processes": problem.limits.processes,
            "output_mb": problem.limits.output_mb,
            "scratch_mb": problem.limits.scratch_mb,
        },
        "OBJECTIVES": {objective.name: str(objective.direction) for objective in problem.objectives},
        "SEED_TEXT": problem.seed().files[problem.entry],
    }
    given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    return _ENTRY.format(text=f"{given}{prelude()}\n{code}\n{_FINISH}")


def files_of(problem: Problem, surroundings: Surroundings, attack: Attack) -> dict[str, str]:
    """Return the complete program of an attack."""
    extra = {path.replace("TOKEN", surroundings.token): _EXTRA_FILE for path in attack.files}
    text = compose(problem, surroundings, attack.code, attack.variant)
    return {**problem.seed().files, **extra, problem.entry: text}
