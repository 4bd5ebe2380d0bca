"""What a front end shows of a market's backstop pool: assets, price of a share, queue, room for deposits, vaults."""

from __future__ import annotations

from dataclasses import dataclass

from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import read, read_each
from bulkhead.chain.errors import BulkheadError, MissingDeployment, Reverted
from bulkhead.chain.lens import VaultView, read_vaults

#: A request opens this long after it was made [seconds].
COOLDOWN_SECONDS = 7 * 86_400
#: Revert reasons with which the pool says that shares have no price now.
NO_PRICE = ("backstop/price-not-fresh", "backstop/in-callback")


@dataclass(frozen=True)
class Redemption:
    """One request that waits in the queue.

    Attributes:
        request_id: Its number; the queue is served in this order.
        owner: Who gets the tokens.
        requested_at: When it was made [unix seconds].
        shares: Shares that are still to be served.
        least: Served for less than this, they go back [native].
    """

    request_id: int
    owner: str
    requested_at: int
    shares: int
    least: int


@dataclass(frozen=True)
class PoolView:
    """A backstop pool at one block.

    Attributes:
        address: The pool, which is its share token as well.
        market: Index of its market.
        asset: Address of its token.
        decimals: Decimals of a share.
        block: The block that was read.
        cap: Most that deposits may bring its assets to [native].
        shares: Shares in circulation, queued ones included.
        idle: Tokens that are neither in a vault nor set aside [native].
        set_aside: Tokens of served requests [native].
        room: What may be deposited now [native].
        assets: Tokens at hand and vaults at mark [native]; None while they have no price.
        share_price: Tokens that one whole share costs [native]; None while it has no price.
        redemption_price: Tokens that one whole share gives, mark less the haircut [native]; None while it has no price.
        queue: Requests that wait, first served first.
        vaults: What it holds.
    """

    address: str
    market: int
    asset: str
    decimals: int
    block: int
    cap: int
    shares: int
    idle: int
    set_aside: int
    room: int
    assets: int | None
    share_price: int | None
    redemption_price: int | None
    queue: tuple[Redemption, ...]
    vaults: tuple[VaultView, ...]


def read_pool(chain: Connection, market: str | int, block: int | None = None) -> PoolView:
    """A market's backstop pool, everything at one block.

    Raises:
        MissingDeployment: The market has no pool.
        BulkheadError: A node failed, or a vault of the pool could not be read.
    """
    entry = chain.deployment.market(market)
    if not entry.backstop:
        raise MissingDeployment(f"{entry.symbol} has no backstop pool.")
    pool = chain.backstop(entry)
    at = chain.rpc.block_number() if block is None else block
    names = ("asset", "market", "decimals", "cap", "totalSupply", "idle", "set_aside", "queue_head", "queue_tail")
    *numbers, ids = read(chain.rpc, [pool.query(name) for name in (*names, "vaults")], at)
    asset, index, decimals, cap, shares, idle, set_aside, head, tail = numbers
    one = 10**decimals
    priced = [pool.query("totalAssets"), pool.query("convertToAssets", one), pool.query("previewRedeem", one)]
    assets, price, redemption = (_priced(answer) for answer in read_each(chain.rpc, priced, at))
    waiting = [pool.query("requests", i) for i in range(head, tail)]
    room, *requests = read(chain.rpc, [pool.query("maxDeposit", pool.address), *waiting], at)
    queue = (
        Redemption(i, r["owner"], r["requested_at"], r["shares"], r["least"])
        for i, r in enumerate(requests, head)
        if r["shares"]
    )
    vaults: list[VaultView] = []
    for view in read_vaults(chain, ids, at):
        if isinstance(view, BulkheadError):
            raise view
        vaults.append(view)
    return PoolView(
        address=pool.address,
        market=index,
        asset=asset,
        decimals=decimals,
        block=at,
        cap=cap,
        shares=shares,
        idle=idle,
        set_aside=set_aside,
        room=room,
        assets=assets,
        share_price=price,
        redemption_price=redemption,
        queue=tuple(queue),
        vaults=tuple(vaults),
    )


def _priced(answer: object) -> int | None:
    """A number that the pool refuses to tell while its shares have no price."""
    if isinstance(answer, Reverted) and answer.reason in NO_PRICE:
        return None
    if isinstance(answer, BulkheadError):
        raise answer
    assert isinstance(answer, int)
    return answer
