"""Crashes out of the market data, played through the real contracts against a keeper and a rival that spares nobody."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bulkhead.chain import anvil
from bulkhead.chain.lens import VaultView, read_vaults
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.policy import Policy
from bulkhead.replay.drill import window
from bulkhead.replay.keepers import InlineKeeper
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.offers import MarketTerms, offer_for
from bulkhead.replay.participants import MAKER, PLANNED_VAULTS
from bulkhead.replay.price_paths.bars import read_bars
from bulkhead.replay.price_paths.path import PricePath
from bulkhead.replay.run import Replay
from bulkhead.risk.words import WAD
from tests.worlds import market_data

FOLDER = market_data.FOLDER / "crash"
CRASHES = (
    "2020-03_black_thursday_5min", "2021-05_china_ban_1min", "2022-06_celsius_3ac_5min", "2022-11_ftx_5min",
    "2023-03_svb_usdc_5min", "2024-08_yen_unwind_1min",
)  # fmt: skip
#: The account of the rival, and its tokens [quote].
RIVAL, RIVAL_TOKENS = 17, 200_000
#: Equity of the keeper's own vaults at the start, as a multiple of IM.
THIN = Decimal("1.12")


def crash_file(name: str) -> Path:
    """The file of a crash; a test without it is skipped."""
    path = FOLDER / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"no prices of the crash: {path.name} is not in the data folder (BULKHEAD_DATA)")
    return path


@dataclass
class TwoKeepers:
    """The keeper that is tested and a rival; at each step both act until neither has anything to do.

    Attributes:
        ours: The one that is tested.
        rival: Flags and takes whatever it can, at any bonus.
        looked: Own vaults at every step, after both have acted.
        wallets: Tokens of ours, at every step [native].
        unsafe: Own vaults that a step has made liquidatable, before anybody could act.
    """

    local: LocalMarket
    ours: InlineKeeper
    rival: InlineKeeper
    looked: list[dict[int, VaultView]] = field(default_factory=list)
    wallets: list[int] = field(default_factory=list)
    unsafe: int = 0

    def settle_down(self) -> None:
        """Lets both act, ours first."""
        self.unsafe += sum(view.liquidatable for view in self.own().values())
        self.ours.settle_down()
        self.rival.settle_down()
        self.ours.settle_down()
        self.looked.append(self.own())
        self.wallets.append(int(self.local.market.token.call("balanceOf", self.ours.keeper.sender.address)))

    def let_go(self) -> None:
        """Nothing is taken or opened any more: both only close what is empty, and take their tokens home."""
        for one in (self.ours, self.rival):
            one.keeper.policy = replace(one.keeper.policy, roles=frozenset({"tend"}))
            one.settle_down()

    def own(self) -> dict[int, VaultView]:
        """Vaults of ours with legs of a cell that trades, and their numbers now."""
        state = self.ours.keeper.observer.registry
        held = read_vaults(self.local.chain, sorted(state.kept))
        return {v.vault_id: v for v in held if isinstance(v, VaultView) and v.legs}

    def stop(self) -> None:
        """Ends both."""
        self.ours.stop()
        self.rival.stop()


@dataclass
class Played:
    """A crash that is over."""

    replay: Replay
    keepers: TwoKeepers
    lines: list[dict[str, Any]]

    @property
    def own_ids(self) -> set[int]:
        """Vaults that ours has had."""
        me = self.keepers.ours.keeper.sender.address
        opened = [log.values for log in self.replay.logs if log.event == "VaultOpened"]
        return {v.vault_id for v in opened if v.owner == me}

    @property
    def wallets(self) -> list[int]:
        """Tokens of our account at every step [native]."""
        return self.keepers.wallets

    @property
    def healths(self) -> list[float]:
        """Health of own vaults that a price can make unsafe, at every step."""
        seen = [view for views in self.keepers.looked for view in views.values()]
        return [view.health / WAD for view in seen if view.health is not None and not view.covered]

    @property
    def deposits(self) -> list[str]:
        """Keys of our deposits that were mined."""
        return [x["key"] for x in self.lines if x["event"] == "mined" and x["call"] == "Clearinghouse.deposit"]


def open_thin(replay: Replay) -> None:
    """Gives the keeper vaults of its own that stand little above their margin, on either side of the market."""
    local, me = replay.local, replay.local.people["keeper"]
    terms = MarketTerms.read(local, replay.cell)
    maker = local.people[MAKER]
    (maker_vault,) = [v.vault_id for v in replay.vaults.values() if v.who == MAKER]
    for planned in PLANNED_VAULTS:
        if not planned.cushion:
            continue
        offer = offer_for(replace(planned, cushion=THIN), terms)
        signed = maker.orders.sign(
            maker_vault, replay.path.expiry, offer.legs, offer.side, offer.price, offer.size, good_for=900,
            premium_style=offer.style,
        )  # fmt: skip
        me.signer.forget_nonce()
        me.orders.fill(signed, deposit=offer.deposit)
    replay.keeper.settle_down()


@contextmanager
def played(name: str, hours: float, policy: Policy | None = None) -> Iterator[Played]:
    """A crash from the first vault to the last claim: the hours of its deepest fall."""
    bars = window(read_bars(crash_file(name), "eth"), hours)
    path = PricePath.of(bars, name, "ETH")
    stream = io.StringIO()
    with LocalMarket(path.symbol, path.rounds[0]) as local:
        local.push(path.rounds[0])
        mint = local.people["deployer"].signer
        mint.forget_nonce()
        rival_key = anvil.key(RIVAL)
        ours = InlineKeeper(local, JsonLog(stream), policy)
        greedy = Policy(roles=frozenset({"flag", "take"}), min_bonus=0, min_profit=WAD)
        rival = InlineKeeper(local, JsonLog(io.StringIO()), greedy, key=rival_key)
        mint.execute(local.market.token, "mint", rival.keeper.sender.address, RIVAL_TOKENS * local.unit)
        keepers = TwoKeepers(local, ours, rival)
        try:
            replay = Replay(local, PricePath(path.source, path.symbol, path.rounds[1:], path.expiry), keepers)
            replay.record.started_at = path.rounds[0].at
            replay.open()
            open_thin(replay)
            replay.play()
            replay.settle()
            keepers.let_go()
            replay.close()
            yield Played(replay, keepers, [json.loads(line) for line in stream.getvalue().splitlines()])
        finally:
            keepers.stop()
