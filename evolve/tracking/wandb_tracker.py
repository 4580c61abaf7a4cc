"""Weights & Biases: a run of a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from evolve.interfaces import RunInfo, Told
from evolve.tracking.marks import Mark
from evolve.tracking.packages import need
from evolve.tracking.scalars import place_of, scalars

if TYPE_CHECKING:
    from wandb.sdk.wandb_run import Run


class WandbTracker:
    """Logs to a W&B project. The id of the run there is that of ours, by which a resumed run goes on with it.
    What is logged is handed to W&B's own process, which writes and sends it a little later.

    Args:
        project: its name; None for ``evolve-PROBLEM``.
        entity: whose project; None for the usual one of the key.
        mode: ``online``, or ``offline`` for files that ``wandb sync`` sends later.
        folder: where it writes its files; how far it got stands there too.
    """

    afterwards = True

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["online", "offline"] = "online",
        folder: str = "runs/wandb",
    ) -> None:
        need("wandb", "wandb")
        self._project = project
        self._entity = entity
        self._mode = mode
        self._folder = folder
        self._mark: Mark | None = None
        self._run: Run | None = None

    def begin(self, run: RunInfo, already: int) -> int:
        """Go on with the run of this id, or begin it; return how many attempts were logged from this folder."""
        import wandb

        folder = Path(self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = place_of(run.id)
        self._mark = Mark(folder / f"{name}.told.json", run.id)
        told = self._mark.told()
        self._run = wandb.init(
            project=self._project or f"evolve-{run.problem}",
            entity=self._entity,
            id=name,
            name=run.id,
            config=dict(run.config),
            dir=str(folder),
            mode=self._mode,
            resume="allow" if self._mode == "online" else None,  # files of one id are joined when they are sent
            settings=wandb.Settings(
                silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True
            ),
        )
        return told

    def tell(self, told: Sequence[Told]) -> None:
        """Log numbers; their step is the attempt's number in the order of ending."""
        assert self._run is not None and self._mark is not None
        for item in told:
            self._run.log({**scalars(item), "finished_at": item.row.finished_at}, step=item.row.sequence)
        self._mark.set(told[-1].row.sequence + 1)

    def end(self, run: RunInfo) -> None:
        """Note the status, and end the session there."""
        assert self._run is not None
        self._run.summary["status"] = run.status
        self._run.finish(exit_code=1 if run.status == "failed" else 0)
        self._run = None

    def close(self) -> None:
        """End the session there."""
        if self._run is not None:
            self._run.finish(exit_code=1)
            self._run = None
