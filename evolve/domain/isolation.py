"""How far a program is from what scores it."""

from __future__ import annotations

from enum import StrEnum


class Isolation(StrEnum):
    """Whether the program can reach its own score."""

    SEPARATE = "separate"
    """The judge runs in a process of its own; a program only answers."""
    SHARED = "shared"
    """The evaluator imports the program, as peers' evaluators do: both run in the sandbox, in one process."""

    @property
    def caveat(self) -> str:
        """What people must know of scores found this way; empty where there is nothing to say."""
        if self is Isolation.SEPARATE:
            return ""
        return (
            "isolation: shared. The evaluator and the program run in one process inside the sandbox, so a program can "
            "forge its score, as it can where this problem comes from. Read a champion before you believe it."
        )
