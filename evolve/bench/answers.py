"""What every persona of the model server has: how a prompt is read, a line changed, and an answer written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from evolve.domain.blocks import END, START, editable_regions
from evolve.errors import ProblemError
from evolve.mutation.fences import Fence, answer_lines, fence_for, fences, path_in_info, path_in_line

NUMBER = re.compile(r"(?<![\w.\"'])(\d+\.\d+(?:[eE][+-]?\d+)?|\d+)(?![\w.\"'])")
_OPERATOR = re.compile(r"(?<=\s)(\+|-|\*|<=|>=|<|>)(?=\s)|\b(max|min)(?=\()")
_SWAPS = {"+": "-", "-": "+", "*": "+", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "max": "min", "min": "max"}
COMMENTS = ("#", "//", "--", "/*", "*", "<!--", ";", "%")
_LANGUAGE = re.compile(r"[A-Za-z+#]+(?=\s|$)")
_SEARCH = re.compile(r"(<{5,}) SEARCH")


class Fault(Enum):
    """What happens to a reply on its way."""

    NONE = auto()
    HANG = auto()
    """Nothing is ever sent."""
    CUT = auto()
    """The connection closes in the middle of the body."""
    STALL = auto()
    """The body stops in the middle, and the connection stays open."""
    RESET = auto()
    """The connection is gone before a byte of the answer."""
    NOT_JSON = auto()
    HTML = auto()
    """A page for people, with status 200: a login, a proxy's error."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and how it reaches the client. With another status than 200 ``text`` is the error's."""

    text: str = ""
    refusal: str = ""
    finish_reason: str = "stop"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    fault: Fault = Fault.NONE


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat as a persona sees it: all text, the program in it, and how it is to be changed.

    ``seen`` counts the earlier requests with the same messages; ``language`` is what the fence of the
    program says, for some clients take no code without it.
    """

    text: str
    program: tuple[str, ...]
    path: str | None
    marker_width: int
    seen: int
    language: str = ""

    @property
    def wants_diff(self) -> bool:
        """Whether the prompt asks for SEARCH/REPLACE blocks."""
        return self.marker_width > 0


Persona = Callable[[Prompt, np.random.Generator], Reply]


def read_prompt(messages: Sequence[object], seen: int) -> Prompt:
    """Find the program in a chat: ours, or that of any system that fences it."""
    text = "\n".join(_content(message) for message in messages)
    lines = answer_lines(text)
    fence = _program_fence(fences(lines), lines)
    width = _SEARCH.search(text)
    path = None
    if fence is not None:
        path = path_in_info(fence.info, ()) or path_in_line(fence.before, ())
    language = _LANGUAGE.match(fence.info) if fence else None
    return Prompt(
        text, fence.lines if fence else (), path, len(width[1]) if width else 0, seen, language[0] if language else ""
    )


def _content(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)


def _program_fence(found: Sequence[Fence], lines: Sequence[str]) -> Fence | None:
    """The last one announced as the current program; else the last with markers; else the longest."""
    code = [fence for fence in found if fence.lines and "SEARCH" not in fence.lines[0]]
    marked = [fence for fence in code if any(START in line for line in fence.lines)]
    announced = [fence for fence in marked or code if "current program" in _announcement(fence, found, lines)]
    if announced:
        return announced[-1]
    return marked[-1] if marked else max(code, key=lambda fence: len(fence.lines), default=None)


def _announcement(fence: Fence, found: Sequence[Fence], lines: Sequence[str]) -> str:
    """Return the last lines of prose above a fence, lower case."""
    ends = [other.first + len(other.lines) + 2 for other in found if other.first < fence.first]
    return " ".join(lines[max([fence.first - 6, *ends]) : fence.first]).lower()


# ── changing a line and writing the answer ────────────────────────────────────────────────────
def mutated_line(program: Sequence[str], rng: np.random.Generator) -> tuple[int, str]:
    """Change one constant or operator of a program; return which line, and the new one."""
    sites = [
        (index, match)
        for index in editable_lines(program)
        if not program[index].lstrip().startswith(COMMENTS)
        for pattern in (NUMBER, _OPERATOR)
        for match in pattern.finditer(program[index])
    ]
    if not sites:
        index = (editable_lines(program) or [0])[0]
        return index, program[index] + " "
    index, match = sites[int(rng.integers(len(sites)))]
    old = match[0]
    new = _SWAPS.get(old) or perturbed(old, rng)
    return index, program[index][: match.start()] + new + program[index][match.end() :]


def editable_lines(program: Sequence[str]) -> list[int]:
    """Return the indices of the lines that may change."""
    try:
        regions = editable_regions("\n".join(program))
    except ProblemError:
        return list(range(len(program)))
    return [index for region in regions for index in range(region.first, min(region.stop, len(program)))]


def perturbed(number: str, rng: np.random.Generator) -> str:
    """Return another number near a number: whole ones by up to 3, others by about a third."""
    if re.fullmatch(r"\d+", number):
        step = int(rng.integers(1, 4)) * (1 if rng.random() < 0.5 else -1)
        return str(int(number) + step if int(number) + step >= 0 else int(number) - step)
    return repr(float(number) * float(np.exp(rng.normal(0.0, 0.3))) or 0.5)


def diff(prompt: Prompt, index: int, line: str) -> str:
    """Return a SEARCH/REPLACE block that puts a line in place of another."""
    first, stop = _unique_context(prompt.program, index)
    search = prompt.program[first:stop]
    replace = (*search[: index - first], line, *search[index - first + 1 :])
    width = prompt.marker_width
    path = [f"File: {prompt.path}"] if prompt.path else []
    return "\n".join([*path, "<" * width + " SEARCH", *search, "=" * width, *replace, ">" * width + " REPLACE", ""])


def _unique_context(program: Sequence[str], index: int) -> tuple[int, int]:
    """Return the fewest lines around ``index`` that occur once, kept inside the block while possible."""
    first, stop = index, index + 1
    while _is_ambiguous(program, program[first:stop]) and (first > 0 or stop < len(program)):
        grows_up = first > 0 and START not in program[first - 1]
        if grows_up and (stop - index > index - first or stop == len(program) or END in program[stop]):
            first -= 1
        elif stop < len(program):
            stop += 1
        else:
            first -= 1
    return first, stop


def _is_ambiguous(program: Sequence[str], part: Sequence[str]) -> bool:
    """Whether the part occurs again, as a substring even: some clients do not match whole lines."""
    text, wanted = "\n".join(program), "\n".join(part)
    return text.find(wanted, text.find(wanted) + 1) >= 0


def fenced(lines: Sequence[str], path: str | None, info: str = "") -> str:
    """Return lines in a fence, below the name of their file."""
    fence = fence_for(*lines)
    label = [f"File: {path}"] if path else []
    return "\n".join([*label, fence + info, *lines, fence, ""])


def changed(prompt: Prompt, index: int, line: str, summary: str) -> Reply:
    """Return a program with one line changed, in the format that the prompt asks for."""
    if prompt.wants_diff:
        return Reply(f"{summary}\n\n" + diff(prompt, index, line))
    lines = (*prompt.program[:index], line, *prompt.program[index + 1 :])
    return Reply(f"{summary}\n\n" + fenced(lines, prompt.path, prompt.language))
