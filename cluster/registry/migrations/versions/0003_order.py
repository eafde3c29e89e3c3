"""An index in the order in which jobs are claimed: without it every claim sorted all that were queued."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Put the new index in the place of the one that had the same columns in another order."""
    op.drop_index("ix_job_state_rank_id", "job")
    op.create_index("ix_job_order", "job", ["state", sa.text("rank DESC"), "id"])
