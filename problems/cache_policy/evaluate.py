"""Judge of cache replacement: a policy in C++ is built, fed traces, and believed in nothing but whom it evicts.

The program reports its victims in order; hits and misses are counted by a replay of them here. It gets a whole
trace at once, so the judge also runs it on traces that are the same up to a point it cannot know and different
after: what it evicts before that point must not change.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators import Candidate, Score, invalid
from evaluators.constructions import whole_number

Integers = NDArray[np.int64]

STAGES = ("full", "sealed")
SOURCES = ("main.cpp", "policy.cpp")
COMPILE = ["g++", "-std=c++17", "-O1", "-o", "cache", *SOURCES]
WORD = np.dtype("<u4")
TIMED_RUNS = 3
CUTS = 3  # runs on traces that change on the way, a stage
BLOCK = 150  # accesses of one kind in a row
POPULAR = 1_000  # keys with popularity 1 / rank
DRIFT = 1  # ranks by which popularity moves on from block to block
LOOP = 300  # keys read again and again in one order, more than the cache holds by default
FIRST_LOOP_KEY, FIRST_SCAN_KEY = 1_000_000, 2_000_000


# ── traces ────────────────────────────────────────────────────────────────────────────────────
def trace(accesses: int, entropy: Sequence[int]) -> Integers:
    """Return the keys of a trace: blocks of popular keys (6 of 10), loop (2) and keys read once (2).

    From raw bits, whose stream numpy promises to keep, by whole-number arithmetic.
    """
    words = np.random.PCG64(np.random.SeedSequence(list(entropy))).random_raw(2 * accesses).reshape(2, accesses)
    words = (words >> np.uint64(2)).astype(np.int64)
    weights = np.cumsum(10**9 // np.arange(1, POPULAR + 1))
    ranks = np.searchsorted(weights, words[0] % int(weights[-1]), side="right")
    place = np.arange(accesses)
    block = place // BLOCK
    kind = words[1][block * BLOCK] % 10
    popular = (ranks + DRIFT * block) % (2 * POPULAR)
    looping = FIRST_LOOP_KEY + (np.cumsum((kind == 6) | (kind == 7)) % LOOP)
    return np.where(kind < 6, popular, np.where(kind < 8, looping, FIRST_SCAN_KEY + place))


def instances(stage: str, params: Mapping[str, Any]) -> tuple[int, list[Integers]]:
    """Return the cache's capacity and the traces of a stage. Raises ValueError for parameters that name none."""
    prefix = "" if stage == "sealed" else "train_"
    capacity = whole_number(params, "capacity", 1, 100_000)
    accesses = whole_number(params, prefix + "accesses", 1_000, 1_000_000)
    count = whole_number(params, prefix + "traces", 1, 100)
    seed = whole_number(params, "sealed_seed" if stage == "sealed" else "seed", 0, 2**62)
    return capacity, [trace(accesses, [seed, STAGES.index(stage), index]) for index in range(count)]


# ── replay ────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Replay:
    """What came of one trace.

    Args:
        misses: places of the trace where the key was not in the cache.
        evictions: the place of each eviction.
        ages: for each victim, accesses since it was last used.
    """

    misses: list[int]
    evictions: list[int]
    ages: list[int]


def replay(keys: Sequence[int], capacity: int, victims: Sequence[int]) -> Replay | str:
    """Run a cache that evicts ``victims`` in order; return what comes of it, or what is wrong with them."""
    last_use: dict[int, int] = {}
    done = Replay([], [], [])
    for place, key in enumerate(keys):
        if key not in last_use:
            done.misses.append(place)
            if len(last_use) == capacity:
                problem = _evict(last_use, victims, done, place)
                if problem:
                    return problem
        last_use[key] = place
    if len(done.evictions) < len(victims):
        return f"reported {len(victims)} evictions where {len(done.evictions)} were due"
    return done


def _evict(last_use: dict[int, int], victims: Sequence[int], done: Replay, place: int) -> str:
    if len(done.evictions) == len(victims):
        return f"reported {len(victims)} evictions; at access {place} another one was due"
    victim = victims[len(done.evictions)]
    if victim not in last_use:
        return f"evicted key {victim} at access {place}, which is not in the cache"
    done.ages.append(place - last_use.pop(victim))
    done.evictions.append(place)
    return ""


def fewest_misses(keys: Sequence[int], capacity: int) -> int:
    """Return the misses of the best policy that knows the future (Belady, IBM Systems Journal 5, 1966)."""
    never = len(keys)
    following = [never] * len(keys)
    seen: dict[int, int] = {}
    for place in range(len(keys) - 1, -1, -1):
        following[place] = seen.get(keys[place], never)
        seen[keys[place]] = place
    held: dict[int, int] = {}  # key -> place of its next use
    farthest: list[tuple[int, int]] = []
    misses = 0
    for place, key in enumerate(keys):
        if key not in held:
            misses += 1
            if len(held) == capacity:
                while True:
                    use, victim = heapq.heappop(farthest)
                    if held.get(victim) == -use:
                        break
                del held[victim]
        held[key] = following[place]
        heapq.heappush(farthest, (-following[place], key))
    return misses


# ── the program ───────────────────────────────────────────────────────────────────────────────
def build(candidate: Candidate) -> None:
    """Compile the program. Raises CandidateCrashed with the compiler's words, RuntimeError where there is none."""
    found = candidate.run(["/bin/sh", "-c", "command -v g++"])
    if found.returncode:
        raise RuntimeError(
            "This problem needs a C++ compiler, and there is no g++ in the sandbox: install g++ on this machine, or "
            "use an image that has it (sandbox=docker with a docker/Dockerfile in the problem folder). "
            "The program was not judged."
        )
    candidate.build(COMPILE)


def victims_of(candidate: Candidate, capacity: int, keys: Integers) -> list[int] | str:
    """Run the program on a trace; return the keys it evicts, or what went wrong."""
    return timed(candidate, capacity, keys)[0]


def timed(candidate: Candidate, capacity: int, keys: Integers) -> tuple[list[int] | str, float]:
    """Run the program on a trace; return the keys it evicts, or what went wrong, and the seconds that it took."""
    words = np.concatenate([[capacity, len(keys)], keys]).astype(WORD)
    finished = candidate.run(["./cache"], stdin=words.tobytes())
    if finished.returncode:
        said = finished.stderr[-500:].decode("utf-8", "replace").strip()
        return f"the program ended with exit code {finished.returncode}: {said or 'it said nothing'}", finished.seconds
    if len(finished.stdout) % WORD.itemsize:
        return f"the program printed {len(finished.stdout)} bytes, which are no whole number of keys", finished.seconds
    return np.frombuffer(finished.stdout, dtype=WORD).tolist(), finished.seconds


def changed_after(keys: Integers, place: int, rng: np.random.Generator) -> Integers:
    """Return a trace with the same first ``place`` keys and the rest in another order."""
    return np.concatenate([keys[:place], rng.permutation(keys[place:])])


def foresight(candidate: Candidate, capacity: int, keys: Integers, victims: list[int], evictions: list[int]) -> str:
    """Return where the program used what it could not know yet, or an empty string."""
    rng = np.random.default_rng()  # from the system: no program can know where its trace will change
    place = int(rng.integers(len(keys) // 4, len(keys) - len(keys) // 10))
    other = victims_of(candidate, capacity, changed_after(keys, place, rng))
    if isinstance(other, str):
        return other
    due = sum(at < place for at in evictions)
    if other[:due] == victims[:due]:
        return ""
    return (
        "the program evicts otherwise when accesses change that are still to come: it must decide by what it "
        "has been told so far, and the same each time (no clock, no random device, no look at the input)"
    )


# ── time ────────────────────────────────────────────────────────────────────────────────────────
def ns_per_access(candidate: Candidate, capacity: int, keys: Integers) -> float | str:
    """Return the nanoseconds that an access of a trace takes by the judge's clock, or what went wrong.

    What the program takes on an empty trace is taken off, measured in turn with it; of all differences the median.
    The victims are replayed: who does nothing is not fast.
    """
    differences: list[float] = []
    victims: list[int] = []
    for _ in range(TIMED_RUNS):
        started, idle = timed(candidate, capacity, keys[:0])
        again, busy = timed(candidate, capacity, keys)
        if isinstance(started, str) or isinstance(again, str):
            return started if isinstance(started, str) else str(again)
        if victims and again != victims:
            return "the program evicts otherwise when it is run again on the same trace"
        victims = again
        differences.append(busy - idle)
    outcome = replay(keys.tolist(), capacity, victims)
    return outcome if isinstance(outcome, str) else 1e9 * max(0.0, median(differences)) / len(keys)


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Build the policy, replay what it evicts from each trace, and see that it does not look ahead."""
    capacity, traces = instances(stage, params)
    build(candidate)
    replays: list[Replay] = []
    for index, keys in enumerate(traces):
        victims = victims_of(candidate, capacity, keys)
        outcome = victims if isinstance(victims, str) else replay(keys.tolist(), capacity, victims)
        if isinstance(victims, str) or isinstance(outcome, str):
            return invalid(f"Trace {index}: {outcome}.")
        if index < CUTS:
            problem = foresight(candidate, capacity, keys, victims, outcome.evictions)
            if problem:
                return invalid(f"Trace {index}: {problem}.")
        replays.append(outcome)
    speed = _speed(candidate, stage, params, capacity)
    return invalid(f"Timed trace: {speed}.") if isinstance(speed, str) else _score(capacity, traces, replays, speed)


def _speed(candidate: Candidate, stage: str, params: Mapping[str, Any], capacity: int) -> dict[str, float] | str:
    """Return the metric of time, if a stage has one, or what went wrong."""
    accesses = whole_number(params, "timed_accesses" if stage == "sealed" else "train_timed_accesses", 0, 10_000_000)
    if not accesses:
        return {}
    entropy = int(np.random.default_rng().integers(2**62))  # from the system: no table of answers is of use
    measured = ns_per_access(candidate, capacity, trace(accesses, [entropy]))
    return measured if isinstance(measured, str) else {"ns_per_access": measured}


def _score(capacity: int, traces: Sequence[Integers], replays: Sequence[Replay], speed: Mapping[str, float]) -> Score:
    accesses = sum(map(len, traces))
    misses = sum(len(done.misses) for done in replays)
    least = sum(fewest_misses(keys.tolist(), capacity) for keys in traces)
    ages = [age for done in replays for age in done.ages]
    metrics = {
        "miss_ratio": misses / accesses,
        "optimal_miss_ratio": least / accesses,
        "victim_age": sum(ages) / max(1, len(ages)) / capacity,
        **speed,
    }
    return Score(
        metrics=metrics,
        feedback=(
            f"{len(traces)} traces of {len(traces[0])} accesses, capacity {capacity}: miss ratio "
            f"{metrics['miss_ratio']:.4f}; who knows the future reaches {metrics['optimal_miss_ratio']:.4f}. "
            f"Victims had last been used {metrics['victim_age']:.2f} capacities ago on average."
        ),
        per_instance={
            f"trace_{index:02d}": len(done.misses) / len(keys)
            for index, (keys, done) in enumerate(zip(traces, replays, strict=True))
        },
    )
