"""Whether two machines run the same code: only then are their scores comparable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from evolve import __version__
from evolve.cluster.parcel import pack_folder
from evolve.paths import bundled


@dataclass(frozen=True, slots=True)
class Edition:
    """Which code a machine runs.

    Args:
        version: of this package.
        guests: digest of the guest code, with which programs are judged.
    """

    version: str
    guests: str

    def difference(self, other: Edition, machine: str) -> str:
        """Say how ``other``, which runs on ``machine``, differs, and what to do; ``""`` if it does not."""
        if self.version != other.version:
            found = f"evolve {other.version}, expected {self.version}"
        elif self.guests != other.guests:
            found = f"other guest code (evaluators/) of evolve {self.version}"
        else:
            return ""
        return f"{machine} has {found}: scores would not be comparable. Install the same version there."


@cache
def this_edition() -> Edition:
    """Return which code this process runs."""
    return Edition(__version__, pack_folder(bundled("evaluators")).digest)
