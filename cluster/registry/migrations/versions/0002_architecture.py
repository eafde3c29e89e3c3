"""Every architecture that a search sampled."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; searches recorded before have their samples in their run's folder."""
    op.create_table(
        "architecture",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("genotype", sa.Text(), nullable=False),
        sa.Column("reward", sa.Float(precision=53), nullable=False),
        sa.Column("accuracy", sa.Float(precision=53), nullable=False),
        sa.Column("loss", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_architecture"),
    )
    op.create_index("ix_architecture_data_reward", "architecture", ["data", "reward"])
