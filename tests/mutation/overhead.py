"""CPU time that choosing, learning and looking for duplicates add to a proposal.

Run ``python -m tests.mutation.overhead`` from the repository root; it prints microseconds, medians over batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from evolve.controller.memory import Memory
from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.proposal import LESSONS_PER_STEP, Lesson, LessonKind
from evolve.mutation.lessons import Lessons
from evolve.mutation.novelty import Mark, Novelty
from tests.mutation.bandit_world import CHEAP, DEAR, STRONG, Truth, attempt, bandit, mix

BATCHES, BATCH = 7, 200
ROOT = Path(__file__).parents[2]
PROGRAMS: Mapping[str, Path] = {
    "9 lines": ROOT / "problems/bin_packing/seed/priority.py",
    "32 lines": ROOT / "problems/circle_packing/seed/pack.py",
}


def cpu_us(work: Callable[[int], object]) -> float:
    """Return the CPU time of one call; the argument counts the calls."""
    spent = []
    for batch in range(BATCHES):
        start = time.process_time()
        for index in range(BATCH):
            work(batch * BATCH + index)
        spent.append((time.process_time() - start) / BATCH * 1e6)
    return float(np.median(spent))


def main() -> None:
    """Print one line for each part, and the sums."""
    parts = {**_bandit(), **_lessons(), **_memory()}
    for near in (1.0, 0.95):
        for entries in (100, 100_000):
            parts[f"novelty.check, near {near}, {entries} programs"] = _check(near, entries)
    marks = {name: _mark(path, 1.0) for name, path in PROGRAMS.items()}
    for name, us in parts.items():
        print(f"{us:8.1f}  {name}")
    each = sum(us for name, us in parts.items() if "check" not in name)
    for name, us in marks.items():
        print(f"{us:8.1f}  novelty.mark, program of {name} (near 0.95: {_mark(PROGRAMS[name], 0.95):.1f})")
        print(f"{each + us:8.1f}  all together, program of {name}")


def _bandit() -> dict[str, float]:
    weights = {"diff": 6.0, "rewrite": 2.0, "crossover": 1.0, "simplify": 1.0, "shift": 1.0, "syntax": 2.0, "tune": 1.0}
    chooser = bandit(mix(weights, (CHEAP, DEAR, STRONG), ("shift",)), warmup=0, explore=0.0)
    rng = np.random.default_rng(0)
    arms = [status.arm for status in chooser.status()]
    history = [attempt(s, arms[s % len(arms)], Truth(0.8, 0.2, 0.002), rng) for s in range(1, BATCHES * BATCH + 2)]
    chooser.observe(Scored(0, 0, (), "seed", Outcome.VALID, (0.0,)), None)
    observe = cpu_us(lambda index: chooser.observe(history[index], None))
    return {f"bandit.observe, {len(arms)} arms": observe, "bandit.choose": cpu_us(lambda index: chooser.choose(rng))}


def _lessons() -> dict[str, float]:
    lessons = Lessons()
    rng = np.random.default_rng(0)
    known = [Lesson(s * LESSONS_PER_STEP, LessonKind.INSIGHT, f"finding {s}", evidence=(1,)) for s in range(1, 33)]
    known += [Lesson(s * LESSONS_PER_STEP, LessonKind.INSTRUCTION, f"variant {s}") for s in range(40, 47)]
    lessons.learn(known)

    def observe(index: int) -> None:
        shown = (640, 16 * (1 + index % 32))
        gains = (float(rng.random()),)
        lessons.observe(Scored(index + 1, 0, (0,), "diff", Outcome.VALID, gains, model="m", lessons=shown))

    return {"lessons.observe": cpu_us(observe), "lessons.choose": cpu_us(lambda index: lessons.choose(rng))}


def _memory() -> dict[str, float]:
    memory = Memory()

    def observe(index: int) -> None:
        scored = Scored(index, 0, (index // 2,), "diff", Outcome.VALID, (float(index % 7),))
        memory.observe(scored, parent=index // 2, cause="", detail="some words " * 30)

    return {"memory.observe": cpu_us(observe), "memory.lineage": cpu_us(lambda index: memory.lineage(index))}


def _check(near: float, entries: int) -> float:
    rng = np.random.default_rng(0)
    novelty = Novelty("python", near=near)
    common = rng.integers(0, 256, size=64, dtype=np.uint8)

    def mark() -> Mark:
        sketch = common.copy()  # a population in which everybody is alike, the worst case
        sketch[rng.integers(0, 64, 5)] = rng.integers(0, 256, 5)
        return Mark(int(rng.integers(0, 2**63)), sketch.tobytes() if near < 1 else b"")

    for step in range(entries):
        novelty.add(step, mark())
    probes = [mark() for _ in range(BATCH)]
    return cpu_us(lambda index: novelty.check(probes[index % BATCH]))


def _mark(path: Path, near: float) -> float:
    novelty = Novelty("python", near=near)
    text = path.read_text()
    return cpu_us(lambda index: novelty.mark({path.name: f"{text}\nSALT = {index}\n"}))


if __name__ == "__main__":
    main()
