"""A sample of random vaults of each crash through the real contracts on Anvil, compared with the mirrors.

`python benchmarks/crash.py --chain 100`. The replay's own machinery opens every vault through a signed order, plays the
rounds with the keeper, settles and pays. Each flag and take is compared with the exact mirror to the wei (equity, MM,
bonus share, fraction, cash, cut, legs) and with the vectorised mirror in relative terms; settlement, claims and the sum
of all tokens to the native unit.
"""

from __future__ import annotations

import random
import tempfile
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from bulkhead.chain.contract import Log
from bulkhead.keeper.log import JsonLog
from bulkhead.replay.audit import Audit, case_of
from bulkhead.replay.cast import TRADERS, Part, PartLeg
from bulkhead.replay.rounds import Round, quiet_rounds
from bulkhead.replay.run import InlineKeeper, Plot, Replay, choose_expiry
from bulkhead.replay.stage import Stage
from bulkhead.risk import batch
from bulkhead.risk.words import WAD, Kind

#: Strikes as shares of the first price: few enough that one maker vault can be everybody's counterparty.
STRIKES = ("0.8", "0.9", "1", "1.1", "1.2")
#: Equity at the opening over IM: room for the fee and for the extra IM that new risk near liquidation needs.
CUSHION = Decimal("1.08")
#: Tokens everybody gets beside the replay's purses [quote].
PURSE = 20_000_000


def parts(count: int, seed: int) -> list[Part]:
    """Random vaults of one to three legs for the replay's traders."""
    draw = random.Random(seed)
    found = []
    for i in range(count):
        legs: dict[tuple[Kind, str], PartLeg] = {}
        shape = draw.random()
        if shape < 0.15:
            legs[Kind.FUTURE, "0"] = PartLeg(Kind.FUTURE, Decimal(0), 1)
        while not legs or (shape >= 0.15 and len(legs) < 1 + int(shape * 3)):
            kind, strike = draw.choice([Kind.CALL, Kind.PUT]), draw.choice(STRIKES)
            legs.setdefault((kind, strike), PartLeg(kind, Decimal(strike), draw.choice([-1, 1, 1])))
        deferred = shape < 0.15 or draw.random() < 0.2
        who = TRADERS[i % len(TRADERS)]
        found.append(Part(who, f"random {i + 1}", tuple(legs.values()), draw.random() < 0.4, deferred, CUSHION))
    return found


@dataclass
class Watch(Audit):
    """The audit, and beside it the vectorised mirror at the same flags and takes.

    Attributes:
        distance: Largest relative distance of equity and MM.
        bonus: What takers got beyond the mark [quote].
        worst: Least equity over MM at a take.
        insured: Top-ups [native].
    """

    distance: float = 0.0
    bonus: float = 0.0
    worst: float = float("inf")
    insured: int = 0
    vaults: set[int] = field(default_factory=set)

    def _near(self, log: Log) -> None:
        case = case_of(self.chain, log.values.vault_id, log.block)
        book, cells = batch.Book.of([case.legs]), batch.Cells.of([case.snapshot])
        found = batch.assess(book, cells, case.risk, threads=1)
        standing = batch.resolve(found, book, cells, case.risk, case.collateral / WAD)
        margin = log.values.margin / WAD
        for got, true in ((standing.equity[0], log.values.equity), (standing.maintenance_margin[0], log.values.margin)):
            self.distance = max(self.distance, abs(float(got) - true / WAD) / max(margin, 1e-9))

    def flag(self, log: Log) -> bool:
        """A flag."""
        self._near(log)
        self.vaults.add(int(log.values.vault_id))
        return super().flag(log)

    def take(self, log: Log, moved: Any, liquidation_word: int) -> bool:
        """A take."""
        self._near(log)
        v = log.values
        self.worst = min(self.worst, v.equity / v.margin)
        own = min(v.bonus_share * v.margin // WAD, max(v.equity, 0)) * v.fraction // WAD
        self.bonus += own / WAD
        self.insured += v.top_up
        return super().take(log, moved, liquidation_word)


def play(rounds: list[Round], count: int, symbol: str, seed: int) -> dict[str, Any]:
    """One crash from deployment to the last claim."""
    begun = time.monotonic()
    expiry = choose_expiry(rounds[0].at, rounds[-1].at)
    played = [r for r in rounds if r.at < expiry]
    played += quiet_rounds(played[-1], expiry)
    with (
        tempfile.TemporaryFile("w") as log,
        Stage(symbol, played[0]) as stage,
    ):
        mint = stage.people["deployer"].signer
        for role in ("maker", "keeper", *TRADERS):
            mint.execute(stage.market.token, "mint", stage.people[role].address, PURSE * stage.unit)
        stage.push(played[0])
        driver = InlineKeeper(stage, JsonLog(log), most_looks=60 + 20 * count)
        try:
            driver.settle_down()
            replay = Replay(stage, Plot("crash", symbol, played[1:], expiry), driver, parts=parts(count, seed))
            watch = replay.audit = Watch(stage.chain)
            record = replay.through()
        finally:
            driver.stop()
    failed = [check.name for check in record.checks if not check.passed]
    unit = 10**record.decimals
    notional = sum(20_000 * len(p.legs) for p in parts(count, seed))
    return {
        "vaults": count, "rounds": len(played), "flags": watch.flags, "flagged": len(watch.vaults),
        "takes": watch.takes, "bonus_bp": 1e4 * watch.bonus / notional, "worst_health": watch.worst,
        "insurance": watch.insured / unit, "recovery": record.recovery, "settled": watch.settled,
        "distance": watch.distance, "failed": failed, "wrong": watch.wrong[:5],
        "seconds": round(time.monotonic() - begun, 1),
    }  # fmt: skip


def line(name: str, r: dict[str, Any]) -> str:
    """One crash as a line of text."""
    worst = f"{r['worst_health']:.2f}" if np.isfinite(r["worst_health"]) else "-"
    verdict = "all equal to the exact mirror" if not r["failed"] else f"DIFFERENT: {r['failed']} {r['wrong']}"
    return (
        f"{name}  {r['vaults']} vaults, {r['rounds']} rounds: {r['flags']} flags of {r['flagged']} vaults, "
        f"{r['takes']} takes, "
        f"{r['settled']} settled, bonus {r['bonus_bp']:.1f} bp, insurance {r['insurance']:.2f}, recovery "
        f"{r['recovery']:.4f}, worst E/MM {worst}; {verdict}; vectorised mirror within {r['distance']:.1e}; "
        f"{r['seconds']:.0f} s"
    )
