"""The tables of an exported run and what each column means: a promise to whoever reads them later.

Columns are only ever added, at the end, with a value for files that lack them; a change of meaning is
another FORMAT.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

FORMAT: Final = 1


class Kind(StrEnum):
    """What a column holds, and how each file format writes it."""

    INT = "int"
    REAL = "real"
    TEXT = "text"
    FLAG = "flag"
    NUMBERS = "numbers"
    """Whole numbers: a list; in CSV joined by commas."""
    JSON = "json"
    """Data: itself in JSON lines, as text elsewhere."""
    BYTES = "bytes"
    """In base64, but in Parquet."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``may_lack`` says whether its cells may be null."""

    name: str
    kind: Kind
    meaning: str
    may_lack: bool = False


@dataclass(frozen=True, slots=True)
class ExportTable:
    """One file of an export. Rows are in the order of steps, or of writing where there are none."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


def _int(name: str, meaning: str, *, may_lack: bool = False) -> Column:
    return Column(name, Kind.INT, meaning, may_lack)


def _real(name: str, meaning: str, *, may_lack: bool = False) -> Column:
    return Column(name, Kind.REAL, meaning, may_lack)


def _text(name: str, meaning: str, *, may_lack: bool = False) -> Column:
    return Column(name, Kind.TEXT, meaning, may_lack)


_STEP = _int("step", "number of the attempt")
_HASH = _text("request_hash", "names the call within its attempt")
_EVALUATION = (_STEP, _text("stage", "stage of the cascade"), _int("repeat", "0, then 1, 2, ... for repeats"))

TABLES: Final = (
    ExportTable(
        "proposals",
        "One row per attempt, unfinished ones included.",
        (
            _STEP,
            _int("sequence", "place in the order in which the search was told; null while unfinished", may_lack=True),
            _text("operator", "who proposes"),
            _text("model", "the ensemble's member that is asked; empty for none"),
            _int("parent", "step of the program that is changed"),
            Column("inspirations", Kind.NUMBERS, "steps of other programs that are shown"),
            _int("island", "where it belongs"),
            _int("finished_before", "attempts that the search had been told of"),
            Column("lessons", Kind.NUMBERS, "ids of the lessons that are shown; hints have negative ones"),
            _real("selected_at", "seconds since the epoch"),
            _text("outcome", "valid, invalid, crashed, timed_out, rejected, infrastructure", may_lack=True),
            _text("cause", "code of a rejection; empty for others", may_lack=True),
            _text("detail", "the reason in words", may_lack=True),
            _text("placement", "not_placed, improved, new", may_lack=True),
            _text("cell", "where in the archive", may_lack=True),
            _real("finished_at", "seconds since the epoch", may_lack=True),
        ),
    ),
    ExportTable(
        "programs",
        "One row per attempt that made a program.",
        (
            _STEP,
            _text("fingerprint", "hash of paths and texts: equal for equal programs"),
            Column("parents", Kind.NUMBERS, "steps it was made from, the edited one first"),
            Column("detail", Kind.JSON, "what the operator says of it"),
        ),
    ),
    ExportTable(
        "files",
        "One row per file of each program, whole.",
        (_STEP, _text("path", "relative to the program's folder"), _text("text", "its content")),
    ),
    ExportTable(
        "calls",
        "One row per model call, in the order sent; prompts and answers.",
        (
            _STEP,
            _HASH,
            _text("model", "who is asked"),
            Column("messages", Kind.JSON, "[{role, content, pictures: [{media_type, data}]}]; empty when pruned"),
            Column("settings", Kind.JSON, "temperature and so on, as sent"),
            _int("call", "0, 1, ... within the attempt"),
            _real("prompted_at", "seconds since the epoch"),
            _text("answer", "what came back; null without an answer, empty when pruned", may_lack=True),
            _text("answered_by", "model that answered", may_lack=True),
            _text("finish_reason", "as the provider says", may_lack=True),
            _int("prompt_tokens", "as the provider counts", may_lack=True),
            _int("completion_tokens", "as the provider counts", may_lack=True),
            _real("cost_usd", "with what was paid for answers thrown away", may_lack=True),
            _real("seconds", "until the answer", may_lack=True),
            _text("fault", "code of what makes the answer unusable; empty for nothing", may_lack=True),
        ),
    ),
    ExportTable(
        "transitions",
        "One row per change of state of a model call.",
        (
            _STEP,
            _HASH,
            _int("fence", "number of the lease under which it was written"),
            _int("number", "0, 1, 2, ... of the call under that lease"),
            _real("written_at", "seconds since the epoch"),
            _text("state", "queued, sent, backoff, fallback, answered, reasked, validated, failed"),
            _text("model", "who is asked"),
            _text("detail", "the reason in words"),
            _real("cost_usd", "what it cost"),
        ),
    ),
    ExportTable(
        "lessons",
        "One row per finding or instruction that an attempt drew.",
        (
            _STEP,
            _int("id", "unique in the run"),
            _text("kind", "insight, instruction, hint"),
            _text("text", "what it says"),
            Column("parents", Kind.NUMBERS, "ids of the lessons it was made from"),
            Column("evidence", Kind.NUMBERS, "steps it rests on"),
            _real("confidence", "0 to 1, as its author said"),
            _int("expires_after", "finished attempts; null for never", may_lack=True),
        ),
    ),
    ExportTable(
        "evaluations",
        "One row per stage of each evaluation, in the order written within an attempt.",
        (
            *_EVALUATION,
            _text("outcome", "how it ended"),
            _text("judge_hash", "only equal hashes are comparable"),
            _text("feedback", "the judge's words"),
            Column("per_instance", Kind.JSON, "instance -> its own score"),
            _real("seconds", "wall time"),
            Column("reused", Kind.FLAG, "taken over from an earlier evaluation of the same files"),
        ),
    ),
    ExportTable(
        "metrics",
        "One row per number that a judge reported.",
        (*_EVALUATION, _text("name", "of the metric"), _real("value", "on the judge's scale")),
    ),
    ExportTable(
        "artifacts",
        "One row per file that a judge attached; none where they were pruned.",
        (*_EVALUATION, _text("name", "of the artifact"), Column("data", Kind.BYTES, "its content")),
    ),
    ExportTable(
        "events",
        "One row per event of the run, in the order written.",
        (
            _real("written_at", "seconds since the epoch"),
            _int("fence", "number of the lease under which it was written"),
            _text("kind", "started, paused, steered, pruned, ..."),
            Column("data", Kind.JSON, "what it says"),
        ),
    ),
    ExportTable(
        "orders",
        "One row per order that a person gave.",
        (
            _int("number", "of the order"),
            _real("written_at", "seconds since the epoch"),
            Column("data", Kind.JSON, "what was ordered"),
        ),
    ),
)
BY_NAME: Final[dict[str, ExportTable]] = {table.name: table for table in TABLES}

Row = dict[str, Any]
"""Column -> value: plain data, bytes for BYTES."""
