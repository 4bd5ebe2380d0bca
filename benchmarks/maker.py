"""How fast a maker signs: 200 series two-sided after a round, on one core, beside bare signing of as many digests.

    python -m benchmarks.maker [--series 200]

Bare signing is the signature of a digest that is known (coincurve); a ladder prices each series, builds, hashes and
signs two orders.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from coincurve import PrivateKey
from eth_account import Account

from bulkhead import orders, pricing
from bulkhead.chain.lens import CellView, VaultView
from bulkhead.chain.words import Model
from bulkhead.client.exposure import Exposure
from bulkhead.maker.desk import Desk, Look, Maker
from bulkhead.maker.ladder import Style
from bulkhead.maker.limits import RiskLimits
from bulkhead.maker.signing import QuoteSigner
from bulkhead.risk.words import LINEAR, WAD, Snapshot

KEY = "0x" + "22" * 32
#: Runs of each, of which the least counts.
RUNS = 25
#: Goals for 200 series: signing over bare signing, and the whole round with its JSON [seconds of one core].
MOST_TIMES, MOST_SECONDS = 3, 0.25
NOW, EXPIRY = 1_799_928_000, 1_801_209_600


def maker(series: int) -> Maker:
    """A maker without a node, with one desk whose ladder has so many series."""
    address = Account.from_key(KEY).address
    client: Any = SimpleNamespace(
        address=address, domain=orders.Domain(31_337, "0x" + "11" * 20), key=lambda: KEY, has_key=True,
        chain=SimpleNamespace(market=lambda _: SimpleNamespace(index=1, token=None, units=LINEAR)),
    )  # fmt: skip
    style = replace(Style(), strikes=(series - 2) // 2, step=10 * 10**8)
    made = Maker(client, "ETH", [EXPIRY], style, limits=RiskLimits())
    made.signer = QuoteSigner(client)
    return made


def look() -> Look:
    """One desk at spot 2,000."""
    snapshot = Snapshot(
        2_000 * WAD, 2_000 * WAD, EXPIRY - NOW, 6 * WAD // 10, surface_near=6 * WAD // 10, updated_at=NOW
    )
    zero = "0x" + "00" * 20
    vault = VaultView(1, zero, 1, Model.ES, EXPIRY, 1, zero, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, 0, None, ())
    cell = CellView((1, EXPIRY), snapshot, 0, 0, 0, 0, 0, 6, 1, 0)
    rules = pricing.OpeningRules(10**8, 0, 0)
    return Look(NOW, rules, pricing.Fees(3, 0, 1_250), 6, {EXPIRY: Desk(vault, cell, 1, Exposure(), True)})


@dataclass(frozen=True)
class Measured:
    """Least seconds of a core that one round took.

    Attributes:
        orders: How many were signed.
        bare: Signing as many digests that are known.
        ladder: Pricing, building, hashing and signing.
        whole: That, and writing it as JSON.
    """

    orders: int
    bare: float
    ladder: float
    whole: float


def measured(series: int, runs: int = RUNS) -> Measured:
    """Runs the three in turn, so that a busy moment of the machine is one of all of them."""
    quoting, seen = maker(series), look()
    count = len(quoting.quotes(seen))
    key, digests = PrivateKey(bytes.fromhex(KEY[2:])), [bytes([i % 256]) * 32 for i in range(count)]
    ways: tuple[Callable[[], Any], ...] = (
        lambda: [key.sign_recoverable(one, hasher=None) for one in digests],
        lambda: list(quoting.signed_quotes(seen)),
        lambda: quoting.quotes(seen),
    )
    least = [float("inf")] * len(ways)
    for _ in range(runs):
        for i, way in enumerate(ways):
            begun = time.process_time()
            way()
            least[i] = min(least[i], time.process_time() - begun)
    return Measured(count, *least)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=200)
    wanted = parser.parse_args().series
    found = measured(wanted)
    print(f"{found.orders} orders of {wanted} series, least of {RUNS} runs, seconds of one core")
    print(f"bare signing                  {found.bare * 1000:7.1f} ms")
    print(
        f"priced, built, hashed, signed {found.ladder * 1000:7.1f} ms  {found.ladder / found.bare:.1f} times "
        f"(goal {MOST_TIMES})"
    )
    print(
        f"and as JSON                   {found.whole * 1000:7.1f} ms  {found.whole / found.bare:.1f} times "
        f"(goal {MOST_SECONDS * 1000:.0f} ms)"
    )


if __name__ == "__main__":
    main()
