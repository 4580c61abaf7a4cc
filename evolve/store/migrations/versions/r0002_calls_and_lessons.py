"""The transitions of model calls, what was learned, and who was asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

CALL = ["run", "step", "request_hash"]


def upgrade() -> None:
    # Added in place: a copy of the table would take minutes in a long run's file.
    op.add_column("proposals", sa.Column("model", sa.String(), server_default="", nullable=False))
    op.add_column("proposals", sa.Column("lessons", sa.String(), server_default="", nullable=False))
    op.add_column("completions", sa.Column("fault", sa.String(), nullable=True))
    _calls()
    _lessons()


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("fence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            CALL, [f"completions.{column}" for column in CALL], name="fk_calls_run_step_request_hash"
        ),
        sa.PrimaryKeyConstraint("run", "step", "request_hash", "fence", "number", name="pk_calls"),
        sqlite_with_rowid=False,
    )


def _lessons() -> None:
    op.create_table(
        "lessons",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("parents", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("expires_after", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["run", "step"], ["proposals.run", "proposals.step"], name="fk_lessons_run_step"),
        sa.PrimaryKeyConstraint("run", "id", name="pk_lessons"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_lessons_step", "lessons", ["run", "step"], unique=False)
