"""The red-team suite's attacks on what lies around a program, run as the agent."""

from __future__ import annotations

import os
import re
import secrets

import pytest

from evolve.problem_library import load_problem
from evolve.redteam.attack import Attack, Family, bundled_attacks
from evolve.redteam.canaries import Canaries
from evolve.redteam.program import Surroundings, compose
from tests.agents.agent_support import NotingDesk, Studio, maker

# The first ends every process of its user, the session's own host among them, and has a test of its own in
# test_workshop.py; the others are about files and limits of a program that a judge calls.
ELSEWHERE = {"reach/signals", "reach/file_names", "reach/limits"}
EACH_S = 8
# An agent has several processes, and may look into those that are its own.
OWN = re.compile(
    r"BREACH: (?:environment|follow \S+|list \w+|read \w+) of process (\d+)|BREACH: read /proc/(\d+)/cwd/\."
)
# What leads nowhere but to its own loopback: that nothing arrived, the canaries tell.
LOOPBACK = re.compile(r"BREACH: (?:socket (?:inet6?|unix) |listen |reach udp6? )")
SUMMARY = """
import re
lines = open("log", errors="replace").read().splitlines()
print(*[line for line in lines if line.startswith("BREACH")], sep="\\n")
print(sum(line.startswith("HELD") for line in lines), "held")
print(lines[-1])
"""


def reaching() -> list[Attack]:
    return [a for a in bundled_attacks() if a.family is Family.REACH and a.name.partition("[")[0] not in ELSEWHERE]


@pytest.mark.parametrize(("kind", "sockets"), [("process", False), ("docker", True)])
async def test_no_attack_run_as_the_agent_gets_out(kind: str, sockets: bool, request: pytest.FixtureRequest) -> None:
    with Canaries(load_problem("circle_packing", {})) as canaries:
        surroundings = Surroundings(f"t{secrets.token_hex(4)}", canaries.addresses())
        programs = {
            f"attack{number:02}.py": compose(canaries.problem, surroundings, attack.code, attack.variant)
            for number, attack in enumerate(reaching())
        }
        session = await Studio(maker(kind, request, sockets)).run(
            f"for a in attack*.py; do timeout -s KILL {EACH_S} python3 $a >> log 2>&1; done; echo all done >> log;"
            f"python3 -c '{SUMMARY}'",
            files=programs,
            wall_s=120.0,
        )
        assert canaries.disturbed() == []
    assert session.output.endswith("held\nall done\n"), session
    assert int(session.output.split()[-4]) > 300  # refused, each by the system
    assert "EVOLVE-CANARY" not in session.output
    not_own = {"1", str(canaries.process), str(os.getpid())}
    for line in session.output.splitlines():
        own = OWN.match(line)
        allowed = not line.startswith("BREACH") or (own is not None and not not_own & set(own.groups()))
        assert allowed or (sockets and LOOPBACK.match(line)), line


async def test_an_agent_finds_neither_judge_nor_broker(request: pytest.FixtureRequest) -> None:
    problem = load_problem("circle_packing", {})
    desk = NotingDesk()
    session = await Studio(maker("process", request, False)).run(
        f"cat {problem.folder}/evaluate.py; ls {problem.folder} {problem.folder.parent}; ls /tmp /proc; env",
        desk,
    )
    assert "def evaluate" not in session.output and "problem.yaml" not in session.output
    assert "evolve-desk" not in session.output
    assert "KEY" not in session.output and desk.evaluated == []
