"""Judge of sorting by few comparisons: the program never sees a key, it asks and is answered.

A command cannot be talked with, so it is run again for each question, with all answers so far: main.cpp runs the
sort anew until it asks what has not been answered. All instances advance in step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import whole_number

STAGES = ("full", "sealed")
COMPILE = ["g++", "-std=c++17", "-O1", "-o", "sorts", "main.cpp", "order.cpp"]


# ── instances ─────────────────────────────────────────────────────────────────────────────────
@dataclass
class Instance:
    """One list to sort.

    Args:
        keys: all different; key of each item. They stay here.
        answers: "1" where the first item of a question was less, else "0".
        order: the items by rising key as the program says, once it has.
    """

    keys: list[int]
    answers: str = ""
    order: list[int] = field(default_factory=list)

    def take(self, line: str) -> str:
        """Answer a question or keep the order; return what is wrong with the line, or an empty string."""
        kind, *rest = line.split()
        items = [int(word) for word in rest] if all(word.isascii() and word.isdigit() for word in rest) else []
        if not items or max(items) >= len(self.keys):
            return f"expected items from 0 to {len(self.keys) - 1}, found {line!r:.60}"
        if kind == "?" and len(items) == 2:
            self.answers += str(int(self.keys[items[0]] < self.keys[items[1]]))
            return ""
        if kind != "!":
            return f"expected '? item item' or '! items', found {line!r:.60}"
        self.order = items
        return "" if [self.keys[item] for item in items] == sorted(self.keys) else f"the order {items} is wrong"


def instances(stage: str, params: Mapping[str, Any]) -> list[Instance]:
    """Return lists in rising and falling order and random ones. Raises ValueError for odd parameters."""
    items = whole_number(params, "items", 2, 64)
    count = whole_number(params, "sealed_lists" if stage == "sealed" else "lists", 1, 10_000)
    seed = whole_number(params, "sealed_seed" if stage == "sealed" else "seed", 0, 2**62)
    bits = np.random.PCG64(np.random.SeedSequence([seed, STAGES.index(stage)])).random_raw(count * items)
    drawn = [np.argsort(row, kind="stable").tolist() for row in bits.reshape(count, items)]
    return [Instance(keys) for keys in [list(range(items)), list(range(items))[::-1], *drawn]]


# ── the program ───────────────────────────────────────────────────────────────────────────────
def build(candidate: Candidate) -> None:
    """Compile the program. Raises CandidateCrashed with the compiler's words, RuntimeError where there is none."""
    if candidate.run(["/bin/sh", "-c", "command -v g++"]).returncode:
        raise RuntimeError(
            "This problem needs a C++ compiler, and there is no g++ in the sandbox: install g++ on this machine, or "
            "use an image that has it. The program was not judged."
        )
    candidate.build(COMPILE)


def ask(candidate: Candidate, waiting: Sequence[Instance]) -> str:
    """Run the program once for all lists that are not sorted yet; return what went wrong, or an empty string."""
    rows = "".join(f"{len(one.keys)} {one.answers or '-'}\n" for one in waiting)
    finished = candidate.run(["./sorts"], stdin=f"{len(waiting)}\n{rows}".encode())
    if finished.returncode:
        return f"the program ended with exit code {finished.returncode}"
    lines = finished.stdout.decode("ascii", "replace").splitlines()
    if len(lines) != len(waiting) or not all(line.split() for line in lines):
        return f"expected a line for each of {len(waiting)} lists, found {len(lines)}"
    return next(filter(None, (one.take(line) for one, line in zip(waiting, lines, strict=True))), "")


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Answer the program's questions until every list is sorted, and count them."""
    most = whole_number(params, "most_comparisons", 1, 10_000)
    drawn = instances(stage, params)
    build(candidate)
    for _ in range(most + 1):
        waiting = [one for one in drawn if not one.order]
        if not waiting:
            return _score(drawn)
        problem = ask(candidate, waiting)
        if problem:
            return invalid(f"{problem[0].upper()}{problem[1:]}.")
    return invalid(f"{len(waiting)} lists are not sorted after {most} comparisons.")


def _score(drawn: Sequence[Instance]) -> Score:
    counts = [len(one.answers) for one in drawn]
    mean = sum(counts[2:]) / len(counts[2:])
    return Score(
        metrics={"comparisons": mean, "greatest": float(max(counts)), "on_sorted": float(counts[0])},
        feedback=(
            f"{len(counts) - 2} random lists of {len(drawn[0].keys)}: {mean:.3f} comparisons on average, at most "
            f"{max(counts[2:])}; {counts[0]} on a rising list, {counts[1]} on a falling one."
        ),
    )
