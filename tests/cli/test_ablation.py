"""An ablation from the command to its table and picture."""

from __future__ import annotations

import asyncio
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve import configuration, wiring
from evolve.bench.machinery import model_server
from evolve.bench.search_race import LANDSCAPES
from evolve.bench.variants import run_id
from evolve.controller.run import INTERRUPTED, start_run
from tests.cli.cli_support import Command, lines

DECEPTIVE = f"problem={LANDSCAPES / 'deceptive'}"
SMALL = ("-m", "experiment=ablation", DECEPTIVE, "budget.proposals=16", "executor.width=1", "sandbox=process")
PRICES = ("llm.input_usd_per_million=1.0", "llm.output_usd_per_million=2.0")


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    with model_server("reader") as url:
        yield f"llm={url}#bench"


def test_two_variants_and_two_seeds_give_a_table_and_a_picture(evolve: Command, model: str, tmp_path: Path) -> None:
    command = ("run", *SMALL, model, *PRICES, "ablation=full,no_context,cheap_only", "seed=1,2")
    done = evolve(*command)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Left out: ablation=cheap_only needs llm=ensemble") == 1
    assert "ablation-deceptive-no_context-2: finished, value" in done.stderr
    shown = next(line for line in done.stdout.splitlines() if "no_context" in line)
    table = [json.loads(line) for line in (tmp_path / "runs/ablation/table.jsonl").read_text().splitlines()]
    assert [(row["variant"], row["seeds"], row["proposals"]) for row in table] == [
        ("full", 2, 15),
        ("no_context", 2, 15),
    ]
    assert f"{table[1]['final']['mean']:.3f} [{table[1]['final']['low']:.3f}" in shown
    assert table[0]["final_beside"] is None and table[1]["final_beside"]["control"] == "full"
    difference = table[1]["final_beside"]["difference"]["mean"]
    assert difference == pytest.approx(table[1]["final"]["mean"] - table[0]["final"]["mean"])
    assert all(row["final"]["low"] <= row["final"]["mean"] <= row["final"]["high"] for row in table)
    assert all(row["cost_usd"] > 0 and row["calls"] > 0 for row in table)
    markdown = (tmp_path / "runs/ablation/table.md").read_text()
    assert markdown.startswith("| problem | variant |") and "| deceptive | no_context | 2 |" in markdown
    picture = ElementTree.fromstring((tmp_path / "runs/ablation/curves.svg").read_text())
    texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"full", "no_context", "deceptive", "15"} <= set(texts)
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}polyline"))) == 2

    # the values are those of the record
    seed_value, known = 0.820798, 3.0
    finals = [lines(evolve("show", f"ablation-deceptive-full-{seed}", "--json"))[0]["best"] for seed in (1, 2)]
    expected = sum((each["metrics"]["value"] - seed_value) / (known - seed_value) for each in finals) / 2
    assert table[0]["final"]["mean"] == pytest.approx(expected, abs=1e-5)

    # again: what is on record is not run, and one more seed is
    before = lines(evolve("runs", "--json"))
    more = evolve(*command[:-1], "seed=1,3", "--json")
    assert more.returncode == 0
    assert more.stderr.count(": on record") == 2 and more.stderr.count(": finished, ") == 2
    assert [run for run in lines(evolve("runs", "--json")) if not run["run"].endswith("3")] == before
    assert [json.loads(line)["seeds"] for line in more.stdout.splitlines()] == [3, 3]

    # afterwards, from the store alone
    later = evolve("bench", "ablation", "--out", "elsewhere", "--json")
    assert later.stdout == more.stdout and later.stderr == ""
    assert (tmp_path / "elsewhere/curves.svg").read_text() == (tmp_path / "runs/ablation/curves.svg").read_text()
    wrong = evolve("bench", "ablation", "ablatoin")
    assert wrong.returncode == 1 and "'ablation'" in wrong.stderr

    # other settings do not mix
    refused = evolve(*command[:-1], "seed=1", "mutation.repairs=0")
    assert refused.returncode == 1 and "mutation.repairs=1, not 0" in refused.stderr and "study=NAME" in refused.stderr


def test_what_was_cut_off_goes_on_and_is_not_in_the_table_before(evolve: Command, tmp_path: Path) -> None:
    settings = [
        "experiment=ablation",
        *SMALL[2:],
        "ablation=no_tune",
        "seed=1",
        f"store.url=sqlite:///{tmp_path}/runs/evolve.db",
    ]
    config = configuration.configure(settings)
    parts = wiring.build(config)
    info = wiring.new_run({**config, "run": run_id(config, parts.problem)}, parts)
    result = asyncio.run(start_run(parts, info, lambda loop: loop.stop(INTERRUPTED)))
    assert result.status == "paused"
    none = evolve("bench", "ablation")
    assert none.returncode == 1 and "ablation-deceptive-no_tune-1 is left out: it is paused" in none.stderr
    done = evolve("run", *SMALL, "ablation=no_tune,no_context", "seed=1", "--json")
    assert "ablation=no_context needs a model" in done.stderr and done.returncode == 0
    (row,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (row["variant"], row["proposals"], row["final_beside"]) == ("no_tune", 15, None)
    (run,) = lines(evolve("runs", "--json"))
    assert (run["status"], run["proposals"]) == ("finished", 16)


def test_a_single_run_of_a_variant_that_cannot_be_is_refused(evolve: Command) -> None:
    refused = evolve("run", DECEPTIVE, "sandbox=process", "ablation=no_context")
    assert refused.returncode == 1 and "ablation=no_context needs a model" in refused.stderr
    nothing = evolve("run", *SMALL, "ablation=no_context,cheap_only", "seed=1")
    assert nothing.returncode == 1 and "No variant can be run here" in nothing.stderr
    unknown = evolve("run", DECEPTIVE, "ablation=no_contxt")
    assert unknown.returncode == 1 and "'no_context'" in unknown.stderr


def test_several_blocks_an_ensemble_and_a_sealed_stage(evolve: Command, tmp_path: Path) -> None:
    folder = tmp_path / "two"
    (folder / "seed").mkdir(parents=True)
    block = "# EVOLVE-BLOCK-START\ndef {0}():\n    return {1}\n# EVOLVE-BLOCK-END\n"
    (folder / "seed" / "main.py").write_text(block.format("first", 1.5) + block.format("second", 2.5))
    (folder / "evaluate.py").write_text(
        "from evaluators import Score\n\n\ndef evaluate(candidate, stage, params):\n"
        "    found = float(candidate.call('first')) + float(candidate.call('second'))\n"
        "    return Score(metrics={'sum': min(found, 1e6) * (2 if stage == 'sealed' else 1)})\n"
    )
    (folder / "problem.yaml").write_text(
        "statement: large\nobjectives: [{name: sum, direction: maximize}]\nsealed: {timeout_s: 5}\n"
    )
    with model_server("mutator") as url:
        done = evolve(
            *("run", "-m", "experiment=ablation", "problem=./two", "sandbox=process", "budget.proposals=12", "seed=1"),
            *(
                "study=mine",
                "ablation=full,single_block,cheap_only",
                "llm=ensemble",
                "llm.members.cheap.model=openai/a",
            ),
            *("llm.members.strong.model=openai/b", f"llm.each.api_base={url}", "llm.each.input_usd_per_million=1"),
            *("llm.each.output_usd_per_million=1", "controller.ordered=true", "mutation.weights.shift=6", "--json"),
        )
    assert done.returncode == 0, done.stderr
    rows = {row["variant"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert list(rows) == ["full", "single_block", "cheap_only"]
    assert all(row["final_beside"] is None for row in rows.values())  # of one seed there is no interval
    exported = {name: lines(evolve("export", f"mine-two-{name}-1")) for name in rows}
    programs = [row["files"]["main.py"] for row in exported["single_block"] if "files" in row]
    assert len(set(programs)) > 3 and all("return 2.5" in program for program in programs)
    asked = {name: {row["made_by"].get("model") for row in found if row["made_by"]} for name, found in exported.items()}
    assert (asked["full"] - {None}, asked["cheap_only"] - {None}) == ({"a", "b"}, {"a"})
    shown = lines(evolve("show", "mine-two-full-1", "--json"))[0]
    gained = 2 * (shown["best"]["metrics"]["sum"] - 4.0)  # as announced on the sealed stage; no best is known
    assert rows["full"]["final"]["mean"] == pytest.approx(gained) and gained > 0
    assert lines(evolve("replay", "mine-two-single_block-1", "--json"))[0]["identical"]
