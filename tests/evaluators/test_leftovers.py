from __future__ import annotations

import os
from pathlib import Path

from evaluators.leftovers import Cleaner


def test_everything_is_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    (outside / "kept").touch()
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("x")
    (folder / "a" / "link").symlink_to(outside)
    (folder / "link").symlink_to(outside)
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "closed").mkdir(mode=0o000)
    assert Cleaner([str(folder)], uid=-1).clean()
    assert not list(folder.iterdir())
    assert (outside / "kept").exists()


def test_depth_is_no_obstacle(tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(1500):
            Path("deep").mkdir()
            os.chdir("deep")
    finally:
        os.chdir(here)
    assert Cleaner([str(tmp_path)], uid=-1).clean()
    assert not list(tmp_path.iterdir())


def test_no_name_that_a_program_can_choose_is_in_the_way(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f".removed-{os.getpid()}-{number}" / "inside" / "deeper").mkdir(parents=True)
    assert Cleaner([str(tmp_path)], uid=-1).clean()
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_cleaned_is_reported(tmp_path: Path) -> None:
    assert not Cleaner([str(tmp_path / "missing")], uid=-1).clean()


def test_what_belongs_to_the_system_stays(tmp_path: Path) -> None:
    (tmp_path / "way").mkdir()
    (tmp_path / "left").write_text("behind")
    assert Cleaner([str(tmp_path)], -1, [f"{tmp_path}/way"]).clean()
    assert [path.name for path in tmp_path.iterdir()] == ["way"]
