"""What hub and workers say to each other: JSON over HTTP, checked strictly on both sides.

=======  ================================  =========  ==========
method   path below ``/v1/``               body       answer
=======  ================================  =========  ==========
POST     workers                           Hello      Welcome
DELETE   workers/WORKER                    -          -
POST     workers/WORKER/ask                Ask        Offer; 204 when nothing came up
POST     workers/WORKER/beat               Beat       Beaten
POST     workers/WORKER/leases/LEASE       Report     - (once; everything after it is refused)
GET      parcels/DIGEST                    -          the problem folder
=======  ================================  =========  ==========

Every request carries ``Authorization: Bearer TOKEN``. What is refused is answered with a Refusal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from evolve.domain.evaluation import Outcome
from evolve.domain.objective import Direction
from evolve.domain.resources import Resources
from evolve.errors import EvolveError, SandboxUnavailable
from evolve.evaluation import guest_protocol
from evolve.evaluation.guest_protocol import BarMessage, VerdictMessage
from evolve.interfaces import Bar, Verdict

PROTOCOL: Final = 1
BASE: Final = "/v1"
MAX_SMALL_BYTES: Final = 1 << 20
"""The longest body but that of a report."""
MAX_WAIT_S: Final = 60.0

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Amount = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class Code(StrEnum):
    """Why a request was refused; the number is its HTTP status."""

    UNAUTHENTICATED = "unauthenticated"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    NOT_FOUND = "not_found"
    MISMATCH = "mismatch"
    """Hub and worker would not judge alike: another version, another guest, a sandbox that is not wanted."""
    FULL = "full"
    CLOSING = "closing"
    OTHER_HUB = "other_hub"
    """The worker or lease is of a hub that has ended; what it was for is done again."""
    UNKNOWN_WORKER = "unknown_worker"
    UNKNOWN_LEASE = "unknown_lease"
    NOT_YOURS = "not_yours"
    EXPIRED = "expired"
    REPORTED = "reported"
    CANCELLED = "cancelled"
    """Nobody waits for this evaluation any more."""
    IMPOSSIBLE = "impossible"
    """A verdict that no judge can have given."""

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return _STATUSES.get(self, 409)


_STATUSES: Final = {
    Code.UNAUTHENTICATED: 401, Code.MALFORMED: 400, Code.TOO_LARGE: 413, Code.NOT_FOUND: 404, Code.FULL: 503,
    Code.CLOSING: 503, Code.OTHER_HUB: 410, Code.UNKNOWN_WORKER: 410, Code.UNKNOWN_LEASE: 410, Code.NOT_YOURS: 403,
    Code.IMPOSSIBLE: 422,
}  # fmt: skip


class Refused(EvolveError):
    """The hub refused a request; ``code`` says why for programs, the text for people."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Refusal(_Message, frozen=True):
    """The answer to everything that is refused."""

    code: Code
    detail: str


class Amounts(_Message, frozen=True):
    """What a machine has, or what an evaluation takes."""

    cpus: _Amount = 0.0
    gpus: _Amount = 0.0
    memory_mb: _Amount = 0.0
    custom: Annotated[dict[Name, _Amount], msgspec.Meta(max_length=64)] = {}

    @classmethod
    def of(cls, resources: Resources) -> Amounts:
        """Return what an evaluation takes as it is sent."""
        return cls(
            cpus=resources.cpus,
            gpus=resources.gpus,
            memory_mb=resources.memory_mb,
            custom=dict(resources.custom),
        )

    def covers(self, demand: Amounts) -> bool:
        """Whether ``demand`` fits into this."""
        named = all(self.custom.get(name, 0.0) >= amount for name, amount in demand.custom.items())
        plain = self.cpus >= demand.cpus and self.gpus >= demand.gpus and self.memory_mb >= demand.memory_mb
        return plain and named

    def less(self, taken: Amounts) -> Amounts:
        """Return what is left of this when ``taken`` is in use; never below 0."""
        left = {name: max(0.0, amount - taken.custom.get(name, 0.0)) for name, amount in self.custom.items()}
        return Amounts(
            cpus=max(0.0, self.cpus - taken.cpus),
            gpus=max(0.0, self.gpus - taken.gpus),
            memory_mb=max(0.0, self.memory_mb - taken.memory_mb),
            custom=left,
        )

    def __str__(self) -> str:
        plain = {"cpus": self.cpus, "gpus": self.gpus, "memory_mb": self.memory_mb, **self.custom}
        return ", ".join(f"{name} {amount:g}" for name, amount in plain.items() if amount) or "nothing"


class Hello(_Message, frozen=True):
    """A worker that wants to join; ``version`` and ``guests`` are its :class:`evolve.cluster.edition.Edition`."""

    protocol: int
    version: Name
    guests: Name
    name: Name
    slots: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    capacity: Amounts
    sandbox: Name


class Welcome(_Message, frozen=True):
    """A worker has joined. A lease lapses ``lease_s`` after it was given or last renewed."""

    worker: str
    lease_s: float
    beat_every_s: float


class Ask(_Message, frozen=True):
    """A worker has a slot to fill, and waits so long for a job. What it has free is known here."""

    wait_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_S)]


class Shipping(_Message, frozen=True):
    """What a problem is loaded from, beside its parcel: see :class:`evolve.cluster.parcel.Shipment`."""

    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    name: str
    params: dict[str, Any]
    one_block: bool
    judge_hash: str


class Offer(_Message, frozen=True):
    """One stage of one evaluation, under a lease: a name nobody can guess, good for one report."""

    lease: str
    shipment: Shipping
    stage: str
    timeout_s: float
    files: dict[str, str]
    bar: BarMessage | None
    demand: Amounts


class Held(_Message, frozen=True):
    """A lease that a worker holds, and what its evaluation will at best score as far as is known."""

    lease: Name
    interim: Annotated[dict[Name, float], msgspec.Meta(max_length=1000)] = {}


class Beat(_Message, frozen=True):
    """A worker lives, and works on these."""

    held: Annotated[list[Held], msgspec.Meta(max_length=4096)]


class Beaten(_Message, frozen=True):
    """The leases that are over, and why: their evaluations are to be stopped."""

    over: dict[str, Refusal]


class Judged(_Message, frozen=True, tag="judged"):
    """What the judge found."""

    outcome: Outcome
    metrics: dict[str, float]
    feedback: str
    artifacts: dict[str, bytes]
    per_instance: dict[str, float]
    seconds: float
    log: str

    @classmethod
    def of(cls, verdict: Verdict) -> Judged:
        """Return a verdict as it is sent."""
        return cls(
            outcome=verdict.outcome,
            metrics=dict(verdict.metrics),
            feedback=verdict.feedback,
            artifacts=dict(verdict.artifacts),
            per_instance=dict(verdict.per_instance),
            seconds=verdict.seconds,
            log=verdict.log,
        )

    def verdict(self, bar: Bar | None) -> Verdict:
        """Return the verdict, held to the same rules as one from a sandbox here. Raises Refused."""
        message = VerdictMessage(
            id=0,
            outcome=self.outcome.value,
            metrics=self.metrics,
            feedback=self.feedback,
            artifacts=self.artifacts,
            per_instance=self.per_instance,
            seconds=self.seconds,
            log=self.log,
            healthy=True,
        )
        try:
            return guest_protocol.verdict(message, 0, bar)
        except SandboxUnavailable as error:
            raise Refused(Code.IMPOSSIBLE, str(error)) from error


class Failed(_Message, frozen=True, tag="failed"):
    """The worker's machinery failed; the program is not to blame."""

    detail: Annotated[str, msgspec.Meta(max_length=20_000)]


class GivenBack(_Message, frozen=True, tag="given_back"):
    """The worker will not finish it: it has to end."""


Report = Judged | Failed | GivenBack


def bar_message(bar: Bar | None) -> BarMessage | None:
    """Return a bar as it is sent."""
    return None if bar is None else BarMessage(bar.metric, bar.limit, bar.direction is Direction.MAXIMIZE)


def bar_of(message: BarMessage | None) -> Bar | None:
    """Return a bar that was received."""
    if message is None:
        return None
    return Bar(message.metric, Direction.MAXIMIZE if message.maximize else Direction.MINIMIZE, message.limit)


def finite(metrics: Mapping[str, float]) -> bool:
    """Whether every number is one."""
    return all(map(math.isfinite, metrics.values()))
