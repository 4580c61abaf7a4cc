"""The proof page: what is missed is said, nothing on it is fetched or run, and its commands make the same cells."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from evolve.bench import claims
from evolve.bench.claims import FIVE, decision_claims, noise_claims, race_claims, tuner_claims
from evolve.bench.proof import RESULTS, proof_page
from evolve.bench.search_race import Cell, CellResult
from evolve.cli.benching import bench, search_
from evolve.errors import ConfigurationError

_VOID = {"meta", "br"}


class _Page(HTMLParser):
    """The tags and words of a page, which must close what they open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def result(problem: str, search: str, seed: int, area: float, settings: tuple[str, ...] = ()) -> CellResult:
    return CellResult(
        cell=Cell(problem, search, "reader", seed, 100, settings),
        curve=((0, 0.0), (10, area), (60, 2 * area)),
        final=2 * area,
        area=area,
        seed_gain=0.0,
        reference_gain=1.0,
        cpu_s=3.0,
        wall_s=4.0,
        evaluations=100,
        valid=90,
        model_calls=100,
        prompt_tokens=50_000,
        commit="c0ffee",
        machine="2 cores",
    )


def race(areas: Mapping[str, float], seeds: int = 6) -> list[CellResult]:
    """Return cells of all problems whose areas are these, and differ by a little between seeds."""
    return [
        result(problem, search, seed, area + 0.001 * seed)
        for problem in FIVE
        for search, area in areas.items()
        for seed in range(1, seeds + 1)
    ]


def written(folder: Path, results: list[CellResult], **tables: list[Mapping[str, object]]) -> Path:
    (folder / "search.jsonl").write_text("".join(each.as_line() + "\n" for each in results))
    for name, rows in tables.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


NOISE: dict[str, object] = {"world": "steps", "search": "portfolio", "noise": "auto", "proposals": 300}
NOISE |= {"short": {"mean": 0.01, "low": 0.0, "high": 0.02}, "false_share": 0.01}


# ── claims ────────────────────────────────────────────────────────────────────────────────────
def test_a_search_that_is_ahead_everywhere_meets_its_claim_and_one_that_is_level_misses_it() -> None:
    ahead, level = race_claims(race({"portfolio": 0.5, "greedy": 0.2, "random": 0.5}))
    assert ahead.met and "greedy" in ahead.words and "better on 5" in ahead.figure
    assert not level.met and "not distinguishable on 5" in level.figure


def test_one_problem_on_which_it_is_worse_is_enough_to_miss() -> None:
    results = race({"portfolio": 0.5, "greedy": 0.2})
    turned = [
        result(r.cell.problem, r.cell.search, r.cell.seed, 0.9)
        if (r.cell.problem, r.cell.search) == ("binning", "greedy")
        else r
        for r in results
    ]
    (claim,) = race_claims(turned)
    assert not claim.met
    assert "better on 4" in claim.figure and "worse on 1" in claim.figure


def test_hypervolume_is_held_against_nsga2() -> None:
    results = [
        result("two_goals", name, seed, area) for name, area in (("portfolio", 0.4), ("nsga2", 0.45)) for seed in (1, 2)
    ]
    (claim,) = race_claims(results)
    assert not claim.met
    assert "nsga2" in claim.words


def test_noise_counts_how_near_and_how_false() -> None:
    near, false = noise_claims([NOISE])
    assert near.met and false.met
    near, false = noise_claims([{**NOISE, "short": {"mean": 0.03}, "false_share": 0.06}])
    assert not near.met and "3.0% after 300" in near.figure
    assert not false.met


def test_the_tuner_must_beat_the_best_with_its_worst() -> None:
    tuned = {"operator": "tune", "evaluations": 200, "best": 0.1, "worst": 0.3}
    edited = {"operator": "syntax", "evaluations": 2000, "best": 0.2, "worst": 0.9}
    assert [claim.met for claim in tuner_claims([tuned, edited])] == [False]
    assert [claim.met for claim in tuner_claims([{**tuned, "worst": 0.15}, edited])] == [True]


def test_deciding_must_be_cheap_and_stay_so() -> None:
    row = {"decider": "portfolio", "setting": "1 objective", "rebuild_s": None, "bytes_per_program": None}
    cheap, total = decision_claims(
        [
            {**row, "programs": 1_000, "median_ms": 0.1},
            {**row, "programs": 100_000, "median_ms": 0.15, "rebuild_s": 25.0, "bytes_per_program": 300.0},
        ]
    )
    assert cheap.met and not total.met
    (growing,) = decision_claims(
        [{**row, "programs": 1_000, "median_ms": 0.1}, {**row, "programs": 10_000, "median_ms": 0.4}]
    )
    assert not growing.met


# ── the page ──────────────────────────────────────────────────────────────────────────────────
def test_the_page_says_what_was_met_and_missed_with_a_chart_for_each_problem(tmp_path: Path) -> None:
    folder = written(tmp_path, race({"portfolio": 0.5, "greedy": 0.2, "random": 0.5}), noise=[NOISE])
    page = _Page(proof_page(folder))
    assert "3 of 4 claims are met by these results; 1 missed." in page.words
    assert page.words.count("✗ missed") == 1
    charts = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert {chart["aria-label"] for chart in charts} == {f"{problem}, reader" for problem in FIVE}
    assert "Where scores are noisy" in page.words and "Tuning constants" not in page.words
    assert "2 cores" in page.words and "c0ffee" in page.words


def test_nothing_on_the_page_is_fetched_or_run(tmp_path: Path) -> None:
    hostile = '<script>alert("x")</script>'
    folder = written(tmp_path, [*race({"portfolio": 0.5}), result(hostile, hostile, 1, 0.1)])
    page = _Page(proof_page(folder))
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe"}
    assert not any(name in ("src", "href") or name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert hostile in page.words


def test_its_commands_ask_for_the_cells_it_shows(tmp_path: Path) -> None:
    cells = [*race({"portfolio": 0.5, "greedy": 0.2}), result("noisy", "greedy", 3, 0.2, ("noise=off",))]
    cells += [result("binning", "shinka", seed, 0.1) for seed in (2, 3)]
    words = _Page(proof_page(written(tmp_path, cells))).words
    commands = [shlex.split(line) for line in words.splitlines() if line.startswith("evolve bench search")]
    asked: set[tuple[str, str, int]] = set()
    for command in commands:
        command = [word if word != "PYTHON" else "/bin/sh" for word in command]
        options = search_.make_context("search", command[3:]).params
        searches = [name for name in options["searches"].split(",") if name] or ["shinka"]
        assert (options["shinka"] is not None) == (searches == ["shinka"])
        seeds = range(options["first_seed"], options["first_seed"] + options["seeds"])
        for problem in options["problems"].split(","):
            asked |= {
                (problem, " ".join([search, *options["overrides"]]), seed) for search in searches for seed in seeds
            }
    assert asked == {(c.cell.problem, " ".join([c.cell.search, *c.cell.settings]), c.cell.seed) for c in cells}


@pytest.mark.parametrize("name", ["search", "noise"])
def test_what_holds_no_results_is_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(str(tmp_path))):
        proof_page(tmp_path)
    (tmp_path / f"{name}.jsonl").write_text("{half\n")
    with pytest.raises(ConfigurationError, match=f"{name}.jsonl"):
        proof_page(tmp_path)


def test_the_recorded_results_make_a_page() -> None:
    page = _Page(proof_page(RESULTS))
    assert len(page.words) > 1000
    for problem in claims.FIVE:
        assert f"{problem}, reader" in page.words


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    folder = written(tmp_path, race({"portfolio": 0.5, "greedy": 0.2}))
    done = CliRunner().invoke(bench, ["report", "--results", str(folder), "--out", str(tmp_path / "proof.html")])
    assert done.exit_code == 0
    assert (tmp_path / "proof.html").read_text(encoding="utf-8") == proof_page(folder)
