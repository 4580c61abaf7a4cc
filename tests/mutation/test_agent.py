from __future__ import annotations

from dataclasses import replace

import pytest

from evolve.errors import ConfigurationError, ProposalRejected
from evolve.interfaces import Commission, Session, SessionEnd, needs_workshop
from evolve.mutation.agent import Agent
from evolve.mutation.prompt import PromptBuilder
from evolve.mutation.syntax import Syntax
from tests.mutation.model_context import context

FILES = {"main.py": "x = 1\n# EVOLVE-BLOCK-START\ny = 2\n# EVOLVE-BLOCK-END\n"}


def make(command: tuple[str, ...] = ("agent",), evaluations: int = 3, wall_s: float = 60.0) -> Agent:
    return Agent(PromptBuilder(), command=command, evaluations=evaluations, wall_s=wall_s)


async def drafted(session: Session) -> tuple[dict[str, object], Commission]:
    seen: list[Commission] = []

    async def engage(commission: Commission) -> Session:
        seen.append(commission)
        return session

    draft = await make().propose(replace(context(FILES), engage=engage))
    return {**draft.detail, "files": draft.files}, seen[0]


def session(files: dict[str, str], end: SessionEnd = SessionEnd.EXITED, why: str = "") -> Session:
    return Session(end=end, exit_code=0, files=files, output="trying\nmade y larger\n\n", why=why, others=("note.txt",))


async def test_what_is_left_in_the_checkout_is_the_draft() -> None:
    changed = {"main.py": FILES["main.py"].replace("y = 2", "y = 3")}
    told, commission = await drafted(session(changed))
    assert told["files"] == changed
    assert told["summary"] == "made y larger"
    assert told["session"] == {"ended": "exited", "exit_code": 0, "others": ["note.txt"]}
    assert commission.files == FILES and commission.command == ("agent",)
    assert "`evolve eval`" in commission.task and "you have 3 of these" in commission.task
    assert "evolve ask" not in commission.task  # the run has no model
    assert "SEARCH" not in commission.task


@pytest.mark.parametrize(
    ("left", "cause"),
    [
        (session(FILES), "unchanged"),
        (session({}), "unknown_file"),
        (session({"main.py": "x = 2\n" + FILES["main.py"][6:]}), "outside_block"),
        (session({"main.py": FILES["main.py"].replace("y = 2", "y = (")}), "syntax_error"),
        (session({}, SessionEnd.LOST, "the program was killed"), "session_lost"),
    ],
)
async def test_what_could_be_no_program_is_refused(left: Session, cause: str) -> None:
    with pytest.raises(ProposalRejected) as rejected:
        await drafted(left)
    assert rejected.value.cause == cause


async def test_without_a_workshop_there_is_no_agent() -> None:
    with pytest.raises(ConfigurationError, match="no workshop"):
        await make().propose(context(FILES))


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"agent\.command"):
        make(())
    with pytest.raises(ConfigurationError, match="wall_s"):
        make(wall_s=0.0)


def test_only_agents_need_a_workshop() -> None:
    assert needs_workshop(make()) and not needs_workshop(Syntax())
