"""The disk of the store is full in the middle of a run: a small file system in memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.campaign import PLENTY
from tests.chaos.controllers import Nursery
from tests.chaos.scene import Scene

SMALL, LARGE = "900k", "64m"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that holds little."""
    if os.geteuid() != 0:
        missing = "a file system of one's own needs root"
        pytest.fail(missing) if os.environ.get("EVOLVE_TEST_ENGINE") == "1" else pytest.skip(missing)
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ("mount", "-t", "tmpfs", "-o", f"size={SMALL}", "evolve-chaos", str(folder))
    subprocess.run(mounted, check=True)
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


def test_a_run_whose_disk_is_full_says_so_and_goes_on_when_there_is_room(
    nursery: Nursery, scene: Scene, disk: Path
) -> None:
    scene = replace(scene, url=f"sqlite:///{disk}/e.db")
    ledger = scene.ledger()
    controller = nursery.start(*scene.run(PLENTY), "--quiet")
    assert controller.until(lambda: "disk is full" in controller.said()), controller.said()
    subprocess.run(("mount", "-o", f"remount,size={LARGE}", str(disk)), check=True)
    before = scene.witness().judged()
    assert controller.until(lambda: scene.witness().judged() > before + 10), controller.said()
    controller.kill()
    ledger.after_kill()
    assert nursery.start(*scene.resume(ledger.last.finished + 5)).wait() == 0
    ledger.at_the_end()
    assert ledger.complaints == []
