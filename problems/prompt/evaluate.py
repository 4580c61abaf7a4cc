"""Judge of a prompt: a fixed reader, no language model, sorts messages by what the prompt says of each label.

The program is a text and nothing of it is run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from evaluators import Candidate, Score, invalid
from evaluators.constructions import whole_number

STAGES = ("full", "sealed")
ENTRY = "prompt.md"
LABELS = ("billing", "delivery", "account", "fault")
LONGEST = 300  # characters
SHOWN = 6  # misread messages in the feedback
KEPT_BACK = 4  # each so-manieth sentence of a label is for the sealed stage alone

OPENINGS = ("hello,", "good morning,", "sorry to bother you again,", "please help:", "hi team,", "urgent!")
CLOSINGS = ("thanks.", "please answer soon.", "i have waited for a week.", "what can i do?", "regards.", "")
# What people write for each label. Words such as order, payment, app occur under several of them.
MESSAGES: Mapping[str, tuple[str, ...]] = {
    "billing": (
        "i was charged twice for my {thing}",
        "the invoice for the {thing} shows the wrong amount",
        "where is the refund for the {thing} i returned",
        "my card was declined although the payment for the {thing} went through",
        "can i get a receipt with tax for the {thing}",
        "the discount code did not reduce the price of the {thing}",
        "why does my subscription cost more than last month",
        "i cancelled and you still took money from my bank",
    ),
    "delivery": (
        "the {thing} has not arrived yet",
        "the parcel with the {thing} went to the wrong address",
        "tracking says delivered but i have no {thing}",
        "can you send the {thing} to my office instead",
        "the courier left the {thing} in the rain",
        "when will the order with the {thing} ship",
        "half of the order is missing from the package",
        "customs holds my shipment, which papers do they need",
    ),
    "account": (
        "i cannot log in since i changed my password",
        "the reset email never comes",
        "please change the name on my profile",
        "someone else used my login to buy a {thing}",
        "how do i close my account and delete my data",
        "the code for two step verification does not come to my phone",
        "i want to use another email address to sign in",
        "my username is locked after the order of a {thing}",
    ),
    "fault": (
        "the {thing} stopped working after two days",
        "the {thing} makes a strange noise and gets hot",
        "the app crashes when i open the settings of the {thing}",
        "the screen of the {thing} is cracked",
        "the battery of the {thing} is empty after one hour",
        "the {thing} does not turn on any more",
        "the update broke the {thing}",
        "a button on the {thing} is stuck, is that under warranty",
    ),
}
THINGS = ("phone", "lamp", "camera", "printer", "headset", "watch", "speaker", "drone")


# ── messages ──────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Message:
    """What somebody wrote, and the label it should get."""

    text: str
    label: str


def messages(stage: str, params: Mapping[str, Any]) -> list[Message]:
    """Return a stage's messages. A quarter of the sentences occur in the sealed stage only."""
    count = whole_number(params, "sealed_messages" if stage == "sealed" else "messages", 1, 100_000)
    seed = whole_number(params, "sealed_seed" if stage == "sealed" else "seed", 0, 2**62)
    entropy = [seed, STAGES.index(stage)]
    words = np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(5 * count).reshape(count, 5)
    return [_message(stage, (row >> np.uint64(8)).tolist()) for row in words]


def _message(stage: str, drawn: Sequence[int]) -> Message:
    label = LABELS[drawn[0] % len(LABELS)]
    known = [text for place, text in enumerate(MESSAGES[label]) if stage == "sealed" or place % KEPT_BACK]
    sentence = known[drawn[1] % len(known)].format(thing=THINGS[drawn[2] % len(THINGS)])
    parts = (OPENINGS[drawn[3] % len(OPENINGS)], sentence + ".", CLOSINGS[drawn[4] % len(CLOSINGS)])
    return Message(" ".join(filter(None, parts)), label)


# ── the reader ────────────────────────────────────────────────────────────────────────────────
def words_of(text: str) -> list[str]:
    """Return the words in lower case, each without its ending: log, logged and logging are one."""
    return [re.sub(r"(?:ing|ed|es|s)$", "", word) or word for word in re.findall(r"[a-z]+", text.lower())]


def sections(prompt: str) -> dict[str, frozenset[str]] | str:
    """Return the words under the heading of each label, or what is wrong with the prompt."""
    if len(prompt) > LONGEST:
        return f"the prompt has {len(prompt)} characters, at most {LONGEST} are read"
    found: dict[str, list[str]] = {}
    current: list[str] = []  # what stands before the first heading is for people
    for line in prompt.splitlines():
        heading = re.fullmatch(r"##\s+(\S+)\s*", line)
        if heading:
            label = heading.group(1)
            if label not in LABELS:
                return f"the heading {label!r} is no label: expected {', '.join(LABELS)}"
            if label in found:
                return f"the label {label!r} has two headings"
            current = found[label] = []
        else:
            current += words_of(line)
    missing = [label for label in LABELS if label not in found]
    if missing:
        return f"no heading '## {missing[0]}'; every label needs one"
    return {label: frozenset(words) for label, words in found.items()}


def read(text: str, described: Mapping[str, frozenset[str]]) -> str:
    """Return the label whose section shares most with a message; a word under several labels is split among them.

    Of equals, the first in the order of LABELS. Fractions, so that equals are equal.
    """
    scores = dict.fromkeys(LABELS, Fraction(0))
    for word in set(words_of(text)):
        holders = [label for label in LABELS if word in described[label]]
        for label in holders:
            scores[label] += Fraction(1, len(holders) ** 2)
    return max(LABELS, key=lambda label: scores[label])


# ── score ─────────────────────────────────────────────────────────────────────────────────────
def evaluate(candidate: Candidate, stage: str, params: dict[str, Any]) -> Score:
    """Have the reader sort the messages by the prompt and count the errors."""
    prompt = candidate.files.get(ENTRY, "")
    described = sections(prompt)
    if isinstance(described, str):
        return invalid(f"{ENTRY}: {described}.")
    drawn = messages(stage, params)
    answers = [read(message.text, described) for message in drawn]
    wrong = [(message, answer) for message, answer in zip(drawn, answers, strict=True) if message.label != answer]
    shown = "" if stage == "sealed" else "".join(f"\n{m.text} -> {said}, not {m.label}" for m, said in wrong[:SHOWN])
    return Score(
        metrics={"error_rate": len(wrong) / len(drawn), "characters": float(len(prompt))},
        feedback=f"{len(wrong)} of {len(drawn)} messages are misread.{shown}",
        per_instance={
            label: sum(m.label == label for m, _ in wrong) / max(1, sum(m.label == label for m in drawn))
            for label in LABELS
        },
    )
