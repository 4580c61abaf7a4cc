"""What the model server answers: honest mutators, and the ways in which models and networks fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from evolve.bench.answers import (
    Fault,
    Persona,
    Prompt,
    Reply,
    changed,
    diff,
    editable_lines,
    fenced,
    mutated_line,
    read_prompt,
)
from evolve.bench.reader import read_and_change
from evolve.domain.blocks import END, START
from evolve.errors import ConfigurationError, nearest

__all__ = ["MIXES", "PERSONAS", "Fault", "Prompt", "Reply", "mix", "mutator", "read_prompt", "reader"]


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
    index, line = mutated_line(prompt.program, rng)
    return changed(prompt, index, line, f"Change line {index + 1}.")


def reader(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Change one line in view of what the prompt shows: other programs, their scores, failures."""
    return read_and_change(prompt, rng) if prompt.program else _REFUSAL


# ── models that fail ──────────────────────────────────────────────────────────────────────────
def truncated(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Stop in the middle of the answer, as when max_tokens is reached."""
    text = mutator(prompt, rng).text
    return Reply(text[: max(1, len(text) * 2 // 3)], finish_reason="length")


def wrong_file(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Change a file that the program does not have."""
    return mutator(replace(prompt, path="src/not_there.py"), rng)


def markers(prompt: Prompt, _rng: np.random.Generator) -> Reply:
    """Widen the editable block by moving its end marker to the end of the file."""
    program = list(prompt.program)
    ends = [index for index, line in enumerate(program) if END in line]
    if not ends:
        widened = [f"# {START}", *program, f"# {END}"]
    else:
        widened = [*program[: ends[0]], *program[ends[0] + 1 :], program[ends[0]]]
    if not prompt.wants_diff:
        return Reply(fenced(widened, prompt.path, prompt.language))
    width = prompt.marker_width
    whole = ["<" * width + " SEARCH", *program, "=" * width, *widened, ">" * width + " REPLACE", ""]
    return Reply("\n".join(whole))


def unchanged(prompt: Prompt, _rng: np.random.Generator) -> Reply:
    """Give the parent back."""
    if not prompt.wants_diff:
        return Reply(fenced(prompt.program, prompt.path, prompt.language))
    index = (editable_lines(prompt.program) or [0])[0]
    return Reply(diff(prompt, index, prompt.program[index])) if prompt.program else Reply()


def traps(prompt: Prompt, rng: np.random.Generator) -> Reply:
    """Put a NUL, a lone surrogate, bidirectional controls and Unicode line separators into the program."""
    index, line = mutated_line(prompt.program or ("x = 1",), rng)
    poisoned = line + "  # \x00 \ud800 \u202e \u2028 \u0085 \ufeff"
    if prompt.wants_diff and prompt.program:
        return Reply(diff(prompt, index, poisoned))
    return Reply(
        fenced((*prompt.program[:index], poisoned, *prompt.program[index + 1 :]), prompt.path, prompt.language)
    )


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
        "reader": reader,
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
