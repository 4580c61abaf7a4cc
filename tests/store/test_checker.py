"""Each rule of the checker finds the damage it is for, and nothing else does.

A store is filled as a run fills it; each test harms a copy of the file in one way, with the constraints
of the schema out of the way, and says which findings that must give.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from evolve.domain.evaluation import Evaluation, Outcome
from evolve.domain.objective import Direction, Objective
from evolve.domain.problem import SEALED
from evolve.domain.program import Program
from evolve.domain.proposal import (
    RESCORE,
    Applied,
    Called,
    CallState,
    Choice,
    Completed,
    Completion,
    Evaluated,
    Event,
    Finished,
    Learned,
    Lesson,
    LessonKind,
    Message,
    Placement,
    Prompted,
    Record,
    Request,
    Selected,
)
from evolve.domain.steering import Hint, Inject, order_data
from evolve.errors import NotFound
from evolve.interfaces import Lease, RunInfo
from evolve.llm.requests import request_hash
from evolve.store.checker import Checker
from evolve.store.findings import Finding, Rule
from evolve.store.sql import SqlStore

BODY = "\n".join(f"x{number} = {number}" for number in range(60))
REQUEST = Request("m", (Message("user", "change it"),), {}, 0)
KEY = request_hash(REQUEST)
ANSWER = Completion("x = 2", "m", "stop", 10, 5, 0.25, 0.5)


def judged(step: int, stage: str = "full", outcome: Outcome = Outcome.VALID, repeat: int = 0) -> Evaluated:
    metrics = {"score": float(step)} if outcome is Outcome.VALID else {}
    artifacts = {"log": f"judged {step}".encode()}
    return Evaluated(step, Evaluation(stage, outcome, "judge", repeat, metrics, artifacts=artifacts, seconds=0.5))


def applied(step: int, *parents: int) -> Applied:
    return Applied(Program(step, {"main.py": f"{BODY}\ny = {step}\n"}, parents, {"operator": "diff"}))


def called(step: int, *states: tuple[CallState, float]) -> list[Record]:
    return [Called(step, KEY, number, state, "m", "", cost) for number, (state, cost) in enumerate(states)]


def finished(step: int, outcome: Outcome = Outcome.VALID, cause: str = "", placed: bool = False) -> Finished:
    placement = Placement.NEW if placed else Placement.NOT_PLACED
    return Finished(step, step, outcome, cause, "in words", placement, "cell" if placed else "")


def first_session(store: SqlStore, lease: Lease) -> None:
    """A seed, an answer that was thrown away before a crash, and the lesson of another attempt."""
    store.append(lease, [Selected(0, Choice(0, (), 0), "seed", 0), applied(0), judged(0, "quick"), judged(0)])
    store.append(lease, [finished(0, placed=True), Selected(1, Choice(0, (), 0), "distill", 1, "m")])
    lesson = Lesson(16, LessonKind.INSIGHT, "smaller is better", (), (0,))
    store.append(lease, [Learned(1, (lesson,)), finished(1, Outcome.REJECTED, "lesson")])
    store.append(lease, [Selected(2, Choice(0, (), 0), "diff", 2, "m", (16,)), Prompted(2, KEY, REQUEST)])
    store.append(lease, called(2, (CallState.SENT, 0.0), (CallState.ANSWERED, 0.25), (CallState.REASKED, 0.0)))


def second_session(store: SqlStore, lease: Lease) -> None:
    """The rest of that call, a rejection, an injected program, a program judged again, one in flight."""
    store.append(lease, called(2, (CallState.SENT, 0.0), (CallState.ANSWERED, 0.25), (CallState.VALIDATED, 0.0)))
    store.append(lease, [Completed(2, KEY, replace(ANSWER, cost_usd=0.5)), applied(2, 0)])
    store.append(lease, [judged(2, "quick"), judged(2, outcome=Outcome.CRASHED), finished(2, Outcome.CRASHED)])
    store.append(lease, [Selected(3, Choice(0, (), 0), "diff", 3), finished(3, Outcome.REJECTED, "duplicate")])
    for order in (Inject({"main.py": "z = 1"}), Hint("be quick")):
        number = store.order("r", order)
        told: dict[str, object] = {"number": number, "told": 4, "step": 4, "refused": "", "order": order_data(order)}
        store.append(lease, [Event("steered", told)])
    store.append(lease, [Selected(4, Choice(0, (), 0), "inject", 4), applied(4, 0)])
    store.append(lease, [judged(4, "quick"), judged(4), finished(4, placed=True)])
    store.append(lease, [Selected(5, Choice(4, (), 0), RESCORE, 5), judged(5), finished(5)])
    store.append(lease, [judged(4, SEALED), judged(4, SEALED, repeat=1), Event("sealed", {})])
    store.append(lease, [Selected(6, Choice(4, (0,), 0), "diff", 6, lessons=(16, -2)), applied(6, 4, 0)])


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("healthy") / "e.db"
    store = SqlStore(f"sqlite:///{path}")
    store.create_run(RunInfo("r", "p", "running", {}, {}, 1.0, objectives=(Objective("score", Direction.MAXIMIZE),)))
    first_session(store, store.acquire("r", "a:1:1", 60.0))
    lease = store.acquire("r", "a:1:1", 60.0)
    second_session(store, lease)
    store.renew(lease, 60.0, 1.0, "running")
    store.close()
    return path


@pytest.fixture
def path(healthy: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "e.db"
    shutil.copy(healthy, copy)
    yield copy


def checked(path: Path, info: RunInfo | None = None) -> list[Finding]:
    url = f"sqlite:///{path}"
    if info is None:
        with closing(SqlStore(url)) as store:
            info = store.run("r")
    with closing(Checker(url)) as checker:
        return checker.check(info)


def harm(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA legacy_alter_table = on")  # views do not keep a table from being replaced
        for statement in statements:
            connection.execute(statement)


def without_constraints(table: str) -> tuple[str, ...]:
    return f"CREATE TABLE copy AS SELECT * FROM {table}", f"DROP TABLE {table}", f"ALTER TABLE copy RENAME TO {table}"


def again(table: str, condition: str) -> tuple[str, ...]:
    return *without_constraints(table), f"INSERT INTO {table} SELECT * FROM {table} WHERE {condition}"


def test_a_whole_record_has_no_findings(path: Path) -> None:
    assert checked(path) == []


DAMAGE: Sequence[tuple[str, Sequence[str], Sequence[tuple[Rule, str]]]] = (
    (
        "a step is missing",
        ["DELETE FROM proposals WHERE step = 3"],
        [(Rule.STEPS, "step 4"), (Rule.STEPS, "step 6"), (Rule.SEQUENCES, "number 4")],
    ),
    ("chosen too early", ["UPDATE proposals SET finished_before = 1 WHERE step = 3"], [(Rule.STEPS, "step 3")]),
    (
        "told of what is not there",
        ["UPDATE proposals SET finished_before = 9 WHERE step = 6"],
        [(Rule.STEPS, "step 6")],
    ),
    ("a sequence is missing", ["UPDATE proposals SET sequence = 9 WHERE step = 5"], [(Rule.SEQUENCES, "number 9")]),
    (
        "a sequence is doubled",
        [*without_constraints("proposals"), "UPDATE proposals SET sequence = 2 WHERE step = 1"],
        [(Rule.SEQUENCES, "number 2"), (Rule.SEQUENCES, "number 2"), (Rule.SEQUENCES, "number 2")],
    ),
    ("told before chosen", ["UPDATE proposals SET finished_before = 4 WHERE step = 3"], [(Rule.SEQUENCES, "step 3")]),
    ("half an ending", ["UPDATE proposals SET cell = NULL WHERE step = 3"], [(Rule.ENDINGS, "step 3")]),
    (
        "a program is lost",
        ["DELETE FROM programs WHERE step = 2"],
        [(Rule.ENDINGS, "step 2"), (Rule.EVALUATIONS, "step 2"), (Rule.EVALUATIONS, "step 2")],
    ),
    ("a rejected program", ["UPDATE proposals SET cause = 'duplicate' WHERE step = 2"], [(Rule.ENDINGS, "step 2")]),
    ("another outcome", ["UPDATE proposals SET outcome = 'valid' WHERE step = 2"], [(Rule.ENDINGS, "step 2")]),
    (
        "the evaluation is lost",
        [
            "DELETE FROM metrics WHERE step = 5",
            "DELETE FROM artifacts WHERE step = 5",
            "DELETE FROM evaluations WHERE step = 5",
        ],
        [(Rule.ENDINGS, "step 5"), (Rule.ENDINGS, "step 5")],
    ),
    (
        "a lesson is lost",
        ["DELETE FROM lessons"],
        [(Rule.ENDINGS, "step 1"), (Rule.LINEAGE, "lesson 16"), (Rule.LINEAGE, "lesson 16")],
    ),
    ("finished with work open", ["UPDATE runs SET status = 'finished'"], [(Rule.ENDINGS, "step 6")]),
    ("no placement", ["UPDATE proposals SET placement = 7 WHERE step = 3"], [(Rule.ENDINGS, "step 3")]),
    ("judged twice", again("evaluations", "step = 5"), [(Rule.EVALUATIONS, "step 5")]),
    (
        "a verdict on nothing",
        ["UPDATE proposals SET operator = 'diff' WHERE step = 5"],
        [(Rule.ENDINGS, "step 5"), (Rule.EVALUATIONS, "step 5")],
    ),
    (
        "a repeat is missing",
        [
            f"DELETE FROM {table} WHERE stage = 'sealed' AND repeat = 0"
            for table in ("metrics", "artifacts", "evaluations")
        ],
        [(Rule.EVALUATIONS, "repeat 1")],
    ),
    (
        "judged on after it failed",
        [
            "UPDATE evaluations SET outcome = 'crashed' WHERE step = 4 AND stage = 'quick'",
            "DELETE FROM metrics WHERE step = 4 AND stage = 'quick'",
        ],
        [(Rule.EVALUATIONS, "step 4, stage full")],
    ),
    (
        "the same files twice",
        [
            "UPDATE programs SET (files, fingerprint) = (SELECT files, fingerprint FROM programs WHERE step = 4) "
            "WHERE step = 6"
        ],
        [(Rule.EVALUATIONS, "steps 4 to 6")],
    ),
    (
        "a paid answer is lost",
        ["UPDATE completions SET response = NULL, cost_usd = NULL"],
        [(Rule.PAYMENTS, "step 2")] * 3,
    ),
    ("money is lost", ["UPDATE completions SET cost_usd = 0.25"], [(Rule.PAYMENTS, "step 2")]),
    (
        "paid again",
        [
            "INSERT INTO calls SELECT run, step, request_hash, 3, 0, written_at, 'answered', model, detail, 0 "
            "FROM calls LIMIT 1",
            "UPDATE runs SET fence = 3",
        ],
        [(Rule.PAYMENTS, "step 2")],
    ),
    ("a transition is lost", ["DELETE FROM calls WHERE fence = 1 AND number = 0"], [(Rule.PAYMENTS, "transition 1")]),
    (
        "a failure costs",
        ["UPDATE calls SET cost_usd = 0.25 * (state = 'validated') WHERE fence = 2"],
        [(Rule.PAYMENTS, "transition 2")],
    ),
    (
        "nobody asked",
        ["UPDATE completions SET step = 8", "UPDATE calls SET step = 8"],
        [(Rule.PAYMENTS, "step 8")],
    ),
    (
        "calls of no request",
        ["UPDATE calls SET step = 8 WHERE number = 2 AND fence = 1"],
        [(Rule.PAYMENTS, "step 8"), (Rule.PAYMENTS, "step 8")],
    ),
    (
        "answered twice",
        [*again("completions", "step = 2"), "UPDATE completions SET cost_usd = 0.5, key = rowid"],
        [(Rule.PAYMENTS, "step 2")] * 2,
    ),
    (
        "an orphan",
        ["UPDATE proposals SET parent = 3 WHERE step = 4"],
        [(Rule.LINEAGE, "step 4"), (Rule.LINEAGE, "step 4")],
    ),
    ("a circle", ["UPDATE proposals SET parent = 6 WHERE step = 5"], [(Rule.LINEAGE, "step 5")]),
    (
        "a parent that was not finished",
        ["UPDATE proposals SET finished_before = 4 WHERE step IN (5, 6)"],
        [(Rule.LINEAGE, "step 5"), (Rule.LINEAGE, "step 6")],
    ),
    ("other parents", ["UPDATE programs SET parents = '0' WHERE step = 6"], [(Rule.LINEAGE, "step 6")]),
    ("no such hint", ["UPDATE proposals SET lessons = '-9' WHERE step = 6"], [(Rule.LINEAGE, "lesson -9")]),
    (
        "a file is lost",
        ["UPDATE programs SET files = CAST(replace(files, substr(files, 13, 8), '00000000') AS BLOB) WHERE step = 6"],
        [(Rule.FILES, "program 6")],
    ),
    (
        "another fingerprint",
        ["UPDATE programs SET fingerprint = zeroblob(16) WHERE step = 6"],
        [(Rule.FILES, "program 6")],
    ),
    (
        "a prompt is lost",
        ["DELETE FROM blobs WHERE hash = (SELECT request FROM completions)"],
        [(Rule.FILES, "prompt of step 2")],
    ),
    (
        "an answer is lost",
        ["DELETE FROM blobs WHERE hash = (SELECT response FROM completions)"],
        [(Rule.FILES, "answer of step 2")],
    ),
    (
        "an artifact is lost",
        ["DELETE FROM blobs WHERE hash = (SELECT blob FROM artifacts WHERE step = 2)"],
        [(Rule.FILES, "artifact of step 2")] * 2,
    ),
    ("an event is damaged", ["UPDATE events SET data = x'7b' WHERE kind = 'sealed'"], [(Rule.FILES, "event 3")]),
    (
        "feedback is damaged",
        ["UPDATE evaluations SET feedback = x'28b52ffd00' WHERE step = 5"],
        [(Rule.FILES, "feedback of step 5")],
    ),
    (
        "numbers of a crash",
        ["UPDATE evaluations SET outcome = 'crashed' WHERE stage = 'sealed' AND repeat = 1"],
        [(Rule.METRICS, "repeat 1")],
    ),
    ("valid without numbers", ["DELETE FROM metrics WHERE step = 5"], [(Rule.METRICS, "step 5")]),
    ("not a finite number", ["UPDATE metrics SET value = 9e999 WHERE step = 5"], [(Rule.METRICS, "step 5")]),
    (
        "numbers of nothing",
        ["UPDATE metrics SET repeat = 2 WHERE stage = 'sealed' AND repeat = 1"],
        [(Rule.METRICS, "repeat 1"), (Rule.METRICS, "repeat 2")],
    ),
    ("artifacts of nothing", ["UPDATE artifacts SET repeat = 7 WHERE step = 5"], [(Rule.METRICS, "artifacts: step 5")]),
    ("an old lease wrote", ["UPDATE events SET fence = 1 WHERE kind = 'sealed'"], [(Rule.FENCES, "event 3")]),
    ("a lease nobody had", ["UPDATE events SET fence = 9"], [(Rule.FENCES, "events of lease 9")]),
    (
        "calls of a lease nobody had",
        ["UPDATE calls SET fence = 9 WHERE fence = 2"],
        [(Rule.FENCES, "calls of lease 9")],
    ),
    ("half a lease", ["UPDATE runs SET expires_at = NULL"], [(Rule.FENCES, "the lease")]),
    (
        "an order taken twice",
        [
            "UPDATE events SET data = (SELECT data FROM events WHERE key = 2) WHERE key = 3",
            "UPDATE events SET kind = 'steered'",
        ],
        [(Rule.ORDERS, "the log")],
    ),
    ("an order nobody gave", ["DELETE FROM orders WHERE key = 2"], [(Rule.ORDERS, "order 2")]),
    ("an order without effect", ["UPDATE proposals SET operator = 'diff' WHERE step = 4"], [(Rule.ORDERS, "step 4")]),
    ("injected by nobody", ["UPDATE proposals SET operator = 'inject' WHERE step = 6"], [(Rule.ORDERS, "step 6")]),
)


@pytest.mark.parametrize(("statements", "expected"), [case[1:] for case in DAMAGE], ids=[case[0] for case in DAMAGE])
def test_damage_is_found(path: Path, statements: Sequence[str], expected: Sequence[tuple[Rule, str]]) -> None:
    harm(path, *statements)
    # Harm to what is counted shows in the counts as well; what harms them alone comes below.
    found = [finding for finding in checked(path) if finding.what is not Rule.COUNTS]
    assert [finding.what for finding in found] == [rule for rule, _ in expected], found
    for finding, (_, where) in zip(found, expected, strict=True):
        assert where in finding.where


COUNTS: Sequence[tuple[str, str, str]] = (
    ("a tally is lost", "DELETE FROM tallies WHERE operator = 'seed'", "attempts seed"),
    (
        "a tally is wrong",
        "UPDATE tallies SET calls = 2 WHERE operator = 'diff' AND calls = 1",
        "attempts diff m crashed",
    ),
    ("a tally costs more", "UPDATE tallies SET cost_usd = 0.6 WHERE cost_usd = 0.5", "attempts diff m crashed"),
    ("a tally of nothing", "UPDATE tallies SET run = 1, model = 'x' WHERE operator = 'rescore'", "attempts rescore"),
    ("a rank is lost", "DELETE FROM rankings WHERE step = 0", "step 0, objective 0"),
    ("a record is lost", "DELETE FROM records WHERE step = 4", "step 4, objective 0"),
    ("a record that was none", "UPDATE records SET gain = 9 WHERE step = 4", "step 4, objective 0"),
)


@pytest.mark.parametrize(("statement", "where"), [case[1:] for case in COUNTS], ids=[case[0] for case in COUNTS])
def test_counts_that_are_not_what_the_rows_say_are_found(path: Path, statement: str, where: str) -> None:
    harm(path, statement)
    found = checked(path)
    assert found and {finding.what for finding in found} == {Rule.COUNTS}
    assert all(finding.where.startswith(where) for finding in found)


def test_a_rank_of_what_did_not_score_so_is_found(path: Path) -> None:
    harm(path, "UPDATE rankings SET gain = 9 WHERE step = 4", "UPDATE records SET gain = 9 WHERE step = 4")
    told = [(finding.what, finding.expected) for finding in checked(path)]
    missing = "no rank at 9.0, as no valid program scored so"
    assert told == [(Rule.COUNTS, "a rank at 4.0"), (Rule.COUNTS, missing)]


def test_a_content_that_is_not_what_its_name_says_is_found(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        other = zstandard.compress(b"other")
        connection.execute("UPDATE blobs SET data = ? WHERE hash = (SELECT response FROM completions)", (other,))
    assert [(finding.what, finding.where) for finding in checked(path)] == [(Rule.FILES, "answer of step 2")]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("proposals", lambda info: replace(info, proposals=6)),
        ("evaluated", lambda info: replace(info, evaluated=6)),
        ("calls", lambda info: replace(info, usage=replace(info.usage, calls=2))),
        ("tokens", lambda info: replace(info, usage=replace(info.usage, tokens=16))),
        ("cost_usd", lambda info: replace(info, usage=replace(info.usage, cost_usd=0.25))),
        ("evaluation_s", lambda info: replace(info, evaluation_s=9.0)),
    ],
)
def test_totals_that_are_no_sums_are_found(path: Path, name: str, wrong: Callable[[RunInfo], RunInfo]) -> None:
    with closing(SqlStore(f"sqlite:///{path}")) as store:
        info = store.run("r")
    assert [(finding.what, finding.where) for finding in checked(path, wrong(info))] == [(Rule.TOTALS, name)]


def test_a_forked_run_may_have_gaps_in_the_steps_it_took_over_and_nowhere_else(path: Path) -> None:
    store = SqlStore(f"sqlite:///{path}")
    store.create_run(RunInfo("f", "p", "paused", {}, {}, 2.0))
    lease = store.acquire("f", "a:1:1", 60.0)
    store.append(lease, [Event("forked", {"run": "r", "attempts": 2})])
    for step, sequence in ((0, 0), (7, 1), (8, 2)):
        store.append(lease, [Selected(step, Choice(0, (), 0), "diff", sequence), applied(step, *([0] if step else []))])
        store.append(lease, [judged(step), replace(finished(step), sequence=sequence)])
    assert _of(store, path, "f") == []
    harm(path, "UPDATE runs SET holder = NULL, expires_at = NULL WHERE id = 'f'")
    lease = store.acquire("f", "a:1:1", 60.0)
    store.append(lease, [Selected(12, Choice(0, (), 0), "diff", 3)])
    assert [(finding.what, finding.where) for finding in _of(store, path, "f")] == [(Rule.STEPS, "step 12")]
    store.close()


def _of(store: SqlStore, path: Path, run: str) -> list[Finding]:
    with closing(Checker(f"sqlite:///{path}")) as checker:
        return checker.check(store.run(run))


def test_a_run_that_is_not_there_is_not_found(path: Path) -> None:
    with closing(Checker(f"sqlite:///{path}")) as checker, pytest.raises(NotFound, match="no run 'x'"):
        checker.check(RunInfo("x", "p", "running", {}, {}, 1.0))


def test_every_rule_of_the_record_is_proven_by_some_damage() -> None:
    proven = {rule for _, _, expected in DAMAGE for rule, _ in expected}
    assert proven == set(Rule) - {Rule.TOTALS, Rule.COUNTS, Rule.REPLAY}
