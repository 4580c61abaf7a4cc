"""What is counted when attempts finish, so that questions about a run need not read all of it.

Everything here repeats what other tables say, and is written in the transaction that finishes the attempts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import Connection, Dialect

from evolve.domain.objective import Direction
from evolve.domain.problem import SEALED

_PARAMETERS = {"sqlite": "?", "postgresql": "%s"}
_CHUNK = 500
"""Statements for one chunk of steps are made once for each length, so chunks of one length are few."""

_TALLY = f"""
INSERT INTO tallies (run, operator, model, outcome, cause, placement,
                     attempts, programs, judged, calls, tokens, cost_usd, evaluation_s)
SELECT run, operator, model, outcome, cause, placement, count(*), sum(programs), sum(judged), sum(calls),
       sum(tokens), sum(cost_usd), sum(seconds)
FROM (SELECT p.run, p.operator, p.model, p.outcome, p.cause, p.placement,
             (SELECT count(*) FROM programs g WHERE g.run = p.run AND g.step = p.step) AS programs,
             (SELECT count(DISTINCT e.step) FROM evaluations e WHERE e.run = p.run AND e.step = p.step) AS judged,
             (SELECT coalesce(sum(e.seconds), 0.0) FROM evaluations e
              WHERE e.run = p.run AND e.step = p.step AND e.stage <> '{SEALED}') AS seconds,
             (SELECT count(*) FROM completions c WHERE c.run = p.run AND c.step = p.step) AS calls,
             (SELECT coalesce(sum(c.prompt_tokens + c.completion_tokens), 0) FROM completions c
              WHERE c.run = p.run AND c.step = p.step) AS tokens,
             (SELECT coalesce(sum(c.cost_usd), 0.0) FROM completions c
              WHERE c.run = p.run AND c.step = p.step) AS cost_usd
      FROM proposals p WHERE p.run = :run AND p.step IN (:steps)) AS of_step
WHERE true
GROUP BY run, operator, model, outcome, cause, placement
ON CONFLICT (run, operator, model, outcome, cause, placement) DO UPDATE SET
    attempts = tallies.attempts + excluded.attempts, programs = tallies.programs + excluded.programs,
    judged = tallies.judged + excluded.judged, calls = tallies.calls + excluded.calls,
    tokens = tallies.tokens + excluded.tokens, cost_usd = tallies.cost_usd + excluded.cost_usd,
    evaluation_s = tallies.evaluation_s + excluded.evaluation_s
"""
_SCORES = f"""
SELECT o.position, o.direction, m.value, p.step, p.sequence, p.finished_at
FROM proposals p
JOIN programs g ON g.run = p.run AND g.step = p.step
JOIN objectives o ON o.run = p.run
JOIN metrics m ON m.run = p.run AND m.step = p.step AND m.repeat = 0 AND m.name = o.name AND m.stage = (
    SELECT e.stage FROM evaluations e
    WHERE e.run = p.run AND e.step = p.step AND e.repeat = 0 AND e.stage <> '{SEALED}'
    ORDER BY e.key DESC LIMIT 1)
WHERE p.run = :run AND p.outcome = 'valid' AND p.step IN (:steps)
ORDER BY +p.sequence
"""
"""The sign keeps databases from reading the whole run by its sequence; they know how to find a step."""
_BESTS = "SELECT objective, max(gain) FROM records WHERE run = :run GROUP BY objective"
_RANK = "INSERT INTO rankings (run, objective, gain, step) VALUES (:run, :row, :row, :row)"
_RECORD = (
    "INSERT INTO records (run, objective, sequence, step, gain, finished_at, cost_usd) "
    "VALUES (:run, :row, :row, :row, :row, :row, :row)"
)
_COSTS = """
SELECT max(p.sequence), coalesce(sum(c.cost_usd), 0.0)
FROM proposals p LEFT JOIN completions c ON c.run = p.run AND c.step = p.step
WHERE p.run = :run AND p.step IN (:steps) GROUP BY p.step
"""
_TOTAL = "SELECT coalesce(sum(cost_usd), 0.0) FROM tallies WHERE run = :run"


class _Score(NamedTuple):
    objective: int
    gain: float
    step: int
    sequence: int
    finished_at: float


class Counting:
    """Counts attempts that were finished in a transaction, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._mark = _PARAMETERS[dialect.name]
        self._texts: dict[tuple[str, int], str] = {}

    def count(self, connection: Connection, run: int, steps: Sequence[int]) -> None:
        """Count the attempts ``steps`` of a run, which this transaction finished."""
        for chunk in _chunks(steps):
            self._rank(connection, run, chunk)
            connection.exec_driver_sql(self._of_steps(_TALLY, len(chunk)), (run, *chunk))

    def rank(self, connection: Connection, run: int, steps: Sequence[int]) -> None:
        """Rank attempts that were counted before their run's objectives were known; ``steps`` by sequence."""
        spent = 0.0
        for chunk in _chunks(steps):
            self._rank(connection, run, chunk, spent)
            spent += sum(cost_usd for _, cost_usd in self._costs(connection, run, chunk))

    def _rank(self, connection: Connection, run: int, steps: Sequence[int], spent: float | None = None) -> None:
        """Rank a chunk; ``spent`` says what all attempts before it cost, None that the tallies know."""
        rows = connection.exec_driver_sql(self._of_steps(_SCORES, len(steps)), (run, *steps)).all()
        scores = [_Score(row[0], _gain(row[1], row[2]), *row[3:]) for row in rows]
        if not scores:
            return
        ranked = [(run, score.objective, score.gain, score.step) for score in scores]
        connection.exec_driver_sql(self._plain(_RANK), ranked)
        found = self._records(connection, run, scores)
        if not found:
            return
        if spent is None:
            spent = connection.exec_driver_sql(self._plain(_TOTAL), (run,)).scalar_one()
        total = self._running_total(connection, run, steps, spent)
        records = [(run, s.objective, s.sequence, s.step, s.gain, s.finished_at, total[s.sequence]) for s in found]
        connection.exec_driver_sql(self._plain(_RECORD), records)

    def _records(self, connection: Connection, run: int, scores: Sequence[_Score]) -> list[_Score]:
        best: dict[int, float] = defaultdict(lambda: float("-inf"))
        best.update({row[0]: row[1] for row in connection.exec_driver_sql(self._plain(_BESTS), (run,))})
        found = []
        for score in scores:
            if score.gain > best[score.objective]:
                best[score.objective] = score.gain
                found.append(score)
        return found

    def _running_total(self, connection: Connection, run: int, steps: Sequence[int], before: float) -> dict[int, float]:
        """Return, by sequence, what was spent when the search was told of it."""
        costs = sorted(self._costs(connection, run, steps))
        sums = accumulate((cost_usd for _, cost_usd in costs), initial=before)
        next(sums)  # what was spent before them
        return {sequence: spent for (sequence, _), spent in zip(costs, sums, strict=True)}

    def _costs(self, connection: Connection, run: int, steps: Sequence[int]) -> list[tuple[int, float]]:
        """Return (sequence, cost in dollars) of some attempts."""
        rows = connection.exec_driver_sql(self._of_steps(_COSTS, len(steps)), (run, *steps))
        return [(sequence, float(cost_usd)) for sequence, cost_usd in rows]

    def _of_steps(self, text: str, count: int) -> str:
        known = self._texts.get((text, count))
        if known is None:
            known = self._plain(text.replace(":steps", ", ".join([self._mark] * count)))
            self._texts[text, count] = known
        return known

    def _plain(self, text: str) -> str:
        for name in (":run", ":row"):
            text = text.replace(name, self._mark)
        return text


def _gain(direction: str, value: float) -> float:
    return value if direction == Direction.MAXIMIZE else -value


def _chunks(steps: Sequence[int]) -> Iterable[Sequence[int]]:
    return (steps[start : start + _CHUNK] for start in range(0, len(steps), _CHUNK))
