"""What a watch finds and when it tells, at each bound and a step beyond: without a node."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.alerts import watch as module
from bulkhead.alerts.rules import FASTEST, SLOWEST, Rule, Rules
from bulkhead.alerts.state import MOST_WAITING, Message, State
from bulkhead.alerts.watch import Watch, _health, _span
from bulkhead.chain.abi.codec import Record
from bulkhead.chain.errors import BadInput, BulkheadError, UnknownVault
from bulkhead.chain.lens import COVERED, FLAGGED, LIQUIDATABLE, NO_PRICE, NOT_FRESH
from bulkhead.risk.words import WAD
from tests.keeper.states import CELL, NOW, OTHER, cell, vault

SOMEBODY, PLACE = "0x" + "0e" * 20, ("place",)
TOLD = {"notify": PLACE}


class Told(list):
    """Places that take everything, or nothing; what they were told."""

    takes = True

    def __call__(self, targets: tuple[str, ...], title: str, lines: list[str]) -> bool:
        self.append((targets, title, lines))
        return self.takes


class Chain:
    """A node with one head and a market."""

    def __init__(self) -> None:
        token = SimpleNamespace(call=lambda name: "USDC")
        known = SimpleNamespace(index=1, symbol="ETH", decimals=6, token=token)
        self.deployment = SimpleNamespace(block=10, market=lambda symbol: known)
        self.head, self.asked, self.said = 20, [], []
        self.rpc = SimpleNamespace(block_number=lambda: self.head, timestamp=lambda: NOW)
        self.market = lambda index: known

    def logs(self, first: int, last: int) -> list[Any]:
        self.asked.append((first, last))
        return [one for one in self.said if first <= one.block <= last]


class World:
    """A watch, its clock and what it sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch, self.chain, self.told = monkeypatch, Chain(), Told()
        self.views: dict[int, Any] = {}
        self.now = 1_000.0
        self.cells = {CELL: cell()}
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: self.now))
        monkeypatch.setattr(module, "read_vaults", lambda c, ids: [self.views.get(i, UnknownVault(i)) for i in ids])
        monkeypatch.setattr(module, "read_cells", lambda c, wanted: {k: self.cells[k] for k in wanted})
        monkeypatch.setattr(module, "to_add", lambda view, decimals: Decimal("1.5"))
        monkeypatch.setattr(module, "risk_of", lambda *a: None)

    def watch(self, *rules: Rule, state: State | None = None) -> Watch:
        made = Watch(Rules(rule=rules, notify=PLACE), self.chain, state or State(None, 1, "0x"), self.told)  # type: ignore[arg-type]
        made._book.vaults.update({i: SimpleNamespace(vault_id=i, market=1, owner=OTHER, legs=(1,)) for i in (1, 2)})
        made._book.apply = lambda logs: 0  # type: ignore[method-assign]
        return made

    def sees(self, **changes: Any) -> None:
        self.views[1] = replace(vault(1, equity=150), **changes)


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


def texts(messages: list[Message]) -> list[str]:
    return [one.text for one in messages]


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "bad"),
    [
        ({"when": "health", "below": 1000}, {"below": Decimal("1000.001")}),
        ({"when": "health", "below": Decimal("1e-9")}, {"below": 0}),
        ({"when": "liquidation-distance", "below": Decimal("9.99")}, {"below": 10}),
        ({"when": "expiry", "within": 0}, {"within": -1}),
        ({"when": "silence", "after": 30}, {"vaults": (1,)}),
        ({"when": "silence", "after": 30}, {"owner": SOMEBODY}),
        ({"when": "silence", "after": 30}, {"market": "ETH"}),
        ({"when": "flag", "vaults": (1, 2**256 - 1)}, {"vaults": (2**256,)}),
        ({"when": "flag"}, {"vaults": (0,)}),
        ({"when": "flag"}, {"below": 1}),
        ({"when": "flag"}, {"within": 1}),
        ({"when": "flag"}, {"after": 1}),
        ({"when": "health", "below": 1}, {"below": None}),
        ({"when": "expiry", "within": 1}, {"within": None}),
        ({"when": "expiry", "within": "2h"}, {"within": True}),
    ],
)
def test_rule__at_its_bound__is_taken_and_beyond_is_not(fields, bad):
    assert Rule(**fields).when
    with pytest.raises(ValueError, match="."):
        Rule(**{**fields, **bad})


@pytest.mark.parametrize(
    ("every", "fine"), [(FASTEST, True), (FASTEST - 1, False), (SLOWEST, True), (SLOWEST + 1, False)]
)
def test_rules__looks__no_faster_and_no_slower(every, fine):
    if fine:
        assert Rules(every=every, rule=(Rule(when="flag"),), notify=PLACE).every == every
    else:
        with pytest.raises(ValueError, match="one day"):
            Rules(every=every, rule=(Rule(when="flag"),), notify=PLACE)


def test_rules__who_is_told__is_the_rules_own_place_before_that_of_the_file():
    own = Rule(when="flag", notify=("mine",))
    assert Rules(rule=(own,)).targets(own) == ("mine",)
    assert Rules(rule=(own,), notify=PLACE).targets(Rule(when="flag")) == PLACE
    with pytest.raises(ValueError, match="nobody is told"):
        Rules(rule=(own, Rule(when="flag")))


# --- what is found ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("equity", "says"), [(119, True), (120, False)])
def test_health__below_the_bound__is_told_and_at_it_is_not(world, equity, says):
    world.sees(equity=equity * WAD, health=equity * WAD // 100)
    found = world.watch(Rule(when="health", below="1.2")).look()
    assert texts(found) == (
        ["Vault 1 (ETH): health 1.190 is below 1.2; adding 1.5 USDC makes it healthy."] if says else []
    )


@pytest.mark.parametrize(
    ("left", "says"), [(7_200, "expires in 2 h"), (7_201, None), (7_199, "expires in 119 min"), (1, "1 s"), (0, None)]
)
def test_expiry__within_the_time_of_the_rule__and_not_after_it(world, left, says):
    world.sees(expiry=NOW + left)
    found = texts(world.watch(Rule(when="expiry", within="2h")).look())
    assert bool(found) is (says is not None) and (says is None or says in found[0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": LIQUIDATABLE}, "liquidatable, health"),
        ({"status": LIQUIDATABLE | FLAGGED}, "flagged, health"),
        ({"status": LIQUIDATABLE | COVERED}, None),
        ({"status": NOT_FRESH}, "is not known"),
        ({"status": NO_PRICE}, "is not known"),
        ({"legs": (), "status": LIQUIDATABLE}, None),
    ],
)
def test_margin_call__of_what_is_called(world, changes, says):
    world.sees(**changes)
    found = texts(world.watch(Rule(when="margin-call")).look())
    assert bool(found) is (says is not None) and (says is None or says in found[0])


@pytest.mark.parametrize(
    ("prices", "bound", "says"),
    [
        ((180, None), "0.1", None),
        ((180, None), "0.1001", "liquidated below 180.00, 10.0 % from spot 200.00"),
        ((None, 210), "0.1", "liquidated above 210.00, 5.0 % from spot 200.00"),
        ((185, 210), "0.1", "above 210.00"),
        ((195, 210), "0.1", "below 195.00"),
        ((None, None), "0.1", None),
    ],
)
def test_distance__nearest_price_within_the_bound(world, prices, bound, says):
    world.patch.setattr(module, "liquidation_prices", lambda *a: [p if p is None else Decimal(p) for p in prices])
    world.sees()
    found = texts(world.watch(Rule(when="liquidation-distance", below=bound)).look())
    assert bool(found) is (says is not None) and (says is None or says in found[0])


def test_distance__liquidatable__is_said_whatever_the_prices(world):
    world.patch.setattr(module, "liquidation_prices", lambda *a: [])
    world.sees(status=LIQUIDATABLE)
    (text,) = texts(world.watch(Rule(when="liquidation-distance", below="0.1")).look())
    assert "liquidatable at spot 200.00; adding 1.5 USDC" in text


@pytest.mark.parametrize(
    ("fields", "is_for"),
    [
        ({}, True),
        ({"vaults": (1,)}, True),
        ({"vaults": (2,)}, False),
        ({"owner": OTHER}, True),
        ({"owner": SOMEBODY}, False),
        ({"vaults": (2,), "owner": OTHER}, True),
        ({"market": "ETH"}, True),
    ],
)
def test_rule__is_for_vaults_owner_and_market(world, fields, is_for):
    world.sees(status=LIQUIDATABLE)
    assert bool(world.watch(Rule(when="margin-call", **fields)).look()) is is_for


def test_rule__of_another_market__says_nothing(world):
    world.sees(status=LIQUIDATABLE)
    watch = world.watch(Rule(when="margin-call", market="ETH"))
    watch._book.vaults[1].market = 2
    assert watch.look() == []


def fails() -> int:
    raise BulkheadError("x")


def event(name: str, block: int, **values: Any) -> Any:
    return SimpleNamespace(event=name, block=block, values=Record(vault_id=1, **values))


def test_events__since_the_last_look__are_told_once_and_older_ones_never(world):
    world.sees(status=LIQUIDATABLE | FLAGGED)
    watch = world.watch(Rule(when="flag"), state=State(None, 1, "0x", block=15))
    world.chain.said = [event("VaultFlagged", block) for block in (15, 16)]
    assert texts(watch.look()) == ["Vault 1 (ETH): was flagged: its auction runs; adding 1.5 USDC makes it healthy."]
    assert watch.state.block == 20 and world.chain.asked == [(10, 20)]
    world.chain.head, world.now = 21, world.now + 10_000
    assert watch.look() == [] and world.chain.asked[-1] == (21, 21)
    # what happened before it watched for the first time is no news
    fresh = world.watch(Rule(when="flag"))
    assert fresh.look() == [] and fresh.state.block == 21


def test_events__flag_that_has_ended__and_a_take__in_words(world):
    world.sees()
    watch = world.watch(Rule(when="flag"), Rule(when="take"), state=State(None, 1, "0x", block=0))
    taken = event("VaultTaken", 13, fraction=WAD // 4, bonus_share=WAD // 50)
    world.chain.said = [event("VaultFlagged", 12), taken, event("Other", 14)]
    first, second = texts(watch.look())
    assert first.endswith("was flagged; the flag has ended.")
    assert "25.0 % of it was taken in its auction, at a bonus of 2.0 % of its maintenance margin" in second


def test_blocks__taken_back__are_looked_at_again(world):
    watch = world.watch(Rule(when="flag"))
    watch.look()
    world.chain.head = 19
    watch.look()
    assert world.chain.asked == [(10, 20), (10, 19)] and watch.state.block == 19
    world.chain.head = 19
    watch.look()
    assert world.chain.asked[-1] == (20, 19)


def test_vault__that_cannot_be_read__is_an_error_and_one_that_is_gone_is_none(world):
    world.views = {1: BulkheadError("refused")}
    watch = world.watch(Rule(when="margin-call"), Rule(when="silence", after=0))
    assert texts(watch.look()) == ["No vault was looked at for 0 s: refused"]
    world.views = {}
    assert watch.look() == []


# --- when it is told --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "says"), [(59, False), (60, True)])
def test_silence__for_the_time_of_the_rule__is_told(world, seconds, says):
    watch = world.watch(Rule(when="silence", after=60), Rule(when="margin-call"))
    world.now += seconds
    world.chain.rpc.block_number = fails
    found = watch.look()
    assert bool(found) is says
    if says:
        assert found[0].vault_id is None and found[0].text == "No vault was looked at for 60 s: x"


@pytest.mark.parametrize(("later", "again"), [(899, False), (900, True)])
def test_state__within_the_cooldown__is_not_repeated(world, later, again):
    world.sees(status=LIQUIDATABLE)
    watch = world.watch(Rule(when="margin-call"))
    assert len(watch.look()) == 1
    world.now += later
    assert bool(watch.look()) is again


def test_state__place_that_refuses__waits_once_and_is_told_later(world):
    world.sees(status=LIQUIDATABLE)
    watch = world.watch(Rule(when="margin-call"))
    world.told.takes = False
    assert watch.look() == watch.look() == [] and len(watch.state.waiting) == 1
    world.told.takes = True
    assert len(watch.look()) == 1 and watch.state.waiting == []


@pytest.mark.parametrize(("later", "said"), [(899, 0), (900, 1)])
def test_event__within_the_cooldown_of_the_last__waits_for_its_end(world, later, said):
    watch = world.watch(Rule(when="flag"), state=State(None, 1, "0x", block=0))
    world.sees(status=FLAGGED | LIQUIDATABLE)
    world.chain.said = [event("VaultFlagged", 12)]
    assert len(watch.look()) == 1
    world.chain.head, world.chain.said, world.now = 22, [event("VaultFlagged", 21)], world.now + 1
    assert watch.look() == [] and len(watch.state.waiting) == 1
    world.chain.said, world.now = [], world.now - 1 + later
    assert len(watch.look()) == said


def test_deliver__one_notification_for_each_group_of_places(world):
    world.sees(status=LIQUIDATABLE)
    world.views[2] = replace(world.views[1], vault_id=2)
    rules = (Rule(when="margin-call"), Rule(when="health", below=1000, notify=("mine",), vaults=(2,)))
    world.watch(*rules).look()
    assert [(targets, title, len(lines)) for targets, title, lines in world.told] == [
        (PLACE, "Bulkhead: 2 alerts", 2), (("mine",), "Bulkhead: health", 1),
    ]  # fmt: skip


def test_rules__alike_of_one_file__are_told_apart(world):
    """Two rules for the same vault have a cooldown each."""
    world.sees(equity=110 * WAD, health=WAD * 11 // 10)
    found = world.watch(Rule(when="health", below="1.2"), Rule(when="health", below="1.5")).look()
    assert [one.key for one in found] == ["1:health 1", "2:health 1"]


def test_state__more_waiting_than_is_kept__drops_the_oldest(tmp_path):
    waiting = [Message(when="flag", vault_id=i, text="", key=str(i), targets=PLACE) for i in range(MOST_WAITING + 1)]
    state = State(tmp_path / "state.json", 1, "0x", block=7, told={"1:flag 1": 5.0}, waiting=waiting)
    state.save()
    again = State(state.path, 1, "0x").load()
    assert (again.block, again.told) == (7, {"1:flag 1": 5.0})
    assert [one.vault_id for one in again.waiting] == list(range(1, MOST_WAITING + 1))
    for other in (State(state.path, 2, "0x"), State(state.path, 1, "0y")):
        with pytest.raises(BadInput, match="another deployment"):
            other.load()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 days"),
        (0, "0 s"),
    ],
)
def test_span__in_the_largest_unit_of_which_there_are_two(seconds, text):
    assert _span(seconds) == text


def test_health__to_three_digits():
    assert _health(vault(1, equity=150)) == "1.500" and _health(vault(1, margin=0)) == "-"
