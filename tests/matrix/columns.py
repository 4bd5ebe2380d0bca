"""The states of the matrix: each takes the scene from the day before the expiry into one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import boa

from tests.matrix.rows import Row
from tests.matrix.scene import EXPIRY, HOUR, MARKET, MINUTE, WINDOW, Scene
from tests.worlds.system import put

START = EXPIRY - WINDOW
DUST = 1e-8


@dataclass(frozen=True)
class Column:
    """One state.

    Attributes:
        group: Table that it stands in.
        name: Heading.
        enter: Takes the scene there.
        on_row: What is done for each row before its call.
        vaults_only: Rows that are about no vault of their caller's have no cell.
        with_legs: Nor have those about a vault without legs.
        roles: Nor those of other callers.
        how: `call`, or `least gas`, or `callback`.
    """

    group: str
    name: str
    enter: Callable[[Scene], None]
    on_row: Callable[[Scene, Row], str] | None = None
    vaults_only: bool = False
    with_legs: bool = False
    roles: tuple[str, ...] = ()
    how: str = "call"


# --- prices -------------------------------------------------------------------------------------------------------


def active(scene: Scene) -> None:
    scene.weaken()


def apart(share: float, seconds: int = 0) -> Callable[[Scene], None]:
    """Feeds apart for so long."""

    def enter(scene: Scene) -> None:
        scene.weaken()
        scene.push(scene.spot, scene.spot * (1 - share))
        scene.observe()
        end = scene.now + seconds
        while scene.now < end:
            scene.system.wait(min(10 * MINUTE, end - scene.now))
            scene.push(scene.spot, scene.spot * (1 - share))
            scene.observe()

    return enter


def dust(primary: bool, seconds: int = 0) -> Callable[[Scene], None]:
    """One feed reads 1e-8."""

    def enter(scene: Scene) -> None:
        scene.weaken()
        fair = scene.spot
        end = scene.now + seconds
        while True:
            scene.push(*((DUST, fair) if primary else (fair, DUST)))
            scene.spot = fair
            scene.observe()
            if scene.now >= end:
                break
            scene.system.wait(min(10 * MINUTE, end - scene.now))

    return enter


def stale(scene: Scene) -> None:
    scene.weaken()
    scene.system.wait(round(1.1 * HOUR) + 1)


def grace(scene: Scene) -> None:
    stale(scene)
    scene.observe()
    scene.push(scene.spot)
    scene.observe()


# --- the settlement window ----------------------------------------------------------------------------------------


def window(
    into: int, rounds: int, phase: bool = False, read: bool = False, fall: float = 0.027
) -> Callable[[Scene], None]:
    """So many seconds into the window, with so many rounds of each feed in it."""

    def enter(scene: Scene) -> None:
        scene.until(START - 8 * MINUTE)
        scene.weaken(fall)
        scene.system.wait(START - MINUTE - scene.now)
        scene.push(scene.spot)
        scene.observe()
        starts = [feed.latest_id() for feed in (scene.system.market.feed, scene.system.fallback)]
        for number in range(rounds):
            scene.system.wait(START + into * (number + 1) // (rounds + 1) - scene.now)
            if phase and number == rounds // 2:
                for feed in (scene.system.market.feed, scene.system.fallback):
                    feed.set_phase(2)
            scene.push(scene.spot)
            if rounds < 50:
                scene.observe()
        scene.system.wait(START + into - scene.now)
        if read:
            # keepers name the round in force when the window began, and carry the sum on
            scene.contracts["ExpiryPrices"].fix(MARKET, EXPIRY, starts)
            for _ in range(rounds // 48 + 1):
                scene.observe()

    return enter


last_second = window(WINDOW - 1, 3, fall=0.032)


def expired(scene: Scene) -> None:
    last_second(scene)
    scene.system.wait(1)


def fixed(scene: Scene) -> None:
    expired(scene)
    scene.system.wait(300)
    scene.push(scene.spot)
    assert scene.contracts["Settlement"].fix(MARKET, EXPIRY, []) > 0


def settled(scene: Scene) -> None:
    fixed(scene)
    every = list(range(1, scene.system.clearinghouse.next_id()))
    for start in range(0, len(every), 32):
        scene.contracts["Settlement"].settle_many(every[start : start + 32])
    assert scene.contracts["Clearinghouse"].cell(MARKET, EXPIRY) & 2**112 - 1 == 0


# --- tokens and vaults --------------------------------------------------------------------------------------------


def freeze_vault(scene: Scene, row: Row) -> str:
    scene.token.freeze(scene.custody(row.vault), True)
    return row.vault


def frozen(*names: str, at: Callable[[Scene], None] = active) -> Callable[[Scene], None]:
    """The pot, the Exchange, or everything that holds tokens."""

    def enter(scene: Scene) -> None:
        at(scene)
        holders = {
            "pot": [scene.contracts["InsuranceFund"].pot(MARKET)],
            "fees": [scene.contracts["Exchange"].address],
            "pool": [scene.pool.address],
            "vaults": [scene.custody(name) for name in scene.vaults],
            "people": list(scene.people.values()),
        }
        for name in names:
            for holder in holders[name]:
                scene.token.freeze(holder, True)

    return enter


def flag_vault(scene: Scene, row: Row) -> str:
    vault = scene.vaults[row.vault]
    if not scene.system.clearinghouse.vault_word(vault) >> 188 & 1:
        clock = scene.observe().clock
        with boa.env.prank(scene.system.at["Liquidator"]):
            scene.system.clearinghouse.flag(vault, scene.people["keeper"], clock, 10**20, 10**18)
    return row.vault


def owe(scene: Scene, row: Row) -> str:
    """The caller's vault is one whose debt to an older cell could not be moved."""
    trader, who = scene.people["trader"], scene.system.owner_of(scene.vaults[row.vault])
    if who != trader:
        scene.contracts["VaultToken"].transferFrom(trader, who, scene.vaults["debtor"], sender=trader)
    return "debtor"


def deficit(scene: Scene) -> None:
    """A vault of the cell owed more than it held when it was flagged; the price has come back since."""
    scene.open("sunk", "owner", 2_000)
    scene.trade("sunk", "rich", [put(2000, 1)], EXPIRY, 60)
    scene.lean("sunk", "owner")
    fair = scene.spot
    scene.push(fair * 0.8)
    scene.observe()
    scene.contracts["Liquidator"].flag(scene.vaults["sunk"], sender=scene.people["keeper"])
    scene.push(fair)
    scene.weaken()
    assert scene.contracts["Clearinghouse"].cell(MARKET, EXPIRY) >> 112 > 0


def paused(scene: Scene) -> None:
    scene.weaken()
    scene.contracts["RiskParameters"].pause_opening(MARKET, 1, sender=scene.people["guardian"])


PRICE, WINDOWS, STATE = "price", "window", "state"
HALF = WINDOW // 2
COLUMNS = [
    Column(PRICE, "active", active),
    Column(PRICE, "1 % apart", apart(0.01)),
    Column(PRICE, "10 % apart", apart(0.1)),
    Column(PRICE, "8 % apart, an hour on", apart(0.08, HOUR)),
    Column(PRICE, "60 % apart, an hour on", apart(0.6, HOUR)),
    Column(PRICE, "primary 1e-8", dust(True)),
    Column(PRICE, "primary 1e-8, fallback counts", dust(True, 2 * HOUR + 10 * MINUTE)),
    Column(PRICE, "fallback 1e-8", dust(False)),
    Column(PRICE, "stale", stale),
    Column(PRICE, "grace", grace),
    Column(WINDOWS, "first second", window(0, 0)),
    Column(WINDOWS, "middle, no round", window(HALF, 0)),
    Column(WINDOWS, "1 round", window(HALF, 1)),
    Column(WINDOWS, "3 rounds", window(HALF, 3)),
    Column(WINDOWS, "100 rounds", window(HALF, 100, read=True)),
    Column(WINDOWS, "100 rounds, none read", window(HALF, 100)),
    Column(WINDOWS, "new phase", window(HALF, 3, phase=True, read=True)),
    Column(WINDOWS, "new phase, no start named", window(HALF, 3, phase=True)),
    Column(WINDOWS, "last second", last_second),
    Column(WINDOWS, "expired", expired),
    Column(WINDOWS, "price fixed", fixed),
    Column(WINDOWS, "settled", settled),
    Column(STATE, "caller's vault frozen", active, freeze_vault, True),
    Column(STATE, "insurance frozen", frozen("pot")),
    Column(STATE, "fees frozen", frozen("fees")),
    Column(STATE, "everything frozen", frozen("pot", "fees", "pool", "vaults", "people")),
    Column(STATE, "price fixed, everything frozen", frozen("pot", "fees", "pool", "vaults", "people", at=fixed)),
    Column(STATE, "least gas", active, how="least gas"),
    Column(STATE, "in a callback", active, how="callback"),
    Column(STATE, "cell with a deficit", deficit),
    Column(STATE, "caller's vault flagged", active, flag_vault, True, with_legs=True),
    Column(STATE, "expired, caller's vault flagged", expired, flag_vault, True, with_legs=True),
    Column(STATE, "price fixed, caller's vault flagged", fixed, flag_vault, True, with_legs=True),
    Column(STATE, "caller's vault in debt", active, owe, True, roles=("trader", "taker")),
    Column(STATE, "paused", paused),
]
