"""The same on PostgreSQL, and the database server killed and started again in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.campaign import CONTROLLER, DATABASE, Kill, Life, Tally, live
from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene, staged
from tests.chaos.stopping import Moment, When
from tests.postgres import Server

KILLS = (
    Kill(CONTROLLER, Moment("run created", When.AFTER)),
    Kill(CONTROLLER, Moment("completed", When.WITHIN)),
    Kill(DATABASE, delay_s=0.1),
    Kill(CONTROLLER, Moment("evaluated(full)", When.AFTER)),
    Kill(CONTROLLER, Moment("placed", When.WITHIN)),
    Kill(DATABASE, delay_s=0.25),
)


@pytest.fixture
def scene(tmp_path: Path, postgres_url: str) -> Iterator[Scene]:
    with staged(tmp_path, postgres_url) as scene:
        yield scene


def test_nothing_is_lost_or_done_again_when_controllers_and_the_database_are_killed(
    nursery: Nursery, scene: Scene, postgres_server: Server
) -> None:
    tally = Tally()
    live(Life(scene, nursery, postgres_server), KILLS, tally)
    assert tally.complaints == {}
    assert tally.kills.total() == len(KILLS)
