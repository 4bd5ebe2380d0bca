"""How fast a maker signs: 200 series two-sided after a round, on one core, beside bare signing of as many digests.

    python -m benchmarks.maker [--series 200]

Bare signing is the signature of a digest that is known (coincurve); a ladder prices each series, builds, hashes and
signs two orders.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from coincurve import PrivateKey
from eth_account import Account

from bulkhead import orders, pricing
from bulkhead.chain.lens import CellView, VaultView
from bulkhead.chain.words import Model
from bulkhead.maker.desk import Desk, Look, Maker
from bulkhead.maker.ladder import Style
from bulkhead.maker.limits import Exposure, RiskLimits
from bulkhead.maker.signing import QuoteSigner
from bulkhead.risk.words import WAD, Snapshot

KEY = "0x" + "22" * 32
NOW, EXPIRY = 1_799_928_000, 1_801_209_600


def maker(series: int) -> Maker:
    """A maker without a node, with one desk whose ladder has so many series."""
    address = Account.from_key(KEY).address
    client: Any = SimpleNamespace(
        address=address, domain=orders.Domain(31_337, "0x" + "11" * 20), key=lambda: KEY, has_key=True,
        chain=SimpleNamespace(market=lambda _: SimpleNamespace(index=1, token=None)),
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


def best_of(times: int, what: Any) -> float:
    """Least seconds of several runs."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        what()
        found.append(time.perf_counter() - begun)
    return min(found)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=200)
    wanted = parser.parse_args().series
    quoting, seen = maker(wanted), look()
    signed = [entry["signed"] for entry in quoting.quotes(seen)]
    count = len(signed)
    key, digests = PrivateKey(bytes.fromhex(KEY[2:])), [bytes([i % 256]) * 32 for i in range(count)]
    bare = best_of(5, lambda: [key.sign_recoverable(one, hasher=None) for one in digests])
    ladder = best_of(5, lambda: list(quoting.signed_quotes(seen)))
    whole = best_of(5, lambda: quoting.quotes(seen))
    print(f"{count} orders of {wanted} series, least of five runs")
    print(f"bare signing                  {bare * 1000:7.1f} ms")
    print(f"priced, built, hashed, signed {ladder * 1000:7.1f} ms  {ladder / bare:.1f} times")
    print(f"and as JSON                   {whole * 1000:7.1f} ms  {whole / bare:.1f} times")


if __name__ == "__main__":
    main()
