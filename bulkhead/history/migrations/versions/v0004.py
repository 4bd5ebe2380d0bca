"""What a vault withdraws straight to the address of another is a deposit there: profits without that are read anew."""

from alembic import op

from bulkhead.history.migrations.emptied import forget

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Vaults are looked up by the address of their tokens too."""
    forget(op.get_bind())
    op.create_index("vaults_by_custody", "vaults", ["deployment", "custody"])


def downgrade() -> None:
    """Without that."""
    forget(op.get_bind())
    op.drop_index("vaults_by_custody", "vaults")
