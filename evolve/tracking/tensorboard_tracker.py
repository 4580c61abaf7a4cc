"""TensorBoard: scalars in event files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.interfaces import RunInfo, Told
from evolve.tracking.marks import Mark
from evolve.tracking.packages import need
from evolve.tracking.scalars import place_of, scalars

if TYPE_CHECKING:
    from tensorboard.summary.writer.event_file_writer import EventFileWriter


class TensorboardTracker:
    """Writes event files to a folder for each run: ``tensorboard --logdir FOLDER``.

    Args:
        folder: that holds the folders of runs.
    """

    afterwards = True

    def __init__(self, folder: str = "runs/tensorboard") -> None:
        need("tensorboard", "tensorboard")
        self._folder = folder
        self._mark: Mark | None = None
        self._writer: EventFileWriter | None = None

    def begin(self, run: RunInfo, already: int) -> int:
        """Add a file of events to the run's folder; return how many attempts the others have."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        place = Path(self._folder) / place_of(run.id)
        place.mkdir(parents=True, exist_ok=True)
        (place / "settings.json").write_text(json.dumps(dict(run.config), indent=1), "utf-8")
        self._mark = Mark(place / "told.json", run.id)
        self._writer = EventFileWriter(str(place))
        return self._mark.told()

    def tell(self, told: Sequence[Told]) -> None:
        """Write scalars; their step is the attempt's number in the order of ending, their time that of its end."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        assert self._writer is not None and self._mark is not None
        for item in told:
            values = [Summary.Value(tag=name, simple_value=value) for name, value in scalars(item).items()]
            event = Event(wall_time=item.row.finished_at, step=item.row.sequence, summary=Summary(value=values))
            self._writer.add_event(event)
        self._writer.flush()
        self._mark.set(told[-1].row.sequence + 1)

    def end(self, run: RunInfo) -> None:
        """Nothing more: a folder of events has no status."""

    def close(self) -> None:
        """Close the file of events."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
