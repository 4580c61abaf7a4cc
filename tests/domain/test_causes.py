"""Every code that anything is rejected with is a known cause."""

import ast
from collections.abc import Iterator
from pathlib import Path

import evolve
from evolve.domain.causes import Cause


def rejections() -> Iterator[tuple[Path, ast.expr]]:
    for path in Path(evolve.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ProposalRejected":
                yield path, node.args[0]


def test_every_literal_code_is_listed() -> None:
    found = list(rejections())
    assert len(found) > 20
    for path, code in found:
        if isinstance(code, ast.Constant):
            assert code.value in list(Cause), (
                f"{path}, line {code.lineno}: {code.value!r} is not in evolve.domain.causes"
            )


def test_codes_are_identifiers_and_meanings_are_sentences() -> None:
    for cause in Cause:
        assert cause.isidentifier()
        assert cause.meaning[0].isupper() and cause.meaning.endswith(".")
        assert f"{cause}" == cause.value == Cause(cause.value)
