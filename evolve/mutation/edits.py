"""Edits of a Python file as byte splices, and the bench on which they are made."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from evolve.mutation.precedence import Precedence, precedence
from evolve.mutation.python_sites import Analysis, Site

_Item = TypeVar("_Item")
_NAME_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") | frozenset(range(128, 256))


class Splice(NamedTuple):
    """Replaces the bytes from ``start`` to ``end``; an insertion has both equal."""

    start: int
    end: int
    data: bytes


class Edit(NamedTuple):
    """One change: splices that do not overlap, and a note for people."""

    splices: tuple[Splice, ...]
    note: str

    @property
    def start(self) -> int:
        """Where it begins."""
        return min(splice.start for splice in self.splices)

    @property
    def end(self) -> int:
        """Where it ends."""
        return max(splice.end for splice in self.splices)


class Fragment(NamedTuple):
    """Text of an expression with how tightly it binds."""

    data: bytes
    strength: Precedence

    def fit(self, slot: Precedence) -> bytes:
        """Return the text, in parentheses if ``slot`` or a line break asks for them."""
        if self.strength >= slot and not (b"\n" in self.data or b"\r" in self.data):
            return self.data
        return b"(" + self.data + b")"


@dataclass(frozen=True, slots=True)
class Bench:
    """What an edit is made from.

    Args:
        target: the file to change.
        donors: analyses of files of the inspirations, made when first asked for.
        rng: the source of randomness.
    """

    target: Analysis
    donors: Callable[[], Sequence[Analysis]]
    rng: np.random.Generator

    def pick(self, items: Sequence[_Item]) -> _Item:
        """Return one of ``items``, each as likely."""
        return items[int(self.rng.integers(len(items)))] if len(items) > 1 else items[0]

    def chance(self, probability: float) -> bool:
        """Return True with ``probability``."""
        return bool(self.rng.random() < probability)

    def fragment(self, node: ast.expr) -> Fragment:
        """Return the text of an expression of the target."""
        return Fragment(self.target.source(node), precedence(node))

    def replace(self, kind: str, site: Site, new: Fragment) -> Edit:
        """Return the edit that puts ``new`` in the place of ``site``."""
        slot = min(site.slot, precedence(site.node))
        fitted = new.fit(slot)
        old = self.target.data[site.start : site.end]
        return Edit((Splice(site.start, site.end, fitted),), note(kind, old, fitted, site.node))


def note(kind: str, old: bytes, new: bytes, node: ast.expr | ast.stmt) -> str:
    """Return e.g. ``constant 1.5 -> 1.73 (line 4)``."""
    return f"{kind} {brief(old.decode('utf-8'))} -> {brief(new.decode('utf-8'))} (line {node.lineno})"


def brief(text: str) -> str:
    """Return a text on one line, cut when it is long."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def apply(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return ``data`` with all splices made. The edits must not overlap."""
    splices = sorted((splice for edit in edits for splice in edit.splices), key=lambda splice: splice[:2])
    parts: list[bytes] = []
    place = 0
    for splice in splices:
        parts += (data[place : splice.start], _apart(data, splice))
        place = splice.end
    parts.append(data[place:])
    return b"".join(parts)


def overlaps(edit: Edit, others: Sequence[Edit]) -> bool:
    """Whether ``edit`` touches what one of ``others`` changes."""
    return any(edit.start <= other.end and other.start <= edit.end for other in others)


def _apart(data: bytes, splice: Splice) -> bytes:
    """Return the new text with a space where it would grow together with a neighbouring word."""
    new = splice.data
    if not new or splice.start == splice.end:
        return new
    if splice.start > 0 and data[splice.start - 1] in _NAME_BYTES and new[0] in _NAME_BYTES:
        new = b" " + new
    if splice.end < len(data) and data[splice.end] in _NAME_BYTES and new[-1] in _NAME_BYTES:
        new += b" "
    return new
