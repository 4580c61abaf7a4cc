from __future__ import annotations

import pytest

from evolve import configuration, wiring
from evolve.errors import ConfigurationError, EvolveError


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("serach=greedy", "'search'"),
        ("search=gredy", "'greedy'"),
        ("budget.wal_s=3", "'budget.wall_s'"),
        ("search.island=3", "'search.islands'"),
        ("nonsense", "key=value"),
        ("problem=bin_pakcing", "'bin_packing'"),
        ("params.famly=weibull", "'family'"),
        ("mutation.weights.sintax=1", "'mutation.weights.syntax'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(override: str, expected: str) -> None:
    with pytest.raises(EvolveError) as caught:
        wiring.build(configuration.configure(["problem=bin_packing", override]))
    assert expected in str(caught.value)


def test_a_missing_problem_says_which_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"problem=VALUE.*bin_packing"):
        configuration.configure([])


@pytest.mark.parametrize(
    ("override", "model", "base"),
    [
        ("llm=gpt-4o-mini", "gpt-4o-mini", None),
        ("llm=openrouter/qwen/qwen3-coder:free", "openrouter/qwen/qwen3-coder:free", None),
        ("llm=http://127.0.0.1:8000/v1#qwen", "openai/qwen", "http://127.0.0.1:8000/v1"),
        ("llm=https://models.example/v1", "openai/default", "https://models.example/v1"),
    ],
)
def test_llm_takes_a_model_name_or_an_address(override: str, model: str, base: str | None) -> None:
    config = configuration.configure(["problem=bin_packing", override])
    assert (config["llm"]["model"], config["llm"]["api_base"]) == (model, base)


def test_a_resumed_run_may_move_to_another_sandbox() -> None:
    config = configuration.configure(["problem=bin_packing", "sandbox=docker", "sandbox.cpus=2"])
    moved = configuration.for_resume(config, ["sandbox=process", "budget.wall_s=7"])
    assert moved["sandbox"]["_target_"].endswith("ProcessSandbox")
    assert (moved["budget"]["wall_s"], moved["problem"]) == (7, "bin_packing")


def test_budget_settings_of_a_resumed_run() -> None:
    config = configuration.configure(["problem=bin_packing"])
    assert configuration.for_resume(config, ["budget.wall_s=7"])["budget"]["wall_s"] == 7
    with pytest.raises(ConfigurationError, match=r"budget\.wall_s"):
        configuration.for_resume(config, ["budget.wal_s=7"])
    with pytest.raises(ConfigurationError, match="sandbox=NAME, executor=NAME and tracker=NAME only"):
        configuration.for_resume(config, ["search=greedy"])


def test_several_trackers_may_be_chosen_and_changed_later() -> None:
    assert configuration.configure(["problem=bin_packing"])["trackers"] == {}
    one = configuration.configure(["problem=bin_packing", "tracker=mlflow", "trackers.mlflow.experiment=mine"])
    assert one["trackers"]["mlflow"]["experiment"] == "mine"
    two = configuration.configure(["problem=bin_packing", "tracker=[mlflow,tensorboard]"])
    assert sorted(two["trackers"]) == ["mlflow", "tensorboard"]
    older = {key: value for key, value in one.items() if key != "trackers"}
    assert sorted(configuration.for_resume(older, ["tracker=otel"])["trackers"]) == ["otel"]
    assert configuration.for_resume(one, ["trackers.mlflow.uri=x"])["trackers"]["mlflow"]["uri"] == "x"
    assert configuration.for_fork(one, ["tracker=[]"])["trackers"] == {}
    with pytest.raises(ConfigurationError, match=r"tracker has no option 'mlfow'. Did you mean 'mlflow'"):
        configuration.configure(["problem=bin_packing", "tracker=[tensorboard,mlfow]"])
    with pytest.raises(ConfigurationError, match=r"trackers\.mlflow\.uri"):
        configuration.configure(["problem=bin_packing", "tracker=mlflow", "trackers.mlflow.url=x"])


def test_a_run_may_go_on_elsewhere() -> None:
    config = configuration.configure(["problem=bin_packing", "executor=ray", "controller.detached=true"])
    moved = configuration.for_resume(config, ["executor.address=10.0.0.1:6379"])
    assert moved["executor"]["address"] == "10.0.0.1:6379" and wiring.is_detached(moved)
    home = configuration.for_resume(config, ["executor=local"])
    assert home["executor"]["_target_"].endswith("LocalExecutor") and not wiring.is_detached(home)
    with pytest.raises(ConfigurationError, match=r"executor\.adress"):
        configuration.for_resume(config, ["executor.adress=auto"])
