"""What TensorBoard shows of a run, read back from its files by its own reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import evolve
from evolve.errors import StoreError
from evolve.tracking.follower import send
from evolve.tracking.tensorboard_tracker import TensorboardTracker
from tests.tracking.tracking_support import RUN, go_on, small_run


def _scalars(folder: Path, tag: str) -> list[tuple[int, float]]:
    read = EventAccumulator(str(folder))
    read.Reload()
    return [(event.step, event.value) for event in read.Scalars(tag)]


def test_a_run_is_a_folder_of_scalars_and_a_resumed_one_adds_to_it(tmp_path: Path) -> None:
    store = small_run(3)
    assert send(TensorboardTracker(str(tmp_path)), store, RUN.id) == 3
    go_on(store, 3, 5)
    assert send(TensorboardTracker(str(tmp_path)), store, RUN.id) == 2
    assert _scalars(tmp_path / "run-1", "best/score") == [(0, 1.0), (1, 3.0), (2, 3.0), (3, 4.0), (4, 4.0)]
    assert _scalars(tmp_path / "run-1", "score/time_of_it__s")[-1] == (4, 6.0)


@pytest.mark.parametrize(("text", "said"), [('{"run": "other", "told": 3}', "of run 'other'"), ("x", "not what a")])
def test_a_folder_that_is_not_the_run_s_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run-1").mkdir()
    (tmp_path / "run-1" / "told.json").write_text(text)
    with pytest.raises(StoreError, match=said):
        send(TensorboardTracker(str(tmp_path)), small_run(1), RUN.id)


def test_a_run_that_works_is_followed_and_a_resumed_one_continued(tmp_path: Path) -> None:
    store, folder = tmp_path / "e.db", tmp_path / "board"
    chosen = ["tracker=tensorboard", f"trackers.tensorboard.folder={folder}"]
    where = {"store": store, "run": "live"}
    first = evolve.optimize("circle_packing", "6 evaluations", params={"n": 4}, overrides=chosen, **where)  # type: ignore[arg-type]
    more = evolve.resume("live", "9 evaluations", store=store)
    assert first.spent.evaluations == 6
    counted = _scalars(folder / "live", "evaluations")
    assert [step for step, _ in counted] == list(range(len(more.history)))
    assert counted[-1][1] == more.spent.evaluations == 9
    best = [value for value in more.history["best"] if value is not None]
    assert [value for _, value in _scalars(folder / "live", "best/sum_radii")] == pytest.approx(best)
