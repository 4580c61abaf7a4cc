"""Judge of loop schedules: a matrix product in C, raced against the plain loops by the judge's clock.

The matrices hold whole numbers so small that every product and every sum is exact in double precision, whatever the
order of the loops, and too large for single precision. So the answer is right or wrong; there is no tolerance.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluators import Candidate, Score
from evaluators.constructions import whole_number
from evaluators.timing import Input, Race, Schedule, Work, race

HOST, SCHEDULE = "host.py", "schedule.c"
PLAIN = Path(__file__).parent / "plain.c"
FLAGS = ["-std=c11", "-O2", "-fPIC", "-shared", "-Wl,-z,defs"]
COMPILE = ["gcc", *FLAGS, "-o", "schedule.so", SCHEDULE]
LARGEST = 1 << 20  # of a number; 512 products of two of them stay below 2^53
FLOOR = 0.005  # no schedule is 200 times as fast as plain loops on one core


def size_of(stage: str, params: Mapping[str, Any]) -> int:
    """Return how many rows the matrices of a stage have. Raises ValueError for odd parameters."""
    return whole_number(params, "sealed_n" if stage == "sealed" else "n", 8, 512)


def built(candidate: Candidate, files: Mapping[str, str]) -> Candidate:
    """Build a program. Raises CandidateCrashed with the compiler's words, RuntimeError where there is none."""
    program = candidate.other(files, HOST)
    if program.run(["/bin/sh", "-c", "command -v gcc"]).returncode:
        raise RuntimeError(
            "This problem needs a C compiler, and there is no gcc in the sandbox: install gcc on this machine, or use "
            "an image that has it. The program was not judged."
        )
    program.build(COMPILE)
    return program


def work(size: int) -> Work:
    """Return the timed function with inputs of one size."""

    def make_input(rng: np.random.Generator) -> Input:
        return tuple(rng.integers(-LARGEST, LARGEST + 1, size=(2, size, size)).astype(np.float64))

    return Work("multiply", make_input, fault, near_miss)


def near_miss(arguments: Input, rng: np.random.Generator) -> Input:
    """Return the matrices with one number changed."""
    a, b = (np.array(matrix) for matrix in arguments)
    row, column = rng.integers(1, len(a) - 1, size=2)
    (a if rng.integers(2) else b)[row, column] += 1.0 + float(rng.integers(7))
    return a, b


def fault(arguments: Input, answer: Any) -> str:
    """Return what is wrong with an answer, an empty string if nothing: every number is compared, exactly."""
    a, b = arguments
    if not isinstance(answer, np.ndarray) or answer.dtype != np.float64 or answer.shape != a.shape:
        return f"expected {len(a)} x {len(a)} doubles, found {type(answer).__name__}"
    wrong = int(np.count_nonzero(answer != product(a, b)))
    return f"{wrong} of {a.size} numbers of the product are wrong" if wrong else ""


def product(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the product of matrices of whole numbers, which double precision holds exactly."""
    exact: np.ndarray[Any, Any] = a @ b
    return exact


def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Race the program against the plain loops in the same sandbox, on matrices that neither has seen."""
    size = size_of(stage, params)
    schedule = Schedule(
        blocks=whole_number(params, "sealed_blocks" if stage == "sealed" else "blocks", 6, 1000),
        calls_per_block=whole_number(params, "calls_per_block", 1, 1000),
        warm_up_calls=1,
    )
    program = built(candidate, candidate.files)
    plain = built(candidate, {**candidate.files, SCHEDULE: PLAIN.read_text("utf-8")})
    return _score(size, race(program, plain, work(size), schedule, np.random.default_rng()))


def _score(size: int, result: Race) -> Score:
    seconds = result.candidate.seconds_per_call
    feedback = (
        f"{size} x {size}: {result.ratio:.3g} times the time of plain loops, interval {result.low:.3g} to "
        f"{result.high:.3g}; {1e3 * seconds:.3g} ms a product, {2e-9 * size**3 / seconds:.3g} GFLOP/s."
    )
    if result.ratio < FLOOR:
        feedback += " Implausible: look at this program before believing it."
    return Score({**result.metrics(), "ratio": max(result.ratio, FLOOR)}, feedback=feedback)
