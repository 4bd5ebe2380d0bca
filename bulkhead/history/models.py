"""What the service answers, as types that server and client share.

Amounts are exact decimals, as text in JSON: tokens of the market, prices per contract, contracts. Times are unix
seconds.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Amount = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value:f}", return_type=str, when_used="json"),
    Field(json_schema_extra={"type": "string", "examples": ["12.5"]}),
]
T = TypeVar("T")


class Model(BaseModel):
    """A shape that does not change."""

    model_config = ConfigDict(frozen=True)


class Problem(Model):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="The kind of failure.")
    status: int
    detail: str = Field(description="A sentence about this one.")


class Page(Model, Generic[T]):
    """A part of a list, newest first."""

    items: list[T]
    next: str | None = Field(None, description="Cursor of the next part, null at the end.")
    block: int = Field(description="Newest block that is in.")


class Deployment(Model):
    """A deployment that is indexed."""

    id: int
    network: str
    chain_id: int
    clearinghouse: str
    first_block: int
    block: int
    block_hash: str
    at: int
    logs: int


class Leg(Model):
    """A leg of a vault, or of a package (then `quantity` is of one package)."""

    kind: Literal["CALL", "PUT", "FUTURE", "CASH"]
    strike: Amount
    quantity: Amount


class Entry(Model):
    """A package that a vault holds, as it was traded."""

    legs: list[Leg]
    size: Amount = Field(description="Packages, below 0 when they were sold.")
    price: Amount = Field(description="What one cost on average.")


class Holding(Model):
    """What a vault holds, and what has gone in and out until then, in tokens."""

    legs: list[Leg]
    balance: Amount
    paid_in: Amount
    taken_out: Amount
    fees: Amount
    bonuses: Amount
    tips: Amount
    realised: Amount


class Vault(Holding):
    """A vault: what it is, and what it has made. Profit = worth + taken_out - paid_in."""

    vault_id: int
    owner: str
    market: int
    symbol: str
    model: Literal["ES", "GREEKS", "STATIC"]
    expiry: int = Field(description="0 without legs.")
    state: Literal["open", "flagged", "claim", "debt", "empty", "closed"]
    epoch: int
    custody: str
    opened_at: int
    changed_at: int
    changed_block: int
    entry: list[Entry]
    unknown: str = Field(description="Why entry and profit cannot be told, empty when they can.")
    value: Amount | None = Field(description="Legs at mark, null when there is no price.")
    worth: Amount | None = Field(description="Balance, value, and a claim that is not yet paid.")
    profit: Amount | None
    priced_block: int | None = Field(description="Block of the prices.")


class VaultState(Holding):
    """What a vault was at the end of a block that changed it."""

    block: int
    at: int


class Owner(Model):
    """What an owner has made, per market; vaults whose profit is unknown are left out of the sums and counted."""

    owner: str
    market: int
    symbol: str
    vaults: int
    open_vaults: int
    unknown: int
    worth: Amount
    paid_in: Amount
    taken_out: Amount
    profit: Amount
    fees: Amount
    bonuses: Amount
    tips: Amount


class Event(Model):
    """Where in the chain something happened."""

    block: int
    log_index: int
    at: int
    tx: str


class Transfer(Event):
    """Tokens in or out of a vault."""

    kind: Literal["deposit", "withdrawal", "closing", "tip"]
    vault_id: int
    account: str
    amount: Amount


class Fill(Event):
    """An order that was filled; legs as the maker received them."""

    order_hash: str
    key: str
    maker_vault: int
    taker_vault: int
    market: int
    expiry: int
    legs: list[Leg]
    size: Amount
    price: Amount
    maker_fee: Amount
    taker_fee: Amount
    contracts: Amount = Field(description="Options and futures that moved.")
    quote: Amount = Field(description="CASH that moved in a market that counts coins: there it is the future.")


class Quote(Event):
    """An order on the board."""

    maker_vault: int
    signer: str
    expiry: int
    is_bid: bool
    price: Amount
    size: Amount
    legs: list[Leg]
    good_until: int
    order: dict[str, object]
    signature: str


class Take(Event):
    """A share of a flagged vault that somebody took; legs as the taker received them."""

    kind: Literal["taken", "absorbed"]
    vault_id: int
    into_id: int
    taker: str
    market: int
    expiry: int
    fraction: Amount
    bonus_share: Amount
    cash: Amount
    bonus: Amount | None = Field(description="Legs at mark plus cash and top-up: what the taker gained.")
    cut: Amount
    top_up: Amount
    equity: Amount
    margin: Amount
    legs: list[Leg]


class Keeper(Model):
    """What a keeper did."""

    account: str
    flags: int
    takes: int
    bonuses: Amount
    tips: Amount


class Candle(Model):
    """Prices of a stretch of time."""

    at: int
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: Amount = Field(description="Contracts filled; 0 for vols.")
    volume_quote: Amount = Field(description="CASH filled in a market that counts coins; 0 for vols.")


class Market(Model):
    """A market and its last day."""

    market: int
    symbol: str
    token: str
    decimals: int
    inverse: bool = Field(description="It counts coins: its token is the underlying.")
    spot: Amount | None
    sigma: Amount | None
    open_interest: Amount = Field(description="Options and futures [contracts], both sides.")
    open_quote: Amount = Field(description="CASH of a market that counts coins, both sides.")
    insurance: Amount | None
    vaults: int
    fills_24h: int
    volume_24h: Amount
    volume_quote_24h: Amount
    takes_24h: int


class SharePrice(Model):
    """What a share of a backstop pool was worth."""

    block: int
    at: int
    pool: str
    assets: Amount
    share_price: Amount


class Head(Model):
    """A block that was taken in, as the stream tells it."""

    deployment: int
    block: int
    hash: str
    at: int
    vaults: list[int] = Field(description="Vaults that changed since the block told before, at most 1,000.")
