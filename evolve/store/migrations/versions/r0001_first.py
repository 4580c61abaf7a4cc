"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

EVALUATION = ["run", "step", "stage", "repeat"]
UNFINISHED = sa.text("sequence IS NULL")


def upgrade() -> None:
    _runs()
    _attempts()
    _verdicts()


def _runs() -> None:
    op.create_table(
        "blobs",
        sa.Column("hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("base", sa.LargeBinary(length=16), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["base"], ["blobs.hash"], name="fk_blobs_base"),
        sa.PrimaryKeyConstraint("hash", name="pk_blobs"),
    )
    op.create_table(
        "names",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_names"),
        sa.UniqueConstraint("name", name="uq_names_name"),
    )
    op.create_table(
        "runs",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("config", sa.LargeBinary(), nullable=False),
        sa.Column("provenance", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("elapsed_s", sa.Double(), nullable=False),
        sa.Column("holder", sa.String(), nullable=True),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_runs"),
        sa.UniqueConstraint("id", name="uq_runs_id"),
    )
    op.create_table(
        "events",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.key"], name="fk_events_run"),
        sa.PrimaryKeyConstraint("key", name="pk_events"),
    )
    op.create_index("ix_events_run", "events", ["run", "key"], unique=False)


def _attempts() -> None:
    op.create_table(
        "proposals",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("parent", sa.Integer(), nullable=False),
        sa.Column("inspirations", sa.String(), nullable=False),
        sa.Column("island", sa.Integer(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("finished_before", sa.Integer(), nullable=False),
        sa.Column("selected_at", sa.Double(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.Column("placement", sa.SmallInteger(), nullable=True),
        sa.Column("cell", sa.String(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["runs.key"], name="fk_proposals_run"),
        sa.PrimaryKeyConstraint("run", "step", name="pk_proposals"),
        sa.UniqueConstraint("run", "sequence", name="uq_proposals_run_sequence"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_proposals_unfinished",
        "proposals",
        ["run", "step"],
        unique=False,
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    op.create_table(
        "programs",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=16), nullable=False),
        sa.Column("parents", sa.String(), nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("files", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run", "step"], ["proposals.run", "proposals.step"], name="fk_programs_run_step"),
        sa.PrimaryKeyConstraint("run", "step", name="pk_programs"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "completions",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("request_hash", sa.String(), nullable=False),
        sa.Column("request", sa.LargeBinary(length=16), nullable=False),
        sa.Column("prompted_at", sa.Double(), nullable=False),
        sa.Column("response", sa.LargeBinary(length=16), nullable=True),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["request"], ["blobs.hash"], name="fk_completions_request"),
        sa.ForeignKeyConstraint(["response"], ["blobs.hash"], name="fk_completions_response"),
        sa.ForeignKeyConstraint(["run", "step"], ["proposals.run", "proposals.step"], name="fk_completions_run_step"),
        sa.PrimaryKeyConstraint("key", name="pk_completions"),
        sa.UniqueConstraint("run", "step", "request_hash", name="uq_completions_run_step_request_hash"),
    )


def _verdicts() -> None:
    op.create_table(
        "evaluations",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("judge", sa.Integer(), nullable=False),
        sa.Column("feedback", sa.LargeBinary(), nullable=False),
        sa.Column("per_instance", sa.LargeBinary(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["judge"], ["names.key"], name="fk_evaluations_judge"),
        sa.ForeignKeyConstraint(["run", "step"], ["proposals.run", "proposals.step"], name="fk_evaluations_run_step"),
        sa.PrimaryKeyConstraint("key", name="pk_evaluations"),
        sa.UniqueConstraint("run", "step", "stage", "repeat", name="uq_evaluations_run_step_stage_repeat"),
    )
    op.create_table(
        "metrics",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("repeat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["name"], ["names.key"], name="fk_metrics_name"),
        sa.ForeignKeyConstraint(
            EVALUATION, [f"evaluations.{column}" for column in EVALUATION], name="fk_metrics_run_step_stage_repeat"
        ),
        sa.PrimaryKeyConstraint("run", "step", "stage", "repeat", "position", name="pk_metrics"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifacts",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("repeat", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("blob", sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(["blob"], ["blobs.hash"], name="fk_artifacts_blob"),
        sa.ForeignKeyConstraint(
            EVALUATION, [f"evaluations.{column}" for column in EVALUATION], name="fk_artifacts_run_step_stage_repeat"
        ),
        sa.PrimaryKeyConstraint("run", "step", "stage", "repeat", "position", name="pk_artifacts"),
        sqlite_with_rowid=False,
    )
