"""Lots for where nothing may be drawn: numbers that look random and follow from counters alone."""

from __future__ import annotations

import hashlib


def lot(below: int, *counters: float) -> int:
    """Return a number from 0 to ``below`` - 1: equal counters give equal lots, other counters unrelated ones."""
    text = ",".join(map(str, counters)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) % below
