"""Views for people, what they count from, and orders that keep their number when a run moves to another store."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from evolve.store.views import create_views

revision = "0005"
down_revision = "0004"

PLACED = sa.text("placement > 0")
OBJECTIVE = ["run", "objective"]
COUNT = """
INSERT INTO tallies (run, operator, model, outcome, cause, placement,
                     attempts, programs, judged, calls, tokens, cost_usd, evaluation_s)
SELECT p.run, p.operator, p.model, p.outcome, p.cause, p.placement, count(*),
       count(g.step), count(e.step), coalesce(sum(c.calls), 0), coalesce(sum(c.tokens), 0),
       coalesce(sum(c.cost_usd), 0.0), coalesce(sum(e.seconds), 0.0)
FROM proposals p
LEFT JOIN programs g ON g.run = p.run AND g.step = p.step
LEFT JOIN (SELECT run, step, count(*) AS calls, sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)) AS
           tokens, sum(cost_usd) AS cost_usd FROM completions GROUP BY run, step) c ON c.run = p.run AND c.step = p.step
LEFT JOIN (SELECT run, step, sum(CASE WHEN stage = 'sealed' THEN 0 ELSE seconds END) AS seconds
           FROM evaluations GROUP BY run, step) e ON e.run = p.run AND e.step = p.step
WHERE p.sequence IS NOT NULL
GROUP BY p.run, p.operator, p.model, p.outcome, p.cause, p.placement
"""


def upgrade() -> None:
    op.add_column("runs", sa.Column("last_order", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("orders", sa.Column("number", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute("UPDATE orders SET number = key")
    op.execute("UPDATE runs SET last_order = (SELECT coalesce(max(key), 0) FROM orders)")
    op.create_index("ix_orders_number", "orders", ["run", "number"], unique=True)
    op.create_index(
        "ix_proposals_placed", "proposals", ["run", "sequence"], sqlite_where=PLACED, postgresql_where=PLACED
    )
    _objectives()
    _tallies()
    op.execute(COUNT)
    create_views(op.get_bind(), revision)


def _objectives() -> None:
    op.create_table(
        "objectives",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Integer(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("target", sa.Double(), nullable=True),
        sa.Column("reference", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["name"], ["names.key"], name="fk_objectives_name"),
        sa.ForeignKeyConstraint(["run"], ["runs.key"], name="fk_objectives_run"),
        sa.PrimaryKeyConstraint("run", "position", name="pk_objectives"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rankings",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("objective", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("gain", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(OBJECTIVE, ["objectives.run", "objectives.position"], name="fk_rankings_run_objective"),
        sa.PrimaryKeyConstraint("run", "objective", "gain", "step", name="pk_rankings"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "records",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("objective", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("gain", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(OBJECTIVE, ["objectives.run", "objectives.position"], name="fk_records_run_objective"),
        sa.PrimaryKeyConstraint("run", "objective", "sequence", name="pk_records"),
        sqlite_with_rowid=False,
    )


def _tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("placement", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("programs", sa.Integer(), nullable=False),
        sa.Column("judged", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.Column("evaluation_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.key"], name="fk_tallies_run"),
        sa.PrimaryKeyConstraint("run", "operator", "model", "outcome", "cause", "placement", name="pk_tallies"),
        sqlite_with_rowid=False,
    )
