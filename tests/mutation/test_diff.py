"""The diff operator against a model server: honest mutators make programs, the others make causes."""

import pytest

from evolve.bench.model_server import ModelServer
from evolve.domain.blocks import only_blocks_changed
from evolve.errors import ModelError, ProposalRejected
from evolve.interfaces import Draft, Operator
from evolve.llm.litellm_model import LiteLlmModel
from evolve.llm.scripted import ScriptedModel
from evolve.mutation.diff import Diff
from evolve.mutation.prompt import PromptBuilder
from evolve.mutation.rewrite import Rewrite
from tests.mutation.model_context import PACKING, context

OPERATORS: dict[str, type[Diff] | type[Rewrite]] = {"diff": Diff, "rewrite": Rewrite}


async def proposed(persona: str, kind: str, files: dict[str, str], seed: int = 0, retries: int = 0) -> Draft:
    operator: Operator = OPERATORS[kind](PromptBuilder())
    async with ModelServer(persona, seed=seed) as server:
        model = LiteLlmModel(
            "openai/bench",
            api_base=server.url,
            temperature=None,
            max_tokens=None,
            timeout_s=10.0,
            retries=retries,
            backoff_s=0.0,
        )
        try:
            others = [{path: text.replace("0.5", "0.4") for path, text in files.items()}] * 2
            return await operator.propose(context(files, model=model, inspirations=others, editable=("main.*",)))
        finally:
            await model.close()


C_PROGRAM = "int size = 4;\r\n/* EVOLVE-BLOCK-START */\r\nint f(int x) { return x + 3; }\r\n/* EVOLVE-BLOCK-END */\r\n"
BARE = "def f(x):\n    return x * 2\n"
PROGRAMS = [{"main.py": PACKING}, {"main.c": C_PROGRAM}, {"main.py": BARE, "data.py": "z = 1\n"}]


@pytest.mark.parametrize("kind", OPERATORS)
@pytest.mark.parametrize(
    "files", [{"main.py": PACKING}, {"main.c": C_PROGRAM}, {"main.py": BARE, "data.py": "z = 1\n"}]
)
@pytest.mark.parametrize("seed", range(4))
async def test_an_honest_answer_becomes_a_program(kind: str, files: dict[str, str], seed: int) -> None:
    draft = await proposed("mutator", kind, files, seed)
    path = next(iter(files))
    assert draft.files[path] != files[path]
    assert only_blocks_changed(files[path], draft.files[path]) == ""
    assert str(draft.detail["summary"]).startswith("Change line")


@pytest.mark.parametrize(
    ("persona", "diff", "rewrite"),
    [
        ("truncated", "truncated", "truncated"),
        ("prose", "malformed_patch", "no_code"),
        ("wrong_fence", "malformed_patch", "no_code"),
        ("wrong_file", "unknown_file", "unknown_file"),
        ("markers", "markers_changed", "outside_block"),
        ("huge", "answer_too_long", "answer_too_long"),
        ("unchanged", "unchanged", "unchanged"),
        ("empty", "empty_answer", "empty_answer"),
    ],
)
async def test_a_hostile_answer_is_rejected_with_its_cause(persona: str, diff: str, rewrite: str) -> None:
    files = {"main.py": PACKING + "# the end\n"}
    for kind, cause in (("diff", diff), ("rewrite", rewrite)):
        with pytest.raises(ProposalRejected) as caught:
            await proposed(persona, kind, files)
        assert caught.value.cause == cause


@pytest.mark.parametrize("kind", OPERATORS)
async def test_unicode_traps_reach_neither_files_nor_records_unstorable(kind: str) -> None:
    draft = await proposed("unicode", kind, {"main.py": PACKING})
    text = draft.files["main.py"]
    assert "\0" not in text
    assert text.encode("utf-8")
    assert "\u2028" in text


@pytest.mark.parametrize("persona", ["http400", "http401", "http500", "close", "invalid_json"])
async def test_a_failing_server_is_a_model_error(persona: str) -> None:
    with pytest.raises(ModelError):
        await proposed(persona, "diff", {"main.py": PACKING})


async def test_the_account_of_a_patch_counts_its_blocks() -> None:
    answer = "Less.\n<<<<<<< SEARCH\n    circles = []\n=======\n    circles = list()\n>>>>>>> REPLACE\n"
    draft = await Diff(PromptBuilder()).propose(context({"main.py": PACKING}, model=ScriptedModel([answer])))
    assert draft.detail == {"operator": "diff", "model": "scripted", "blocks": 1, "summary": "Less."}
    assert draft.files == {"main.py": PACKING.replace("[]", "list()")}


async def test_a_patch_that_breaks_the_syntax_is_refused_before_it_is_evaluated() -> None:
    answer = "<<<<<<< SEARCH\n    circles = []\n=======\n    circles = [\n>>>>>>> REPLACE\n"
    with pytest.raises(ProposalRejected, match="syntax_error"):
        await Diff(PromptBuilder()).propose(context({"main.py": PACKING}, model=ScriptedModel([answer])))
