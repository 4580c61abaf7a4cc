"""What is counted when attempts finish, so that questions about a run need not read all of it.

Everything here repeats what other tables say, and is written in the transaction that finishes the attempts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
ORDER BY p.sequence
"""
_BESTS = "SELECT objective, max(gain) FROM records WHERE run = :run GROUP BY objective"
_RANK = "INSERT INTO rankings (run, objective, gain, step) VALUES (:run, :row, :row, :row)"
_RECORD = (
    "INSERT INTO records (run, objective, sequence, step, gain, finished_at, cost_usd) "
    "VALUES (:run, :row, :row, :row, :row, :row, :row)"
)
_SPENT = """
SELECT coalesce(sum(c.cost_usd), 0.0) FROM completions c JOIN proposals p ON p.run = c.run AND p.step = c.step
WHERE c.run = :run AND p.sequence <= :sequence AND c.step IN (:steps)
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
            spent = self._rank(connection, run, chunk, spent)

    def _rank(self, connection: Connection, run: int, steps: Sequence[int], spent: float | None = None) -> float:
        """Rank a chunk; return what was spent with it, if ``spent`` says what was before."""
        rows = connection.exec_driver_sql(self._of_steps(_SCORES, len(steps)), (run, *steps)).all()
        scores = [_Score(row[0], _gain(row[1], row[2]), *row[3:]) for row in rows]
        if scores:
            ranked = [(run, score.objective, score.gain, score.step) for score in scores]
            connection.exec_driver_sql(self._plain(_RANK), ranked)
        found = self._records(connection, run, scores)
        before = spent
        if found and before is None:
            before = connection.exec_driver_sql(self._plain(_TOTAL), (run,)).scalar_one()
        rows_of_records = [
            (run, s.objective, s.sequence, s.step, s.gain, s.finished_at, (before or 0.0) + cost_usd)
            for s, cost_usd in self._with_cost(connection, run, found, steps)
        ]
        if rows_of_records:
            connection.exec_driver_sql(self._plain(_RECORD), rows_of_records)
        if spent is None:
            return 0.0
        return spent + self._spent(connection, run, steps, 2**31 - 1)

    def _records(self, connection: Connection, run: int, scores: Sequence[_Score]) -> list[_Score]:
        if not scores:
            return []
        best: dict[int, float] = defaultdict(lambda: float("-inf"))
        best.update({row[0]: row[1] for row in connection.exec_driver_sql(self._plain(_BESTS), (run,))})
        found = []
        for score in scores:
            if score.gain > best[score.objective]:
                best[score.objective] = score.gain
                found.append(score)
        return found

    def _with_cost(
        self, connection: Connection, run: int, found: Iterable[_Score], steps: Sequence[int]
    ) -> list[tuple[_Score, float]]:
        return [(score, self._spent(connection, run, steps, score.sequence)) for score in found]

    def _spent(self, connection: Connection, run: int, steps: Sequence[int], sequence: int) -> float:
        """Return what those of ``steps`` cost that were finished up to ``sequence``."""
        statement = self._of_steps(_SPENT, len(steps))
        return float(connection.exec_driver_sql(statement, (run, sequence, *steps)).scalar_one())

    def _of_steps(self, text: str, count: int) -> str:
        known = self._texts.get((text, count))
        if known is None:
            known = self._plain(text.replace(":steps", ", ".join([self._mark] * count)))
            self._texts[text, count] = known
        return known

    def _plain(self, text: str) -> str:
        for name in (":run", ":row", ":sequence"):
            text = text.replace(name, self._mark)
        return text


def _gain(direction: str, value: float) -> float:
    return value if direction == Direction.MAXIMIZE else -value


def _chunks(steps: Sequence[int]) -> Iterable[Sequence[int]]:
    return (steps[start : start + _CHUNK] for start in range(0, len(steps), _CHUNK))
