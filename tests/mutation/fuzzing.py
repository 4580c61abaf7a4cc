"""Model answers, honest and broken in every way we know, and the programs they answer to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatch

import numpy as np

from evolve.bench.personas import PERSONAS, Prompt, Reply, mutator, read_prompt
from evolve.domain.blocks import editable_regions, split_lines
from evolve.domain.proposal import Message
from evolve.interfaces import Context, Failure
from tests.mutation.model_context import PACKING, context

C_PROGRAM = (
    "int size = 4;\r\n/* EVOLVE-BLOCK-START */\r\nint f(int x) {\r\n  return x + 3;\r\n}\r\n"
    "/* EVOLVE-BLOCK-END */\r\nint g(int x) { return f(x) * 2; }\r\n"
)
TWO_BLOCKS = (
    "import math\n# EVOLVE-BLOCK-START\na = 1.5\nb = 2\n# EVOLVE-BLOCK-END\nmiddle = a + b\n"
    "# EVOLVE-BLOCK-START\nc = 3\n# EVOLVE-BLOCK-END\nlast = c"
)
ODD = 'doc = """\n```\nfenced\n```\n=======\n\x0cpage\u2028line\x85end\n"""\nvalue = 1.25\nother = value * 2 + 1\n'
RUST = "// EVOLVE-BLOCK-START\rfn f(x: i64) -> i64 {\r    x * 7 + 1\r}\r// EVOLVE-BLOCK-END\r"
LISP = "(define (f x)\n  (+ x 2.5))\n\n(define size 4)\n"
SHELL = "#!/bin/sh\nset -e\ncount=3\ntest $count -lt 9 && echo $count\n"
PROGRAMS: tuple[tuple[dict[str, str], tuple[str, ...], str], ...] = (
    ({"main.py": PACKING}, ("*",), "python"),
    ({"main.c": C_PROGRAM}, ("*",), "c"),
    ({"main.py": TWO_BLOCKS}, ("*",), "python"),
    ({"main.py": ODD}, ("main.*",), "python"),
    ({"main.rs": RUST}, ("*",), "rust"),
    ({"main.scm": LISP}, ("*",), "scheme"),
    ({"run.sh": SHELL}, ("*",), "bash"),
    ({"main.py": PACKING, "data.py": "table = [1, 2, 3]\n"}, ("main.*",), "python"),
    ({"a/main.py": PACKING, "b/part.py": "x = 1\ny = 2.5\n", "c.txt": "keep\n"}, ("*.py",), "python"),
)
TOKENS = (
    *("```", "````", "```python", "~~~", "`", "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "<<<<<<<< SEARCH"),
    *("========", "<<<<<<<", "======", "> REPLACE", "File: main.py", "File: data.py", "File: ../../etc/passwd"),
    *("# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END", "/* EVOLVE-BLOCK-END */", "<think>", "</think>", "", "    ", "\t"),
    *("\0", "\ud800", "\u202e", "\u2028", "\x85", "\x0c", "\ufeff", "é", "\U0001f642", "{{ x }}", "a" * 500),
    *("import os", "}", "def f(", '"""', "main.py", "**main.py**", "None", "x = 1", "..."),
)
_OTHER_DIGITS = str.maketrans("1234", "5678")  # further than the honest persona goes
ANSWERING = sorted(name for name, persona in PERSONAS.items() if not name.startswith(("http", "hang", "close", "inv")))


def scene(index: int, rng: np.random.Generator) -> Context:
    """Return a context with one of the programs, another program beside it, and a failed child."""
    files, editable, language = PROGRAMS[index % len(PROGRAMS)]
    other = {path: _sibling(text) if _matches(path, editable) else text for path, text in files.items()}
    failed = Failure(9, "diff", "crashed", "IndexError: 3", "A try.", other)
    built = context(
        files, inspirations=[other], editable=editable, language=language, failures=[failed], seed=int(rng.integers(99))
    )
    return replace(built, step=index)


def _sibling(text: str) -> str:
    """Return the text with other digits in its editable lines."""
    lines = split_lines(text)
    for region in editable_regions(text):
        for index in range(region.first, region.stop):
            lines[index] = lines[index].translate(_OTHER_DIGITS)
    return "".join(lines)


def _matches(path: str, editable: Sequence[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in editable)


def honest(messages: Sequence[Message], rng: np.random.Generator) -> str:
    """Return what the honest persona answers."""
    return mutator(_read(messages), rng).text


def persona(name: str, messages: Sequence[Message], rng: np.random.Generator) -> Reply:
    """Return what a persona answers."""
    return PERSONAS[name](_read(messages), rng)


def _read(messages: Sequence[Message]) -> Prompt:
    return read_prompt([{"role": message.role, "content": message.content} for message in messages], 0)


# ── damage ────────────────────────────────────────────────────────────────────────────────────
Damage = Callable[[str, str, np.random.Generator], str]


def _span(size: int, rng: np.random.Generator) -> tuple[int, int]:
    first, stop = sorted(int(n) for n in rng.integers(size + 1, size=2))
    return first, stop


def delete(text: str, _other: str, rng: np.random.Generator) -> str:
    """Leave out some characters."""
    first = int(rng.integers(len(text) + 1))
    return text[:first] + text[first + int(rng.integers(1, 40)) :]


def delete_line(text: str, _other: str, rng: np.random.Generator) -> str:
    """Leave out a line."""
    lines = text.split("\n")
    lines.pop(int(rng.integers(len(lines))))
    return "\n".join(lines)


def repeat_lines(text: str, _other: str, rng: np.random.Generator) -> str:
    """Say some lines twice, the second time anywhere."""
    lines = text.split("\n")
    first, stop = _span(len(lines), rng)
    at = int(rng.integers(len(lines) + 1))
    return "\n".join([*lines[:at], *lines[first:stop], *lines[at:]])


def shuffle(text: str, _other: str, rng: np.random.Generator) -> str:
    """Exchange two lines."""
    lines = text.split("\n")
    left, right = (int(n) for n in rng.integers(len(lines), size=2))
    lines[left], lines[right] = lines[right], lines[left]
    return "\n".join(lines)


def insert_line(text: str, _other: str, rng: np.random.Generator) -> str:
    """Put a line in that means something."""
    lines = text.split("\n")
    lines.insert(int(rng.integers(len(lines) + 1)), TOKENS[int(rng.integers(len(TOKENS)))])
    return "\n".join(lines)


def insert(text: str, _other: str, rng: np.random.Generator) -> str:
    """Put something anywhere."""
    at = int(rng.integers(len(text) + 1))
    return text[:at] + TOKENS[int(rng.integers(len(TOKENS)))] + text[at:]


def truncate(text: str, _other: str, rng: np.random.Generator) -> str:
    """Stop early."""
    return text[: int(rng.integers(len(text) + 1))]


def interleave(text: str, other: str, rng: np.random.Generator) -> str:
    """Mix the lines of two answers."""
    lines, others = text.split("\n"), other.split("\n")
    mixed: list[str] = []
    while lines or others:
        source = lines if lines and (not others or rng.random() < 0.5) else others
        count = int(rng.integers(1, 6))
        mixed += source[:count]
        del source[:count]
    return "\n".join(mixed)


def join(text: str, other: str, _rng: np.random.Generator) -> str:
    """Give two answers."""
    return f"{text}\nor\n{other}"


def fence(text: str, _other: str, rng: np.random.Generator) -> str:
    """Change the length of fences and markers."""
    old = ("```", "<<<<<<<", "=======", ">>>>>>>")[int(rng.integers(4))]
    return text.replace(old, old[0] * int(rng.integers(2, 10)), int(rng.integers(1, 4)))


def wrap(text: str, _other: str, rng: np.random.Generator) -> str:
    """Put everything into a fence, a thought or a quotation."""
    heads = ("```diff\n{}\n```", "<think>{}</think>", "<think>\n{}", "````\n{}\n````", "{}\n```")
    if rng.random() < 0.3:
        return "\n".join("> " + line for line in text.split("\n"))
    return heads[int(rng.integers(len(heads)))].replace("{}", text)


def endings(text: str, _other: str, rng: np.random.Generator) -> str:
    """Use other line endings."""
    return text.replace("\n", ("\r\n", "\r", "\u2028", "\n\r", "\n\n")[int(rng.integers(5))])


def indent(text: str, _other: str, rng: np.random.Generator) -> str:
    """Shift some lines."""
    lines = text.split("\n")
    first, stop = _span(len(lines), rng)
    return "\n".join([*lines[:first], *("  " + line for line in lines[first:stop]), *lines[stop:]])


def rename(text: str, _other: str, rng: np.random.Generator) -> str:
    """Speak of another file."""
    names = ("data.py", "c.txt", "b/part.py", "/etc/passwd", "../x", "no.py", "")
    return f"File: {names[int(rng.integers(len(names)))]}\n{text}"


DAMAGES: tuple[Damage, ...] = (
    *(delete, delete_line, repeat_lines, shuffle, insert_line, insert, truncate, interleave, join),
    *(fence, wrap, endings, indent, rename),
)


def damaged(text: str, other: str, rng: np.random.Generator) -> str:
    """Apply one to four damages."""
    for _ in range(int(rng.integers(1, 5))):
        text = DAMAGES[int(rng.integers(len(DAMAGES)))](text, other, rng)
    return text
