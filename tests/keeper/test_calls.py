"""Actions as calls: contract, function, arguments, key, gas, coins and who has to send it, each of every action."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.keeper import plan
from bulkhead.keeper.calls import Call, call_of
from bulkhead.keeper.mandates import RunMandate
from bulkhead.keeper.price_updates import BringSamples, BringSpot, Message
from bulkhead.risk.words import WAD
from tests.keeper.states import CELL, EXPIRY, KEEPER, NOW, OTHER

#: Written out: by the keeper's own numbers a test would agree with any.
POKE_ROUNDS, TAKE_SECONDS, MAX_UINT = 64, 60, 2**256 - 1
ROOM, MORE_ROOM, DEPOSIT_GAS = 200_000, 60_000, 150_000
FLAG_GAS, FLAG_LEG_GAS, MANY_GAS, MANY_LEG_GAS = 420_000, 70_000, 150_000, 32_000
LIMITS = plan.TakeLimits(-5, 2, 3, 4, 6)
MESSAGES = tuple(Message(60 * i, 7, b"%d" % i) for i in (1, 2, 3))


class Contract:
    """Names itself as its address; what is encoded is told in words."""

    def __init__(self, name: str) -> None:
        self.address = name

    def encode(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        return function, *arguments


class Chain:
    """A deployment's contracts by their names; those of a market by it."""

    deployment = SimpleNamespace(market=lambda index: SimpleNamespace(token=f"token of {index}", index=index))

    def __getitem__(self, name: str) -> Contract:
        return Contract(name)

    def token(self, address: str) -> Contract:
        return Contract(address)

    def backstop(self, market: Any) -> Contract:
        return Contract(f"pool of {market.index}")

    def pull_feed(self, address: str) -> Contract:
        return Contract(address)


def made(action: plan.Action) -> Call:
    chain: Any = Chain()
    return call_of(chain, KEEPER, NOW, action)


def take(*vault_ids: int) -> plan.Take:
    return plan.Take(vault_ids, CELL, tuple(WAD // i for i in vault_ids), 5, LIMITS, 30 * WAD)


#: Action -> contract, what is called, key, who has to send it.
CALLS: list[tuple[plan.Action, str, tuple[Any, ...], str, str]] = [
    (plan.Flag(3, True), "Liquidator", ("flag", 3), "flag:3", ""),
    (plan.FlagMany((3, 4), 9), "Liquidator", ("flag_many", [3, 4]), "flag_many:3+1", ""),
    (plan.Clear(3), "Liquidator", ("clear", 3), "clear:3", ""),
    (plan.Absorb(3, 2), "pool of 2", ("absorb", 3), "absorb:3", ""),
    (plan.Refill(3, 2), "pool of 2", ("refill", 3), "refill:3", ""),
    (plan.Tidy(3, 2), "pool of 2", ("collect", 3), "collect:3", ""),
    (plan.Repay(3), "Settlement", ("repay", 3), "repay:3", ""),
    (RunMandate(3, 8), "AutoTopUp", ("top_up", 3), "top_up:3", ""),
    (plan.Observe(CELL), "OracleAdapter", ("observe", *CELL), f"observe:1-{EXPIRY}", ""),
    (plan.Sweep(CELL), "Settlement", ("sweep", *CELL), f"sweep:1-{EXPIRY}", ""),
    (plan.Insure(CELL), "Settlement", ("insure", *CELL), f"insure:1-{EXPIRY}", ""),
    (plan.Reserve(CELL), "InsuranceFund", ("reserve", *CELL), f"reserve:1-{EXPIRY}", ""),
    (plan.Poke(2, 1), "OracleAdapter", ("poke", 2, POKE_ROUNDS), "poke:2", ""),
    (plan.Approve(2), "token of 2", ("approve", "Clearinghouse", MAX_UINT), "approve:2", KEEPER),
    (plan.Approve(2, first_none=True), "token of 2", ("approve", "Clearinghouse", 0), "approve:2", KEEPER),
    (plan.Open(2), "Clearinghouse", ("open", 2, 0, KEEPER, 0), "open:2", KEEPER),
    (plan.TopUp(3, 2, 70), "Clearinghouse", ("deposit", 3, KEEPER, 70), "deposit:3", KEEPER),
    (plan.Withdraw(3, 2, 70), "Clearinghouse", ("withdraw", 3, 70, KEEPER), "withdraw:3", KEEPER),
    (
        plan.Merge(3, 4, (8, 9), 70),
        "Clearinghouse",
        ("multicall", [("transfer_legs", 3, 4, [8, 9], 70), ("close", 3, KEEPER)]),
        "merge:3",
        KEEPER,
    ),
    (plan.PostOffers((3,), ((1, 2),), (b"s",)), "QuoteBoard", ("post", [(1, 2)], [b"s"]), "post:3", KEEPER),
    (plan.Fix(CELL, (6, 7)), "Settlement", ("fix", *CELL, [6, 7]), f"fix:1-{EXPIRY}", ""),
    (plan.Settle((3, 4, 5)), "Settlement", ("settle_many", [3, 4, 5]), "settle:3+2", ""),
    (plan.Claim((3,)), "Settlement", ("claim_many", [3]), "claim:3", ""),
    (plan.Refresh(CELL, (3, 4)), "Liquidator", ("refresh", [3, 4]), "refresh:3+1", ""),
    (plan.Advance(2, "tail_bps"), "RiskParameters", ("advance", 2, "tail_bps"), "advance:2:tail_bps", ""),
    (plan.Collect(3), "Clearinghouse", ("close", 3, KEEPER), "close:3", KEEPER),
    (BringSpot(2, OTHER, MESSAGES[0], 11), OTHER, ("update", [b"1"]), f"bring:{OTHER}", ""),
    (
        BringSamples(2, OTHER, MESSAGES, 11),
        OTHER,
        ("bring_many", [60, 120, 180], [b"1", b"2", b"3"]),
        f"bring:{OTHER}:60+2",
        "",
    ),
    (
        take(3),
        "Liquidator",
        ("take", 3, WAD // 3, 5, list(LIMITS), NOW + TAKE_SECONDS, b""),
        "take:5",
        KEEPER,
    ),
    (
        take(3, 4),
        "Liquidator",
        ("take_many", [3, 4], [WAD // 3, WAD // 4], [5, 5], list(LIMITS), NOW + TAKE_SECONDS),
        "take:5",
        KEEPER,
    ),
]


@pytest.mark.parametrize(("action", "to", "call", "key", "wallet"), CALLS, ids=[one[3] for one in CALLS])
def test_call__every_action__names_contract_function_arguments_key_and_sender(action, to, call, key, wallet):
    found = made(action)
    assert (found.to, found.data, found.key, found.wallet, found.action) == (to, call, key, wallet, action)
    assert found.name.split(".")[1] == call[0]


def test_call__every_kind_of_action__is_among_those():
    assert {type(one[0]) for one in CALLS} == set(plan.Action.__args__)


def test_call__what_is_no_action__is_refused_by_its_name():
    nothing: Any = WAD
    with pytest.raises(TypeError, match=f"no call for {WAD}"):
        made(nothing)


@pytest.mark.parametrize(
    ("action", "gas"),
    [
        (plan.Flag(3, True, 4), FLAG_GAS + 4 * FLAG_LEG_GAS),
        (plan.Flag(3, False, 4), None),
        (plan.FlagMany((3, 4, 5), 7), FLAG_GAS + 3 * MANY_GAS + 7 * MANY_LEG_GAS),
        (plan.TopUp(3, 2, 70, legs=4), DEPOSIT_GAS + FLAG_GAS + 4 * FLAG_LEG_GAS),
        (take(3), None),
        (plan.Settle((3,)), None),
    ],
    ids=str,
)
def test_gas__what_goes_out_without_asking_a_node__has_a_limit_by_vaults_and_legs(action, gas):
    assert made(action).gas == gas


@pytest.mark.parametrize(
    ("action", "room"),
    [
        *((take(*range(3, 3 + count)), ROOM + MORE_ROOM * (count - 1)) for count in (1, 2, 3, 16)),
        (plan.Poke(2, 1), ROOM),
        (plan.Refill(3, 2), ROOM),
        (RunMandate(3), ROOM),
        (BringSpot(2, OTHER, MESSAGES[0], 11), ROOM),
        (BringSamples(2, OTHER, MESSAGES, 11), ROOM),
        (plan.Clear(3), 0),
        (plan.Settle((3,)), 0),
    ],
    ids=str,
)
def test_room__what_may_need_more_than_its_simulation__has_some_and_a_batch_for_each_vault(action, room):
    assert made(action).room == room


@pytest.mark.parametrize(
    ("action", "value"),
    [
        (BringSpot(2, OTHER, MESSAGES[0], 11), 11),
        (BringSamples(2, OTHER, MESSAGES, 11), 33),
        (BringSamples(2, OTHER, MESSAGES[:1], 11), 11),
        (take(3), 0),
    ],
    ids=str,
)
def test_value__messages__are_paid_for_one_by_one(action, value):
    assert made(action).value == value


@pytest.mark.parametrize(
    ("action", "worth"),
    [
        (take(3, 4), 30 * WAD),
        (plan.Flag(3, True, 1, 5), 5),
        (RunMandate(3, 8), 8),
        (BringSpot(2, OTHER, MESSAGES[0], 11, 9), 9),
        (plan.Settle((3,)), 0),
    ],
    ids=str,
)
def test_worth__what_an_action_brings__bounds_its_gas_and_a_duty_brings_nothing(action, worth):
    assert made(action).worth == worth


def test_patient__what_a_price_hangs_on__does_not_wait():
    hasty = {type(one[0]).__name__ for one in CALLS if not made(one[0]).patient}
    assert hasty == {"Flag", "FlagMany", "Take", "TopUp", "Open", "Approve", "RunMandate", "BringSpot"}


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        (
            BringSamples(2, OTHER, MESSAGES, 11),
            {"action": "bringsamples", "market": 2, "feed": OTHER, "minutes": (60, 120, 180)},
        ),
        (BringSpot(2, OTHER, MESSAGES[0], 11), {"action": "bringspot", "market": 2, "at": 60, "price": 7}),
        (plan.PostOffers((3,), ((1, 2),), (b"s",)), {"action": "postoffers", "vault_ids": (3,)}),
        (plan.Clear(3, 4), {"action": "clear", "vault_id": 3, "worth": 4}),
    ],
    ids=str,
)
def test_fields__of_a_log_line__are_the_actions_without_signed_bytes(action, fields):
    assert made(action).fields() == fields
