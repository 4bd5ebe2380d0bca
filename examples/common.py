"""Where the examples run: a node, a deployment and two keys out of the environment."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bulkhead.client import Bulkhead


def node() -> str:
    """URL of the node."""
    return os.environ.get("BULKHEAD_RPC_URL", "http://127.0.0.1:8545")


def place() -> str:
    """Folder of the deployment."""
    return os.environ.get("BULKHEAD_DEPLOYMENT", "deployments/local")


def client(name: str) -> Bulkhead:
    """A client with the key in the environment variable `name`."""
    return Bulkhead(node(), place(), key=os.environ[name])


def friday(user: Bulkhead, weeks: int = 0) -> int:
    """The Friday 08:00 UTC at least three days ahead of the newest block, and so many weeks later [unix seconds]."""
    day = datetime.fromtimestamp(user.chain.rpc.timestamp(), UTC) + timedelta(days=3)
    while day.weekday() != 4:
        day += timedelta(days=1)
    return int(day.replace(hour=8, minute=0, second=0, microsecond=0).timestamp()) + weeks * 7 * 86_400


class Scale:
    """The examples are written for ETH at 2,000; at other prices strikes and amounts follow."""

    def __init__(self, user: Bulkhead, symbol: str = "ETH") -> None:
        snapshot = user.chain["OracleAdapter"].call("snapshot", user.chain.market(symbol).index, 0)
        self.spot = Decimal(snapshot.spot).scaleb(-18)

    def money(self, amount: int) -> Decimal:
        """Quote units that are here what `amount` is at 2,000."""
        return round(amount * self.spot / 2000, 2)

    def strike(self, strike: int) -> int:
        """A strike that is here where `strike` is at 2,000, in steps of 10."""
        return int(round(strike * self.spot / 2000, -1))
