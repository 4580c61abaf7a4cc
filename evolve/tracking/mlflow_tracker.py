"""MLflow: a run of an experiment, with its settings as parameters and its course as metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolve.interfaces import RunInfo, Told
from evolve.tracking.packages import need
from evolve.tracking.scalars import flat, place_of, scalars

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEY = "evolve.key"  # filters take no quotation marks: stands for the id, which may hold any character
_AT_ONCE = 900  # metrics; a server takes 1000
_LONGEST_VALUE = 500
_STATUS = {"finished": "FINISHED", "paused": "KILLED", "failed": "FAILED"}


class MlflowTracker:
    """Writes to an MLflow server, database or folder.

    The run there carries the id of ours as the tag ``evolve.run``; a resumed run finds it again by ``evolve.key``.

    Args:
        uri: of the tracking server or store; None for what MLflow itself takes ($MLFLOW_TRACKING_URI). Passwords belong
            in MLflow's own variables: settings are on record.
        experiment: its name; None for ``evolve/PROBLEM``.
    """

    afterwards = True

    def __init__(self, uri: str | None = None, experiment: str | None = None) -> None:
        need("mlflow", "mlflow")
        self._uri = uri
        self._experiment = experiment
        self._client: MlflowClient | None = None
        self._run = ""

    def begin(self, run: RunInfo, already: int) -> int:
        """Find the run's counterpart, or create it; return how many attempts it has."""
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=self._uri)
        found = self._client.search_runs([self._experiment_id(run)], f"tags.`{_KEY}` = '{place_of(run.id)}'")
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return int(found[0].data.metrics.get("attempts", 0))
        self._create(run)
        return 0

    def tell(self, told: Sequence[Told]) -> None:
        """Log metrics; their step is the attempt's number in the order of ending, their time that of its end."""
        from mlflow.entities import Metric

        assert self._client is not None
        metrics = [
            Metric(name, value, int(1000 * item.row.finished_at), item.row.sequence)
            for item in told
            for name, value in scalars(item).items()
        ]
        for start in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(self._run, metrics=metrics[start : start + _AT_ONCE])

    def end(self, run: RunInfo) -> None:
        """Set the run's status: KILLED for one that is paused."""
        assert self._client is not None
        self._client.set_terminated(self._run, _STATUS.get(run.status, "RUNNING"))

    def close(self) -> None:
        """Forget the client."""
        self._client = None

    def _experiment_id(self, run: RunInfo) -> str:
        assert self._client is not None
        name = self._experiment or f"evolve/{run.problem}"
        known = self._client.get_experiment_by_name(name)
        return str(known.experiment_id if known is not None else self._client.create_experiment(name))

    def _create(self, run: RunInfo) -> None:
        from mlflow.entities import Param

        assert self._client is not None
        tags = {
            "evolve.run": run.id,
            _KEY: place_of(run.id),
            "evolve.problem": run.problem,
            "evolve.version": str(run.provenance.get("version", "")),
        }
        made = self._client.create_run(
            self._experiment_id(run), start_time=int(1000 * run.created_at), tags=tags, run_name=run.id
        )
        self._run = made.info.run_id
        params = [Param(key, str(value)[:_LONGEST_VALUE]) for key, value in flat(run.config)]
        for start in range(0, len(params), 100):
            self._client.log_batch(self._run, params=params[start : start + 100])
