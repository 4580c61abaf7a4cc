from __future__ import annotations

from pathlib import Path

import pytest

from evolve.conformance.tracker import TrackerSuite
from tests.tracking.tracking_support import Make, Notes, makers

NAMES = ("mlflow", "notes", "otel", "prometheus", "tensorboard", "wandb")


@pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")  # of MLflow's own store
@pytest.mark.parametrize("name", NAMES)
class TestTrackers(TrackerSuite):
    @pytest.fixture
    def make(self, name: str, tmp_path: Path) -> Make:
        return {**makers(tmp_path), "notes": Notes}[name]

    @pytest.fixture
    def goes_on(self, name: str) -> bool:
        return name in ("mlflow", "otel", "tensorboard", "wandb")
