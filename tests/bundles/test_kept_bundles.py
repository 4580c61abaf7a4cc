"""Bundles that earlier versions wrote: every later one has to open, show, check and export them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from evolve import wiring
from evolve.account.champion import champion
from evolve.bundles import trust
from evolve.bundles.bundle import make_bundle, open_bundle, verify_bundle
from evolve.bundles.trust import settings_of
from evolve.controller.exhibits import Exhibits
from evolve.controller.replay import Difference, Replay
from evolve.controller.retention import prunable_steps
from evolve.errors import ConfigurationError
from evolve.interfaces import Prunable, RunInfo, Store
from evolve.store.exporting import Form, export_run
from evolve.store.importing import import_folder
from evolve.store.memory import MemoryStore
from tests.conformance.stores import KINDS, store_maker

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "bundles"
KEPT = sorted(FOLDER.glob("*.evolve"))
FIRST = FOLDER / "r0001.evolve"


@pytest.fixture
def opened(tmp_path: Path) -> tuple[MemoryStore, RunInfo]:
    store = MemoryStore()
    return store, open_bundle(store, FIRST, tmp_path / "opened")


def replayed(store: Store, info: RunInfo) -> tuple[Difference | None, Replay]:
    parts = wiring.build(settings_of(info))
    again = Replay(
        store=store,
        run=info.id,
        decisions=parts.decisions(Exhibits(store, info.id, parts.problem)),
        model=parts.model,
        novelty=parts.novelty,
    )
    return asyncio.run(again.first_difference()), again


def test_there_is_one_of_each_format() -> None:
    assert FIRST in KEPT
    assert all(path.stat().st_size < 200_000 for path in KEPT)


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_and_is_whole(file: Path, kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found = verify_bundle(file)
    assert (found.findings, found.has_problem) == ((), True)
    server = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    store = store_maker(kind, tmp_path, server)("kept")
    info = open_bundle(store, file, tmp_path / "opened")
    assert store.questions().status(info.id).proposals == found.attempts == 45
    assert champion(store, info, wiring.problem_of(info)).evaluation.metrics["sum_radii"] > 0
    export_run(store, info.id, tmp_path / "export", Form.JSONL)
    other = MemoryStore()
    import_folder(other, tmp_path / "export")
    assert list(other.entries(info.id)) == list(store.entries(info.id))
    make_bundle(store, info.id, tmp_path / "again.evolve", wiring.problem_of(info).folder)
    assert verify_bundle(tmp_path / "again.evolve").findings == ()
    store.close()


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_it_replays_or_says_exactly_why_not(file: Path, tmp_path: Path) -> None:
    store = MemoryStore()
    info = open_bundle(store, file, tmp_path / "opened")
    try:
        difference, again = replayed(store, info)
    except ConfigurationError as error:
        assert "which no preset of this version names" in str(error), error  # a class that is gone
        return
    assert (difference, again.untold) == (None, {})


def test_what_names_a_class_that_is_gone_can_be_looked_at_and_says_why_it_is_not_replayed(
    opened: tuple[MemoryStore, RunInfo],
) -> None:
    store, info = opened
    gone = replace(info, config={**info.config, "search": {"_target_": "evolve.search.gone.Gone"}})
    with pytest.raises(ConfigurationError, match=r"search\._target_ is 'evolve\.search\.gone\.Gone'"):
        settings_of(gone)
    assert champion(store, gone, wiring.problem_of(gone)).evaluation.outcome == "valid"


def test_what_names_a_class_that_was_renamed_replays(
    opened: tuple[MemoryStore, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, info = opened
    search = dict(info.config["search"])  # type: ignore[call-overload]
    older = replace(info, config={**info.config, "search": {**search, "_target_": "evolve.search.old.Isles"}})
    renamed = {"evolve.search.old.Isles": str(search["_target_"])}
    assert settings_of(older, renamed) == settings_of(info)
    assert trust.RENAMED.keys().isdisjoint(trust.known_targets()), "a name that is in use again must not be rewritten"
    assert replayed(store, info)[0] is None


# ── after pruning ─────────────────────────────────────────────────────────────────────────────
def pruned(store: Store, info: RunInfo, *what: Prunable) -> list[int]:
    steps = prunable_steps(store, info.id, keep_elites=True, keep_last=5)
    lease = store.acquire(info.id, "elsewhere:1:1", 60.0)
    store.prune(lease, what, steps)
    store.release(lease, info.elapsed_s, info.status)
    return steps


def test_a_run_without_its_prompts_replays_as_before(opened: tuple[MemoryStore, RunInfo]) -> None:
    store, info = opened
    assert len(pruned(store, info, Prunable.PROMPTS)) > 20
    difference, again = replayed(store, info)
    assert (difference, again.untold) == (None, {})


def test_attempts_without_their_answers_are_named_and_are_no_difference(opened: tuple[MemoryStore, RunInfo]) -> None:
    store, info = opened
    asked = {attempt.selected.step for attempt in store.history(info.id) if attempt.usage.calls}
    steps = pruned(store, info, Prunable.ANSWERS)
    difference, again = replayed(store, info)
    assert difference is None
    assert again.untold == {Prunable.ANSWERS: sorted(asked & set(steps))}


def test_prompts_that_showed_artifacts_which_are_gone_are_no_difference(opened: tuple[MemoryStore, RunInfo]) -> None:
    store, info = opened
    lease = store.acquire(info.id, "elsewhere:1:1", 60.0)
    store.prune(lease, {Prunable.ARTIFACTS}, range(45))
    difference, again = replayed(store, info)
    assert difference is None
    assert len(again.untold.get(Prunable.ARTIFACTS, ())) > 0


def test_a_rule_keeps_elites_and_the_latest(opened: tuple[MemoryStore, RunInfo]) -> None:
    store, info = opened
    placed = {attempt.selected.step for attempt in store.history(info.id) if attempt.finished.placement}
    told = [attempt.selected.step for attempt in store.history(info.id)]
    steps = prunable_steps(store, info.id, keep_elites=True, keep_last=5)
    assert not set(steps) & ({0, *placed} | set(told[-5:]))
    assert len(steps) == len(set(told) - {0, *placed} - set(told[-5:]))
    assert prunable_steps(store, info.id, keep_elites=False, keep_last=0) == sorted(told)
