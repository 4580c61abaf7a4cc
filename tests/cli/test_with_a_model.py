"""Whole runs with a language model: the real client against a model server on loopback."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from evolve.bench.machinery import model_server
from tests.cli.cli_support import Command, lines

PRICES = ("llm.input_usd_per_million=1.0", "llm.output_usd_per_million=2.0")
ONLY_MODEL = ("mutation.weights.syntax=0", "mutation.weights.tune=0")


def server_log(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.removesuffix("/v1") + "/log") as answer:
        log: dict[str, Any] = json.load(answer)
    return log


def test_a_run_with_a_model_is_on_record_to_the_cent_and_replays(evolve: Command) -> None:
    with model_server("mutator:0.8,prose:0.1,truncated:0.1") as url:
        setting = ("problem=circle_packing", "params.n=5", "run=m", f"llm={url}#bench", *ONLY_MODEL, *PRICES)
        (result,) = lines(evolve("run", *setting, "budget.proposals=60", "--json"))
        log = server_log(url)
    assert result["status"] == "finished"
    (listed,) = lines(evolve("runs", "--json"))
    assert listed["cost_usd"] == pytest.approx(log["cost_usd"], abs=1e-6)
    shown = lines(evolve("show", "m", "--json"))[0]
    assert set(shown["operators"]) >= {"seed", "diff", "rewrite"}
    assert shown["causes"] and shown["outcomes"]["valid"] > 5
    made = [row for row in lines(evolve("export", "m", "--no-files")) if row["operator"] == "diff" and row["made_by"]]
    program = lines(evolve("show", "m", str(made[0]["step"]), "--json"))[0]
    call = program["calls"][-1]  # the one before may have had an unusable answer
    prompt = call["prompt"][1]["content"]
    assert "sum_radii" in prompt and "EVOLVE-BLOCK-START" in prompt
    assert "SEARCH" in call["answer"]
    assert [state["state"] for state in call["states"]] == ["sent", "answered", "validated"]
    assert sum(state["cost_usd"] for state in call["states"]) == call["cost_usd"] > 0
    rows = lines(evolve("export", "m", "--no-files"))
    cut = next(row["step"] for row in rows if row["cause"] == "truncated")
    barren = lines(evolve("show", "m", str(cut), "--json"))[0]
    assert barren["cause"] == "truncated" and barren["calls"][0]["fault"] == "truncated"
    shown = evolve("show", "m", str(cut))
    assert "sent > answered" in shown.stdout and "truncated" in shown.stdout
    assert "no finished attempt 999" in evolve("show", "m", "999").stderr
    assert lines(evolve("replay", "m", "--json"))[0]["identical"]


def test_an_estimate_costs_nothing_and_keeps_nothing(evolve: Command) -> None:
    with model_server("mutator") as url:
        setting = ("problem=circle_packing", "params.n=4", f"llm={url}#bench", *PRICES, "budget.cost_usd=0.5")
        (told,) = lines(evolve("run", *setting, "--estimate", "--json"))
        shown = evolve("run", *setting, "--estimate").stdout
        assert server_log(url)["requests"] == 0
    each = told["prompt_tokens"] * 1e-6 + told["answer_tokens"] * 2e-6
    assert told["cost_usd"] == pytest.approx(each)
    assert (told["limit"], told["lasts"]) == ("cost_usd", int(0.5 / told["cost_usd"]))
    assert "budget.cost_usd lasts for about" in shown and "tokens of prompt" in shown
    assert evolve("runs").returncode == 1  # there is no store
    keyless = evolve("run", "problem=circle_packing", "params.n=4", "--estimate")
    assert keyless.returncode == 1 and "llm=MODEL" in keyless.stderr


def test_equal_seeds_and_answers_give_identical_runs_when_ordered(evolve: Command) -> None:
    histories = []
    for name in ("a", "b"):
        with model_server("mutator:0.9,prose:0.1", 0.005, 0.8) as url:
            setting = ("problem=circle_packing", "params.n=4", f"run={name}", f"llm={url}#bench", *PRICES)
            evolve("run", *setting, "executor.width=1", "controller.ordered=true", "budget.proposals=40", "--quiet")
        rows = lines(evolve("export", name))
        histories.append([{key: row[key] for key in row if key != "seconds"} for row in rows])
    assert len(histories[0]) == 40
    assert histories[0] == histories[1]


def test_a_model_that_answers_nonsense_costs_attempts_not_the_run(evolve: Command) -> None:
    with model_server("prose") as url:
        setting = ("problem=circle_packing", "params.n=4", "run=n", f"llm={url}#bench", *ONLY_MODEL, *PRICES)
        (result,) = lines(evolve("run", *setting, "budget.proposals=25", "--json"))
    assert result["best"]["step"] == 0
    causes = lines(evolve("show", "n", "--json"))[0]["causes"]
    # All but the seed, and its repeats for noise.
    assert sum(causes.values()) == 24 - result["repeats"] and set(causes) <= {
        "malformed_patch",
        "no_code",
        "no_findings",
        "nothing_new",
        "no_evidence",
    }


def test_a_run_whose_model_fails_three_times_in_ten_accounts_for_every_cent_and_replays(evolve: Command) -> None:
    with model_server("failing") as url:
        setting = ("problem=circle_packing", "params.n=4", "run=f", f"llm={url}#bench", *ONLY_MODEL, *PRICES)
        patience = ("llm.timeout_s=1.0", "llm.backoff_s=0.01", "llm.retries=2")
        (result,) = lines(evolve("run", *setting, *patience, "budget.proposals=60", "--json"))
        log = server_log(url)
    assert result["status"] == "finished"
    (listed,) = lines(evolve("runs", "--json"))
    assert listed["cost_usd"] == pytest.approx(log["cost_usd"], abs=1e-9)
    assert len(log["by_persona"]) > 5
    assert lines(evolve("replay", "f", "--json"))[0]["identical"]


def test_an_ensemble_runs_and_its_members_share_the_work_by_fallback(evolve: Command) -> None:
    with model_server("http500") as broken, model_server("mutator") as url:
        (result,) = lines(
            evolve(
                *("run", "problem=circle_packing", "params.n=4", "run=e", "llm=ensemble", "budget.proposals=12"),
                *("llm.members.cheap.model=openai/a", "llm.members.strong.model=openai/b", "llm.each.retries=0"),
                *("llm.each.input_usd_per_million=1.0", "llm.each.output_usd_per_million=2.0"),
                *(f"+llm.members.cheap.api_base={broken}", f"+llm.members.strong.api_base={url}"),
                *("llm.members.cheap.fallbacks=[strong]", *ONLY_MODEL, "--json"),
            )
        )
        spent = server_log(url)["cost_usd"]
    assert result["status"] == "finished"
    (listed,) = lines(evolve("runs", "--json"))
    assert listed["cost_usd"] == pytest.approx(spent, abs=1e-9) and spent > 0
    assert lines(evolve("replay", "e", "--json"))[0]["identical"]


def test_a_fork_goes_on_from_there_with_another_search_and_without_the_model(evolve: Command) -> None:
    with model_server("mutator") as url:
        setting = ("problem=circle_packing", "params.n=4", "run=m", f"llm={url}#bench", *PRICES)
        evolve("run", *setting, "budget.proposals=40", "--quiet")
    forked = evolve("fork", "m", "--at", "20", "run=f", "search=greedy", "llm=none", "budget.proposals=35", "--json")
    assert lines(forked)[0]["status"] == "finished"
    source, fork = (lines(evolve("export", run, "--no-files")) for run in ("m", "f"))
    assert [row["step"] for row in fork[:20]] == [row["step"] for row in source[:20]] and len(fork) == 35
    assert lines(evolve("replay", "f", "--json"))[0]["identical"]
    refused = evolve("fork", "m", "--at", "20", "params.n=5")
    assert refused.returncode == 1 and "keeps its params" in refused.stderr
    refused = evolve("fork", "m", "--at", "20", "budget.proposal=5")
    assert refused.returncode == 1 and "'proposals'" in refused.stderr
