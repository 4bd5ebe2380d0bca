"""What a keeper records and draws of losses, against the real contracts: deficits, reserves, insurance days later."""

from __future__ import annotations

from decimal import Decimal

from bulkhead.keeper.policy import Policy
from bulkhead.keeper.service import Keeper
from bulkhead.replay.price_paths.rounds import Round
from tests.keeper.world import fall, flagged, keep, settle
from tests.worlds.local_market import EXPIRY

UNIT = 10**8
WATCHED = Policy(roles=frozenset({"flag", "refresh", "poke"}))


def events(scene, name: str) -> list:
    return [log.values for log in scene.local.chain.logs() if log.event == name]


def push(scene, price: float, at: int = 0) -> None:
    """A round; now unless said."""
    scene.local.push(Round(at or scene.local.now() + 60, round(price * UNIT)))


def test_refresh__flagged_vault_falls_below_zero_and_further__is_recorded_by_tenths(scene):
    unsafe = fall(scene)
    chain = scene.local.chain

    async def play(keeper: Keeper) -> None:
        await settle(keeper)
        assert flagged(scene) == unsafe and events(scene, "DeficitRecorded") == []
        push(scene, 120)
        await settle(keeper)
        first = {e.vault_id: e.deficit for e in events(scene, "DeficitRecorded")}
        assert set(first) <= unsafe and first
        # what insurance holds back follows: never more than the cell's cap leaves
        (reserved,) = events(scene, "ReserveRecorded")
        room = chain["InsuranceFund"].call("cell_room", 1, EXPIRY)
        assert reserved.reserve == min(sum(first.values()), room)
        # a small move is none; a larger one is
        count = len(events(scene, "DeficitRecorded"))
        push(scene, 119.8)
        await settle(keeper)
        assert len(events(scene, "DeficitRecorded")) == count
        push(scene, 100)
        await settle(keeper)
        later = {e.vault_id: e.deficit for e in events(scene, "DeficitRecorded")}
        assert all(later[i] > first[i] * 11 // 10 for i in first)
        # back above zero: what was recorded goes, and the reserve with it
        push(scene, 178)
        await settle(keeper)
        assert {e.vault_id: e.deficit for e in events(scene, "DeficitRecorded")} == dict.fromkeys(later, 0)
        assert events(scene, "ReserveRecorded")[-1].reserve == 0

    _, said = keep(scene, play, policy=WATCHED)
    assert not [line for line in said if line["event"] in ("bug", "reverted")]


def test_refresh__keeper_that_starts_late__knows_what_is_recorded(scene):
    """What is recorded is read from the logs: a new keeper records nothing twice."""
    fall(scene)

    async def first(keeper: Keeper) -> None:
        await settle(keeper)
        push(scene, 120)
        await settle(keeper)

    keep(scene, first, policy=WATCHED)
    count = len(events(scene, "DeficitRecorded"))
    _, said = keep(scene, settle, policy=WATCHED)
    assert count and len(events(scene, "DeficitRecorded")) == count
    assert not [line for line in said if line["event"] == "sent" and line["action"] in ("refresh", "reserve")]


def test_insure__only_the_days_cap_held_back__is_drawn_day_after_day_until_the_shortfall_is_paid(scene):
    chain, owner = scene.local.chain, scene.local.people["deployer"].signer
    owner.forget_nonce()
    owner.execute(chain["RiskParameters"], "set_parameter", 1, "day_cap_bps", 200)
    owner.execute(chain["RiskParameters"], "set_parameter", 1, "cell_cap_bps", 500)
    for at, price in ((EXPIRY - 7_200, 110), (EXPIRY - 3_500, 110), (EXPIRY - 1_900, 110), (EXPIRY - 60, 110)):
        push(scene, price, at)
    push(scene, 110, EXPIRY + 301)
    policy = Policy(roles=frozenset({"fix", "settle", "claim", "poke"}))
    settlement = chain["Settlement"]

    async def play(keeper: Keeper) -> list[int]:
        await settle(keeper)
        assert settlement.call("cell_state", 1, EXPIRY).shortfall > 0
        assert not events(scene, "CellInsured")[-1].ended
        for day in range(1, 5):
            before = len(events(scene, "CellInsured"))
            push(scene, 110, EXPIRY + day * 86_400)
            await settle(keeper)
            told = events(scene, "CellInsured")
            assert len(told) - before <= 1, "one draw a day"
            if told[-1].ended:
                break
        # the same day asks for nothing more
        before = len(events(scene, "CellInsured"))
        push(scene, 110)
        await settle(keeper)
        assert len(events(scene, "CellInsured")) == before
        return [told.amount for told in events(scene, "CellInsured")]

    amounts, said = keep(scene, play, policy=policy)
    assert len(amounts) >= 3 and all(amounts)
    assert events(scene, "CellInsured")[-1].ended
    claims = [line for line in said if line["event"] == "sent" and line["action"] == "claim"]
    assert len(claims) >= 2, "winners get the difference"
    assert not [line for line in said if line["event"] in ("bug", "reverted")]


def test_flag_many__a_whole_cell_at_once__is_one_transaction(scene):
    """From four unsafe vaults of one cell on."""
    people = scene.local.people
    for person in people.values():
        person.signer.forget_nonce()
    desk = people["maker"].vaults.open("ETH", deposit=Decimal(50_000))
    for name in ("Ada", "Boris", "Chen", "Dora"):
        order = people["maker"].orders.sign(desk, EXPIRY, ["put:180"], "buy", Decimal(2), 5)
        people[name].orders.fill(order, deposit=Decimal(250))

    async def play(keeper: Keeper) -> set[int]:
        await keeper.tick()
        push(scene, 100)
        await settle(keeper)
        return flagged(scene)

    found, said = keep(scene, play, policy=Policy(roles=frozenset({"flag"}), flag_batch=8))
    sent = [line for line in said if line["event"] == "sent"]
    assert len(found) >= 4 and [line["action"] for line in sent] == ["flagmany"]
    assert set(sent[0]["vault_ids"]) == found
    (mined,) = [line for line in said if line["event"] == "mined"]
    assert mined["gas"] < 330_000 * len(found)
