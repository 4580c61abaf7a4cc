"""What an attack is, and where the suite's own are kept.

A file begins with a docstring: one line on what is tried, then::

    Expected: as seed, timed_out     the ends that mean it was contained
    Variants: by a child, by a thread   optional: the file is one attack for each, told by VARIANT
    Files: ../up.py                  optional: further paths in the program; TOKEN stands for the token

An exploit of a problem's own may have an ``Expected:`` line too, in its docstring or first comments.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from pathlib import Path

_FOLDER = Path(__file__).parent / "attacks"
_PRELUDE = "prelude.py"
_PROBE = "probe.py"


class End(StrEnum):
    """An acceptable end of an attack, as its docstring writes it after ``Expected:``."""

    AS_SEED = "as seed"
    """VALID with the seed's metrics: the attack had no effect on the score."""
    NO_BETTER = "no better"
    """VALID, and not better than the seed."""
    WORSE = "worse"
    """VALID, and worse than the seed."""
    INVALID = "invalid"
    CRASHED = "crashed"
    TIMED_OUT = "timed_out"
    REPLACED = "replaced"
    """The sandbox broke and was replaced."""


class Family(StrEnum):
    """What an attack is after."""

    CONTROLS = "controls"
    RESOURCES = "resources"
    REACH = "reach"
    FORGERY = "forgery"
    LEFTOVERS = "leftovers"
    TIMING = "timing"
    EXPLOITS = "exploits"
    """The problem's own."""


BAD_ENDS = frozenset({End.INVALID, End.CRASHED, End.TIMED_OUT})


class NotAnAttack(ValueError):
    """A file that says not, or not well, what it tries and how it may end."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile program, before it is joined to a problem's seed.

    Args:
        name: ``FAMILY/NAME``, with ``[VARIANT]`` when its file holds several.
        family: what it is after.
        tried: one sentence for people.
        expected: the ends that mean it was contained.
        code: Python text; uses the names of the prelude.
        variant: which of its file's variants this is.
        files: further paths in the program's map of files; what they hold does not matter.
    """

    name: str
    family: Family
    tried: str
    expected: frozenset[End]
    code: str
    variant: str = ""
    files: tuple[str, ...] = ()

    @property
    def must_say(self) -> bool:
        """Whether it has to report what it did: no news of an attack is not good news."""
        return self.family not in (Family.CONTROLS, Family.EXPLOITS)

    def matches(self, pattern: str) -> bool:
        """Whether a shell pattern, or a part of the name, selects this attack."""
        return fnmatch(self.name, pattern) or fnmatch(self.name.partition("/")[2], pattern) or pattern in self.name


def bundled_attacks() -> list[Attack]:
    """Return the suite's attacks, family by family."""
    folders = [_FOLDER / family for family in Family]
    return [attack for folder in folders for path in sorted(folder.glob("*.py")) for attack in read_attacks(path)]


def prelude() -> str:
    """Return the text before every attack: it refuses to act outside a sandbox."""
    return (_FOLDER / _PRELUDE).read_text("utf-8")


def probe() -> str:
    """Return the text of the program that looks for what an attack left."""
    return (_FOLDER / _PROBE).read_text("utf-8")


def read_attacks(path: Path) -> Iterator[Attack]:
    """Yield the attacks of a file, one for each variant. Raises NotAnAttack."""
    text = path.read_text("utf-8")
    said = docstring_of(text)
    tried, _, rest = said.partition("\n")
    fields = _fields(rest)
    expected = expected_ends(fields.get("Expected", ""))
    if not tried.strip() or not expected:
        raise NotAnAttack(f"{path}: expected a docstring with what is tried, and a line 'Expected: END, ...'.")
    name = f"{path.parent.name}/{path.stem}"
    for variant in _listed(fields.get("Variants", "")) or [""]:
        yield Attack(
            name=f"{name}[{variant}]" if variant else name,
            family=Family(path.parent.name),
            tried=f"{tried.strip().rstrip('.')} ({variant})" if variant else tried.strip(),
            expected=expected,
            code=text,
            variant=variant,
            files=tuple(_listed(fields.get("Files", ""))),
        )


def docstring_of(text: str) -> str:
    """Return the docstring of a Python text, or its first lines of comments, in any language."""
    try:
        said = ast.get_docstring(ast.parse(text))
    except (SyntaxError, ValueError):
        said = None
    if said is not None:
        return said
    lines = []
    for line in text.splitlines():
        if not line.startswith(("#", "//", "/*", " *", "*", "--", ";", "!", "%")):
            break
        lines.append(line.lstrip("#/*-;!% ").rstrip())
    return "\n".join(lines)


def expected_ends(words: str) -> frozenset[End]:
    """Return the ends that a line names. Raises NotAnAttack for a word that is none."""
    try:
        return frozenset(End(word) for word in _listed(words.rstrip(".")))
    except ValueError as error:
        raise NotAnAttack(f"{error}; known ends: {', '.join(End)}.") from error


def expected_in(text: str) -> frozenset[End]:
    """Return the ends that a program's first words allow, or none if they say nothing of it."""
    return expected_ends(_fields(docstring_of(text)).get("Expected", ""))


def _fields(text: str) -> Mapping[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, separator, value in pairs if separator}


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]
