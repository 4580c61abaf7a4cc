"""What every operator that needs no model promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.objective import Direction, Objective
from evolve.domain.problem import Limits, Problem, Stage
from evolve.domain.program import Program
from evolve.errors import ProposalRejected
from evolve.interfaces import Context, Draft, Exhibit, Operator

FROZEN_HEAD = "import math  # é\r\nLIMIT = 12.5\r\n# EVOLVE-BLOCK-START\r\n"
BLOCK = "def rule(x, y):\r\n    if x < 3.5:\r\n        return x * 2.5 + y\r\n    return y - 0.5 * x\r\n"
FROZEN_TAIL = "# EVOLVE-BLOCK-END\r\nprint(rule(1.5, 2.5))\r\n"
MARKED = {"main.py": FROZEN_HEAD + BLOCK + FROZEN_TAIL, "table.csv": "1.5,2.5\n"}
OTHER = {"main.py": "def rule(x, y):\n    z = x - 7.25\n    return max(z, y) / 4.0\n"}
MANY_FILES = {"main.py": "a = 1.5\n", "lib/part.py": "b = 2.5 + 3.5\n", "judge.py": "c = 4.5\n"}

HOPELESS: dict[str, Mapping[str, str]] = {
    "nothing": {},
    "empty": {"main.py": ""},
    "broken": {"main.py": "def (:\n"},
    "null": {"main.py": "x = 1\0\n"},
    "surrogate": {"main.py": "x = 'a\ud800'\n"},
    "deep": {"main.py": "x = " + "(" * 3000 + "1" + ")" * 3000 + "\n"},
    "frozen": {"main.py": "x = 1.5\n# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n"},
    "not_python": {"main.txt": "x = 1.5\n"},
    "only_signatures": {"main.py": "def f(a=1.5) -> 'b':\n    '''Text.'''\n"},
}


def problem(language: str = "python", editable: tuple[str, ...] = ("*",)) -> Problem:
    objective = Objective("score", Direction.MAXIMIZE)
    stages = (Stage("full", 10.0),)
    return Problem(
        "shape",
        Path("/nowhere"),
        "",
        language,
        (objective,),
        (),
        {},
        editable,
        "main.py",
        stages,
        None,
        Limits(),
        (),
        (),
    )


def exhibit(files: Mapping[str, str], step: int, detail: Mapping[str, object] | None = None) -> Exhibit:
    program = Program(step, dict(files), (), dict(detail or {"operator": "seed"}))
    scored = Scored(step, 0, (), "seed", Outcome.VALID, (float(step % 7),))
    return Exhibit(program, scored, Evaluation("full", Outcome.VALID, "judge"))


def context(
    parent: Mapping[str, str] | Exhibit, seed: int = 0, language: str = "python", editable: tuple[str, ...] = ("*",)
) -> Context:
    shown = parent if isinstance(parent, Exhibit) else exhibit(parent, 0)
    others: Sequence[Exhibit] = (exhibit(OTHER, 3), exhibit({"main.py": "not python ("}, 4), exhibit({}, 5))
    return Context(10 + seed, problem(language, editable), shown, others, np.random.default_rng(seed))


class OperatorSuite:
    """What every operator that needs no model promises. A class of yours says how one is made."""

    @pytest.fixture
    def make(self) -> Callable[[], Operator]:
        """Return what makes a new operator."""
        raise NotImplementedError("Override the fixture make in your class.")

    @pytest.mark.asyncio
    async def test_it_returns_a_changed_program_and_a_json_account(self, make: Callable[[], Operator]) -> None:
        operator = make()
        for seed in range(20):
            draft = await operator.propose(context(MARKED, seed))
            assert draft.files != MARKED
            assert draft.files.keys() == MARKED.keys()
            assert draft.detail["operator"] == operator.name
            assert json.loads(json.dumps(draft.detail, allow_nan=False)) == draft.detail

    @pytest.mark.asyncio
    async def test_equal_contexts_give_equal_drafts(self, make: Callable[[], Operator]) -> None:
        used = make()
        for seed in range(20):
            await used.propose(context(OTHER, seed + 100))
            assert await used.propose(context(MARKED, seed)) == await make().propose(context(MARKED, seed))

    @pytest.mark.asyncio
    async def test_different_randomness_gives_different_drafts(self, make: Callable[[], Operator]) -> None:
        operator = make()
        children = [(await operator.propose(context(MARKED, seed))).files["main.py"] for seed in range(20)]
        assert len(set(children)) > 10

    @pytest.mark.asyncio
    async def test_what_lies_outside_the_blocks_stays_byte_for_byte(self, make: Callable[[], Operator]) -> None:
        operator = make()
        for seed in range(100):
            draft = await operator.propose(context(MARKED, seed))
            child = draft.files["main.py"]
            assert child.startswith(FROZEN_HEAD)
            assert child.endswith(FROZEN_TAIL)
            assert draft.files["table.csv"] == MARKED["table.csv"]

    @pytest.mark.asyncio
    async def test_files_that_are_not_editable_stay(self, make: Callable[[], Operator]) -> None:
        operator = make()
        changed = set()
        for seed in range(40):
            draft = await operator.propose(context(MANY_FILES, seed, editable=("main.py", "lib/*")))
            changed |= {path for path in MANY_FILES if draft.files[path] != MANY_FILES[path]}
        assert changed == {"main.py", "lib/part.py"}

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", HOPELESS)
    async def test_hopeless_programs_are_rejected_with_a_cause(self, make: Callable[[], Operator], name: str) -> None:
        with pytest.raises(ProposalRejected) as caught:
            await make().propose(context(HOPELESS[name]))
        assert caught.value.cause.isidentifier()
        assert caught.value.detail

    @pytest.mark.asyncio
    @pytest.mark.parametrize("language", ["cpp", "julia", "text", "unheard-of"])
    async def test_programs_of_other_languages_change_or_are_rejected(
        self, make: Callable[[], Operator], language: str
    ) -> None:
        operator = make()
        files = {"main.src": "f(x1) = 2.5 * x1 + 3;\n"}
        for seed in range(20):
            assert (await operator.propose(context(files, seed, language))).files["main.src"] != files["main.src"]
        frozen = {"main.src": "f(x1) = 2.5 * x1 + 3;\n# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n"}
        with pytest.raises(ProposalRejected):
            await operator.propose(context(frozen, 1, language))

    async def test_the_context_is_left_as_it_was(self, make: Callable[[], Operator]) -> None:
        given = context(MARKED)
        await make().propose(given)
        assert given.parent.program.files == MARKED
        assert given.parent.program.detail == {"operator": "seed"}

    @pytest.mark.asyncio
    async def test_every_end_of_an_attempt_may_be_observed(self, make: Callable[[], Operator]) -> None:
        operator = make()
        for step, outcome in enumerate(Outcome, start=1):
            draft: Draft = await operator.propose(context(MARKED, step))
            gains = (1.0,) if outcome is Outcome.VALID else ()
            scored = Scored(step, 0, (0,), operator.name, outcome, gains)
            operator.observe(scored, Program(step, {}, (0,), json.loads(json.dumps(draft.detail))))
            operator.observe(Scored(step + 50, 0, (), operator.name, outcome, gains), None)
            operator.observe(
                Scored(step + 60, 0, (0,), "diff", outcome, gains), Program(step + 60, {}, (0,), {"operator": "diff"})
            )
        assert (await operator.propose(context(MARKED, 99))).files != MARKED

    @pytest.mark.asyncio
    async def test_what_was_observed_is_all_it_remembers(self, make: Callable[[], Operator]) -> None:
        live, told = make(), []
        parent = exhibit(MARKED, 0)
        for step in range(1, 60):
            draft = await live.propose(context(parent, step))
            program = Program(step, draft.files, (parent.program.step,), json.loads(json.dumps(draft.detail)))
            scored = Scored(step, 0, (0,), live.name, Outcome.VALID, (float(step % 11),))
            if step % 3:
                told.append((scored, Program(step, {}, program.parents, program.detail)))
                live.observe(*told[-1])
            if step % 10 == 0:
                parent = Exhibit(program, scored, parent.evaluation)
        rebuilt = make()
        for attempt in told:
            rebuilt.observe(*attempt)
        assert await rebuilt.propose(context(parent, 500)) == await live.propose(context(parent, 500))
