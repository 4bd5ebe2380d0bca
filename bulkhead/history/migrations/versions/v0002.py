"""Markets that count coins: what was indexed of them by rules of markets that count quote is read anew."""

import sqlalchemy as sa
from alembic import op

from bulkhead.history.migrations.emptied import forget

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Open interest of CASH stands 128 bits up, and quote has a column beside contracts."""
    forget(op.get_bind())
    exact = sa.Numeric(78, 0).with_variant(sa.String(79), "sqlite")
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.alter_column("open_interest", existing_type=sa.BigInteger(), type_=exact, existing_nullable=False)
    with op.batch_alter_table("fills") as fills:
        fills.add_column(sa.Column("quote", sa.BigInteger(), nullable=False))


def downgrade() -> None:
    """Back to the first tables."""
    forget(op.get_bind())
    with op.batch_alter_table("fills") as fills:
        fills.drop_column("quote")
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.alter_column("open_interest", type_=sa.BigInteger(), existing_nullable=False)
