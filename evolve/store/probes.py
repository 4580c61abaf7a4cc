"""Questions in plain SQL whose every answer is a row that should not be there.

They run on SQLite and PostgreSQL alike, and know the tables but nothing of how the rest of this package
reads and writes them. Each is asked of one run (``:run``, its key). ``:forked`` is how many of its
attempts were taken over from another run, which keep the steps they had there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evolve.domain.problem import SEALED
from evolve.domain.proposal import AUDIT, RESCORE
from evolve.store.findings import Rule


@dataclass(frozen=True, slots=True)
class Probe:
    """One question.

    Args:
        rule: what each row of the answer breaks.
        sql: the question.
        where, expected, found: templates over the columns of the answer.
    """

    rule: Rule
    sql: str
    where: str
    expected: str
    found: str


_REPEATS: Final = f"('{RESCORE}', '{AUDIT}')"
_LARGEST: Final = "1.7976931348623157e308"
_SAME_CALL: Final = "k.run = c.run AND k.step = c.step AND k.request_hash = c.request_hash"
_SAME_EVALUATION: Final = "e.run = m.run AND e.step = m.step AND e.stage = m.stage AND e.repeat = m.repeat"
_TOLD_LAST: Final = f"""(
    SELECT e.outcome FROM evaluations e
    WHERE e.run = p.run AND e.step = p.step AND (e.stage <> '{SEALED}' OR p.operator = '{AUDIT}')
    ORDER BY e.key DESC LIMIT 1
)"""

_STEPS = (
    Probe(
        Rule.STEPS,
        """SELECT p.step FROM proposals p WHERE p.run = :run
        AND p.step > (SELECT coalesce(max(f.step) + 1, 0) FROM proposals f WHERE f.run = :run AND f.sequence < :forked)
        AND NOT EXISTS (SELECT 1 FROM proposals q WHERE q.run = p.run AND q.step = p.step - 1) ORDER BY p.step""",
        "step {step}",
        "the step before it",
        "a gap",
    ),
    Probe(
        Rule.STEPS,
        """SELECT * FROM (
            SELECT step, finished_before, lag(finished_before) OVER (ORDER BY step) AS earlier
            FROM proposals WHERE run = :run) AS chosen
        WHERE finished_before < earlier""",
        "step {step}",
        "chosen when at least as much was told as at the step before it, {earlier} attempts",
        "{finished_before}",
    ),
    Probe(
        Rule.STEPS,
        """SELECT step, finished_before, told FROM proposals,
            (SELECT count(*) AS told FROM proposals WHERE run = :run AND sequence IS NOT NULL) AS counted
        WHERE run = :run AND finished_before > told""",
        "step {step}",
        "{finished_before} finished attempts, as many as were told when it was chosen",
        "{told}",
    ),
)

_SEQUENCES = (
    Probe(
        Rule.SEQUENCES,
        """SELECT p.step, p.sequence FROM proposals p WHERE p.run = :run AND p.sequence <> 0
        AND NOT EXISTS (SELECT 1 FROM proposals q WHERE q.run = p.run AND q.sequence = p.sequence - 1)""",
        "step {step}, told as number {sequence}",
        "an attempt told before it",
        "a gap",
    ),
    Probe(
        Rule.SEQUENCES,
        """SELECT sequence, count(*) AS often, min(step) AS first FROM proposals
        WHERE run = :run AND sequence IS NOT NULL GROUP BY sequence HAVING count(*) > 1""",
        "step {first}, told as number {sequence}",
        "one attempt of that number",
        "{often}",
    ),
    Probe(
        Rule.SEQUENCES,
        "SELECT step, sequence, finished_before FROM proposals WHERE run = :run AND sequence < finished_before",
        "step {step}",
        "told after it was chosen, as number {finished_before} or later",
        "number {sequence}",
    ),
)

_ENDING_COLUMNS = ("outcome", "cause", "detail", "placement", "cell", "finished_at")
_ENDINGS = (
    Probe(
        Rule.ENDINGS,
        f"""SELECT step, sequence FROM proposals WHERE run = :run AND (
            (sequence IS NOT NULL AND ({" OR ".join(f"{column} IS NULL" for column in _ENDING_COLUMNS)})) OR
            (sequence IS NULL AND ({" OR ".join(f"{column} IS NOT NULL" for column in _ENDING_COLUMNS)})))""",
        "step {step}",
        "an ending with all its columns, or none",
        "half of one (sequence {sequence})",
    ),
    Probe(
        Rule.ENDINGS,
        f"""SELECT p.step, p.operator FROM proposals p WHERE p.run = :run AND p.sequence IS NOT NULL AND p.cause = ''
        AND p.operator NOT IN {_REPEATS}
        AND NOT EXISTS (SELECT 1 FROM programs g WHERE g.run = p.run AND g.step = p.step)""",
        "step {step} ({operator})",
        "a program, as it was not rejected",
        "none",
    ),
    Probe(
        Rule.ENDINGS,
        f"""SELECT p.step, p.operator, p.cause FROM proposals p
        JOIN programs g ON g.run = p.run AND g.step = p.step
        WHERE p.run = :run AND (p.cause <> '' OR p.operator IN {_REPEATS})""",
        "step {step} ({operator})",
        "no program (cause {cause!r})",
        "one",
    ),
    Probe(
        Rule.ENDINGS,
        f"""SELECT * FROM (
            SELECT p.step, p.cause, p.outcome, coalesce({_TOLD_LAST}, 'rejected') AS judged
            FROM proposals p WHERE p.run = :run AND p.sequence IS NOT NULL) AS ended
        WHERE outcome <> judged""",
        "step {step}",
        "the outcome of its last evaluation, {judged}",
        "{outcome}",
    ),
    Probe(
        Rule.ENDINGS,
        f"""SELECT p.step, p.outcome FROM proposals p WHERE p.run = :run AND p.sequence IS NOT NULL
        AND p.cause = '' AND {_TOLD_LAST} IS NULL""",
        "step {step}",
        "an evaluation, as it was not rejected",
        "none",
    ),
    Probe(
        Rule.ENDINGS,
        """SELECT p.step, p.cause FROM proposals p WHERE p.run = :run AND p.sequence IS NOT NULL
        AND (p.cause = 'lesson') <> EXISTS (SELECT 1 FROM lessons l WHERE l.run = p.run AND l.step = p.step)""",
        "step {step}",
        "lessons exactly if that is how it ended",
        "cause {cause!r}",
    ),
    Probe(
        Rule.ENDINGS,
        """SELECT p.step FROM proposals p JOIN runs r ON r.key = p.run
        WHERE p.run = :run AND p.sequence IS NULL AND r.status = 'finished'""",
        "step {step}",
        "an ending, as the run is finished",
        "none",
    ),
    Probe(
        Rule.ENDINGS,
        "SELECT step, placement FROM proposals WHERE run = :run AND placement NOT IN (0, 1, 2)",
        "step {step}",
        "placement 0, 1 or 2",
        "{placement}",
    ),
)

_EVALUATIONS = (
    Probe(
        Rule.EVALUATIONS,
        """SELECT step, stage, repeat, count(*) AS often FROM evaluations WHERE run = :run
        GROUP BY step, stage, repeat HAVING count(*) > 1""",
        "step {step}, stage {stage}, repeat {repeat}",
        "one evaluation",
        "{often}",
    ),
    Probe(
        Rule.EVALUATIONS,
        f"""SELECT e.step, e.stage, e.repeat FROM evaluations e
        LEFT JOIN proposals p ON p.run = e.run AND p.step = e.step
        LEFT JOIN programs g ON g.run = e.run AND g.step = e.step
        WHERE e.run = :run AND (p.step IS NULL OR (g.step IS NULL AND p.operator NOT IN {_REPEATS}))""",
        "step {step}, stage {stage}, repeat {repeat}",
        "an attempt that made a program",
        "none",
    ),
    Probe(
        Rule.EVALUATIONS,
        """SELECT e.step, e.stage, e.repeat FROM evaluations e WHERE e.run = :run AND e.repeat <> 0 AND NOT EXISTS (
            SELECT 1 FROM evaluations f
            WHERE f.run = e.run AND f.step = e.step AND f.stage = e.stage AND f.repeat = e.repeat - 1)""",
        "step {step}, stage {stage}, repeat {repeat}",
        "the repeat before it",
        "a gap",
    ),
    Probe(
        Rule.EVALUATIONS,
        f"""SELECT e.step, e.stage, e.outcome, f.stage AS later FROM evaluations e
        JOIN evaluations f ON f.run = e.run AND f.step = e.step AND f.key > e.key
        WHERE e.run = :run AND e.outcome <> 'valid' AND '{SEALED}' NOT IN (e.stage, f.stage)""",
        "step {step}, stage {later}",
        "nothing after stage {stage}, which ended {outcome}",
        "an evaluation",
    ),
    Probe(
        Rule.EVALUATIONS,
        """SELECT min(step) AS first, max(step) AS last, count(*) AS often FROM programs WHERE run = :run
        GROUP BY fingerprint HAVING count(*) > 1""",
        "steps {first} to {last}",
        "one program of these files",
        "{often}",
    ),
)

_PAYMENTS = (
    Probe(
        Rule.PAYMENTS,
        f"""SELECT DISTINCT c.step, c.request_hash FROM completions c JOIN calls k ON {_SAME_CALL}
        WHERE c.run = :run AND c.response IS NULL AND k.state = 'validated'""",
        "step {step}, request {request_hash}",
        "the answer that was validated",
        "none",
    ),
    Probe(
        Rule.PAYMENTS,
        f"""SELECT c.step, c.request_hash, sum(k.cost_usd) AS paid FROM completions c
        JOIN calls k ON {_SAME_CALL} JOIN proposals p ON p.run = c.run AND p.step = c.step
        WHERE c.run = :run AND c.response IS NULL AND p.sequence IS NOT NULL
        GROUP BY c.step, c.request_hash HAVING sum(k.cost_usd) > 0""",
        "step {step}, request {request_hash}",
        "an answer on record for ${paid:g}, as the attempt is over",
        "none",
    ),
    Probe(
        Rule.PAYMENTS,
        """SELECT p.step, p.cause, c.request_hash
        FROM proposals p JOIN completions c ON c.run = p.run AND c.step = p.step
        WHERE p.run = :run AND p.sequence IS NOT NULL AND p.cause <> 'model_error' AND c.response IS NULL""",
        "step {step}, request {request_hash}",
        "an answer, as the attempt did not end for want of one (cause {cause!r})",
        "none",
    ),
    Probe(
        Rule.PAYMENTS,
        f"""SELECT c.step, c.request_hash, c.cost_usd, sum(k.cost_usd) AS paid FROM completions c
        JOIN calls k ON {_SAME_CALL} WHERE c.run = :run AND c.response IS NOT NULL
        GROUP BY c.step, c.request_hash, c.cost_usd
        HAVING abs(sum(k.cost_usd) - c.cost_usd) > 1e-9 * (1e-6 + abs(c.cost_usd))""",
        "step {step}, request {request_hash}",
        "what its answers cost, ${paid:g}",
        "${cost_usd:g}",
    ),
    Probe(
        Rule.PAYMENTS,
        """SELECT k.step, k.request_hash, k.fence, k.state FROM calls k JOIN (
            SELECT step, request_hash, min(fence) AS fence FROM calls
            WHERE run = :run AND state = 'validated' GROUP BY step, request_hash) AS done
        ON done.step = k.step AND done.request_hash = k.request_hash AND k.fence > done.fence
        WHERE k.run = :run AND k.state = 'answered'""",
        "step {step}, request {request_hash}",
        "nothing asked again, as its answer was on record",
        "it was {state} again under lease {fence}",
    ),
    Probe(
        Rule.PAYMENTS,
        """SELECT step, request_hash, fence, number FROM calls k WHERE run = :run AND number <> 0 AND NOT EXISTS (
            SELECT 1 FROM calls j WHERE j.run = k.run AND j.step = k.step AND j.request_hash = k.request_hash
            AND j.fence = k.fence AND j.number = k.number - 1)""",
        "step {step}, request {request_hash}, lease {fence}, transition {number}",
        "the transition before it",
        "a gap",
    ),
    Probe(
        Rule.PAYMENTS,
        """SELECT step, request_hash, number, state, cost_usd FROM calls
        WHERE run = :run AND (cost_usd < 0 OR (cost_usd <> 0 AND state <> 'answered'))""",
        "step {step}, request {request_hash}, transition {number}",
        "a cost of answers only",
        "${cost_usd:g} for {state}",
    ),
    Probe(
        Rule.PAYMENTS,
        """SELECT c.step, c.request_hash FROM completions c LEFT JOIN proposals p ON p.run = c.run AND p.step = c.step
        WHERE c.run = :run AND p.step IS NULL""",
        "step {step}, request {request_hash}",
        "an attempt that asked",
        "none",
    ),
    Probe(
        Rule.PAYMENTS,
        f"""SELECT k.step, k.request_hash, k.number FROM calls k LEFT JOIN completions c ON {_SAME_CALL}
        WHERE k.run = :run AND c.key IS NULL""",
        "step {step}, request {request_hash}, transition {number}",
        "a request",
        "none",
    ),
    Probe(
        Rule.PAYMENTS,
        """SELECT step, request_hash, count(*) AS often FROM completions WHERE run = :run
        GROUP BY step, request_hash HAVING count(*) > 1""",
        "step {step}, request {request_hash}",
        "one answer",
        "{often}",
    ),
)

_METRICS = (
    Probe(
        Rule.METRICS,
        f"""SELECT m.step, m.stage, m.repeat, e.outcome, count(*) AS numbers FROM metrics m
        JOIN evaluations e ON {_SAME_EVALUATION} WHERE m.run = :run AND e.outcome NOT IN ('valid', 'rejected')
        GROUP BY m.step, m.stage, m.repeat, e.outcome""",
        "step {step}, stage {stage}, repeat {repeat}",
        "no numbers, as it ended {outcome}",
        "{numbers}",
    ),
    Probe(
        Rule.METRICS,
        """SELECT e.step, e.stage, e.repeat FROM evaluations e WHERE e.run = :run AND e.outcome = 'valid'
        AND NOT EXISTS (SELECT 1 FROM metrics m
            WHERE m.run = e.run AND m.step = e.step AND m.stage = e.stage AND m.repeat = e.repeat)""",
        "step {step}, stage {stage}, repeat {repeat}",
        "numbers, as it ended valid",
        "none",
    ),
    Probe(
        Rule.METRICS,
        f"""SELECT m.step, m.stage, m.repeat, m.position, m.value FROM metrics m
        WHERE m.run = :run AND NOT (m.value BETWEEN -{_LARGEST} AND {_LARGEST})""",
        "step {step}, stage {stage}, repeat {repeat}, number {position}",
        "a finite number",
        "{value}",
    ),
    *(
        Probe(
            Rule.METRICS,
            f"""SELECT m.step, m.stage, m.repeat, m.position FROM {table} m
            LEFT JOIN evaluations e ON {_SAME_EVALUATION} WHERE m.run = :run AND e.key IS NULL""",
            f"{table}: step {{step}}, stage {{stage}}, repeat {{repeat}}, position {{position}}",
            "an evaluation",
            "none",
        )
        for table in ("metrics", "artifacts")
    ),
)

_FENCES = (
    Probe(
        Rule.FENCES,
        """SELECT * FROM (
            SELECT key, kind, fence, max(fence) OVER (ORDER BY key) AS highest FROM events WHERE run = :run) AS told
        WHERE fence < highest""",
        "event {key} ({kind})",
        "lease {highest} or later, which wrote before it",
        "lease {fence}",
    ),
    *(
        Probe(
            Rule.FENCES,
            f"""SELECT DISTINCT t.fence, r.fence AS given FROM {table} t JOIN runs r ON r.key = t.run
            WHERE t.run = :run AND (t.fence < 1 OR t.fence > r.fence)""",
            f"{table} of lease {{fence}}",
            "a lease from 1 to {given}",
            "{fence}",
        )
        for table in ("events", "calls")
    ),
    Probe(
        Rule.FENCES,
        "SELECT holder, expires_at FROM runs WHERE key = :run AND (holder IS NULL) <> (expires_at IS NULL)",
        "the lease",
        "a holder and an end, or neither",
        "holder {holder}, end {expires_at}",
    ),
)

_KEY: Final = ("operator", "model", "outcome", "cause", "placement")
_COUNTED: Final = f"""(
    SELECT {", ".join(f"p.{column}" for column in _KEY)}, count(*) AS attempts,
        sum((SELECT count(*) FROM programs g WHERE g.run = p.run AND g.step = p.step)) AS programs,
        sum((SELECT count(DISTINCT e.step) FROM evaluations e WHERE e.run = p.run AND e.step = p.step)) AS judged,
        sum((SELECT count(*) FROM completions c WHERE c.run = p.run AND c.step = p.step)) AS calls,
        sum((SELECT coalesce(sum(coalesce(c.prompt_tokens, 0) + coalesce(c.completion_tokens, 0)), 0)
             FROM completions c WHERE c.run = p.run AND c.step = p.step)) AS tokens,
        sum((SELECT coalesce(sum(c.cost_usd), 0) FROM completions c WHERE c.run = p.run AND c.step = p.step))
            AS cost_usd,
        sum((SELECT coalesce(sum(e.seconds), 0) FROM evaluations e
             WHERE e.run = p.run AND e.step = p.step AND e.stage <> '{SEALED}')) AS evaluation_s
    FROM proposals p WHERE p.run = :run AND p.sequence IS NOT NULL
    GROUP BY {", ".join(f"p.{column}" for column in _KEY)})"""
_WHOLE: Final = ("attempts", "programs", "judged", "calls", "tokens")
_UNEQUAL: Final = " OR ".join(
    [
        *(f"c.{column} <> t.{column}" for column in _WHOLE),
        *(f"abs(c.{column} - t.{column}) > 1e-9 * (1e-3 + abs(c.{column}))" for column in ("cost_usd", "evaluation_s")),
    ]
)
_SAME_KEY: Final = " AND ".join(f"t.{column} = c.{column}" for column in _KEY)
_OF_KEY: Final = "{operator} {model} {outcome} {cause}"
_RANKED: Final = f"""
    SELECT o.position AS objective, p.step, CASE WHEN o.direction = 'maximize' THEN m.value ELSE -m.value END AS gain
    FROM proposals p JOIN objectives o ON o.run = p.run
    JOIN programs g ON g.run = p.run AND g.step = p.step
    JOIN metrics m ON m.run = p.run AND m.step = p.step AND m.repeat = 0 AND m.name = o.name
    AND m.stage = (SELECT e.stage FROM evaluations e WHERE e.run = p.run AND e.step = p.step AND e.repeat = 0
        AND e.stage <> '{SEALED}' ORDER BY e.key DESC LIMIT 1)
    WHERE p.run = :run AND p.outcome = 'valid' AND p.sequence IS NOT NULL"""
_LEADING: Final = """
    SELECT objective, sequence, step, gain FROM (
        SELECT r.objective, p.sequence, r.step, r.gain, max(r.gain) OVER (
            PARTITION BY r.objective ORDER BY p.sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier
        FROM rankings r JOIN proposals p ON p.run = r.run AND p.step = r.step WHERE r.run = :run) AS told
    WHERE earlier IS NULL OR gain > earlier"""
_KEPT_RANKS: Final = "SELECT objective, step, gain FROM rankings WHERE run = :run"
_KEPT_RECORDS: Final = "SELECT objective, sequence, step, gain FROM records WHERE run = :run"

_COUNTS = (
    Probe(
        Rule.COUNTS,
        f"""SELECT c.*, t.attempts AS told FROM {_COUNTED} c LEFT JOIN tallies t ON t.run = :run AND {_SAME_KEY}
        WHERE t.run IS NULL OR {_UNEQUAL}""",
        f"attempts {_OF_KEY}",
        "{attempts} attempts, {programs} programs, {calls} calls, {tokens} tokens, ${cost_usd:g} in the tallies",
        "another tally ({told} attempts)",
    ),
    Probe(
        Rule.COUNTS,
        f"""SELECT t.* FROM tallies t LEFT JOIN {_COUNTED} c ON {_SAME_KEY}
        WHERE t.run = :run AND c.operator IS NULL""",
        f"attempts {_OF_KEY}",
        "no tally, as there is no such attempt",
        "{attempts} attempts",
    ),
    Probe(
        Rule.COUNTS,
        f"{_RANKED} EXCEPT {_KEPT_RANKS}",
        "step {step}, objective {objective}",
        "a rank at {gain}",
        "none",
    ),
    Probe(
        Rule.COUNTS,
        f"{_KEPT_RANKS} EXCEPT {_RANKED}",
        "step {step}, objective {objective}",
        "no rank at {gain}, as no valid program scored so",
        "one",
    ),
    Probe(
        Rule.COUNTS,
        f"{_LEADING} EXCEPT {_KEPT_RECORDS}",
        "step {step}, objective {objective}",
        "a record, as none told before was better than {gain}",
        "none",
    ),
    Probe(
        Rule.COUNTS,
        f"{_KEPT_RECORDS} EXCEPT {_LEADING}",
        "step {step}, objective {objective}",
        "no record, as it was not the best when told",
        "one at {gain}",
    ),
)

PROBES: Final[Sequence[Probe]] = (
    *_STEPS,
    *_SEQUENCES,
    *_ENDINGS,
    *_EVALUATIONS,
    *_PAYMENTS,
    *_METRICS,
    *_FENCES,
    *_COUNTS,
)
