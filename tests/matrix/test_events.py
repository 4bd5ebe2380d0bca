"""What every call logs, event by event and field by field: indexers and keepers read nothing else.

Fields are compared with the call's arguments, with what it returns and with what can be read of the chain before and
after; nothing else may be logged, and no event of the contracts is left out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boa
import pytest

from bulkhead.chain.system import DEPLOYABLE, backstop_arguments
from bulkhead.risk.words import Kind
from tests.contracts import deployer, write
from tests.matrix import columns
from tests.matrix.events import (
    AUCTION,
    HEALTHY,
    HOUSE,
    POOL,
    RULES,
    VAULTS,
    VENUE,
    Event,
    Seen,
    logged,
    opened,
    plain,
    read,
)
from tests.matrix.events_pools import POOLS
from tests.matrix.rows_pools import UNIT
from tests.matrix.run import ROWS
from tests.matrix.scene import EXPIRY, MARKET, MAX, Scene
from tests.worlds.system import WAD

pytest_plugins = ("tests.matrix.fixtures",)

EXPECTED = {**VAULTS, **POOLS}
#: States that rows pass in which do not as the scene was made.
ENTERED = {
    **dict.fromkeys(("Settlement.settle", "Settlement.settle_many"), columns.fixed),
    **{
        name: columns.active
        for name in EXPECTED
        if name.startswith(AUCTION) or name in ("AutoTopUp.top_up", "BackstopPool.absorb", "BackstopPool.refill")
    },
    "RiskParameters.resume_opening": columns.paused,
}


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in EXPECTED], ids=lambda row: row.name)
def test_call__logs_what_has_changed_and_nothing_else(scene, row):
    if row.name in ENTERED:
        ENTERED[row.name](scene)
    vault = scene.vaults.get(row.vault, 0)
    arguments = row.arguments(scene, vault)
    call = Seen(scene, row, vault, arguments, read(scene, vault))
    call.result = getattr(scene.contracts[row.contract], row.function)(*arguments, sender=scene.people[row.who])
    assert logged(scene, row.contract) == EXPECTED[row.name](call)


def made(scene: Scene, contract: str, function: str, who: str, *arguments: Any) -> list[Event]:
    getattr(scene.contracts[contract], function)(*arguments, sender=scene.people[who])
    return logged(scene, contract)


def test_collect_fees__after_a_fill__logs_what_both_sides_paid(scene):
    row = next(row for row in ROWS if row.name == "Exchange.fill, opening")
    (asked,) = row.arguments(scene, scene.vaults["covered"])
    scene.contracts[VENUE].fill(asked, sender=scene.people["trader"])
    # 1 and 3 bp of a tenth at 2000
    receiver, token = scene.people["governor"], scene.token.address
    found = made(scene, VENUE, "collect_fees", "governor", token, receiver)
    assert found == [(VENUE, "FeesCollected", plain(token), plain(receiver), 80_000)]


def test_set_backstop__market_without_one__logs_the_pool(scene):
    listing = next(row for row in ROWS if row.name == "RiskParameters.list_market")
    scene.contracts[RULES].list_market(*listing.arguments(scene, 0), sender=scene.people["governor"])
    pool = deployer(POOL).deploy(*backstop_arguments(2, "TST", scene.system.at)).address
    found = made(scene, RULES, "set_backstop", "governor", 2, pool)
    assert found == [(RULES, "BackstopRegistered", 2, plain(pool))]


def test_caps__fill_of_a_capped_vault__logs_what_is_used_of_them(scene):
    rich, size = scene.vaults["rich"], UNIT // 10
    scene.contracts[VENUE].set_caps(rich, 2**127 - 1, 2**127 - 1, sender=scene.people["maker"])
    scene.contracts[VENUE].bump_epoch(rich, 3, sender=scene.people["maker"])
    uses = []
    for salt in (1, 2):
        order = scene.order(Kind.CALL, False, size, epoch=3 << 64, salt=salt)
        asked = (*order, scene.vaults["covered"], size, MAX >> 1, MAX, MAX, 0)
        (log,) = [e for e in made(scene, VENUE, "fill", "trader", asked) if e[1] == "CapsUsed"]
        used = scene.contracts["TradeLimits"].caps_of(rich, 0, 3)
        # calls sold: delta and vega are given away, each time as much
        assert log == ("TradeLimits", "CapsUsed", rich, 3, used.delta_used, used.vega_used)
        uses.append(log[4:])
    assert max(uses[0]) < 0 and uses[1] == tuple(2 * one for one in uses[0])


def flag_of(scene: Scene, name: str) -> tuple[int, Any]:
    """A flagged vault and what its auction says."""
    vault = scene.vaults[name]
    return vault, scene.contracts[AUCTION].quote(vault, WAD)


def test_clear__equity_exactly_the_margin__sets_the_clock_back_and_a_unit_less_does_not(scene):
    columns.active(scene)
    vault, quote = flag_of(scene, "weak")
    custody, lacking = scene.custody("weak"), -(-(quote.mm - quote.equity) // 10**12)
    scene.token.mint(custody, lacking - 1)
    with boa.reverts("liquidator/still-unhealthy"):
        scene.contracts[AUCTION].clear(vault, sender=scene.people["keeper"])
    scene.token.mint(custody, 1)
    found = made(scene, AUCTION, "clear", "keeper", vault)
    clock = scene.system.oracle.snapshot(MARKET, EXPIRY).clock
    assert found == [(HOUSE, "FlagRestarted", vault, clock), Seen(scene, ROWS[0], vault, (), {}).updated(vault)]
    assert scene.contracts[AUCTION].quote(vault, WAD).reason == HEALTHY


def test_refresh__insolvent_vault__logs_its_deficit_and_that_it_is_gone(scene):
    columns.active(scene)
    scene.push(scene.spot * 0.8)
    scene.observe()
    vault, quote = flag_of(scene, "weak")
    assert quote.equity < 0
    # 1e-6 of the token, rounded up
    deficit = -quote.equity // 10**12 + 1
    found = made(scene, AUCTION, "refresh", "keeper", [vault])
    assert found == [(HOUSE, "DeficitRecorded", vault, deficit)]
    assert made(scene, AUCTION, "refresh", "keeper", [vault]) == []
    scene.token.mint(scene.custody("weak"), 1_000 * UNIT)
    assert made(scene, AUCTION, "refresh", "keeper", [vault])[0] == (HOUSE, "DeficitRecorded", vault, 0)


def test_absorb__cell_without_a_vault_of_the_pool__logs_the_one_it_opens(scene):
    columns.active(scene)
    write(POOL, scene.pool.address, "cell_vault", 0, EXPIRY)
    vault = int(scene.system.clearinghouse.next_id())
    found = made(scene, POOL, "absorb", "stranger", scene.vaults["big"])
    call = Seen(scene, ROWS[0], vault, (), {"next": vault})
    assert found[:3] == [*opened(call, call.at(POOL), 0), (POOL, "PoolVaultOpened", vault, EXPIRY)]
    (told,) = [event for event in found if event[1] == "VaultAbsorbed"]
    # what the pool puts in comes out of its own tokens
    assert told[2:5] == (scene.vaults["big"], vault, call.who("stranger")) and told[7] > 0
    assert sum(event[4] for event in found if event[1] == "Deposited") == told[7]


#: Events that no call above logs, and where they are compared.
ELSEWHERE = {
    "ExpiryPriceFixed": "../worlds/windows.py",
    "KeyLossRecorded": "../unit/exchange/TradeLimits/test_key.py",
    "QuotePosted": "../unit/exchange/QuoteBoard/test_post.py",
    "RampStarted": "../unit/governance/RiskParameters/test_advance.py",
    "StatusRecorded": "../unit/oracle/OracleAdapter/test_states.py",
    "SurfacePublished": "../unit/oracle/VolSurface/test_publish.py",
    "VolUpdated": "../unit/oracle/OracleAdapter/test_poke.py",
}


def test_every_event__is_compared_with_something():
    """But for those of libraries: the Timelock's, and of a role that no share token has."""
    sources = (
        Path(__file__).with_name(name).read_text() for name in ("events.py", "events_pools.py", Path(__file__).name)
    )
    own = set(re.findall(r'"([A-Z]\w+)"', "".join(source.split("ELSEWHERE = ")[0] for source in sources)))
    declared = {
        entry["name"]
        for name in sorted({*DEPLOYABLE} - {"Timelock"})
        for entry in deployer(name).artifact.abi
        if entry["type"] == "event"
    }
    assert declared - own - {"RoleMinterChanged"} == set(ELSEWHERE)
