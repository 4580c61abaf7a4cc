"""A proposal costs few tokens and little time, early and late in a run."""

import re

from evolve.bench.prompts import SETTINGS, prompts


def test_prompts_with_everything_in_them_keep_to_their_goals() -> None:
    figures = prompts(answers=3)
    tokens = {figure.name: figure for figure in figures if figure.unit == "tokens"}
    assert len(tokens) == 12 * len(SETTINGS)
    for figure in tokens.values():
        if figure.goal:
            assert figure.value <= float(figure.goal.removeprefix("<= ")), figure
    for name, figure in tokens.items():
        early = tokens[re.sub("1000 attempts", "3 attempts", name)]
        assert figure.value <= early.value * 1.2
    assert all(figure.value > 0 for figure in figures if figure.unit == "ms")
