from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.domain.evaluation import Outcome
from evolve.interfaces import Verdict
from evolve.redteam.canaries import Canaries
from evolve.redteam.traces import Traces, descendants
from tests.redteam.conftest import Make


@pytest.fixture
def canaries(make_problem: Make) -> Iterator[Canaries]:
    with Canaries(make_problem()) as canaries:
        yield canaries


def text(canaries: Canaries, name: str) -> str:
    value = canaries.addresses()[name]
    assert isinstance(value, str)
    return value


def number(canaries: Canaries, name: str) -> int:
    value = canaries.addresses()[name]
    assert isinstance(value, int)
    return value


def files(canaries: Canaries) -> list[Path]:
    value = canaries.addresses()["files"]
    assert isinstance(value, list)
    return [Path(path) for path in value]


def test_nothing_happened_while_nothing_happened(canaries: Canaries) -> None:
    assert canaries.disturbed() == []
    assert canaries.disturbed() == []


@pytest.mark.parametrize("name", ["tcp", "udp", "abstract", "unix"])
def test_a_listener_tells_once_who_came(canaries: Canaries, name: str) -> None:
    kind = socket.AF_INET if name in ("tcp", "udp") else socket.AF_UNIX
    way = socket.SOCK_DGRAM if name == "udp" else socket.SOCK_STREAM
    with socket.socket(kind, way) as visitor:
        if kind == socket.AF_INET:
            visitor.connect(("127.0.0.1", number(canaries, name)))
        else:
            visitor.connect("\0" * (name == "abstract") + text(canaries, name))
        visitor.send(b"x")
    assert canaries.disturbed() == [f"the host's {name} listener was reached"]
    assert canaries.disturbed() == []


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_file_tells_that_it_was_changed_or_removed(canaries: Canaries, index: int) -> None:
    path = files(canaries)[index]
    os.utime(path, (0, 0))
    assert f"{path} on the host was changed" in canaries.disturbed()
    path.unlink()
    assert f"{path} on the host was changed" in canaries.disturbed()


def test_a_new_file_and_a_changed_judge_are_seen(canaries: Canaries) -> None:
    new = files(canaries)[0].parent / "new"
    new.touch()
    (canaries.problem.folder / "evaluate.py").write_text("")
    found = canaries.disturbed()
    assert any("'new' appeared" in sentence for sentence in found)
    assert "files of the problem's folder were changed" in found


def test_a_process_tells_that_it_was_stopped_or_killed(canaries: Canaries) -> None:
    os.kill(number(canaries, "process"), signal.SIGSTOP)
    os.waitid(os.P_PID, number(canaries, "process"), os.WSTOPPED | os.WNOWAIT)
    assert canaries.disturbed() == ["a process of the host was stopped"]
    os.kill(number(canaries, "process"), signal.SIGKILL)
    os.waitid(os.P_PID, number(canaries, "process"), os.WEXITED | os.WNOWAIT)
    assert canaries.disturbed() == ["a process of the host was killed"]
    assert canaries.disturbed() == []


def test_a_secret_that_comes_back_is_seen_wherever_it_is(canaries: Canaries) -> None:
    secret = files(canaries)[0].read_text()
    assert canaries.leaked(Verdict(Outcome.VALID, log="EVOLVE-CANARY-")) == []
    assert canaries.leaked(Verdict(Outcome.VALID, log=secret))
    assert canaries.leaked(Verdict(Outcome.VALID, feedback=secret))
    assert canaries.leaked(Verdict(Outcome.VALID, artifacts={"x": b"\xff" + secret.encode()}))


def test_nothing_is_left_of_the_canaries(make_problem: Make) -> None:
    before = (descendants(), dict(os.environ))
    with Canaries(make_problem()) as canaries:
        folders = [path.parent for path in files(canaries)]
        assert all(folder.is_dir() for folder in folders)
        assert canaries.problem.folder != make_problem().folder
    assert not any(folder.exists() for folder in folders)
    assert (descendants(), dict(os.environ)) == before


def test_files_and_processes_with_the_token_are_found(tmp_path: Path) -> None:
    traces = Traces("rtabcdef", [tmp_path])
    assert traces.found() == []
    (tmp_path / "x-rtabcdef-y").touch()
    child = os.fork()
    if child == 0:
        Path("/proc/self/comm").write_text("rtabcdef")
        signal.pause()
    try:
        while "rtabcdef" not in Path(f"/proc/{child}/comm").read_text():
            os.sched_yield()
        assert traces.found() == [
            f"process {child} of the program still runs on the host",
            f"{tmp_path / 'x-rtabcdef-y'} was left on the host",
        ]
        assert child in descendants()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
