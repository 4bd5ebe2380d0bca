"""The tables. Every row names its deployment and block, so that what a reorganisation undid can be taken out again.

Amounts of tokens are in native units, prices in wad, quantities in 1e-6 contracts, strikes in 1e-8 quote, times in unix
seconds. `vaults`, `legs` are what is; `vault_states` is what each vault was at the end of every block that changed it;
all others are what happened, one row for one log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

from bulkhead.history.column_types import Exact, Listed

metadata = MetaData()

#: An address, and a hash, as text.
ADDRESS, HASH = 42, 66


def big(name: str) -> Column[int]:
    """A whole number of 64 bits."""
    return Column(name, BigInteger, nullable=False)


def exact(name: str, nullable: bool = False) -> Column[int]:
    """An amount."""
    return Column(name, Exact, nullable=nullable)


def address(name: str) -> Column[str]:
    """An account or a contract."""
    return Column(name, String(ADDRESS), nullable=False)


def hashed(name: str) -> Column[str]:
    """32 bytes."""
    return Column(name, String(HASH), nullable=False)


def word(name: str) -> Column[str]:
    """One word out of a few."""
    return Column(name, String(40), nullable=False)


def listed(name: str) -> Column[Any]:
    """A list or a mapping."""
    return Column(name, Listed, nullable=False)


def _table(name: str, keys: Mapping[str, Any], *columns: Column[Any]) -> Table:
    """A table of what is known of each deployment; `keys` are what else tells its rows apart, with their types."""
    own = [Column(key, kind, primary_key=True) for key, kind in {"deployment": Integer, **keys}.items()]
    return Table(name, metadata, *own, *columns)


def _events(name: str, *columns: Column[Any], by: tuple[str, ...] = ()) -> Table:
    """A table of logs; `by` names the columns one looks it up by, in the order of the chain."""
    table = _table(name, {"block": BigInteger, "log_index": Integer}, big("at"), hashed("tx"), *columns)
    for column in by:
        Index(f"{name}_by_{column}", table.c.deployment, table.c[column], table.c.block, table.c.log_index)
    return table


deployments = Table(
    "deployments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("network", Text, nullable=False),
    big("chain_id"),
    address("clearinghouse"),
    big("first_block"),
    big("block"),
    hashed("block_hash"),
    big("at"),
    big("logs"),
    listed("addresses"),
)

blocks = _table(
    "blocks", {"number": BigInteger},
    hashed("hash"), big("at"), Column("has_logs", Boolean, nullable=False),
)  # fmt: skip


def _state() -> tuple[Column[Any], ...]:
    """What a vault is at a block."""
    return (
        address("owner"), big("market"), big("model"), address("custody"), big("expiry"), big("epoch"),
        Column("flagged", Boolean, nullable=False), Column("debt", Boolean, nullable=False),
        Column("claim", Boolean, nullable=False), Column("closed", Boolean, nullable=False),
        exact("word"), exact("terms"), exact("balance"), listed("legs"),
        big("opened_block"), big("opened_at"), big("block"), big("at"),
        exact("paid_in"), exact("taken_out"), exact("fees"), exact("bonuses"), exact("tips"),
        exact("claim_left"), exact("debt_left"), exact("deficit"),
        exact("realised"), listed("packages"), Column("unknown", Text, nullable=False),
    )  # fmt: skip


vaults = _table("vaults", {"vault_id": BigInteger}, *_state())
Index("vaults_by_owner", vaults.c.deployment, vaults.c.owner, vaults.c.vault_id)
Index("vaults_by_custody", vaults.c.deployment, vaults.c.custody)
Index("vaults_by_cell", vaults.c.deployment, vaults.c.market, vaults.c.expiry, vaults.c.vault_id)

vault_states = _table(
    "vault_states", {"vault_id": BigInteger},
    *(Column("block", BigInteger, primary_key=True) if one.name == "block" else one for one in _state()),
)  # fmt: skip
Index("vault_states_by_block", vault_states.c.deployment, vault_states.c.block)

legs = _table(
    "legs", {"vault_id": BigInteger, "kind": Integer, "strike": BigInteger},
    big("market"), big("expiry"), big("quantity"),
)  # fmt: skip
Index("legs_by_series", legs.c.deployment, legs.c.market, legs.c.expiry, legs.c.kind, legs.c.strike)

transfers = _events(
    "transfers", word("kind"), big("vault_id"), address("account"), exact("amount"), exact("balance", True),
    by=("vault_id",),
)  # fmt: skip
novations = _events(
    "novations", word("kind"), big("from_id"), big("to_id"), big("market"), big("expiry"), exact("cash"),
    exact("fee_from"), exact("fee_to"), address("fee_receiver"), listed("legs"), exact("value", True),
    by=("from_id", "to_id"),
)  # fmt: skip
fills = _events(
    "fills", hashed("order_hash"), hashed("key"), big("maker_vault"), big("taker_vault"), big("market"), big("expiry"),
    listed("legs"), exact("size"), exact("filled"), exact("price"), exact("premium"), exact("maker_fee"),
    exact("taker_fee"), big("contracts"), big("quote"),
    by=("maker_vault", "taker_vault", "market", "order_hash", "key"),
)  # fmt: skip
quotes = _events(
    "quotes", hashed("key"), big("maker_vault"), address("signer"), address("poster"), big("expiry"), exact("price"),
    exact("size"), Column("is_bid", Boolean, nullable=False), listed("legs"), big("good_until"), listed("order"),
    Column("signature", Text, nullable=False), by=("maker_vault", "key"),
)  # fmt: skip
cancels = _events(
    "cancels", word("kind"), hashed("order_hash"), address("signer"), big("vault_id"), exact("series"),
    exact("minimum"), by=("vault_id", "order_hash"),
)  # fmt: skip
flags = _events(
    "flags", word("kind"), big("vault_id"), address("account"), exact("margin", True), exact("equity", True),
    big("clock"), by=("vault_id",),
)  # fmt: skip
takes = _events(
    "takes", word("kind"), big("vault_id"), big("into_id"), address("taker"), big("market"), big("expiry"),
    exact("fraction"), exact("bonus_share"), exact("cash"), exact("cut"), exact("top_up"), exact("equity"),
    exact("margin"), listed("legs"), exact("value", True), exact("bonus", True), by=("vault_id", "into_id", "taker"),
)  # fmt: skip
settlements = _events(
    "settlements", big("vault_id"), big("market"), big("expiry"), exact("net"), exact("received"), exact("shortfall"),
    exact("debt"), by=("vault_id", "market"),
)  # fmt: skip
claims = _events(
    "claims", word("kind"), big("vault_id"), exact("amount"), exact("paid"), exact("claim"),
    Column("final", Boolean, nullable=False), by=("vault_id",),
)  # fmt: skip
insurance = _events(
    "insurance", word("kind"), big("market"), big("expiry"), big("vault_id"), address("account"), exact("amount"),
    exact("shares"), exact("balance", True), by=("market",),
)  # fmt: skip
pools = _events(
    "pools", word("kind"), address("pool"), big("vault_id"), address("account"), exact("assets"), exact("shares"),
    by=("pool", "account"),
)  # fmt: skip
mandates = _events(
    "mandates", word("kind"), big("vault_id"), address("owner"), big("epoch"), exact("trigger"), exact("target"),
    exact("most_per_day"), exact("most_in_all"), exact("tip"), big("expires_at"), by=("vault_id", "owner"),
)  # fmt: skip
top_ups = _events(
    "top_ups", big("vault_id"), address("owner"), address("caller"), exact("amount"), exact("tip"),
    exact("spent_that_day"), exact("spent_in_all"), by=("vault_id", "owner"),
)  # fmt: skip
prices = _events(
    "prices", big("market"), exact("spot"), exact("variance_fast"), exact("variance_day"), exact("variance_week"),
    exact("variance_long"), exact("sigma"), by=("market",),
)  # fmt: skip
expiry_prices = _events("expiry_prices", big("market"), big("expiry"), exact("price"), big("source"), by=("market",))
surfaces = _events(
    "surfaces", big("market"), big("nonce"), big("made_at"), big("live_until"), exact("sigma_atm"), listed("slices"),
    by=("market",),
)  # fmt: skip
parameters = _events(
    "parameters", word("kind"), big("market"), word("name"), exact("value"), exact("target", True), by=("market",)
)
cells = _events(
    "cells", big("market"), big("expiry"), exact("gross"), exact("deficit"), exact("open_interest"), by=("market",)
)
deficits = _events("deficits", big("vault_id"), exact("deficit"), by=("vault_id",))
collections = _events("collections", address("token"), address("receiver"), exact("amount"))
operators = _events(
    "operators", big("vault_id"), address("operator"), big("epoch"), exact("permissions"), exact("good_until"),
    by=("vault_id",),
)  # fmt: skip

gas = _table(
    "gas", {"block": BigInteger, "tx": String(HASH)},
    big("at"), address("sender"), address("receiver"), word("event"), big("gas_used"), exact("gas_price"),
)  # fmt: skip
Index("gas_by_sender", gas.c.deployment, gas.c.sender, gas.c.block)

snapshots = _table(
    "snapshots", {"market": BigInteger, "expiry": BigInteger},
    big("read_block"), big("at"), listed("snapshot"), exact("expiry_price"), exact("deficit"), exact("insured"),
    exact("insurance"), exact("open_interest"),
)  # fmt: skip

share_prices = _table(
    "share_prices", {"pool": String(ADDRESS), "block": BigInteger},
    big("at"), big("market"), exact("assets"), exact("share_price"),
)  # fmt: skip

#: Tables whose rows a reorganisation takes out by their block.
DATED: tuple[Table, ...] = tuple(
    table for table in metadata.sorted_tables if "block" in table.c and table not in (deployments, vaults)
)
