"""Claims, debts and deficits stand at their vault; balances that were folded without claims are read anew."""

import sqlalchemy as sa
from alembic import op

from bulkhead.history.migrations.emptied import forget

revision = "0003"
down_revision = "0002"

COLUMNS = ("claim_left", "debt_left", "deficit")


def upgrade() -> None:
    """Three amounts in `vaults` and `vault_states`."""
    forget(op.get_bind())
    for table in ("vaults", "vault_states"):
        with op.batch_alter_table(table) as changed:
            for name in COLUMNS:
                exact = sa.Numeric(78, 0).with_variant(sa.String(79), "sqlite")
                changed.add_column(sa.Column(name, exact, nullable=False))


def downgrade() -> None:
    """Without them."""
    forget(op.get_bind())
    for table in ("vaults", "vault_states"):
        with op.batch_alter_table(table) as changed:
            for name in COLUMNS:
                changed.drop_column(name)
