"""What a place to judge in must have: by this a cluster finds one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Resources:
    """What one evaluation of a stage occupies while it runs.

    A claim by which evaluations are placed; what a program may use at most is said by Limits.

    Args:
        cpus, gpus: in devices; fractions share one.
        memory_mb: 0: memory does not decide where it is placed.
        custom: names and amounts of other resources that nodes declare, by name.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_mb: int = 0
    custom: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        counted = (("CPU", self.cpus), ("GPU", self.gpus), ("MB", self.memory_mb), *self.custom)
        return ", ".join(f"{amount:g} {name}" for name, amount in counted if amount)


ONE_CORE: Final = Resources()
