"""The presets are compositions: what each adds to the islands can be seen from outside."""

from __future__ import annotations

import numpy as np
import pytest

from evolve import configuration, problem_library, wiring
from evolve.domain.evaluation import Outcome, Scored
from evolve.errors import ConfigurationError
from evolve.interfaces import Search

PROBLEM = "problem=bin_packing"


def made(*overrides: str) -> Search:
    config = configuration.configure([PROBLEM, "noise=off", *overrides])
    return wiring.build_search(config, problem_library.load_problem("bin_packing"))


def valid(step: int, island: int, gain: float, parent: int = 0) -> Scored:
    parents = (parent,) if step else ()
    scores = {"first": gain, "second": -gain}
    return Scored(step, island, parents, "test", Outcome.VALID, (gain,), (10.0, 0.5), per_instance=scores)


def wishes(search: Search, draws: int = 300) -> set[str]:
    rng = np.random.default_rng(int(search.status()["valid"]))
    return {search.ask(rng).wants for _ in range(draws)}


def test_portfolio_climbs_from_the_latest_of_the_best_with_one_trajectory() -> None:
    search = made("search=portfolio")
    for step, gain in enumerate([1.0, 2.0, 2.0, 0.5]):
        search.tell(valid(step, 0, gain))
    choices = [search.ask(np.random.default_rng(draw)) for draw in range(400)]
    assert {choice.island for choice in choices} == {0}
    assert 330 < sum(choice.parent == 2 for choice in choices) < 400


def test_portfolio_leaves_its_leader_the_longer_no_record_falls() -> None:
    search = made("search=portfolio")
    for step, gain in enumerate([1.0, 2.0]):
        search.tell(valid(step, 0, gain))
    shares = []
    for step in range(2, 41):
        choices = [search.ask(np.random.default_rng(draw)) for draw in range(200)]
        shares.append(sum(choice.parent == 1 for choice in choices) / len(choices))
        search.tell(Scored(step, 0, (1,), "test", Outcome.INVALID))
    assert shares[0] == 1.0
    assert shares[0] > shares[15] > shares[38] > 0.35
    search.tell(valid(41, 0, 3.0, parent=1))
    assert {search.ask(np.random.default_rng(draw)).parent for draw in range(50)} == {41}


def test_portfolio_shows_the_best_beside_what_came_before_it_and_what_fell_short() -> None:
    search = made("search=portfolio")
    for step, gain in enumerate([1.0, 2.0]):
        search.tell(valid(step, 0, gain))
    search.tell(valid(2, 0, 0.5, parent=1))
    leading = [c for c in (search.ask(np.random.default_rng(draw)) for draw in range(50)) if c.parent == 1]
    assert {choice.inspirations for choice in leading} == {(0, 2)}


def test_portfolio_gets_trajectories_and_wishes_when_it_stands_still() -> None:
    search = made("search=portfolio")
    search.tell(valid(0, 0, 1.0))
    assert wishes(search) == {""}
    seen: set[str] = set()
    for step in range(1, 240):
        search.tell(valid(step, step % int(search.status()["islands"]), 0.0))
        seen |= wishes(search, 20)
    assert seen == {"", "distill", "shift"}
    assert search.status()["islands"] == 4


def test_funsearch_shows_two_programs_rising_and_empties_the_worse_islands() -> None:
    search = made("search=funsearch", "search.renewal.0.every=40")
    for step in range(39):
        search.tell(valid(step, step % 10, float(step)))
    choice = search.ask(np.random.default_rng(0))
    assert len(choice.inspirations) == 1 and choice.inspirations[0] < choice.parent
    before = search.status()["cells"]
    search.tell(valid(39, 0, 0.5))
    assert search.status()["cells"] < before


def test_levi_asks_for_another_approach_now_and_then() -> None:
    search = made("search=levi")
    search.tell(valid(0, 0, 1.0))
    choices = [search.ask(np.random.default_rng(draw)).wants for draw in range(1000)]
    assert 60 < choices.count("shift") < 140


def test_the_funsearch_experiment_sets_search_and_operators() -> None:
    config = configuration.configure([PROBLEM, "experiment=funsearch", "search.islands=3"])
    assert config["search"]["showing"]["programs"] == 2
    assert config["search"]["islands"] == 3
    assert {name for name, weight in config["mutation"]["weights"].items() if weight} == {"rewrite"}


def test_a_misspelt_experiment_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'funsearch'"):
        configuration.configure([PROBLEM, "experiment=funserch"])


def test_a_fork_takes_no_experiment() -> None:
    with pytest.raises(ConfigurationError, match="not an experiment"):
        configuration.for_fork(configuration.configure([PROBLEM]), ["experiment=funsearch"])
