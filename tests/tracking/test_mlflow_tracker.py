"""What MLflow has of a run, read back from its database by its own client."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from evolve.tracking.follower import send
from evolve.tracking.mlflow_tracker import MlflowTracker
from tests.tracking.tracking_support import RUN, go_on, small_run

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")  # of MLflow's own store


def test_a_run_is_a_run_there_and_a_resumed_one_goes_on_with_it(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    store = small_run(3)
    assert send(MlflowTracker(uri), store, RUN.id) == 3
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("evolve/packing")
    assert experiment is not None
    (paused,) = client.search_runs([experiment.experiment_id])
    assert (paused.info.status, paused.info.run_name) == ("KILLED", "run-1")
    assert paused.data.params == {"seed": "1", "search.width": "3"}
    assert paused.data.tags["evolve.run"] == "run-1"

    go_on(store, 3, 5, status="finished")
    assert send(MlflowTracker(uri), store, RUN.id, already=3) == 2
    other = replace(RUN, id="run-2")
    assert send(MlflowTracker(uri), small_run(1, other), other.id) == 1
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == ["run-1", "run-2"]
    found = runs["run-1"]
    assert (found.info.run_id, found.info.status) == (paused.info.run_id, "FINISHED")
    best = client.get_metric_history(found.info.run_id, "best/score")
    assert sorted((metric.step, metric.value) for metric in best) == [(0, 1.0), (1, 3.0), (2, 3.0), (3, 4.0), (4, 4.0)]
    assert found.data.metrics["cost_usd"] == 1.25
    assert found.data.metrics["best/time_of_it__s"] == 6.0
