"""What a replay and a rehearsal write down and show: each number where it belongs."""

from __future__ import annotations

import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from bulkhead.chain.abi.codec import Record
from bulkhead.chain.lens import COVERED, FLAGGED, LIQUIDATABLE
from bulkhead.replay.notes import note_settlement, note_take
from bulkhead.replay.rehearsed import SHOWN, Seen, lines_of
from bulkhead.replay.screen import Screen, _health, _legs, clock, summary
from bulkhead.report.model import Check, RunRecord, TakeRecord, VaultRecord
from bulkhead.risk.words import WAD, Kind, Leg
from tests.keeper.states import CELL, KEEPER, NOW, cell, state, vault

TAKEN = Record(
    fraction=WAD // 2, margin=200 * WAD, bonus_share=WAD * 3 // 10, equity=50 * WAD, cash=-7, cut=2 * 10**6, top_up=11
)


def record(vault_id: int = 1, who: str = "Ada", title: str = "short put") -> VaultRecord:
    return VaultRecord(vault_id, title, "0x", who, "ES", ["-1 put"], 0, 10.0, 1_500 * 10**6)


# --- notes ----------------------------------------------------------------------------------------------------------


def test_note_take__half_of_a_vault__costs_the_bonus_on_its_half_and_the_cut():
    kept = record()
    note_take(kept, TAKEN, 99, True, 10**6)
    (take,) = kept.takes
    # 30 % of half of 200, and 2 tokens
    assert take == TakeRecord(99, 0.5, 0.3, -7, 2 * 10**6, 11, 50.0, 200.0, 32.0, True)
    assert kept.taken_at == [99] and kept.insurance_used == 11
    note_take(kept, TAKEN, 100, False, 10**6)
    assert kept.taken_at == [99, 100] and kept.insurance_used == 22 and not kept.takes[1].exact


@pytest.mark.parametrize(("equity", "cost"), [(31, 32), (30, 32), (29, 31), (0, 2), (-5, 2)])
def test_note_take__bonus__is_no_more_than_the_equity_there_was(equity, cost):
    kept = record()
    note_take(kept, Record({**TAKEN, "equity": equity * WAD}), 99, True, 10**6)
    assert kept.takes[0].cost == cost


def log(event: str, **values: Any) -> Any:
    return SimpleNamespace(event=event, values=Record(values))


def test_note_settlement__what_insurance_paid__is_split_by_shortfall():
    kept = {1: record(1), 2: record(2), 3: record(3)}
    kept[2].insurance_used = 5
    settled = [
        log("VaultSettled", vault_id=i, net=-100 * i, shortfall=short) for i, short in ((1, 0), (2, 10), (9, 30))
    ]
    drawn = [log("CellInsured", amount=15), log("CellInsured", amount=5), log("ClaimPaid", amount=1_000)]
    note_settlement(kept, [*settled, *drawn])  # type: ignore[arg-type]
    assert [one.settled_net for one in kept.values()] == [-100, -200, None]
    assert [one.insurance_used for one in kept.values()] == [0, 5 + 20 * 10 // 40, 0]


def test_note_settlement__nobody_short__nothing_is_used():
    kept = {1: record(1)}
    note_settlement(kept, [log("VaultSettled", vault_id=1, net=7, shortfall=0)])  # type: ignore[list-item]
    assert (kept[1].settled_net, kept[1].insurance_used) == (7, 0)


# --- a rehearsal ------------------------------------------------------------------------------------------------------


def at(block: int, *vaults: Any, spot: int = 200, sigma: int = 1) -> Any:
    shot = replace(cell().snapshot, spot=spot * WAD, sigma=sigma * WAD)
    return replace(state(*vaults, cells={CELL: replace(cell(), snapshot=shot)}), block=block)


UNSAFE = vault(1, equity=50, status=LIQUIDATABLE)


def test_seen__prices__first_least_most_and_last():
    seen = Seen()
    for block, spot, sigma in ((1, 200, 2), (2, 250, 1), (3, 150, 4), (4, 180, 3)):
        seen.look(at(block, spot=spot, sigma=sigma))
    assert seen.spot == {1: tuple(n * WAD for n in (200, 150, 250, 180))}
    assert seen.sigma == {1: (2 * WAD, 4 * WAD)}
    seen.look(at(5, spot=0))
    assert seen.spot[1][1] == 150 * WAD


def test_seen__waits__from_the_first_block_unsafe_to_the_flag():
    seen = Seen()
    for block, there in ((10, UNSAFE), (12, UNSAFE), (13, replace(UNSAFE, status=LIQUIDATABLE | FLAGGED))):
        seen.look(at(block, there))
    assert seen.longest == 3 and seen.waits == {} and seen.unsafe == {1}
    # another one, which waits less, and one that is safe in between waits anew
    for block, there in ((20, UNSAFE), (21, vault(1)), (22, UNSAFE), (24, UNSAFE)):
        seen.look(at(block, there))
    assert seen.longest == 3 and seen.waits == {1: 22}


@pytest.mark.parametrize("changes", [{"status": 0}, {"status": FLAGGED | LIQUIDATABLE}, {"expiry": NOW}, {"legs": ()}])
def test_seen__safe_flagged_or_over__waits_for_nothing(changes):
    seen = Seen()
    seen.look(at(10, replace(UNSAFE, **changes)))
    assert seen.waits == {} and seen.unsafe == set()


def test_seen__own_vaults__least_health_of_those_that_a_price_can_hurt():
    seen = Seen()
    seen.look(at(1, vault(5, owner=KEEPER, equity=140), vault(6, owner=KEEPER, equity=130)))
    seen.look(at(2, vault(5, owner=KEEPER, equity=150), vault(7, owner=KEEPER, equity=10, status=COVERED)))
    seen.look(at(3, vault(8, owner=KEEPER, equity=10, legs=())))
    assert seen.own_health == WAD * 130 // 100 and seen.own_unsafe == set() and seen.unsafe == set()
    seen.look(at(4, vault(5, owner=KEEPER, equity=90, status=LIQUIDATABLE)))
    assert seen.own_unsafe == {5} and seen.unsafe == set() and seen.waits == {}


def found(**changes: Any) -> dict[str, Any]:
    market = {
        "spot": {"first": 2000.0, "last": 1400.0}, "sigma": {"first": 0.5, "most": 1.25}, "surface": True,
        "profit": 11, "currency": "USDC", "tips": 12, "realised": 13, "marked": 14, "takes": 15, "bonus": 16,
        "deposited": 17, "least_in_wallet": 18,
    }  # fmt: skip
    base = {
        "minutes": 60, "from_block": 7, "blocks": 61, "markets": {"ETH": market}, "feeds_without_a_price": [],
        "vaults": {"unsafe": 1, "on_chain": 2, "flagged": 3, "longest_wait_blocks": 4, "taken": 5, "flags_ended": 6,
                   "unsafe_without_a_flag": [], "still_flagged": []},
        "own_vaults": {"least_health": None, "open": 0, "liquidatable": []},
        "gas": {"transactions": 8, "coins": 0.5, "quote": 9, "reverted_coins": 0.25}, "not_sent": {}, "alerts": [],
        "bugs": [], "done": [],
    }  # fmt: skip
    return {**base, **changes}


def test_lines__of_a_quiet_rehearsal():
    lines = lines_of(found())
    assert lines[:3] == [
        "60 minutes from block 7 on, 61 blocks of the fork",
        "ETH: spot 2,000.00 to 1,400.00, sigma 0.500 up to 1.250, with its surface",
        "ETH: profit 11 USDC before gas (tips 12, realised 13, marked 14); 15 takes with 16 at mark; 17 put into own "
        "vaults, at least 18 in the wallet",
    ]
    assert lines[3].startswith("vaults: 1 of 2 became unsafe; 3 flags, longest wait 4 blocks; 5 takes, 6 flags ended")
    assert "none that a price could hurt" in lines[4] and len(lines) == 6
    assert lines[5] == "gas: 8 transactions, 0.500000 coins (9 quote), 0.250000 of them reverted"


def test_lines__what_went_wrong__has_a_line_each():
    vaults = {**found()["vaults"], "unsafe_without_a_flag": [1, 2], "still_flagged": list(range(25))}
    own = {"least_health": 1.5, "open": 2, "liquidatable": [5]}
    text = "\n".join(
        lines_of(found(vaults=vaults, own_vaults=own, not_sent={"too dear": 3}, alerts=["a"], bugs=["b"],
                       feeds_without_a_price=["0xfeed"]))
    )  # fmt: skip
    for said in (
        "unsafe without a flag at the end: 1, 2\n", "18, 19 and 5 more", "own vaults: 2 with legs, least health 1.5",
        "liquidatable for a block or more: 5", "not sent, 3 times: too dear", "alert: a", "bug: b",
        "the feed at 0xfeed has no price",
    ):  # fmt: skip
        assert said in text, said
    assert "and 0 more" not in text


@pytest.mark.parametrize(("count", "more"), [(SHOWN, False), (SHOWN + 1, True)])
def test_lines__many_transactions__the_first_ones_and_how_many_more(count, more):
    done = [{"minute": i, "call": "flag", "key": f"k{i}", "outcome": "mined", "gas": i} for i in range(count)]
    lines = lines_of(found(done=done))
    shown = [line for line in lines if line.startswith("minute ")]
    assert shown[-1] == f"minute {SHOWN - 1}: flag (k{SHOWN - 1}), mined, {SHOWN - 1} gas" and len(shown) == SHOWN
    assert ("and 1 more transactions (--json lists them)" in lines) is more


# --- on a screen ------------------------------------------------------------------------------------------------------


def printed(show: Any) -> str:
    stream = io.StringIO()
    show(Console(file=stream, width=200, force_terminal=False))
    return stream.getvalue()


def played() -> RunRecord:
    taken = record(2, "Boris", "long call")
    taken.takes = [TakeRecord(1, 0.5, 0.3, 0, 0, 0, 1.0, 1.0, cost, True) for cost in (10.0, 2.5)]
    taken.settled_net, taken.equity_end = -250 * 10**6, 1_000 * 10**6
    return RunRecord(
        "crash", "file", "ETH", 6, 0, 1, 2, 1_936.0, 0.875, vaults=[taken, record(1)],
        totals={"insurance_used": 3 * 10**6, "insurance_cuts": 4 * 10**6}, coins=["a coin vault was taken"],
        checks=[Check("zero-sum", True, "fine"), Check("custody", False, "7 missing")],
    )  # fmt: skip


def test_summary__every_owner_and_every_check():
    lines = printed(lambda console: summary(console, played())).splitlines()
    ada = next(line for line in lines if line.startswith("Ada"))
    boris = next(line for line in lines if line.startswith("Boris"))
    assert ada.split()[-5:] == ["untouched", "1,500.00", "-", "-", "0.00"]
    assert "taken over 2 times" in boris and boris.split()[-4:] == ["1,500.00", "12.50", "-250.00", "1,000.00"]
    assert lines.index(ada) < lines.index(boris)
    assert "Settlement price 1,936.00; 87.50% of every claim paid; insurance used 3.00, received 4.00." in lines
    assert lines[-3:] == ["In coins: a coin vault was taken.", "passed zero-sum: fine", "FAILED custody: 7 missing"]


def test_screen__table__each_vault_with_its_numbers():
    views = {1: vault(1, equity=150, margin=100), 2: vault(2, equity=50, margin=100, status=FLAGGED | LIQUIDATABLE)}
    run, shot = played(), replace(cell().snapshot, spot=1_936 * WAD, sigma=WAD // 2)
    view: Any = SimpleNamespace(
        record=run, vaults=views, now=1_583_971_200, cell=SimpleNamespace(snapshot=shot, insurance=5 * 10**6)
    )
    lines = printed(lambda console: console.print(Screen._table(view))).splitlines()
    assert lines[1].split()[0] == "Boris" and lines[1].split()[-4:] == ["50.00", "100.00", "0.50", "flagged"]
    assert lines[2].split()[0] == "Ada" and lines[2].split()[-4:-1] == ["150.00", "100.00", "1.50"]
    head = Screen._head(view).plain
    assert head == "12 Mar 00:00:00 UTC   ETH 1,936.00   sigma 50.0%   insurance 5.00" and clock(0) == "01 Jan 00:00:00"
    # one that is not on chain yet has no line
    del views[1]
    assert "Ada" not in printed(lambda console: console.print(Screen._table(view)))


def test_screen__not_a_terminal__a_line_now_and_then():
    stream = io.StringIO()
    run, shot = played(), replace(cell().snapshot, spot=1_936 * WAD, sigma=WAD // 2)
    views = {1: vault(1), 2: vault(2, status=FLAGGED)}
    view: Any = SimpleNamespace(
        record=run, vaults=views, now=0, cell=SimpleNamespace(snapshot=shot), step=3, steps=9, phase="crash"
    )
    with Screen(Console(file=stream, width=200, force_terminal=False)) as screen:
        screen.show(view)
        screen.show(view)
    assert stream.getvalue().splitlines() == ["01 Jan 00:00:00  ETH 1,936.00  vol 50%  round 3/9  flagged 1  takes 2"]


def test_health_and_legs__as_they_are_shown():
    assert _health(vault(1, equity=10**6, margin=1)) == "99.00" and _health(vault(1, equity=0, margin=0)) == "-"
    assert _health(vault(1, status=COVERED)) == "-" and _health(vault(1, equity=99, margin=100)) == "0.99"
    legs = tuple(Leg(Kind.PUT, (100 + i) * 10**8, -(10**6)) for i in range(6))
    assert ", and 2 more" in _legs(vault(1, legs=legs)) and "more" not in _legs(vault(1, legs=legs[:4]))
    assert _legs(vault(1, legs=legs)).count("put") == 4
