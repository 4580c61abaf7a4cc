"""What the model server answers: an honest mutator, and the ways in which models and networks fail."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

import numpy as np

from evolve.domain.blocks import END, START, editable_regions
from evolve.errors import ConfigurationError, ProblemError, nearest
from evolve.mutation.fences import Fence, answer_lines, fence_for, fences, path_in_info, path_in_line

_NUMBER = re.compile(r"(?<![\w.\"'])(\d+\.\d+(?:[eE][+-]?\d+)?|\d+)(?![\w.\"'])")
_OPERATOR = re.compile(r"(?<=\s)(\+|-|\*|<=|>=|<|>)(?=\s)|\b(max|min)(?=\()")
_SWAPS = {"+": "-", "-": "+", "*": "+", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "max": "min", "min": "max"}
_COMMENTS = ("#", "//", "--", "/*", "*", "<!--", ";", "%")
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

    ``seen`` counts the earlier requests with the same messages.
    """

    text: str
    program: tuple[str, ...]
    path: str | None
    marker_width: int
    seen: int

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
    return Prompt(text, fence.lines if fence else (), path, len(width[1]) if width else 0, seen)


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


def _always(reply: Reply) -> Persona:
    return lambda _prompt, _rng: reply


_REFUSAL = Reply("I'm sorry, but I can't help with changing this program. It already looks well optimised to me.")
_COMMANDS = Reply("Run this:\n\n```bash\nsed -i s/1/2/ program\n```\n\nIt prints\n\n```text\nok\n```\n")
_LOOP = Reply("The main loop can be improved:\n" + "\nand again, and then" * 400)
_THOUGHT = Reply("<think>\nThe user wants a change. But which one?\n</think>\n  \n")
_FILTERED = Reply("", finish_reason="content_filter")
_DECLINED = Reply(refusal="I'm sorry, I cannot assist with that request.")
_ENORMOUS = Reply("x" * (17 * 2**20))
_QUOTA = Reply("You exceeded your current quota (insufficient_quota).", status=429)
_OVERFLOW = Reply("This model's maximum context length is 8192 tokens (context_length_exceeded).", status=400)
_FLOOD = Reply("```python\n" + "# nothing to see here, move along\n" * 60_000 + "```\n")


# ── the honest one ────────────────────────────────────────────────────────────────────────────
def mutator(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Change one constant or operator of the program, in the format the prompt asks for."""
    if not prompt.program:
        return _REFUSAL
    index, line = _mutated_line(prompt.program, rng)
    if prompt.wants_diff:
        return Reply(f"Change line {index + 1}.\n\n" + _diff(prompt, index, line))
    changed = (*prompt.program[:index], line, *prompt.program[index + 1 :])
    return Reply(f"Change line {index + 1}.\n\n" + _fenced(changed, prompt.path))


def _mutated_line(program: Sequence[str], rng: np.random.Generator) -> tuple[int, str]:
    sites = [
        (index, match)
        for index in _editable_lines(program)
        if not program[index].lstrip().startswith(_COMMENTS)
        for pattern in (_NUMBER, _OPERATOR)
        for match in pattern.finditer(program[index])
    ]
    if not sites:
        index = (_editable_lines(program) or [0])[0]
        return index, program[index] + " "
    index, match = sites[int(rng.integers(len(sites)))]
    old = match[0]
    new = _SWAPS.get(old) or _perturbed(old, rng)
    return index, program[index][: match.start()] + new + program[index][match.end() :]


def _editable_lines(program: Sequence[str]) -> list[int]:
    try:
        regions = editable_regions("\n".join(program))
    except ProblemError:
        return list(range(len(program)))
    return [index for region in regions for index in range(region.first, min(region.stop, len(program)))]


def _perturbed(number: str, rng: np.random.Generator) -> str:
    if re.fullmatch(r"\d+", number):
        step = int(rng.integers(1, 4)) * (1 if rng.random() < 0.5 else -1)
        return str(int(number) + step if int(number) + step >= 0 else int(number) - step)
    return repr(float(number) * float(np.exp(rng.normal(0.0, 0.3))) or 0.5)


def _diff(prompt: Prompt, index: int, line: str) -> str:
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


def _fenced(lines: Sequence[str], path: str | None, info: str = "") -> str:
    fence = fence_for(*lines)
    label = [f"File: {path}"] if path else []
    return "\n".join([*label, fence + info, *lines, fence, ""])


# ── models that fail ──────────────────────────────────────────────────────────────────────────
def truncated(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Stop in the middle of the answer, as when max_tokens is reached."""
    text = mutator(prompt, rng).text
    return Reply(text[: max(1, len(text) * 2 // 3)], finish_reason="length")


def wrong_file(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Change a file that the program does not have."""
    other = Prompt(prompt.text, prompt.program, "src/not_there.py", prompt.marker_width, prompt.seen)
    return mutator(other, rng)


def markers(prompt: Prompt, _rng: np.random.Generator) -> Reply:
    """Widen the editable block by moving its end marker to the end of the file."""
    program = list(prompt.program)
    ends = [index for index, line in enumerate(program) if END in line]
    if not ends:
        widened = [f"# {START}", *program, f"# {END}"]
    else:
        widened = [*program[: ends[0]], *program[ends[0] + 1 :], program[ends[0]]]
    if not prompt.wants_diff:
        return Reply(_fenced(widened, prompt.path))
    width = prompt.marker_width
    whole = ["<" * width + " SEARCH", *program, "=" * width, *widened, ">" * width + " REPLACE", ""]
    return Reply("\n".join(whole))


def unchanged(prompt: Prompt, _rng: np.random.Generator) -> Reply:
    """Give the parent back."""
    if not prompt.wants_diff:
        return Reply(_fenced(prompt.program, prompt.path))
    index = (_editable_lines(prompt.program) or [0])[0]
    return Reply(_diff(prompt, index, prompt.program[index])) if prompt.program else Reply()


def traps(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Put a NUL, a lone surrogate, bidirectional controls and Unicode line separators into the program."""
    index, line = _mutated_line(prompt.program or ("x = 1",), rng)
    poisoned = line + "  # \x00 \ud800 \u202e \u2028 \u0085 \ufeff"
    if prompt.wants_diff and prompt.program:
        return Reply(_diff(prompt, index, poisoned))
    return Reply(_fenced((*prompt.program[:index], poisoned, *prompt.program[index + 1 :]), prompt.path))


def echo(prompt: Prompt, _rng: np.random.Generator) -> Reply:
    """Give the prompt back."""
    return Reply(prompt.text)


# ── networks that fail ────────────────────────────────────────────────────────────────────────
def _status(status: int, *headers: tuple[str, str]) -> Persona:
    return _always(Reply(status=status, headers=headers))


def _fault(fault: Fault) -> Persona:
    def persona(prompt: Prompt, rng: np.random.Generator) -> Reply:
        honest = mutator(prompt, rng)
        return Reply(honest.text, fault=fault)

    return persona


def _at_first(failing: Persona) -> Persona:
    """Fail for a prompt that was not seen before; answer it when it comes again."""

    def persona(prompt: Prompt, rng: np.random.Generator) -> Reply:
        return failing(prompt, rng) if prompt.seen == 0 else mutator(prompt, rng)

    return persona


_HTTP429 = _status(429, ("Retry-After", "0"))
PERSONAS: Mapping[str, Persona] = MappingProxyType(
    {
        "mutator": mutator,
        "truncated": truncated,
        "prose": _always(_REFUSAL),
        "wrong_fence": _always(_COMMANDS),
        "wrong_file": wrong_file,
        "markers": markers,
        "unchanged": unchanged,
        "huge": _always(_FLOOD),
        "unicode": traps,
        "enormous": _always(_ENORMOUS),
        "repeats": _always(_LOOP),
        "echo": echo,
        "filtered": _always(_FILTERED),
        "declines": _always(_DECLINED),
        "thinks": _always(_THOUGHT),
        "empty": _always(Reply()),
        "http400": _status(400),
        "http400_overflow": _always(_OVERFLOW),
        "http401": _status(401),
        "http404": _status(404),
        "http429": _HTTP429,
        "http429_quota": _always(_QUOTA),
        "http500": _status(500),
        "hang": _fault(Fault.HANG),
        "close": _fault(Fault.CUT),
        "stall": _fault(Fault.STALL),
        "reset": _fault(Fault.RESET),
        "html": _fault(Fault.HTML),
        "invalid_json": _fault(Fault.NOT_JSON),
        "http429_once": _at_first(_HTTP429),
        "http500_once": _at_first(_status(500)),
        "close_once": _at_first(_fault(Fault.CUT)),
        "invalid_json_once": _at_first(_fault(Fault.NOT_JSON)),
        "hang_once": _at_first(_fault(Fault.HANG)),
        "stall_once": _at_first(_fault(Fault.STALL)),
        "reset_once": _at_first(_fault(Fault.RESET)),
        "html_once": _at_first(_fault(Fault.HTML)),
        "empty_once": _at_first(_always(Reply())),
        "thinks_once": _at_first(_always(_THOUGHT)),
        "repeats_once": _at_first(_always(_LOOP)),
        "echo_once": _at_first(echo),
        "truncated_once": _at_first(truncated),
    }
)

_FAILING = (
    *("truncated", "prose", "wrong_fence", "wrong_file", "markers", "unchanged", "unicode", "empty", "repeats"),
    *("echo", "filtered", "declines", "http429", "http500", "hang", "stall", "close", "reset", "html", "invalid_json"),
)
MIXES: Mapping[str, str] = MappingProxyType(
    {"failing": ",".join(["mutator:0.7", *(f"{name}:{0.3 / len(_FAILING)}" for name in _FAILING)])}
)
"""Mixes with a name. ``failing``: three answers in ten fail, in all ways that a later answer may mend."""


def mix(description: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Read ``"mutator:0.7,http500:0.3"``, or the name of a mix, into names and probabilities.

    Raises ConfigurationError.
    """
    names, weights = [], []
    for part in MIXES.get(description, description).split(","):
        name, _, weight = part.strip().partition(":")
        if name not in PERSONAS:
            raise ConfigurationError(f"No persona {name!r}. {nearest(name, PERSONAS)}")
        try:
            weights.append(float(weight or 1.0))
        except ValueError as error:
            raise ConfigurationError(f"Persona {part!r}: expected NAME or NAME:WEIGHT, e.g. mutator:0.7.") from error
        names.append(name)
    total = np.asarray(weights)
    if (total < 0).any() or not total.sum() > 0:
        raise ConfigurationError(f"Persona weights must be positive, found {description!r}.")
    return tuple(names), total / total.sum()
