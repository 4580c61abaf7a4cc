"""How many evaluations of each kind go to which node: a pure decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from evolve.domain.resources import Resources

CPU: Final = "CPU"
GPU: Final = "GPU"
MEMORY: Final = "memory"
_COMMON: Final = (CPU, MEMORY)
_ROUNDING: Final = 1e-6  # fractions of a device add up inexactly


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: ``has`` are amounts by name of a resource, memory in bytes."""

    id: str
    name: str
    has: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Berth:
    """Room for evaluations: ``slots`` at once that claim ``resources``, on a node, or on whichever comes (None)."""

    resources: Resources
    slots: int
    node: str | None


def needs(claim: Resources) -> dict[str, float]:
    """Return what one evaluation takes of a node, by name of the resource; only what it takes at all."""
    amounts = {CPU: claim.cpus, GPU: claim.gpus, MEMORY: float(claim.memory_mb << 20), **dict(claim.custom)}
    return {name: amount for name, amount in amounts.items() if amount}


def fitting(node: Node, claim: Resources) -> int:
    """Return how many evaluations with this claim an empty node has room for."""
    return _room(node.has, needs(claim))


def plan(
    nodes: Sequence[Node], claims: Sequence[Resources], berths: Sequence[Berth], *, width: int | None, largest: int
) -> list[Berth]:
    """Return the berths to add to those there are.

    Each claim gets one slot after another, those that fit fewest nodes first, on the node that has least else
    to offer, until nothing fits or there are ``width`` slots. So every claim gets some, and nodes with rare
    devices are kept for those who need them. What no node has room for is asked for on any node, as far as
    ``width`` goes; of a claim that fits nowhere, one slot, so that a cluster that grows knows of it.

    Args:
        berths: what there is, on these nodes or not placed yet.
        width: slots in all; None for as many as fit.
        largest: slots of a berth; of one with GPUs there is only one, so that it has a device of its own.
    """
    left = {node.id: dict(node.has) for node in nodes}
    for berth in berths:
        if berth.node in left:
            _take(left[berth.node], needs(berth.resources), berth.slots)
    total = sum(berth.slots for berth in berths)
    order = sorted(claims, key=lambda claim: sum(fitting(node, claim) for node in nodes))
    placed: Counter[tuple[Resources, str | None]] = Counter()
    open_claims = list(order)
    while open_claims and (width is None or total < width):
        claim = open_claims.pop(0)
        node = _best(nodes, left, claim)
        if node is not None:
            _take(left[node], needs(claim), 1)
            placed[claim, node] += 1
            total += 1
            open_claims.append(claim)
    held = {berth.resources for berth in berths} | {claim for claim, _ in placed}
    for claim in (claim for claim in order if claim not in held):
        placed[claim, None] += 1
        total += 1
    if width is not None and order:
        placed[order[-1], None] += max(0, width - total)
    return [berth for (claim, at), slots in placed.items() for berth in _parts(claim, slots, at, largest)]


def _best(nodes: Sequence[Node], left: Mapping[str, Mapping[str, float]], claim: Resources) -> str | None:
    """Return the node for one more evaluation: one without rare devices that it does not need, and the emptiest."""
    needed = needs(claim)
    rooms = [(node, _room(left[node.id], needed)) for node in nodes]
    free = [(_rare(node, needed), -room, node.id) for node, room in rooms if room > 0]
    return min(free)[2] if free else None


def _rare(node: Node, needed: Mapping[str, float]) -> int:
    return sum(1 for name in node.has if name not in _COMMON and name not in needed)


def _room(has: Mapping[str, float], needed: Mapping[str, float]) -> int:
    return min((int(has.get(name, 0.0) / amount + _ROUNDING) for name, amount in needed.items()), default=0)


def _take(left: dict[str, float], needed: Mapping[str, float], times: int) -> None:
    for name, amount in needed.items():
        left[name] = left.get(name, 0.0) - times * amount


def _parts(claim: Resources, slots: int, node: str | None, largest: int) -> list[Berth]:
    size = 1 if claim.gpus else largest
    full, rest = divmod(slots, size)
    return [Berth(claim, part, node) for part in (*[size] * full, rest) if part]
