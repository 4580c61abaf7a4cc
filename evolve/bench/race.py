"""Many cells: which ones, two at a time, every result on disk at once so that a race can go on where it was cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from evolve import problem_library
from evolve.bench.peer_races import run_peer
from evolve.bench.personas import mix
from evolve.bench.processes import die_with_parent
from evolve.bench.search_race import Cell, CellResult, check, located, run_cell
from evolve.catalogue import options
from evolve.errors import ConfigurationError, EvolveError, nearest


@dataclass(frozen=True, slots=True)
class Race:
    """Which cells are run: every problem with every search, mutator and seed.

    Args:
        peers: name -> Python of an environment that has the peer.
        settings: further overrides, of ours only.
    """

    problems: Sequence[str]
    searches: Sequence[str]
    mutators: Sequence[str]
    seeds: Sequence[int]
    proposals: int
    peers: Mapping[str, Path] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def cells(self) -> list[Cell]:
        """Return the cells, seed by seed, so that a race that is cut off has whole seeds. Raises ConfigurationError."""
        known = options("search")
        for search in self.searches:
            if search not in known:
                raise ConfigurationError(f"There is no search {search!r}. {nearest(search, known)}")
        return [
            Cell(problem, search, mutator, seed, self.proposals, () if search in self.peers else self.settings)
            for seed in self.seeds
            for mutator in self.mutators
            for problem in self.problems
            for search in (*self.searches, *self.peers)
        ]

    def judges(self) -> Mapping[str, str]:
        """Return problem -> hash of its judge. Raises ConfigurationError or ProblemError for what cannot be raced."""
        problems = {name: problem_library.load_problem(located(name)) for name in self.problems}
        for problem in problems.values():
            check(problem)
        return {name: problem.judge_hash() for name, problem in problems.items()}


def recorded(path: Path) -> list[CellResult]:
    """Return the results in a file, a torn last line left out; none for a file that is not there."""
    if not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [CellResult.of_line(line) for line in whole]


def run(race: Race, path: Path, width: int, say: Callable[[str], None]) -> list[CellResult]:
    """Run the cells that are not in the file yet, ``width`` at once, and add each to it as it ends.

    What another judge has scored is run again, and the newer line counts.
    Returns the results of all cells of the race; a cell that failed is told of and left out.
    Raises ConfigurationError before anything is run.
    """
    judges, cells = race.judges(), race.cells()
    for mutator in race.mutators:
        mix(mutator)
    known = (result for result in recorded(path) if result.judge_hash == judges.get(result.cell.problem))
    done = {result.cell: result for result in known}
    left = [cell for cell in cells if cell not in done]
    path.parent.mkdir(parents=True, exist_ok=True)
    mend(path)
    with path.open("a") as file:
        for number, (cell, outcome) in enumerate(_ended(left, race.peers, width), 1):
            if isinstance(outcome, CellResult):
                done[cell] = outcome
                file.write(outcome.as_line() + "\n")
                file.flush()
                told = f"final {outcome.final:.3f}, area {outcome.area:.3f}, {outcome.wall_s:.0f} s"
            else:
                told = f"FAILED: {outcome}"
            say(f"{number}/{len(left)} {cell.problem} {cell.search} {cell.mutator} seed {cell.seed}: {told}")
    return [done[cell] for cell in cells if cell in done]


def mend(path: Path) -> None:
    """Cut off a last line that was not written whole."""
    text = path.read_text() if path.is_file() else ""
    if text and not text.endswith("\n"):
        path.write_text(text[: text.rfind("\n") + 1])


def _ended(
    cells: Sequence[Cell], peers: Mapping[str, Path], width: int
) -> Iterator[tuple[Cell, CellResult | EvolveError]]:
    # Processes of their own: a cell is mostly processor time, and signals belong to the main thread of each.
    with ProcessPoolExecutor(width, mp_context=get_context("spawn"), initializer=die_with_parent) as pool:
        running = {pool.submit(_one, cell, peers.get(cell.search)): cell for cell in cells}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _one(cell: Cell, peer: Path | None) -> CellResult | EvolveError:
    try:
        return run_cell(cell) if peer is None else run_peer(cell, peer)
    except EvolveError as error:
        return error
