from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evolve.errors import StoreLocked
from evolve.store.holder import is_gone, refuse_if_held, this_holder

PRINT_HOLDER = (
    "import sys; from evolve.store.holder import this_holder; print(this_holder(), flush=True); sys.stdin.read()"
)


@pytest.fixture
def child() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PRINT_HOLDER], stdin=-1, stdout=-1, text=True)


def test_this_process_is_not_gone() -> None:
    assert this_holder() == this_holder()
    assert not is_gone(this_holder())


def test_a_process_is_gone_when_it_ends_even_before_its_parent_notices(child: subprocess.Popen[str]) -> None:
    with child:
        assert child.stdout is not None
        holder = child.stdout.readline().strip()
        assert not is_gone(holder)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie: nobody has collected it
        assert is_gone(holder)
    assert is_gone(holder)


def test_another_process_with_the_same_pid_is_not_the_holder() -> None:
    host, pid, started = this_holder().rsplit(":", 2)
    assert is_gone(f"{host}:{pid}:{int(started) + 1}")


@pytest.mark.parametrize("offset_s", ["86400", "-60"])
def test_a_holder_lives_whatever_the_clock_of_whoever_asks_is_set_to(offset_s: str) -> None:
    """In a time namespace every process seems to have started at another time."""
    look = f"from evolve.store.holder import is_gone; print(is_gone({this_holder()!r}))"
    as_root = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    command = ("unshare", *as_root, "--time", "--boottime", offset_s, sys.executable, "-c", look)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("holder", ["elsewhere:1:1", "alice", "", "a:b", "a:b:c"])
def test_nothing_is_known_of_other_machines_and_other_names(holder: str) -> None:
    assert not is_gone(holder)


def test_the_refusal_names_the_holder_and_the_time_left() -> None:
    with pytest.raises(StoreLocked, match=r"'r'.*elsewhere:1:1.*12 s"):
        refuse_if_held("r", "me", "elsewhere:1:1", 12.0)
