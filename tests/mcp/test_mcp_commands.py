from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import ConfigurationError, NotFound
from evolve.mcp.commands import Commands, Refused, name_of, path_of, settings_of


@pytest.mark.parametrize("name", ["--help", "a b", "../a", "", "a/b", "x" * 300, "-c"])
def test_no_name_is_an_option_or_a_path(name: str) -> None:
    with pytest.raises(ConfigurationError):
        name_of(name)


@pytest.mark.parametrize("path", ["--redteam", "", "a\0b", "x=${oc.env:HOME}", "a,b", "$(id)"])
def test_no_path_is_an_option_or_a_setting(path: str) -> None:
    with pytest.raises(ConfigurationError):
        path_of(path)


@pytest.mark.parametrize(
    "setting",
    [
        "sandbox._target_=os.system", "store.url=sqlite:////etc/x", "run=other", "hydra.run.dir=/tmp", "+a=1", "~llm",
        "mutation.operators.agent.command=[sh]", "mutation.workshop.network=host", "mutation.prompt.template_dir=/",
        "llm.api_base=http://elsewhere", "llm=http://elsewhere/v1#m", "llm.api_key_env=AWS_SECRET_ACCESS_KEY",
        "llm.members.cheap.api_base=x", "problem=${oc.env:KEY}", "executor=ray", "executor.address=x", "--detach",
        "search={_target_: os.system}", "sandbox.image=mine", "budget",
    ],
)  # fmt: skip
def test_what_only_people_may_set_is_refused(setting: str) -> None:
    with pytest.raises(ConfigurationError):
        settings_of([setting])


def test_ordinary_settings_pass() -> None:
    usual = ["budget.cost_usd=2", "llm=openai/gpt-5-mini", "seed=3", "search=greedy", "executor.width=2", "params.n=26"]
    assert settings_of([*usual, "mutation.weights.tune=0", "sandbox=process"])


async def test_a_command_s_words_are_the_refusal(tmp_path: Path) -> None:
    commands = Commands(f"sqlite:///{tmp_path}/evolve.db")
    assert await commands.runs() == []
    with pytest.raises(NotFound, match="nobody"):
        await commands.run("nobody")
    with pytest.raises(Refused, match="no store"):
        await commands.rows("show", "nobody")
    with pytest.raises(Refused, match=r"longer than 0\.01 s"):
        await commands.rows("runs", timeout_s=0.01)


async def test_a_run_that_cannot_begin_says_why(tmp_path: Path) -> None:
    commands = Commands(f"sqlite:///{tmp_path}/evolve.db")
    with pytest.raises(Refused, match="no_such"):
        await commands.begin("one", "run", "problem=no_such_problem", f"store.url={commands.store}", "run=one")
