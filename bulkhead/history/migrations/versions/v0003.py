"""Claims, debts, deficits stand at their vault, bonuses at their take; balances without claims are read anew."""

import sqlalchemy as sa
from alembic import op

from bulkhead.history.migrations.emptied import forget

revision = "0003"
down_revision = "0002"

#: Table and column, "?" for what may be missing.
COLUMNS = {
    "vaults": ("claim_left", "debt_left", "deficit"),
    "vault_states": ("claim_left", "debt_left", "deficit"),
    "takes": ("bonus?",),
}


def upgrade() -> None:
    """Amounts of their own."""
    forget(op.get_bind())
    for table, names in COLUMNS.items():
        with op.batch_alter_table(table) as changed:
            for name in names:
                exact = sa.Numeric(78, 0).with_variant(sa.String(79), "sqlite")
                changed.add_column(sa.Column(name.rstrip("?"), exact, nullable=name.endswith("?")))


def downgrade() -> None:
    """Without them."""
    forget(op.get_bind())
    for table, names in COLUMNS.items():
        with op.batch_alter_table(table) as changed:
            for name in names:
                changed.drop_column(name.rstrip("?"))
