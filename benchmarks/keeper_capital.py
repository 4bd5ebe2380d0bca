"""What a keeper needs and earns in crashes: `python -m benchmarks.keeper_capital FOLDER [--vaults 60] [--json FILE]`.

For each file of crash prices in FOLDER the hours of its deepest fall are played: a market on an Anvil of its own with
that many vaults of every shape (1.12 to 2.2 times their initial margin, 1,000 quote of notional each), and one keeper
with every token it may want. It takes at its default bonus, holds what it took, and nobody else acts. Told are the most
that was in its own vaults at any time, what it put in, tips, gain at mark of the takes, what all of it is worth in the
end at the prices of then, and gas. Lines are rows of the table in docs/keeper.md.
"""

from __future__ import annotations

import argparse
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from bulkhead.keeper.exposure import in_vaults
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.policy import ROLES, Policy
from bulkhead.keeper.report import results
from bulkhead.replay.drill import window
from bulkhead.replay.keepers import InlineKeeper
from bulkhead.replay.many_vaults import ManyVaults, members
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.price_paths.bars import read_bars
from bulkhead.replay.price_paths.path import choose_expiry
from bulkhead.replay.price_paths.rounds import Round, rounds_of
from bulkhead.risk.scales import WAD

#: Hours that are played, by the length of the bars [seconds].
HOURS = {60: 1.0, 300: 4.0}
#: Tokens of the keeper [quote], and seconds between blocks while auctions run.
TOKENS, STEP = 10**7, 60
#: Notional of one vault [quote].
NOTIONAL = 1_000


@dataclass(frozen=True)
class Needs:
    """Of one crash; quote unless said.

    Attributes:
        crash: Its file.
        fall: From the first price to the lowest, as a share.
        vaults: How many there were.
        flags: Flags that it was paid for.
        takes: Takes.
        most_held: Most tokens in its own vaults at any time.
        put_in: Tokens that went from its wallet into own vaults, all in all.
        tips: Tips.
        gain: Gain at mark of the takes when they were made.
        worth: What tips and own vaults have brought by the prices of the end.
        gas: Gas of all transactions, in units.
    """

    crash: str
    fall: float
    vaults: int
    flags: int
    takes: int
    most_held: float
    put_in: float
    tips: float
    gain: float
    worth: float
    gas: int

    def row(self) -> str:
        """A line of the table."""
        notional = self.vaults * NOTIONAL
        return (
            f"| {self.crash} | {self.fall:.0%} | {self.flags} | {self.takes} | {self.most_held:,.0f} "
            f"| {self.most_held / notional:.1%} | {self.tips:,.0f} | {self.gain:,.0f} | {self.worth:,.0f} "
            f"| {self.gas / 1e6:.1f}M |"
        )


def play(file: Path, vaults: int) -> Needs:
    """Plays one file."""
    bars = read_bars(file, "eth")
    rounds = rounds_of(window(bars, HOURS[bars[0].seconds]))
    with LocalMarket("ETH", rounds[0], history=256) as local:
        local.push(rounds[0])
        local.push(Round(rounds[0].at + 30, rounds[0].answer))
        many = ManyVaults(local, choose_expiry(rounds[0].at, rounds[-1].at), NOTIONAL)
        many.open(members(vaults, 1, least=1.12, most=2.2))
        minter = local.people["deployer"].signer
        minter.forget_nonce()
        minter.execute(local.market.token, "mint", local.people["keeper"].address, TOKENS * local.unit)
        driver = InlineKeeper(local, JsonLog(io.StringIO()), Policy(roles=frozenset(ROLES) - {"unwind", "bring"}))
        try:
            return _played(file, local, many, driver, rounds[1:])
        finally:
            driver.stop()


def _played(file: Path, local: LocalMarket, many: ManyVaults, driver: InlineKeeper, rounds: list[Round]) -> Needs:
    keeper, most = driver.keeper, 0
    first = rounds[0].answer
    for i, point in enumerate(rounds):
        until = rounds[i + 1].at if i + 1 < len(rounds) else point.at + 15 * STEP
        local.push(point)
        while True:
            driver.settle_down()
            state = keeper.bookkeeper.state
            assert state is not None
            most = max(most, in_vaults(state, local.market.index))
            busy = any(v.flagged for v in state.vaults.values())
            if not busy or local.now() + STEP >= until:
                break
            local.anvil.mine(local.now() + STEP)
    (result,) = results(keeper.bookkeeper.account()).values()
    logs = local.chain.logs()
    attempts = [a for a in keeper.sender.journal.all() if a.mined_block]
    return Needs(
        crash=file.name.split(".")[0],
        fall=1 - min(r.answer for r in rounds) / first,
        vaults=len(many.opened),
        flags=sum(log.event == "VaultFlagged" for log in logs),
        takes=result.takes,
        most_held=most / local.unit,
        put_in=result.deposited / WAD,
        tips=result.tips / WAD,
        gain=result.bonus / WAD,
        worth=result.profit / WAD,
        gas=sum(a.gas_used for a in attempts),
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with files of crash prices")
    parser.add_argument("--vaults", type=int, default=60)
    parser.add_argument("--json", help="file for the figures")
    given = parser.parse_args()
    found: list[Needs] = []
    for file in sorted(given.folder.glob("*min.csv.gz")):
        found.append(play(file, given.vaults))
        print(found[-1].row(), flush=True)
    if given.json:
        Path(given.json).write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
