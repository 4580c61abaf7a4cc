"""What pages show, as values made of what stores answer."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from evolve.dashboard.charts import archives, curves, shares
from evolve.dashboard.tables import Tone
from evolve.dashboard.views import archive, events, overview, programs, runs, work
from evolve.dashboard.views.overview import Across, Course
from evolve.dashboard.views.programs import NEWEST, Wanted
from evolve.dashboard.views.runs import CUT_OFF, Details, Listed, Sift
from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Direction, Feature, Objective
from evolve.domain.proposal import Event, Placement, Usage
from evolve.domain.questions import AttemptRow, Best, Bred, Held, Status, Tally
from evolve.interfaces import RunInfo

SCORE, SIZE = Objective("score", Direction.MAXIMIZE), Objective("size", Direction.MINIMIZE)
STATUS = Status(12, 2, 10, 8, 8, 6, 3, 4, 400, 0.5, 20.0)
NOTHING = Status(0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0)


def info(name: str = "r", **told: object) -> RunInfo:
    known: dict[str, object] = {
        "problem": "p",
        "status": "running",
        "config": {},
        "provenance": {},
        "created_at": 100.0,
    }
    return RunInfo(id=name, **{"objectives": (SCORE, SIZE), **known, **told})  # type: ignore[arg-type]


def attempt(step: int, island: int = 0, parent: int = 0, cell: str = "", **values: float) -> AttemptRow:
    outcome = Outcome.VALID if values else Outcome.CRASHED
    placement = Placement.NEW if cell else Placement.NOT_PLACED
    return AttemptRow(step, step, parent, island, "diff", "m", outcome, "", placement, cell, 100.0 + step, values)


def lead(step: int) -> str:
    return f"/program?step={step}"


# ── runs ──────────────────────────────────────────────────────────────────────────────────────
RUNS = [
    Listed(0, info("a", created_at=3.0, usage=Usage(0, 0, 1.0))),
    Listed(0, info("b", created_at=2.0, problem="q", status="paused")),
    Listed(1, info("c", created_at=1.0, usage=Usage(0, 0, 5.0))),
]


@pytest.mark.parametrize(
    ("sift", "found"),
    [
        (Sift(), "abc"),
        (Sift(reverse=True), "cba"),
        (Sift(by="cost"), "cab"),
        (Sift(status="paused"), "b"),
        (Sift(words="Q"), "b"),
        (Sift(words="a q"), ""),
    ],
)
def test_runs_are_sifted_and_sorted(sift: Sift, found: str) -> None:
    assert "".join(run.info.id for run in runs.sifted(RUNS, sift)) == found


def test_a_run_whose_process_is_gone_is_cut_off_and_can_be_resumed() -> None:
    assert runs.state(info(), None) == CUT_OFF and runs.state(info(), "me:1") == "running"
    assert [each.what for each in runs.buttons(info(), None)] == ["resume"]
    assert [each.what for each in runs.buttons(info(), "me:1")] == ["pause", "stop"]
    assert runs.buttons(info(status="finished"), None) == ()


def test_the_budget_is_that_of_the_tightest_limit() -> None:
    config = {"budget": {"evaluations": 10, "wall_s": 100}}
    assert runs.budget_used(info(config=config, evaluated=5, elapsed_s=80.0)) == 0.8
    assert runs.budget_used(info(config={"budget": {"evaluations": None}})) is None
    assert runs.budget_used(info()) is None


def test_a_small_curve_rises_from_its_first_value_to_its_best_whatever_the_direction() -> None:
    curve = [Best(1, 0.0, 0.0, 0, 9.0), Best(50, 0.0, 0.0, 5, 4.0), Best(90, 0.0, 0.0, 6, 1.0)]
    found = runs.heights(curve, 100)
    assert found[0] == 0.0 and found[-1] == 1.0 and found == sorted(found)
    assert runs.heights([], 0) == [] and set(runs.heights(curve[:1], 9)) == {0.0}


def test_a_line_leads_to_its_run_whatever_its_id_holds() -> None:
    row = runs.row(Listed(1, info('a/"b&?')), Details(None, NOTHING), now=200.0)
    assert row.cells["run"].href == "/run?store=1&run=a%2F%22b%26%3F"
    assert row.cells["state"].tone is Tone.BAD and row.cells["best"].text == "–"


# ── a run ─────────────────────────────────────────────────────────────────────────────────────
COURSE = Course(
    info=info(elapsed_s=5.0),
    store=0,
    status=STATUS,
    objective=SCORE,
    curve=[Best(1, 2.0, 0.0, 0, 1.0), Best(6, 9.0, 0.25, 5, 1.5)],
    sample=[attempt(0, score=1.0), attempt(4), attempt(9, score=1.25)],
)


@pytest.mark.parametrize(
    ("across", "path", "dots", "end"),
    [
        (Across.ATTEMPTS, [1.0, 6.0], [1.0, 10.0], 10.0),
        (Across.TIME, [2.0, 9.0], [0.0, 9.0], 9.0),
        (Across.MONEY, [0.0, 0.25], [], 0.5),
    ],
)
def test_the_best_so_far_runs_over_attempts_time_and_money(
    across: Across, path: list[float], dots: list[float], end: float
) -> None:
    told = overview.stairs(COURSE, across, [])
    assert ([x for x, _ in told.path], [x for x, _ in told.dots], told.end) == (path, dots, end)
    line = curves.stairs(told)["data"][1]
    assert line["y"][-1] == 1.5 and line["x"][-1] == end and line["customdata"][1] == "/program?run=r&step=5"


def test_levels_tell_seed_and_sealed_score() -> None:
    sealed = [(1.0, Event("sealed", {"scores": {"best": {"score": 1.25}, "seed": {"score": 0.5}}}))]
    found = [(level.label, level.value) for level in overview.levels(COURSE, None, sealed)]
    assert found == [("seed", 1.0), ("best, on sealed instances", 1.25)]
    assert [row.cells["score"].text for row in overview.sealed_rows(COURSE.info, sealed)] == ["1.25", "0.5"]
    assert overview.shortfall(COURSE.info, sealed) == overview.shortfall(COURSE.info, []) == ""
    worse = [
        (1.0, Event("sealed", {"scores": {"best": {"score": 0.25, "size": 1}, "seed": {"score": 0.5, "size": 1}}}))
    ]
    assert "did not carry over" in overview.shortfall(COURSE.info, worse)


def test_figures_say_what_changed() -> None:
    shown = overview.tiles(COURSE)
    assert shown["best score"] == ("1.5", "from 1, +50.0%; program 5")
    assert shown["attempts"] == ("10", "2 in flight") and shown["valid"][0] == "60%"


TALLIES = [
    Tally("diff", "m", Outcome.VALID, "", Placement.NEW, 3, 3, 3, 3, 300, 0.6, 3.0),
    Tally("diff", "m", Outcome.REJECTED, "unchanged", Placement.NOT_PLACED, 4, 0, 0, 4, 400, 0.4, 0.0),
    Tally("tune", "", Outcome.REJECTED, "gate", Placement.NOT_PLACED, 1, 1, 1, 0, 0, 0.0, 1.0),
]


def test_outcomes_and_causes_add_up() -> None:
    assert overview.endings(TALLIES) == {
        "diff": {Outcome.VALID: 3, Outcome.REJECTED: 4},
        "tune": {Outcome.REJECTED: 1},
    }
    assert [(row.key, row.cells["share"].text) for row in overview.cause_rows(TALLIES)] == [
        ("unchanged", "80%"),
        ("gate", "20%"),
    ]
    bars = shares.outcomes(overview.endings(TALLIES))["data"]
    assert {bar["name"]: bar["x"] for bar in bars} == {"valid": [0, 3], "rejected": [1, 4]}


# ── the archive ───────────────────────────────────────────────────────────────────────────────
HELD = [
    Held("i0:1,2", attempt(5, score=5.0, size=1.0)),
    Held("i1:1,2", attempt(6, island=1, score=7.0, size=9.0)),
    Held("i0:0,0", attempt(1, score=1.0, size=1.0)),
    Held("i0:front", attempt(7, score=2.0, size=0.5)),
    Held("i0:3,3", attempt(8)),
]
FEATURES = (Feature("a", 0.0, 1.0, 4), Feature("b", 0.0, 1.0, 3))


def test_a_cell_shows_the_best_of_all_islands_or_that_of_one() -> None:
    found = archive.elites(HELD)
    both = archive.heat_map(found, SCORE, FEATURES, lead, None)
    one = archive.heat_map(found, SCORE, FEATURES, lead, 0)
    assert both is not None and one is not None
    assert (len(both.values), len(both.values[0])) == (3, 4)
    assert (both.values[2][1], one.values[2][1], one.values[0][0], one.values[1][1]) == (7.0, 5.0, 1.0, None)
    assert both.leads[2][1] == "/program?step=6"
    assert archives.heat_map(both)["data"][0]["customdata"][2][1] == "/program?step=6"


def test_without_a_grid_there_is_no_map() -> None:
    assert archive.heat_map(archive.elites(HELD[3:4]), SCORE, (), lead, None) is None


def test_islands_tell_what_came_from_others() -> None:
    sample = [attempt(1), attempt(5, parent=1), attempt(6, island=1, parent=5), attempt(9, island=1, parent=6)]
    parents = {row.step: row for row in sample}
    rows = archive.island_rows(archive.elites(HELD), sample, parents, SCORE, lead)
    assert [(row.cells["cells"].text, row.cells["came"].text) for row in rows] == [("4", "0%"), ("1", "50%")]


def test_a_front_holds_what_nothing_dominates_and_its_volume_is_above_the_reference() -> None:
    rows = [each.attempt for each in HELD]
    found = archive.fronts(rows, attempt(0, score=0.0, size=10.0), (SCORE, SIZE), lead)
    assert found is not None and not found.declared
    assert [member[:2] for member in found.chart.members] == [(2.0, 0.5), (5.0, 1.0), (7.0, 9.0)]
    assert found.volume == pytest.approx(2.0 * 9.5 + 3.0 * 9.0 + 2.0 * 1.0)
    assert archive.fronts(rows, None, (SCORE,), lead) is None


# ── work ──────────────────────────────────────────────────────────────────────────────────────
def test_operators_and_models_are_told_by_acceptance_and_cost() -> None:
    rows = {row.key: row.cells for row in work.maker_rows(TALLIES, work.by_operator)}
    assert (rows["diff"]["placed"].text, rows["diff"]["cost"].text, rows["diff"]["each"].text) == (
        "42.9%",
        "$1",
        "$0.3333",
    )
    assert [row.key for row in work.maker_rows(TALLIES, work.by_model)] == ["m", "no model"]


def test_throughput_is_what_ended_between_two_moments() -> None:
    sample = [attempt(0), attempt(10), attempt(10), attempt(20)]
    moments, rates = work.rates(sample, 100.0)
    assert (moments, rates) == ([10.0, 20.0], [1.0, 1.0])


def test_places_tell_how_busy_they_were() -> None:
    told = info(elapsed_s=20.0, config={"executor": {"width": 2, "_target_": "x.LocalExecutor"}})
    shown = work.places(told, STATUS, None, None)
    assert shown["kept busy"][0] == "50%" and shown["evaluations at once"] == ("2", "local executor")


def test_prompts_name_who_answered() -> None:
    call = Bred(attempt(3, score=2.0), "h", "m", (1, 2), 100, 20, 0.01)
    (row,) = work.prompt_rows([call], SCORE, lead)
    assert (row.cells["model"].text, row.cells["lessons"].text, row.cells["value"].text) == ("m", "1, 2", "2")


def test_noise_is_told_by_repeats() -> None:
    def verdict(score: float) -> Evaluation:
        return Evaluation("full", Outcome.VALID, "j", metrics={"score": score})

    repeats = [work.Repeat(4, verdict(1.0)), work.Repeat(4, verdict(3.0)), work.Repeat(9, None)]
    (row,) = work.noise_rows(repeats, {4: attempt(4, score=9.0)}, (SCORE,), lead)
    assert (row.cells["first"].text, row.cells["again"].text) == ("9", "2×")
    assert row.cells["mean"].text.startswith("2 ± ")
    sealed = Evaluation("sealed", Outcome.VALID, "j")
    assert work.verdict_of([verdict(1.0), sealed]) == verdict(1.0) and work.verdict_of([sealed]) is None


# ── programs and events ───────────────────────────────────────────────────────────────────────
def test_what_is_wanted_becomes_a_page_and_its_length() -> None:
    wanted = Wanted(by="score", outcome="valid", placed=True, skip=50)
    assert (wanted.page().by, wanted.page().outcome, wanted.page().skip) == ("score", Outcome.VALID, 50)
    assert wanted.total(TALLIES) == 3 and Wanted().total(TALLIES) == 8
    assert Wanted(by="score", outcome="rejected").sensible().by == NEWEST


def test_an_objective_may_be_called_as_any_other_column() -> None:
    columns = programs.columns((Objective("step", Direction.MAXIMIZE),))
    assert [column.name for column in columns[:2]] == ["step", "score step"]
    assert programs.objective_of("score step") == "step"
    (row,) = programs.rows([attempt(3, cell="i0:1", score=2.0)], (SCORE,), lead, 100.0)
    assert (row.cells["score score"].text, row.cells["placed"].text) == ("2", "new cell i0:1")


def test_events_come_latest_first_and_are_cut() -> None:
    told: list[tuple[float, Event]] = [(1.0, Event("a", {})), (2.0, Event("b", {"x": "y" * 5000}))]
    latest, first = events.rows(told, 0)
    assert latest.cells["kind"].text == "b" and latest.cells["data"].text.endswith(" …")
    assert events.rows(told, 1) == [first]


def test_charts_show_what_others_wrote_as_text() -> None:
    endings: Mapping[str, Mapping[Outcome, int]] = {"<b>x</b>": {Outcome.VALID: 1}}
    assert shares.outcomes(endings)["data"][0]["y"] == ["&lt;b&gt;x&lt;/b&gt;"]
