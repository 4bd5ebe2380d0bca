"""How many fitted expiries hold arbitrage on a dense grid, and what the contract's checks say of every surface.

    python -m benchmarks.vol_arbitrage [--points 2001]

Needs the market data (BULKHEAD_DATA, else ../shared/data beside the project).
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from bulkhead.vol.arbitrage import REACH, Worst, worst
from bulkhead.vol.fit import Fit, fit_chain
from bulkhead.vol.options import Chain
from bulkhead.vol.report import BUCKETS, bucket_name, chains_of, refusal


def examine(chain: Chain, points: int) -> tuple[str, list[tuple[float, Worst]]]:
    """Why the contract would refuse the surface of a chain, and (days, worst) of each expiry."""
    fits = fit_chain(chain)
    before: list[Fit | None] = [None, *fits[:-1]]
    found = [
        (fit.tau * 365, worst(fit.slice, None if last is None else last.slice, points))
        for last, fit in zip(before, fits, strict=True)
    ]
    return refusal(chain, fits), found


def main() -> None:
    """Prints the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--points", type=int, default=2001, help="strikes looked at in each expiry")
    given = parser.parse_args()
    from benchmarks.crash import data_folder

    chains = chains_of(data_folder() / "deribit")
    with ProcessPoolExecutor() as pool:
        seen = list(pool.map(examine, chains, [given.points] * len(chains)))
    refused = Counter(reason for reason, _ in seen if reason)
    print(f"{len(chains)} chains, {sum(refused.values())} refused by the contract's checks {dict(refused) or ''}")
    rows = [one for _, found in seen for one in found]
    print(f"{len(rows)} expiries at {given.points} strikes within {REACH:g} standard deviations")
    for low, high in (*BUCKETS, (0, 400)):
        part = [one for days, one in rows if low <= days < high]
        if part:
            bad = sum(not one.is_free for one in part)
            print(
                f"{bucket_name(low, high):>10} days: {len(part):4} expiries,"
                f" {bad} with arbitrage ({bad / len(part):.2%}),"
                f" least density {min(one.density for one in part):.4f},"
                f" least calendar room {min(one.calendar for one in part):.1e}"
            )


if __name__ == "__main__":
    main()
