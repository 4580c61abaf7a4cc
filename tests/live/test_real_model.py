"""Against a real model: $EVOLVE_LIVE_MODEL is what `llm=` takes, a name as litellm knows it or URL#MODEL.

Judged by ranges: another model, another day, another answer. Costs a few cents at most.
"""

from __future__ import annotations

import os

import pytest

from tests.cli.cli_support import Command, lines

PROPOSALS = 12
ONLY_MODEL = ("mutation.weights.syntax=0", "mutation.weights.tune=0")
LOCAL_IS_SLOW = ("llm.timeout_s=300", "llm.max_tokens=1500", "budget.wall_s=1800")

pytestmark = pytest.mark.live


@pytest.fixture
def model() -> str:
    named = os.environ.get("EVOLVE_LIVE_MODEL")
    if not named:
        pytest.fail("Name a model, for example EVOLVE_LIVE_MODEL=openai/gpt-5-mini, or URL#MODEL of a server of yours.")
    return named


def test_a_short_run_keeps_its_books_and_replays(evolve: Command, model: str) -> None:
    limits = (f"budget.proposals={PROPOSALS}", "budget.cost_usd=0.25")
    setting = ("problem=bin_packing", "params.train_items=300", "run=live", f"llm={model}", *ONLY_MODEL, *LOCAL_IS_SLOW)
    (result,) = lines(evolve("run", *setting, *limits, "sealed=false", "--json"))
    assert result["status"] == "finished"
    (listed,) = lines(evolve("runs", "--json"))
    assert 1 <= listed["calls"] <= 3 * PROPOSALS and listed["tokens"] > 300 * listed["calls"]
    assert 0 <= listed["cost_usd"] <= 0.25 * 1.5
    rows = lines(evolve("export", "live", "--no-files"))
    assert all(row["cause"] for row in rows if row["outcome"] == "rejected" and not row["metrics"])
    assert any(row["operator"] != "seed" for row in rows)
    assert lines(evolve("replay", "live", "--json"))[0]["identical"]
