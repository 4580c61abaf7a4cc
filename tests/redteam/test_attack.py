from __future__ import annotations

import ast
from pathlib import Path

import pytest

from evolve.redteam import attack
from evolve.redteam.attack import Attack, End, Family, NotAnAttack, bundled_attacks, expected_in, prelude, read_attacks

FILES = sorted((Path(attack.__file__).parent / "attacks").rglob("*.py"))


def written(folder: Path, text: str, family: str = "reach") -> Path:
    path = folder / family / "one.py"
    path.parent.mkdir()
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_file_is_a_text_that_python_can_read(path: Path) -> None:
    ast.parse(path.read_text("utf-8"), str(path))


def test_every_attack_says_what_it_tries_and_how_it_may_end() -> None:
    attacks = bundled_attacks()
    assert len({a.name for a in attacks}) == len(attacks) > 250
    assert {a.family for a in attacks} == set(Family) - {Family.EXPLOITS}
    assert all(a.tried and a.expected for a in attacks)
    texts = [path for path in FILES if path.parent.name != "attacks"]
    assert {a.code for a in attacks} == {path.read_text("utf-8") for path in texts}


def test_every_variant_that_a_file_names_is_one_it_knows() -> None:
    for one in bundled_attacks():
        if one.variant:
            assert one.code.count("VARIANT") > 0, one.name


def test_nothing_acts_before_the_guard() -> None:
    statements = ast.parse(prelude()).body
    guard = next(index for index, node in enumerate(statements) if isinstance(node, ast.If))
    assert isinstance(statements[guard].body[0], ast.Raise)  # type: ignore[attr-defined]
    assert all(isinstance(node, ast.Import | ast.Assign) for node in statements[:guard])
    assert "os.getuid() == 0" in ast.unparse(statements[guard])
    assert "capget" in ast.unparse(statements[guard])


def test_a_file_is_read_with_its_variants_and_files(tmp_path: Path) -> None:
    path = written(
        tmp_path, '"""Tries this.\n\nExpected: as seed, crashed\nVariants: a b, c\nFiles: ../x.py\n"""\npass\n'
    )
    first, second = read_attacks(path)
    assert (first.name, second.name) == ("reach/one[a b]", "reach/one[c]")
    assert first.expected == {End.AS_SEED, End.CRASHED}
    assert (first.variant, first.files, first.tried) == ("a b", ("../x.py",), "Tries this (a b)")


@pytest.mark.parametrize("text", ["pass\n", '"""Tries this."""\n', '"""Tries.\n\nExpected: won\n"""\n'])
def test_a_file_that_does_not_say_how_it_may_end_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotAnAttack):
        list(read_attacks(written(tmp_path, text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"""Sells air.\n\nExpected: timed_out\n"""\n', {End.TIMED_OUT}),
        ("# Sells air.\n# Expected: crashed, invalid\nx = 1\n", {End.CRASHED, End.INVALID}),
        ("// Sells air.\n// Expected: worse\nint main() {}\n", {End.WORSE}),
        ("x = 1  # Expected: crashed\n", set()),
    ],
)
def test_an_exploit_of_any_language_may_say_how_it_ends(text: str, expected: set[End]) -> None:
    assert expected_in(text) == expected


@pytest.mark.parametrize("pattern", ["reach/*", "tcp", "*tcp", "reach/tcp", "rea"])
def test_attacks_are_chosen_by_pattern_or_part_of_the_name(pattern: str) -> None:
    one = Attack("reach/tcp", Family.REACH, "", frozenset(), "")
    assert one.matches(pattern)
    assert not one.matches("udp")
