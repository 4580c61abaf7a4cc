from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from evolve.domain.evaluation import Outcome, Scored
from evolve.domain.proposal import Choice
from evolve.errors import ConfigurationError
from evolve.search.gepa import CROSSOVER, GepaSearch


def valid(step: int, *gains: float, **scores: float) -> Scored:
    return Scored(step, 0, (), "test", Outcome.VALID, gains, per_instance=scores)


def told(*programs: Scored, inspirations: int = 1, merge: float = 0.0) -> GepaSearch:
    search = GepaSearch(features=(), inspirations=inspirations, merge=merge)
    for program in programs:
        search.tell(program)
    return search


def answers(search: GepaSearch, draws: int = 600) -> list[Choice]:
    return [search.ask(np.random.default_rng(draw)) for draw in range(draws)]


def test_parents_come_up_in_proportion_to_the_instances_they_lead() -> None:
    search = told(
        valid(0, 0.0, a=9, b=0, c=0, d=1), valid(1, 1.0, a=0, b=5, c=5, d=1), valid(2, 0.5, a=1, b=1, c=1, d=0)
    )
    parents = Counter(choice.parent for choice in answers(search))
    assert set(parents) == {0, 1}, "program 2 leads nowhere"
    assert parents[1] / 600 == pytest.approx(4 / 6, abs=0.06), "it leads on b, c, shares d, and leads overall"


def test_inspirations_lead_where_the_parent_is_weakest() -> None:
    search = told(valid(0, 3.0, a=9, b=8, c=0), valid(1, 2.0, a=0, b=9, c=8), valid(2, 1.0, a=8, b=0, c=9))
    shown = {choice.parent: Counter[int]() for choice in answers(search)}
    for choice in answers(search):
        shown[choice.parent].update(choice.inspirations)
    assert shown[0][2] > 4 * shown[0][1], "program 0 is weak on c, which 2 leads, and nearly leads on b"
    assert shown[1][0] > 4 * shown[1][2]
    assert shown[2][1] > 4 * shown[2][0]


def test_a_share_of_the_choices_asks_for_a_crossover() -> None:
    pair = valid(0, 1.0, a=1, b=0), valid(1, 0.0, a=0, b=1)
    wants = Counter(choice.wants for choice in answers(told(*pair, merge=0.25)))
    assert wants[CROSSOVER] / 600 == pytest.approx(0.25, abs=0.06)
    assert {choice.wants for choice in answers(told(pair[0], merge=1.0), 20)} == {""}, "nothing to merge with"
    assert {choice.wants for choice in answers(told(*pair, merge=0.0), 20)} == {""}


def test_without_scores_by_instance_the_front_breeds() -> None:
    search = told(valid(0, 0.0, 2.0), valid(1, 1.0, 1.0), valid(2, 2.0, 0.0), valid(3, 0.5, 0.5))
    parents = Counter(choice.parent for choice in answers(search))
    assert set(parents) == {0, 1, 2}
    assert min(parents.values()) > 150
    assert search.status()["instances"] == 0


def test_a_program_without_a_score_is_as_weak_as_can_be_there() -> None:
    search = told(valid(0, 5.0, a=1), valid(1, 0.0, a=0, b=3))
    assert {choice.parent: choice.inspirations for choice in answers(search, 50)} == {0: (1,), 1: (0,)}


@pytest.mark.parametrize(("setting", "value"), [("inspirations", -1), ("merge", 1.5)])
def test_settings_out_of_range_are_named(setting: str, value: float) -> None:
    settings = {"inspirations": 1, "merge": 0.1, setting: value}
    with pytest.raises(ConfigurationError, match=f"search.{setting}"):
        GepaSearch(features=(), **settings)  # type: ignore[arg-type]
