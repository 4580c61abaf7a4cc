from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evolve import wiring
from evolve.errors import ConfigurationError, EvolveError, NotFound
from evolve.paths import bundled


def test_the_default_configuration_builds_a_keyless_run() -> None:
    parts = wiring.build(wiring.configure(["problem=bin_packing"]))
    assert parts.model is None
    assert parts.executor.width == wiring.usable_cores()
    assert {parts.operators.choose(_rng(seed)).operator for seed in range(50)} == {"syntax", "tune"}


@pytest.mark.parametrize("path", sorted(bundled("conf").glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}={p.stem}")
def test_every_option_of_every_group_composes_and_builds(path: Path) -> None:
    group, option = path.parent.name, path.stem
    extra = {
        "single": ["llm.model=openai/x", "llm.api_base=http://127.0.0.1:9/v1"],
        "ensemble": ["llm.members.cheap.model=openai/x", "llm.members.strong.model=openai/y"],
        "funsearch": ["llm=http://127.0.0.1:9/v1#x"],
        "postgres": ["store.url=postgresql://me@localhost/evolve"],
        "single_block": ["problem=circle_packing"],  # the other has nothing to leave out
    }.get(option, [])
    wiring.build(wiring.configure(["problem=bin_packing", f"{group}={option}", *extra]))


def test_every_key_of_a_group_is_an_argument_of_what_it_builds() -> None:
    for group in ("search", "store", "sandbox", "executor"):
        config = dict(wiring.configure(["problem=bin_packing"]))
        config[group] = {**config[group], "no_such_argument": 1}
        with pytest.raises(ConfigurationError, match="no_such_argument"):
            wiring.build(config) if group not in ("store", "sandbox") else _build_alone(group, config)


def test_a_password_in_a_store_s_url_is_used_and_not_recorded() -> None:
    url = "postgresql://me:s3cret@127.0.0.1:1/evolve?application_name=x"
    config = wiring.configure(["problem=bin_packing", "store=postgres", f"store.url={url}"])
    assert config["store"]["url"] == url
    recorded = wiring.new_run(config, wiring.build(config))
    assert "s3cret" not in repr(recorded)
    assert recorded.config["store"] == {**config["store"], "url": url.replace(":s3cret", "")}
    assert wiring.store_config(url)["_target_"] == config["store"]["_target_"]
    with pytest.raises(EvolveError) as caught:
        wiring.find_run(url, "x")
    assert "s3cret" not in str(caught.value)


def test_a_run_s_name_has_a_limit() -> None:
    config = wiring.configure(["problem=bin_packing", f"run={'x' * 201}"])
    with pytest.raises(ConfigurationError, match=r"run: expected at most 200 characters, found 201"):
        wiring.new_run(config, wiring.build(config))


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
        wiring.build(wiring.configure(["problem=bin_packing", override]))
    assert expected in str(caught.value)


def test_a_missing_problem_says_which_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"problem=VALUE.*bin_packing"):
        wiring.configure([])


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
    config = wiring.configure(["problem=bin_packing", override])
    assert (config["llm"]["model"], config["llm"]["api_base"]) == (model, base)


def test_with_a_model_most_proposals_come_from_it() -> None:
    parts = wiring.build(wiring.configure(["problem=bin_packing", "llm=http://127.0.0.1:9/v1"]))
    names = [parts.operators.choose(_rng(seed)).operator for seed in range(200)]
    assert names.count("diff") > names.count("rewrite") > 0
    assert parts.model is not None


def test_without_an_operator_nothing_starts() -> None:
    with pytest.raises(ConfigurationError, match="No operator is left"):
        wiring.build(wiring.configure(["problem=bin_packing", "mutation.weights.syntax=0", "mutation.weights.tune=0"]))


def test_a_problem_folder_is_named_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(EvolveError, match="No problem folder"):
        wiring.load_problem(str(tmp_path / "mine"))
    with pytest.raises(EvolveError, match=r"no problem 'mine'.*\./mine"):
        wiring.load_problem("mine")


def test_a_resumed_run_may_move_to_another_sandbox() -> None:
    config = wiring.configure(["problem=bin_packing", "sandbox=docker", "sandbox.cpus=2"])
    moved = wiring.for_resume(config, ["sandbox=process", "budget.wall_s=7"])
    assert moved["sandbox"]["_target_"].endswith("ProcessSandbox")
    assert (moved["budget"]["wall_s"], moved["problem"]) == (7, "bin_packing")


@pytest.mark.parametrize(
    ("overrides", "environment", "chosen"),
    [
        ([], None, ["sandbox=docker"]),
        (["sandbox.pin=false"], None, ["sandbox=docker"]),
        (["+sandbox.namespaces=false"], None, ["sandbox=process"]),
        (["sandbox=process"], None, []),
        (["sandbox=docker"], "process", []),
        ([], "process", ["sandbox=process"]),
    ],
)
def test_docker_is_chosen_where_an_engine_answers(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    overrides: list[str],
    environment: str | None,
    chosen: list[str],
) -> None:
    monkeypatch.delenv("EVOLVE_SANDBOX")
    if environment:
        monkeypatch.setenv("EVOLVE_SANDBOX", environment)
    with answering(tmp_path / "engine.sock") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        assert wiring.sandbox_of_this_machine(overrides) == chosen


@pytest.mark.parametrize("reply", [b"HTTP/1.0 500 Internal Server Error\r\n\r\n", b""])
def test_without_an_answer_it_is_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: bytes) -> None:
    monkeypatch.delenv("EVOLVE_SANDBOX")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert wiring.sandbox_of_this_machine([]) == ["sandbox=process"]
    with answering(tmp_path / "engine.sock", reply) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        assert wiring.sandbox_of_this_machine([]) == ["sandbox=process"]


@contextmanager
def answering(path: Path, reply: bytes = b"HTTP/1.0 200 OK\r\n\r\nOK") -> Iterator[str]:
    """Be an engine that answers one question; yield its address."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                connection.recv(1024)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"unix://{path}"
        with contextlib.suppress(OSError):  # nobody asked: let the thread end
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_budget_settings_of_a_resumed_run() -> None:
    config = wiring.configure(["problem=bin_packing"])
    assert wiring.for_resume(config, ["budget.wall_s=7"])["budget"]["wall_s"] == 7
    with pytest.raises(ConfigurationError, match=r"budget\.wall_s"):
        wiring.for_resume(config, ["budget.wal_s=7"])
    with pytest.raises(ConfigurationError, match="sandbox=NAME and executor=NAME only"):
        wiring.for_resume(config, ["search=greedy"])


def test_a_run_may_go_on_elsewhere() -> None:
    config = wiring.configure(["problem=bin_packing", "executor=ray", "controller.detached=true"])
    moved = wiring.for_resume(config, ["executor.address=10.0.0.1:6379"])
    assert moved["executor"]["address"] == "10.0.0.1:6379" and wiring.is_detached(moved)
    home = wiring.for_resume(config, ["executor=local"])
    assert home["executor"]["_target_"].endswith("LocalExecutor") and not wiring.is_detached(home)
    with pytest.raises(ConfigurationError, match=r"executor\.adress"):
        wiring.for_resume(config, ["executor.adress=auto"])


def test_an_unknown_run_is_named_with_the_nearest(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/e.db"
    with pytest.raises(NotFound, match="no store at"):
        wiring.find_run(url, "x")
    config = wiring.configure(["problem=bin_packing", "run=first-run"])
    store = wiring.open_store({"store": wiring.store_config(url)})
    store.create_run(wiring.new_run(config, wiring.build(config)))
    store.close()
    assert wiring.find_run(url, "first-run").config["problem"] == "bin_packing"
    with pytest.raises(NotFound, match="first-run"):
        wiring.find_run(url, "firstrun")


def _build_alone(group: str, config: wiring.Config) -> None:
    if group == "store":
        wiring.open_store(config)
    else:
        wiring.build_sandbox(config, wiring.load_problem("bin_packing"))


def test_a_single_model_is_an_ensemble_of_one_and_several_are_one_of_several() -> None:
    alone = wiring.build_model(wiring.configure(["problem=bin_packing", "llm=http://127.0.0.1:9/v1#qwen"]))
    assert alone is not None and [member.model.name for member in alone.members] == ["openai/qwen"]
    settings = ["llm=ensemble", "llm.members.cheap.model=openai/a", "llm.members.strong.model=openai/b"]
    more = ["+llm.members.third.model=openai/c", "+llm.members.third.tier=cheap", "llm.each.temperature=[0.5,1.0]"]
    several = wiring.build_model(wiring.configure(["problem=bin_packing", *settings, *more]))
    assert several is not None
    assert [member.model.name for member in several.members] == ["cheap", "strong", "third"]
    assert wiring.build_model(wiring.configure(["problem=bin_packing"])) is None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["llm=ensemble"], "llm.members.cheap.model has no value"),
        (["llm=ensemble", "llm.members.cheep.model=x"], "Did you mean .llm.members.cheap"),
        (["llm=m", "llm.temperature=hot"], "llm.temperature: expected a number"),
        (["llm=m", "llm.reasks=-1"], "llm.reasks: expected at least 0"),
        (["llm=m", "llm.timeout_s=0"], "llm.timeout_s: expected a number above 0"),
        (
            ["llm=ensemble", "llm.members.cheap.model=a", "llm.members.strong.model=b", "+llm.members.strong.x=1"],
            "llm.members.strong.x",
        ),
    ],
)
def test_a_wrong_setting_of_a_model_is_named(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        wiring.build(wiring.configure(["problem=bin_packing", *overrides]))


def _rng(seed: int):  # type: ignore[no-untyped-def]
    import numpy as np

    return np.random.default_rng(seed)
