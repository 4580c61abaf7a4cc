"""What W&B is sent of a run, read back from the files that it writes offline."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

from evolve.tracking.follower import send
from evolve.tracking.wandb_tracker import WandbTracker
from tests.tracking.tracking_support import RUN, go_on, small_run

_BLOCK, _HEAD, _FILE_HEAD = 32768, 7, 7
_WAIT_S = 60.0
_RECORD = vars(wandb_internal_pb2)["Record"]  # made when the module is loaded


def _records(path: Path) -> Iterator[Any]:
    """Yield what a file holds: records in the log format of LevelDB, whole or in parts (first 2, middle 3, last 4)."""
    data, at, parts = path.read_bytes(), _FILE_HEAD, b""
    while at + _HEAD <= len(data):
        if _BLOCK - at % _BLOCK < _HEAD:
            at += _BLOCK - at % _BLOCK
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + _HEAD : at + _HEAD + size]
        at += _HEAD + size
        if kind in (1, 4):
            yield _RECORD.FromString(parts)
            parts = b""


def _all_records(folder: Path, sessions: int) -> list[Any]:
    """Wait for the ends of sessions, which W&B's service writes a little later; return what they wrote."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        records = [record for file in sorted(folder.rglob("run-run-1.wandb")) for record in _records(file)]
        if sum(record.WhichOneof("record_type") == "exit" for record in records) == sessions:
            return records
        assert time.monotonic() < deadline, "the sessions never ended"
        time.sleep(0.1)


def test_a_run_is_a_run_there_and_a_resumed_one_goes_on_under_its_id(tmp_path: Path) -> None:
    store = small_run(3)
    assert send(WandbTracker(mode="offline", folder=str(tmp_path)), store, RUN.id) == 3
    go_on(store, 3, 5, status="finished")
    assert send(WandbTracker(mode="offline", folder=str(tmp_path)), store, RUN.id) == 2
    records = _all_records(tmp_path, sessions=2)
    named = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    assert {(run.run_id, run.project, run.display_name) for run in named} == {("run-1", "evolve-packing", "run-1")}
    settings = {item.key: json.loads(item.value_json) for item in named[0].config.update}
    assert settings["search"] == {"width": 3}
    rows = [
        {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]
    assert [row["_step"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["best/score"] for row in rows] == [1.0, 3.0, 3.0, 4.0, 4.0]
    assert rows[-1]["cost_usd"] == 1.25
