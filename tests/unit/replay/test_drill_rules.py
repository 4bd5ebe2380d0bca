"""How a drill plays rounds and what it says of a keeper: without a node, so that a bad keeper can be shown to it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain.lens import FLAGGED, LIQUIDATABLE
from bulkhead.replay import drill as module
from bulkhead.replay.drill import ALLOWED_BLOCKS, AUCTION_SECONDS, BLOCK_SECONDS, MOST_BETWEEN, Drill, Outcome, window
from bulkhead.replay.price_paths.bars import Bar
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.words import WAD
from tests.keeper.states import CELL, KEEPER, cell, vault

TERMS = LiquidationTerms(
    bonus_start=WAD // 50, bonus_middle=WAD // 2, t1_seconds=120, t2_seconds=900, vault_cap=WAD, cell_cap=WAD // 4,
    day_cap=WAD // 2, top_up=WAD // 4, backstop_from=WAD // 5, minimum=100,
)  # fmt: skip


class Played(Drill):
    """A drill whose blocks are only noted; `busy` says how many of them from the first on leave something to do."""

    def __init__(self, now: int, busy: int = 0) -> None:
        self._now, self.busy = now, busy
        self.outcome = Outcome()
        self.blocks: list[tuple[int, int | None]] = []
        self.told: list[str] = []
        self.tell = self.told.append

    def _block(self, at: int, answer: int | None = None) -> bool:
        self._now = at
        self.blocks.append((at, answer))
        return len(self.blocks) <= self.busy

    def _finish(self) -> None:
        pass


def test_play__nothing_to_do__a_block_for_each_round_at_its_time():
    drill = Played(now=50)
    assert drill.play([Round(100, 7), Round(300, 8)]).rounds == 2
    assert drill.blocks == [(100, 7), (300, 8)]


def test_play__round_of_a_second_that_has_passed__is_the_next_second():
    drill = Played(now=100)
    drill.play([Round(100, 7), Round(101, 8), Round(102, 9), Round(104, 6)])
    assert [at for at, _ in drill.blocks] == [101, 102, 103, 104]


def test_play__work_is_left__blocks_follow_at_once_and_then_a_minute_apart():
    drill = Played(now=0, busy=100)
    drill.play([Round(1_000, 7), Round(1_200, 8)])
    soon = [1_000 + BLOCK_SECONDS * i for i in range(ALLOWED_BLOCKS + 1)]
    then = [soon[-1] + AUCTION_SECONDS, soon[-1] + 2 * AUCTION_SECONDS]
    assert [at for at, _ in drill.blocks][: len(soon) + 3] == [*soon, *then, 1_200]


def test_play__work_is_done__no_more_blocks():
    drill = Played(now=0, busy=2)
    drill.play([Round(1_000, 7), Round(5_000, 8)])
    assert [at for at, _ in drill.blocks] == [1_000, 1_012, 1_024, 5_000]


def test_play__long_quiet_and_busy__no_more_than_so_many_blocks_between():
    drill = Played(now=0, busy=1_000)
    drill.play([Round(1_000, 7), Round(10**6, 8)])
    before = [at for at, _ in drill.blocks if at < 10**6]
    assert len(before) == 1 + ALLOWED_BLOCKS + MOST_BETWEEN


def test_play__block_of_the_next_round__is_not_mined_before_it():
    drill = Played(now=0, busy=1_000)
    last = 1_000 + ALLOWED_BLOCKS * BLOCK_SECONDS
    drill.play([Round(1_000, 7), Round(last + AUCTION_SECONDS, 8)])
    assert [at for at, _ in drill.blocks][3] == last + AUCTION_SECONDS and drill.blocks[3][1] == 8


def test_play__every_hundred_rounds__says_so():
    drill = Played(now=0)
    drill.play([Round(i, 1) for i in range(1, 251)])
    assert [text.split()[0] for text in drill.told] == ["100", "200"]


# --- what it says of a keeper -----------------------------------------------------------------------------------------


class Watched(Drill):
    """A drill that looks at vaults which the test names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outcome, self.own = Outcome(), KEEPER.lower()
        self._since = {}
        self._shelf, self._book = None, SimpleNamespace(block=0, apply=lambda logs: 0)
        self.view = replace(cell(), liquidation=TERMS.pack())
        lens = SimpleNamespace(
            query=lambda *a: SimpleNamespace(request=lambda b: None, function=SimpleNamespace(decode=lambda a: None))
        )
        chain: Any = type("Chain", (dict,), {"speakers": {}})(Lens=lens)
        self.local = SimpleNamespace(chain=chain, market=SimpleNamespace(units=None))  # type: ignore[assignment]
        self.many = SimpleNamespace(cell=CELL)  # type: ignore[assignment]
        self._rpc = SimpleNamespace(batch_strict=lambda calls: ("0x", []))  # type: ignore[assignment]
        self.there: list[Any] = []
        monkeypatch.setattr(module, "cell_view", lambda *a: self.view)
        monkeypatch.setattr(module, "read_vaults", lambda *a: self.there)
        monkeypatch.setattr(module, "decode_logs", lambda *a: [])

    def _near(self, view: Any) -> list[int]:
        return [one.vault_id for one in self.there]

    def look(self, block: int, *there: Any) -> bool:
        self.there = list(there)
        return self._check(block)


@pytest.fixture
def watched(monkeypatch):
    return Watched(monkeypatch)


UNSAFE = vault(1, equity=50, status=LIQUIDATABLE)
HELD = vault(1, equity=50, status=LIQUIDATABLE | FLAGGED)


def test_check__flag_within_the_blocks_allowed__is_in_time(watched):
    assert [watched.look(10, UNSAFE), watched.look(11, UNSAFE), watched.look(12, HELD)] == [True, True, True]
    assert (watched.outcome.unsafe, watched.outcome.worst, watched.outcome.late) == (1, 2, [])
    assert watched.look(13) is False


def test_check__flag_a_block_later__is_late_once(watched):
    for block in range(10, 16):
        watched.look(block, UNSAFE)
    assert watched.outcome.late == [(1, ALLOWED_BLOCKS + 1)] and watched.outcome.thin == 0
    assert watched.outcome.unsafe == 1 and not watched.outcome.passed
    watched.look(16, HELD)
    assert watched.outcome.worst == 6


@pytest.mark.parametrize(("equity", "thin"), [(2 * WAD, 0), (2 * WAD - 1, 1)])
def test_check__late_without_equity_for_the_bonus__is_counted_apart(watched, equity, thin):
    """The first bonus is a fiftieth of 100."""
    poor = replace(UNSAFE, equity=equity)
    for block in range(10, 14):
        watched.look(block, poor)
    assert watched.outcome.thin == thin and len(watched.outcome.late) == 1 - thin


def test_check__safe_again__ends_the_wait_and_a_second_fall_counts_anew(watched):
    for block, there in ((10, UNSAFE), (11, replace(UNSAFE, status=0)), (12, UNSAFE), (13, UNSAFE)):
        watched.look(block, there)
    assert (watched.outcome.unsafe, watched.outcome.worst, watched.outcome.late) == (2, 1, [])


def test_check__vaults_of_the_keeper_and_safe_ones__are_nobodys_duty(watched):
    assert watched.look(10, replace(UNSAFE, owner=KEEPER), vault(2)) is False
    assert watched.outcome.unsafe == 0


def test_check__price_not_active__judges_nothing(watched):
    watched.view = replace(cell(status=1), liquidation=TERMS.pack())
    assert watched.look(10, UNSAFE) is False and watched.outcome.unsafe == 0


def test_check__vault_that_could_not_be_read__ends_the_drill(watched, monkeypatch):
    monkeypatch.setattr(module, "read_vaults", lambda *a: ["refused"])
    with pytest.raises(module.BulkheadError, match="every vault"):
        watched.look(10, UNSAFE)


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        ({"missed": [1]}, False),
        ({"late": [(1, 3)]}, False),
        ({"bugs": 1}, False),
        ({"broken": ["zero-sum"]}, False),
        ({"gas": 1_000, "gas_reverted": 10}, True),
        ({"gas": 1_000, "gas_reverted": 11}, False),
        ({"thin": 5, "reverted": 5, "mismatches": 1}, True),
    ],
)
def test_outcome__passes_with_nothing_missed_late_or_broken_and_a_hundredth_wasted(changes, passed):
    found = Outcome(**changes)
    assert found.passed is passed
    lines = " ".join(found.lines())
    assert f"missed {len(found.missed)}, late {len(found.late)}" in lines and f"bugs {found.bugs}" in lines
    assert ("1.10% of the gas" in lines) == (found.gas_reverted == 11)


def test_window__the_fall_is_from_a_high_to_a_later_low():
    """A rise is none, and of two falls it is the deeper share."""
    prices = [*range(100, 200, 2), *range(200, 180, -1), *([180] * 40), *range(180, 120, -4), *([120] * 40)]
    bars = [Bar(60 * i, 60, p, p, p, p) for i, p in enumerate(prices)]
    part = window(bars, 0.5)
    assert len(part) == 30 and part[0].high > part[-1].low == 120 and max(b.high for b in part) == 180
