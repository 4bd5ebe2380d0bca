"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

#: Columns of each table: name:type, "!" for a part of the primary key, "?" for what may be missing.
TABLES = {
    "blocks": ("deployment:int! number:big! hash:c66 at:big has_logs:bool"),
    "cancels": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 order_hash:c66 signer:c42 vault_id:big "
        "series:exact minimum:exact"
    ),
    "cells": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 market:big expiry:big gross:exact deficit:exact "
        "open_interest:exact"
    ),
    "claims": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 vault_id:big amount:exact paid:exact "
        "claim:exact final:bool"
    ),
    "collections": ("deployment:int! block:big! log_index:int! at:big tx:c66 token:c42 receiver:c42 amount:exact"),
    "deficits": ("deployment:int! block:big! log_index:int! at:big tx:c66 vault_id:big deficit:exact"),
    "deployments": (
        "id:int! network:text chain_id:big clearinghouse:c42 first_block:big block:big block_hash:c66 at:big logs:big "
        "addresses:text"
    ),
    "expiry_prices": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 market:big expiry:big price:exact source:big"
    ),
    "fills": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 order_hash:c66 key:c66 maker_vault:big "
        "taker_vault:big market:big expiry:big legs:text size:exact filled:exact price:exact premium:exact "
        "maker_fee:exact taker_fee:exact contracts:big"
    ),
    "flags": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 vault_id:big account:c42 margin:exact? "
        "equity:exact? clock:big"
    ),
    "gas": ("deployment:int! block:big! tx:c66! at:big sender:c42 receiver:c42 event:c40 gas_used:big gas_price:exact"),
    "insurance": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 market:big expiry:big vault_id:big "
        "account:c42 amount:exact shares:exact balance:exact?"
    ),
    "legs": ("deployment:int! vault_id:big! kind:int! strike:big! market:big expiry:big quantity:big"),
    "mandates": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 vault_id:big owner:c42 epoch:big "
        "trigger:exact target:exact most_per_day:exact most_in_all:exact tip:exact expires_at:big"
    ),
    "novations": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 from_id:big to_id:big market:big expiry:big "
        "cash:exact fee_from:exact fee_to:exact fee_receiver:c42 legs:text value:exact?"
    ),
    "operators": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 vault_id:big operator:c42 epoch:big "
        "permissions:exact good_until:exact"
    ),
    "parameters": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 market:big name:c40 value:exact target:exact?"
    ),
    "pools": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 pool:c42 vault_id:big account:c42 "
        "assets:exact shares:exact"
    ),
    "prices": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 market:big spot:exact variance_fast:exact "
        "variance_day:exact variance_week:exact variance_long:exact sigma:exact"
    ),
    "quotes": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 key:c66 maker_vault:big signer:c42 poster:c42 "
        "expiry:big price:exact size:exact is_bid:bool legs:text good_until:big order:text signature:text"
    ),
    "settlements": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 vault_id:big market:big expiry:big net:exact "
        "received:exact shortfall:exact debt:exact"
    ),
    "share_prices": ("deployment:int! pool:c42! block:big! at:big market:big assets:exact share_price:exact"),
    "snapshots": (
        "deployment:int! market:big! expiry:big! read_block:big at:big snapshot:text expiry_price:exact deficit:exact "
        "insured:exact insurance:exact open_interest:big"
    ),
    "surfaces": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 market:big nonce:big made_at:big live_until:big "
        "sigma_atm:exact slices:text"
    ),
    "takes": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 vault_id:big into_id:big taker:c42 "
        "market:big expiry:big fraction:exact bonus_share:exact cash:exact cut:exact top_up:exact equity:exact "
        "margin:exact legs:text value:exact?"
    ),
    "top_ups": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 vault_id:big owner:c42 caller:c42 amount:exact "
        "tip:exact spent_that_day:exact spent_in_all:exact"
    ),
    "transfers": (
        "deployment:int! block:big! log_index:int! at:big tx:c66 kind:c40 vault_id:big account:c42 amount:exact "
        "balance:exact?"
    ),
    "vault_states": (
        "deployment:int! vault_id:big! owner:c42 market:big model:big custody:c42 expiry:big epoch:big flagged:bool "
        "debt:bool claim:bool closed:bool word:exact terms:exact balance:exact legs:text opened_block:big "
        "opened_at:big block:big! at:big paid_in:exact taken_out:exact fees:exact bonuses:exact tips:exact "
        "realised:exact packages:text unknown:text"
    ),
    "vaults": (
        "deployment:int! vault_id:big! owner:c42 market:big model:big custody:c42 expiry:big epoch:big flagged:bool "
        "debt:bool claim:bool closed:bool word:exact terms:exact balance:exact legs:text opened_block:big "
        "opened_at:big block:big at:big paid_in:exact taken_out:exact fees:exact bonuses:exact tips:exact "
        "realised:exact packages:text unknown:text"
    ),
}
#: Indices: table and columns.
INDICES = {
    "cancels_by_order_hash": ("cancels", "deployment order_hash block log_index"),
    "cancels_by_vault_id": ("cancels", "deployment vault_id block log_index"),
    "cells_by_market": ("cells", "deployment market block log_index"),
    "claims_by_vault_id": ("claims", "deployment vault_id block log_index"),
    "deficits_by_vault_id": ("deficits", "deployment vault_id block log_index"),
    "expiry_prices_by_market": ("expiry_prices", "deployment market block log_index"),
    "fills_by_key": ("fills", "deployment key block log_index"),
    "fills_by_maker_vault": ("fills", "deployment maker_vault block log_index"),
    "fills_by_market": ("fills", "deployment market block log_index"),
    "fills_by_order_hash": ("fills", "deployment order_hash block log_index"),
    "fills_by_taker_vault": ("fills", "deployment taker_vault block log_index"),
    "flags_by_vault_id": ("flags", "deployment vault_id block log_index"),
    "gas_by_sender": ("gas", "deployment sender block"),
    "insurance_by_market": ("insurance", "deployment market block log_index"),
    "legs_by_series": ("legs", "deployment market expiry kind strike"),
    "mandates_by_owner": ("mandates", "deployment owner block log_index"),
    "mandates_by_vault_id": ("mandates", "deployment vault_id block log_index"),
    "novations_by_from_id": ("novations", "deployment from_id block log_index"),
    "novations_by_to_id": ("novations", "deployment to_id block log_index"),
    "operators_by_vault_id": ("operators", "deployment vault_id block log_index"),
    "parameters_by_market": ("parameters", "deployment market block log_index"),
    "pools_by_account": ("pools", "deployment account block log_index"),
    "pools_by_pool": ("pools", "deployment pool block log_index"),
    "prices_by_market": ("prices", "deployment market block log_index"),
    "quotes_by_key": ("quotes", "deployment key block log_index"),
    "quotes_by_maker_vault": ("quotes", "deployment maker_vault block log_index"),
    "settlements_by_market": ("settlements", "deployment market block log_index"),
    "settlements_by_vault_id": ("settlements", "deployment vault_id block log_index"),
    "surfaces_by_market": ("surfaces", "deployment market block log_index"),
    "takes_by_into_id": ("takes", "deployment into_id block log_index"),
    "takes_by_taker": ("takes", "deployment taker block log_index"),
    "takes_by_vault_id": ("takes", "deployment vault_id block log_index"),
    "top_ups_by_owner": ("top_ups", "deployment owner block log_index"),
    "top_ups_by_vault_id": ("top_ups", "deployment vault_id block log_index"),
    "transfers_by_vault_id": ("transfers", "deployment vault_id block log_index"),
    "vault_states_by_block": ("vault_states", "deployment block"),
    "vaults_by_cell": ("vaults", "deployment market expiry vault_id"),
    "vaults_by_owner": ("vaults", "deployment owner vault_id"),
}


def _type(name: str) -> sa.types.TypeEngine[Any]:
    if name == "exact":
        return sa.Numeric(78, 0).with_variant(sa.String(79), "sqlite")
    if name.startswith("c"):
        return sa.String(int(name[1:]))
    plain: dict[str, sa.types.TypeEngine[Any]] = {
        "int": sa.Integer(), "big": sa.BigInteger(), "bool": sa.Boolean(), "text": sa.Text(),
    }  # fmt: skip
    return plain[name]


def _column(text: str) -> sa.Column[Any]:
    name, kind = text.rstrip("!?").split(":")
    return sa.Column(
        name, _type(kind), primary_key=text.endswith("!"), nullable=text.endswith("?"), autoincrement=False
    )


def upgrade() -> None:
    """Makes the tables."""
    for name, columns in TABLES.items():
        op.create_table(name, *(_column(text) for text in columns.split()))
    for name, (table, columns) in INDICES.items():
        op.create_index(name, table, columns.split())


def downgrade() -> None:
    """Drops the tables."""
    for name in reversed(TABLES):
        op.drop_table(name)
