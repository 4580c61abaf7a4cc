"""Why a proposal made no program: every cause code there is, each with a sentence for people."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Cause(StrEnum):
    """The code of a rejection, as it is stored and counted; ``meaning`` says it in a sentence."""

    meaning: str

    def __new__(cls, code: str, meaning: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    # the call
    MODEL_ERROR = "model_error", "The model call failed for good."
    PROMPT_TOO_LONG = (
        "prompt_too_long",
        "The program and the rules alone are more than the model can read; nothing sent.",
    )
    TRUNCATED = "truncated", "The answer was cut off before its end."
    ANSWER_TOO_LONG = "answer_too_long", "The answer is longer than any program may be."
    REFUSED = "refused", "The model, or its provider's filter, declined to answer."
    DEGENERATE = "degenerate", "The answer fell into a loop."
    ECHO = "echo", "The answer is the prompt given back."
    INTERRUPTED = "interrupted", "The run was cut off while an unusable answer was asked for again."
    EMPTY_ANSWER = "empty_answer", "The model said nothing."

    # what the answer has to look like
    MALFORMED_PATCH = "malformed_patch", "The answer has no SEARCH/REPLACE block, or one that is not complete."
    NO_CODE = "no_code", "The answer has no program in a fence."
    AMBIGUOUS_CODE = "ambiguous_code", "The answer has several programs, and nothing says which one is meant."

    # what the answer asks for
    SEARCH_NOT_FOUND = "search_not_found", "The lines to replace are not in the file."
    SEARCH_AMBIGUOUS = "search_ambiguous", "The lines to replace are in the file more than once."
    EMPTY_SEARCH = "empty_search", "A block says nothing of where its lines belong."
    UNKNOWN_FILE = "unknown_file", "The answer changes a file that the program does not have, or does not say which."
    READ_ONLY_FILE = "read_only_file", "The answer changes a file that must stay as it is."
    OUTSIDE_BLOCK = "outside_block", "The answer changes lines outside the EVOLVE-BLOCKs."
    MARKERS_CHANGED = "markers_changed", "The answer moves, adds or removes an EVOLVE-BLOCK marker."
    NOT_TEXT = "not_text", "The new text holds characters that cannot be stored."
    TOO_LARGE = "too_large", "The new file is larger than files may be."
    UNCHANGED = "unchanged", "The new program is its parent."
    SYNTAX_ERROR = "syntax_error", "The new program does not compile."
    DUPLICATE = "duplicate", "The new program is one that was judged before."

    SESSION_LOST = "session_lost", "A coding agent could not be started, or its checkout could not be read."

    # nothing to work from
    NO_PARTNER = "no_partner", "There is no other program to combine the parent with."
    NOTHING_TO_REPAIR = "nothing_to_repair", "No child of the parent failed in a way that could be repaired."
    NO_CONSTANTS = "no_constants", "The program has no numbers to tune."
    NO_SITES = "no_sites", "The program has nothing that a syntax operator could edit."
    NO_VALID_EDIT = "no_valid_edit", "No random edit gave a new program that compiles."
    UNPARSABLE = "unparsable", "The parent is not valid Python, so syntax operators cannot edit it."

    # not meant to become a program
    NO_EVIDENCE = "no_evidence", "There were no attempts yet to draw lessons from."
    NOTHING_NEW = "nothing_new", "The model found nothing new in the attempts."
    NO_FINDINGS = "no_findings", "The answer has no finding in the form that was asked for."
    NO_INSTRUCTION = "no_instruction", "The answer has no instruction in the form that was asked for."
    UNFOUNDED = "unfounded", "What the answer says rests on attempts that were not shown."
    UNSAFE_TEXT = "unsafe_text", "What the answer says is no plain prose, so no prompt may show it."
    LESSON = "lesson", "The attempt drew lessons instead of making a program."
