"""Indices for the children of a program and for the cells of an archive, which were looked for among all attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

PLACED = sa.text("placement > 0")


def upgrade() -> None:
    op.create_index("ix_proposals_parent", "proposals", ["run", "parent", "sequence"])
    op.create_index(
        "ix_proposals_cells",
        "proposals",
        ["run", "cell", "sequence", "placement"],
        sqlite_where=PLACED,
        postgresql_where=PLACED,
    )
