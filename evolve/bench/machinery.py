"""How fast the machinery is when proposing and judging cost next to nothing.

Every figure comes with isolation on and a store on disk, as in any run. Figures of one invocation
are meant to be compared with each other: machines differ, and so do the same machine's hours.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evolve import configuration, wiring
from evolve.bench.processes import tree_cpu_s
from evolve.controller.loop import Loop
from evolve.controller.run import start_run
from evolve.errors import EvolveError

TRIVIAL = Path(__file__).resolve().parent / "trivial"
_SAMPLE_S = 0.02
_LATENCY_S = 2.0
_LATENCY_SIGMA = 0.5
_WINDOW = 100
_HELD_SIZE = "+mutation.operators.syntax.max_bytes=500"  # the seed has 414


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, and what it should be at least or at most (0: nothing to reach)."""

    name: str
    value: float
    unit: str
    goal: str = ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run went: (seconds, proposals, evaluations, processor seconds) at moments in order.

    Processor seconds are 0 where they were not read. ``sizes``: bytes of the valid programs, in order.
    """

    samples: Sequence[tuple[float, int, int, float]]
    sizes: Sequence[float] = ()

    def rate_at(self, evaluations: int) -> float:
        """Return evaluations per second around this many, over a window of a hundred."""
        low = self._first(max(evaluations - _WINDOW, 1))
        high = self._first(evaluations)
        return (high[2] - low[2]) / (high[0] - low[0]) if high[0] > low[0] else 0.0

    def proposals_per_s(self) -> float:
        """Return proposals per second over the whole run."""
        first, last = self.samples[0], self.samples[-1]
        return (last[1] - first[1]) / (last[0] - first[0])

    def cpu_ms_per_proposal(self) -> float:
        """Return processor time of all our processes per proposal."""
        first, last = self.samples[0], self.samples[-1]
        return 1000 * (last[3] - first[3]) / (last[1] - first[1])

    def cpu_ms_at(self, evaluations: int) -> float:
        """Return the same over the last few hundred evaluations before this many."""
        known = [sample for sample in self.samples if sample[3] and sample[2] <= evaluations + _WINDOW]
        last = known[-1]
        first = next((s for s in reversed(known) if last[2] - s[2] >= 2 * _WINDOW), known[0])
        return 1000 * (last[3] - first[3]) / (last[1] - first[1])

    def bytes_at(self, evaluations: int) -> float:
        """Return the mean size of the hundred programs before this many evaluations."""
        window = self.sizes[max(evaluations - _WINDOW, 0) : evaluations] or self.sizes[-_WINDOW:]
        return sum(window) / len(window)

    def _first(self, evaluations: int) -> tuple[float, int, int, float]:
        return next((sample for sample in self.samples if sample[2] >= evaluations), self.samples[-1])


def pace_of(overrides: Sequence[str], folder: Path) -> Pace:
    """Run the trivial problem with overrides; return how it went."""
    store = f"store.url=sqlite:///{folder / 'bench.db'}"
    config = configuration.configure([f"problem={TRIVIAL}", store, "sealed=false", "budget.wall_s=null", *overrides])
    parts = wiring.build(config)
    samples: list[tuple[float, int, int, float]] = []

    def sample(loop: Loop, cpu_s: float) -> None:
        spent = loop.progress.spent
        samples.append((time.perf_counter(), spent.proposals, spent.evaluations, cpu_s))

    async def watch(loop: Loop) -> None:
        read_at = 0
        while True:
            due = loop.progress.spent.evaluations - read_at >= _WINDOW
            sample(loop, tree_cpu_s(os.getpid()) if due else 0.0)
            read_at = loop.progress.spent.evaluations if due else read_at
            await asyncio.sleep(_SAMPLE_S)

    async def work() -> None:
        watching: list[asyncio.Task[None]] = []
        loops: list[Loop] = []

        def observe(loop: Loop) -> None:
            loops.append(loop)
            sample(loop, tree_cpu_s(os.getpid()))
            watching.append(asyncio.create_task(watch(loop)))

        before_close = asyncio.create_task(_until_stopped(loops))
        running = asyncio.create_task(start_run(parts, info, observe))
        await asyncio.wait((running, before_close), return_when=asyncio.FIRST_COMPLETED)
        watching[0].cancel()
        sample(loops[0], tree_cpu_s(os.getpid()))
        await running
        before_close.cancel()

    info = wiring.new_run(config, parts)
    asyncio.run(work())
    opened = parts.open_store()
    try:
        sizes = opened.scores(info.id, parts.problem.stages[-1].name, "program_bytes")
    finally:
        opened.close()
    return Pace(samples, list(sizes.values()))


async def _until_stopped(loops: list[Loop]) -> None:
    while not loops or not loops[0].progress.stop_reason:
        await asyncio.sleep(_SAMPLE_S / 10)


_FORKS = """
import gc, os, resource, sys
import numpy

def used():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

source = open(sys.argv[1]).read()
gc.collect(); gc.freeze()
before = used()
for _ in range(500):
    child = os.fork()
    if child == 0:
        names = {}
        exec(compile(source, "program.py", "exec"), names)
        names["total"]()
        os._exit(0)
    os.waitpid(child, 0)
print(2 * (used() - before))
"""


def reference() -> list[Figure]:
    """Measure the floor of judging in a process of its own: fork one with numpy, run the program, exit."""
    command = [sys.executable, "-c", _FORKS, str(TRIVIAL / "seed" / "program.py")]
    shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [Figure("reference: bare fork, program and exit, CPU", float(shown.stdout), "ms")]


def keyless(programs: int, folder: Path) -> list[Figure]:
    """Measure syntax operators and tuner with the trivial judge: as they are, and with programs that cannot grow.

    In a long run on the trivial problem programs grow, and what is analysed, compiled and judged with them; whether
    the machinery itself is flat can be seen from programs of one size alone.
    """
    free = pace_of([f"budget.evaluations={programs}"], folder)
    held = pace_of([f"budget.evaluations={programs}", _HELD_SIZE], folder / "held")
    last = f"at {programs} programs over that at 500"
    return [
        Figure("keyless proposals", free.proposals_per_s(), "1/s", ">= 150"),
        Figure("keyless CPU per proposal, all processes", free.cpu_ms_per_proposal(), "ms", "<= 6"),
        Figure("keyless evaluations at 500 programs", free.rate_at(500), "1/s"),
        Figure("size of programs at 500", free.bytes_at(500), "bytes"),
        Figure(f"size of programs at {programs}", free.bytes_at(programs), "bytes"),
        Figure(f"keyless rate {last}", free.rate_at(programs) / free.rate_at(500), ""),
        Figure("programs of one size: proposals", held.proposals_per_s(), "1/s"),
        Figure("programs of one size: CPU per proposal", held.cpu_ms_per_proposal(), "ms"),
        Figure(f"programs of one size: rate {last}", held.rate_at(programs) / held.rate_at(500), "", ">= 0.8"),
        Figure(f"programs of one size: CPU {last}", held.cpu_ms_at(programs) / held.cpu_ms_at(500), "", "<= 1.25"),
    ]


def with_model(programs: int, folder: Path) -> list[Figure]:
    """Measure diffs from a model server on loopback that answers at once."""
    with model_server("mutator") as url:
        overrides = [f"llm={url}#mutator", *_ONLY_DIFF, "budget.cost_usd=null", f"budget.evaluations={programs}"]
        pace = pace_of(overrides, folder)
    return [
        Figure("model evaluations at 150 programs", pace.rate_at(150), "1/s"),
        Figure(f"model evaluations at {programs} programs", pace.rate_at(programs), "1/s"),
        Figure("model CPU per proposal, all our processes", pace.cpu_ms_per_proposal(), "ms"),
    ]


_OTHERS = ("rewrite", "crossover", "simplify", "repair", "shift", "syntax", "tune")
_ONLY_DIFF = [f"mutation.weights.{name}=0" for name in _OTHERS]


def startup(folder: Path) -> list[Figure]:
    """Measure the time from the command to the first judgement."""
    stamps = folder / "stamps"
    command = [
        *(sys.executable, "-c", "from evolve.cli import main; main()", "run", "--quiet", "budget.evaluations=3"),
        *(f"problem={TRIVIAL}", f"params.stamp={stamps}", f"store.url=sqlite:///{folder / 'start.db'}"),
    ]
    seconds = []
    for _ in range(3):
        stamps.unlink(missing_ok=True)
        began_at = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(float(stamps.read_text().splitlines()[0]) - began_at)
    return [Figure("command to first judgement, median of 3", sorted(seconds)[1], "s", "<= 2")]


def utilisation(width: int, evaluations: int, folder: Path) -> list[Figure]:
    """Measure how busy sandboxes are with slow models (lognormal, mean 2 s) and 1 s judgements."""
    median_s = _LATENCY_S / math.exp(_LATENCY_SIGMA**2 / 2)  # the mean of a lognormal is above its median
    with model_server("mutator", median_s, _LATENCY_SIGMA) as url:
        overrides = [
            f"llm={url}#mutator", *_ONLY_DIFF, "budget.cost_usd=null", f"budget.evaluations={evaluations}",
            f"executor.width={width}", "params.seconds=1.0",
        ]  # fmt: skip
        pace = pace_of(overrides, folder / f"width{width}")
    begin, end = evaluations // 4, evaluations - 2 * width  # leave out the filling and the draining
    samples = [sample for sample in pace.samples if begin <= sample[2] <= end]
    rate = (samples[-1][2] - samples[0][2]) / (samples[-1][0] - samples[0][0])
    return [Figure(f"sandboxes busy, width {width}", 100 * rate / width, "%", ">= 95")]


@contextmanager
def model_server(persona: str, latency_s: float = 0.0, latency_sigma: float = 0.0) -> Iterator[str]:
    """Run the loopback model server in a process of its own; yield its URL."""
    command = [
        sys.executable, "-m", "evolve.bench.model_server", "--persona", persona,
        "--latency-s", str(latency_s), "--latency-sigma", str(latency_sigma),
    ]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url.startswith("http://"):
            raise EvolveError(f"The model server did not start: it printed {url!r}, expected its address.")
        yield url
    finally:
        server.terminate()
        server.communicate()


def peer(python: Path, iterations: int) -> list[Figure]:
    """Measure OpenEvolve, installed in an environment of its own, on the same task and model server."""
    script = Path(__file__).resolve().parent / "peers" / "openevolve_pace.py"
    with model_server("mutator") as url, tempfile.TemporaryDirectory() as folder:
        command = [str(python), str(script), url, str(TRIVIAL / "seed" / "program.py"), folder, str(iterations)]
        shown = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured = json.loads(shown.stdout.splitlines()[-1])
    return [Figure(f"openevolve {name}", value, unit) for name, value, unit in measured]
