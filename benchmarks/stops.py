"""Stops through the crashes: how many are filled, what they pay over mark and how long they wait, beside fixed slips.

    python -m benchmarks.stops            # the table
    python -m benchmarks.stops --docs     # and into docs/orders.md

A position is opened at the first round of a crash with a stop that many percent away. Makers fill it once its slip
covers their edge of 20 bp and what their own vol is above the oracle's: after the trigger it is so much higher, and
comes back by half in an hour. Slip that grows is that of the client (300 bp in 30 min); a fixed one trades at once
or never. Needs the market data (BULKHEAD_DATA).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log, pi, sqrt

import numpy as np

from benchmarks import generated
from benchmarks.crash import bars_of, data_folder, hourly, tape_of
from benchmarks.crash_page import CRASHES
from bulkhead.client.stops import PATIENCE, SLIP_BPS
from bulkhead.risk.crash import Tape

#: Half-spread of makers [bps of spot per contract].
EDGE = 20
#: How much above the oracle's the makers' vol is when the stop triggers, and how long until half of that is gone [s].
JUMPS, HALF_LIFE = (0.0, 0.25, 0.5), 3_600
#: Distance of the trigger from spot.
DISTANCES = (0.03, 0.05, 0.08, 0.12)
TENOR = 14 * 86_400
FIXED = (50, 100, 300)
#: A stop is looked at for so long after its trigger [s].
LONGEST = 6 * 3_600


@dataclass(frozen=True)
class Fill:
    """What became of one stop.

    Attributes:
        paid: Over mark [bps of spot]; None when it was not filled.
        wait: From the trigger [s].
    """

    paid: float | None
    wait: float = 0.0


def vega(spot: float, strike: float, vol: float, seconds: float) -> float:
    """Of one option [quote for 1.00 vol]."""
    time = max(seconds, 60) / (365 * 86_400)
    d1 = (log(spot / strike) + vol * vol * time / 2) / (vol * sqrt(time))
    return spot * sqrt(time) * exp(-d1 * d1 / 2) / sqrt(2 * pi)


def needed(tape: Tape, index: int, since: float, strike: float, opened: float, jump: float) -> float:
    """Slip at which a maker takes a short option off its holder [bps of spot]."""
    spot, vol = float(tape.price[index]), float(tape.week[index])
    left = opened + TENOR - float(tape.at[index])
    above = vol * jump * 0.5 ** (since / HALF_LIFE)
    return EDGE + 1e4 * vega(spot, strike, vol, left) * above / spot


def growing(tape: Tape, first: int, trigger: float, strike: float, jump: float) -> Fill:
    """A stop whose slip grows with the age of the oldest round since which all lie in its band."""
    since = float(tape.at[first])
    oldest = since
    for index in range(first, len(tape)):
        until = float(tape.at[index + 1]) if index + 1 < len(tape) else since + LONGEST
        if float(tape.price[index]) > trigger:
            oldest = until  # out of the band: the slip starts anew with the next round inside
            continue
        # rounds older than an hour do not count: a younger one of the band takes their place
        at = max(float(tape.at[index]), oldest)
        while at < min(until, since + LONGEST):
            age = min(at - oldest, 3_600)
            slip = SLIP_BPS * min(age / PATIENCE, 1)
            want = needed(tape, index, at - since, strike, float(tape.at[0]), jump)
            if slip >= want:
                return Fill(slip, at - since)
            at += 12
        if until - since >= LONGEST:
            break
    return Fill(None)


def fixed(tape: Tape, first: int, trigger: float, strike: float, jump: float, slip: int) -> Fill:
    """A stop with one slip: it trades when makers want no more."""
    since = float(tape.at[first])
    for index in range(first, len(tape)):
        if float(tape.at[index]) - since > LONGEST:
            break
        if float(tape.price[index]) <= trigger:
            want = needed(tape, index, float(tape.at[index]) - since, strike, float(tape.at[0]), jump)
            if slip >= want:
                return Fill(slip, float(tape.at[index]) - since)
    return Fill(None)


def stops(tape: Tape) -> Iterator[tuple[int, float, float]]:
    """(round of the trigger, trigger, strike) of the short puts of one crash whose trigger is reached."""
    spot = float(tape.price[0])
    for distance in DISTANCES:
        trigger = spot * (1 - distance)
        below = np.nonzero(tape.price <= trigger)[0]
        for strike in (spot, trigger, spot * (1 - 2 * distance)):
            if len(below):
                yield int(below[0]), trigger, strike


def row(name: str, fills: list[Fill]) -> str:
    """Share filled, paid over mark and wait."""
    done = [fill for fill in fills if fill.paid is not None]
    if not done:
        return f"| {name} | 0 % | - | - |"
    paid = float(np.median([fill.paid for fill in done]))
    wait = float(np.median([fill.wait for fill in done])) / 60
    return f"| {name} | {len(done) / len(fills):.0%} | {paid:.0f} bp | {wait:.0f} min |"


def table(deviation: int) -> str:
    """The table of the documents."""
    folder = data_folder()
    hours = hourly(folder, "ETH")
    tapes = {name: tape_of(folder, name, "ETH", deviation, hours) for name in CRASHES if bars_of(folder, name, "ETH")}
    lines = ["| crash, vol jump | filled | paid over mark | wait |", "|---|---:|---:|---:|"]
    for jump in JUMPS:
        for name, tape in tapes.items():
            found = [growing(tape, first, trigger, strike, jump) for first, trigger, strike in stops(tape)]
            if found:
                lines.append(row(f"{name}, +{jump:.0%}", found))
        every = [(tape, *one) for tape in tapes.values() for one in stops(tape)]
        lines.append(row(f"**all, +{jump:.0%}**", [growing(*one, jump) for one in every]))
        for slip in FIXED:
            name = f"all, +{jump:.0%}, fixed {slip} bp"
            lines.append(row(name, [fixed(*one, jump, slip) for one in every]))
    return "\n".join(lines)


def main() -> None:
    """Prints the table, or writes it into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deviation", type=int, default=50, help="Of the feed's rounds [bps].")
    parser.add_argument("--docs", action="store_true", help="Write it into docs/orders.md.")
    given = parser.parse_args()
    found = table(given.deviation)
    print(found)
    if given.docs:
        path = generated.ROOT / "docs" / "orders.md"
        path.write_text(
            generated.with_block(path.read_text(), "stops", found, "benchmarks.stops --docs", generated.MARKDOWN)
        )


if __name__ == "__main__":
    main()
