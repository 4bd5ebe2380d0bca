"""Markets that count coins: what was indexed of them by rules of markets that count quote is read anew."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _forget() -> None:
    """Takes everything out that logs tell, so that it is read again from each deployment's first block on."""
    bind = op.get_bind()
    for name in sa.inspect(bind).get_table_names():
        if name not in ("deployments", "alembic_version"):
            op.execute(sa.table(name).delete())
    known = sa.table("deployments", *(sa.column(name) for name in ("first_block", "block", "block_hash", "at", "logs")))
    op.execute(known.update().values(block=known.c.first_block - 1, block_hash="", at=0, logs=0))


def upgrade() -> None:
    """Open interest of CASH stands 128 bits up, and quote has a column beside contracts."""
    _forget()
    exact = sa.Numeric(78, 0).with_variant(sa.String(79), "sqlite")
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.alter_column("open_interest", existing_type=sa.BigInteger(), type_=exact, existing_nullable=False)
    with op.batch_alter_table("fills") as fills:
        fills.add_column(sa.Column("quote", sa.BigInteger(), nullable=False))


def downgrade() -> None:
    """Back to the first tables."""
    _forget()
    with op.batch_alter_table("fills") as fills:
        fills.drop_column("quote")
    with op.batch_alter_table("snapshots") as snapshots:
        snapshots.alter_column("open_interest", type_=sa.BigInteger(), existing_nullable=False)
