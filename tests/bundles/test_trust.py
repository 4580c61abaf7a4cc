"""What is made of settings that somebody else wrote, and of those that an older version wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hydra.utils import get_object

from evolve import configuration
from evolve.bundles.trust import FORMER, OPENED, known_targets, refusals, refuse_to_work_on, settings_of
from evolve.errors import ConfigurationError
from evolve.interfaces import RunInfo
from evolve.paths import bundled

GREEDY = "evolve.search.controls.Greedy"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return dict(configuration.configure(["problem=bin_packing", "llm=openai/gpt-5-mini"]))


def run_with(config: dict[str, Any], trusted: bool | None = False) -> RunInfo:
    origin = {} if trusted is None else {OPENED: {"bundle": "0", "trusted": trusted}}
    return RunInfo("theirs", "p", "finished", config, {"version": "0.0.9", **origin}, 0.0)


def test_every_class_of_every_preset_is_known() -> None:
    texts = [path.read_text() for path in bundled("conf").rglob("*.yaml")]
    named = {target for text in texts for target in re.findall(r"_target_: *([\w.]+)", text)}
    assert len(named) > 30 and named | FORMER == known_targets()
    assert all(callable(get_object(target)) for target in FORMER), "a class that is gone is no former one"


def test_the_settings_of_this_version_are_taken_as_they_are(config: dict[str, Any]) -> None:
    assert settings_of(run_with(config)) == config
    assert refusals(config) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"search": {"_target_": "os.system", "command": "true"}}, "search._target_ is 'os.system'"),
        ({"search": {"_target_": "evolve.search.gone.Gone"}}, "'evolve.search.gone.Gone', which no preset"),
        (
            {"search": {"_target_": GREEDY, "archive": [{"_target_": "subprocess.run"}]}},
            r"search.archive\[0\]._target_",
        ),
        ({"search": {"_target_": ["os.system"]}}, "which no preset"),
        ({"search": {"_target_": GREEDY, "_args_": ["x"]}}, "search._args_ is no setting"),
        ({"search": {"_target_": GREEDY, "x": "${oc.env:HOME}"}}, "refers to something else"),
        ({"mutation": {"prompt": {"template_dir": "/tmp/t"}}}, "templates of its own"),
        ({"mutation": {"prompt": {"context_files": ["/etc/passwd"]}}}, "context_files names '/etc/passwd'"),
        ({"mutation": {"prompt": {"context_files": ["../../key"]}}}, "context_files names"),
    ],
)
def test_settings_that_could_do_harm_are_refused(config: dict[str, Any], change: dict[str, Any], said: str) -> None:
    hostile = {**config, **change}
    with pytest.raises(ConfigurationError, match=said) as refusal:
        settings_of(run_with(hostile))
    assert "version 0.0.9" in str(refusal.value) and "--trust" in str(refusal.value)
    assert settings_of(run_with(hostile, trusted=True)) == hostile
    assert settings_of(run_with(hostile, trusted=None)) == hostile


def test_a_class_that_was_renamed_is_found_by_its_old_name(config: dict[str, Any]) -> None:
    old = {
        **config,
        "search": {"_target_": "evolve.search.old.Climber", "parts": [{"_target_": "evolve.search.old.Climber"}]},
    }
    renamed = {"evolve.search.old.Climber": GREEDY}
    found = settings_of(run_with(old), renamed)
    assert found["search"] == {"_target_": GREEDY, "parts": [{"_target_": GREEDY}]}
    own = settings_of(run_with(old, trusted=None), renamed)
    assert own["search"]["_target_"] == GREEDY


def test_only_what_is_trusted_is_worked_on(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"its judge.*--trust"):
        refuse_to_work_on(run_with(config))
    refuse_to_work_on(run_with(config, trusted=True))
    refuse_to_work_on(run_with(config, trusted=None))
    forged = replace(run_with(config), provenance={OPENED: {"trusted": ""}})
    with pytest.raises(ConfigurationError):
        refuse_to_work_on(forged)
