"""One log as one row: which table it belongs to and what it says there. What needs other logs is `history/fold`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eth_utils import to_checksum_address
from sqlalchemy import Table

from bulkhead.chain.abi.codec import Record
from bulkhead.chain.contract import Log
from bulkhead.history import tables
from bulkhead.orders import Flags, OrderLeg, group_key

Values = dict[str, Any]
Reader = Callable[[Record], Values]

NOBODY = "0x" + "0" * 40
NO_HASH = "0x" + "0" * 64
#: Times beyond this are kept as this one [unix seconds].
FOREVER = 2**63 - 1
#: So are vault ids: the board takes whatever is posted, and ids count up from 1, so that no vault is ever called this.
NO_VAULT = 2**63 - 1


def hexed(value: bytes) -> str:
    """Bytes as text."""
    return "0x" + value.hex()


def series_parts(series: int) -> tuple[int, int, int, int]:
    """Market, kind, expiry and strike of a series id."""
    return series >> 112, (series >> 104) & 255, (series >> 64) & (2**40 - 1), series & (2**64 - 1)


def plain(value: Any) -> Any:
    """A decoded value as JSON can keep it."""
    if isinstance(value, bytes):
        return hexed(value)
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _transfer(kind: str, account: str) -> Reader:
    return lambda v: {
        "kind": kind, "vault_id": v.vault_id, "account": v[account], "amount": v.amount, "balance": v.get("balance"),
    }  # fmt: skip


def _flag(kind: str, account: str | None) -> Reader:
    return lambda v: {
        "kind": kind, "vault_id": v.vault_id, "account": v[account] if account else NOBODY,
        "margin": v.get("margin"), "equity": v.get("equity"), "clock": v.get("clock", 0),
    }  # fmt: skip


def _cancel(kind: str) -> Reader:
    return lambda v: {
        "kind": kind, "order_hash": hexed(v["order_hash"]) if "order_hash" in v else NO_HASH,
        "signer": v.get("signer", NOBODY), "vault_id": v.get("vault_id", 0), "series": v.get("series", 0),
        "minimum": v.get("minimum", 0),
    }  # fmt: skip


def _claim(kind: str) -> Reader:
    return lambda v: {
        "kind": kind, "vault_id": v.vault_id, "amount": v.amount, "paid": v.get("paid", v.amount),
        "claim": v.get("claim", v.get("debt", 0)), "final": v.get("final", v.get("debt") == 0),
    }  # fmt: skip


def _insurance(kind: str, amount: str = "amount", account: str | None = None) -> Reader:
    return lambda v: {
        "kind": kind, "market": v.market, "expiry": v.get("expiry", 0), "vault_id": v.get("vault_id", 0),
        "account": v[account] if account else NOBODY, "amount": v[amount], "shares": v.get("shares", 0),
        "balance": v.get("balance"),
    }  # fmt: skip


def _pool(kind: str, account: str = "", assets: str = "", vault_id: str = "") -> Reader:
    return lambda v: {
        "kind": kind, "account": v[account] if account else NOBODY, "assets": v[assets] if assets else 0,
        "shares": v.get("shares", 0), "vault_id": v[vault_id] if vault_id else 0,
    }  # fmt: skip


def _quote(v: Record) -> Values:
    order = v.order
    legs = [(leg["series"], leg["ratio"]) for leg in order["legs"]]
    together = order["flags"] & Flags.TOGETHER
    key = NO_HASH
    if together:
        of = [OrderLeg(series, ratio) for series, ratio in legs]
        key = hexed(group_key(v.maker_vault, of, order["is_bid"], order["salt"]))
    return {
        "key": key, "maker_vault": min(v.maker_vault, NO_VAULT), "signer": v.signer, "poster": v.poster,
        "expiry": series_parts(legs[0][0])[2] if legs else 0, "price": order["price"], "size": order["size"],
        "is_bid": order["is_bid"], "legs": [[*series_parts(series)[1::2], ratio] for series, ratio in legs],
        "good_until": min(order["expiry"], FOREVER), "order": plain(order), "signature": hexed(v.signature),
    }  # fmt: skip


def _mandate(v: Record) -> Values:
    names = ("epoch", "trigger", "target", "most_per_day", "most_in_all", "tip", "expires_at")
    found = {name: v.get(name, 0) for name in names}
    found["expires_at"] = min(found["expires_at"], FOREVER)
    return {"kind": "set" if "trigger" in v else "ended", "vault_id": v.vault_id, "owner": v.owner, **found}


def _same(*names: str) -> Reader:
    return lambda v: {name: plain(v[name]) for name in names}


def _parameter(v: Record) -> Values:
    return {
        "kind": "ramp" if "target" in v else "change", "market": v.market, "name": v.name, "value": v.value,
        "target": v.get("target"),
    }  # fmt: skip


def _word(name: str, field: str) -> Reader:
    return lambda v: {"kind": "word", "market": v.market, "name": name, "value": v[field], "target": None}


#: (contract, event) -> table and reader. A pool's contract is called without its market here.
READERS: dict[tuple[str, str], tuple[Table, Reader]] = {
    ("Clearinghouse", "Deposited"): (tables.transfers, _transfer("deposit", "payer")),
    ("Clearinghouse", "Withdrawn"): (tables.transfers, _transfer("withdrawal", "receiver")),
    ("Clearinghouse", "VaultClosed"): (tables.transfers, _transfer("closing", "owner")),
    ("Clearinghouse", "TipPaid"): (tables.transfers, _transfer("tip", "receiver")),
    ("Clearinghouse", "VaultFlagged"): (tables.flags, _flag("flagged", "flagger")),
    ("Clearinghouse", "FlagEnded"): (tables.flags, _flag("ended", "actor")),
    ("Clearinghouse", "FlagRestarted"): (tables.flags, _flag("restarted", None)),
    ("Clearinghouse", "CellUpdated"): (
        tables.cells, _same("market", "expiry", "gross", "deficit", "open_interest"),
    ),
    ("Clearinghouse", "DeficitRecorded"): (tables.deficits, _same("vault_id", "deficit")),
    ("Clearinghouse", "MarketConfigured"): (tables.parameters, _word("token_word", "token_word")),
    ("Exchange", "OrderCancelled"): (tables.cancels, _cancel("order")),
    ("Exchange", "EpochBumped"): (tables.cancels, _cancel("vault")),
    ("Exchange", "SeriesCancelled"): (tables.cancels, _cancel("series")),
    ("Exchange", "FeesCollected"): (tables.collections, _same("token", "receiver", "amount")),
    ("Exchange", "TradingConfigured"): (tables.parameters, _word("trading_word", "word")),
    ("Liquidator", "MarketConfigured"): (tables.parameters, _word("liquidation_word", "word")),
    ("Settlement", "MarketConfigured"): (tables.parameters, _word("settlement_word", "word")),
    ("OracleAdapter", "MarketConfigured"): (tables.parameters, _word("oracle_word", "word")),
    ("Settlement", "VaultSettled"): (
        tables.settlements, _same("vault_id", "market", "expiry", "net", "received", "shortfall", "debt"),
    ),
    ("Settlement", "ClaimPaid"): (tables.claims, _claim("claim")),
    ("Settlement", "DebtRepaid"): (tables.claims, _claim("debt")),
    ("Settlement", "CellInsured"): (tables.insurance, _insurance("cell")),
    ("Settlement", "CellSwept"): (tables.insurance, _insurance("swept")),
    ("InsuranceFund", "InsuranceAdded"): (tables.insurance, _insurance("added", account="payer")),
    ("InsuranceFund", "InsuranceDrawn"): (tables.insurance, _insurance("drawn", account="receiver")),
    ("InsuranceFund", "InsuranceWithdrawn"): (tables.insurance, _insurance("withdrawn", account="payer")),
    ("InsuranceFund", "WithdrawalRequested"): (tables.insurance, _insurance("requested", "shares", "payer")),
    ("InsuranceFund", "ReserveRecorded"): (tables.insurance, _insurance("reserve", "reserve")),
    ("QuoteBoard", "QuotePosted"): (tables.quotes, _quote),
    ("AutoTopUp", "MandateSet"): (tables.mandates, _mandate),
    ("AutoTopUp", "MandateEnded"): (tables.mandates, _mandate),
    ("AutoTopUp", "ToppedUp"): (
        tables.top_ups, _same("vault_id", "owner", "caller", "amount", "tip", "spent_that_day", "spent_in_all"),
    ),
    ("OracleAdapter", "VolUpdated"): (
        tables.prices,
        _same("market", "spot", "variance_fast", "variance_day", "variance_week", "variance_long", "sigma"),
    ),
    ("ExpiryPrices", "ExpiryPriceFixed"): (tables.expiry_prices, _same("market", "expiry", "price", "source")),
    ("VolSurface", "SurfacePublished"): (
        tables.surfaces, _same("market", "nonce", "made_at", "live_until", "sigma_atm", "slices"),
    ),
    ("RiskParameters", "MarketListed"): (tables.parameters, _word("price_market", "price_market")),
    ("RiskParameters", "ParameterChanged"): (tables.parameters, _parameter),
    ("RiskParameters", "RampStarted"): (tables.parameters, _parameter),
    ("Operators", "OperatorChanged"): (
        tables.operators,
        lambda v: {
            "vault_id": v.vault_id, "operator": v.operator, "epoch": v.epoch, "permissions": v.permissions,
            "good_until": v.expiry,
        },
    ),
}  # fmt: skip
for _kind in ("BackstopPool", "MakerVault"):
    READERS[(_kind, "Deposit")] = (tables.pools, _pool("deposit", "owner", "assets"))
    READERS[(_kind, "Withdraw")] = (tables.pools, _pool("withdrawal", "owner", "assets"))
READERS |= {
    ("BackstopPool", "RedemptionRequested"): (tables.pools, _pool("requested", "owner")),
    ("BackstopPool", "RedemptionServed"): (tables.pools, _pool("served", "owner", "assets")),
    ("BackstopPool", "RedemptionReturned"): (tables.pools, _pool("returned", "owner")),
    ("BackstopPool", "PoolVaultOpened"): (tables.pools, _pool("opened", vault_id="vault_id")),
    ("BackstopPool", "PoolVaultRefilled"): (tables.pools, _pool("refilled", "", "amount", "vault_id")),
    ("BackstopPool", "PoolVaultCollected"): (tables.pools, _pool("collected", "", "amount", "vault_id")),
    ("BackstopPool", "PoolVaultsMerged"): (tables.pools, _pool("merged", "", "added", "to_id")),
    ("BackstopPool", "VaultAbsorbed"): (tables.pools, _pool("absorbed", "caller", "added", "vault_id")),
    ("MakerVault", "DeskOpened"): (tables.pools, _pool("opened", vault_id="vault_id")),
    ("MakerVault", "DeskFunded"): (tables.pools, _pool("funded", "", "amount", "vault_id")),
    ("MakerVault", "DeskDefunded"): (tables.pools, _pool("defunded", "", "amount", "vault_id")),
}  # fmt: skip


def row_of(log: Log, addresses: Mapping[str, str]) -> tuple[Table, Values] | None:
    """Table and values of a log, None for one that stands in no table by itself.

    Args:
        log: The log.
        addresses: Address of each contract by its name.
    """
    found = READERS.get((log.contract.partition(":")[0], log.event))
    if found is None:
        return None
    table, read = found
    values = read(log.values)
    if table is tables.pools:
        values["pool"] = to_checksum_address(addresses[log.contract])
    return table, values
