"""Programs are found by their content, and evaluations say whether they were taken over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("evaluations", sa.Column("reused", sa.SmallInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index("ix_programs_fingerprint", "programs", ["fingerprint"], unique=False)
