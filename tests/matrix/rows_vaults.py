"""Rows of vaults, orders and liquidation."""

from __future__ import annotations

from typing import Any

from bulkhead.operators import Grant, sign_grant
from bulkhead.risk.words import Kind, Model
from tests.evm import CHAIN_ID
from tests.matrix.rows import Row
from tests.matrix.scene import EXPIRY, MARKET, MAX, Scene
from tests.worlds.system import NO_PERMIT, WAD, put

UNIT = 10**6
LIMITS = (-(2**255), 0, 0, 0, 0)
ANY_PRICE = 2**255 - 1
HOUSE, TOKEN, VENUE, AUCTION = "Clearinghouse", "VaultToken", "Exchange", "Liquidator"


def asked(scene: Scene, kind: Kind, size: int, vault: int) -> tuple[Any, ...]:
    """A fill of a whole order, whatever its price, its fee and the deficit of its cell."""
    return (*scene.order(kind, False, size), vault, size, ANY_PRICE, MAX, MAX, 0)


def together(scene: Scene, vault: int) -> tuple[Any, ...]:
    """Orders of the maker that take from one another."""
    return scene.people["maker"], scene.vaults["rich"], [(scene.series(Kind.PUT), 1)], False, 1


def opening(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A tenth of a call bought."""
    return (asked(scene, Kind.CALL, UNIT // 10, vault),)


def closing(scene: Scene, vault: int) -> tuple[Any, ...]:
    """Half of a short put bought back."""
    return (asked(scene, Kind.PUT, UNIT // 2, vault),)


def both(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A short put bought back in two parts."""
    return [asked(scene, Kind.PUT, size, vault) for size in (UNIT // 4, UNIT // 5)], 0, 0, 0


def first(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A vault opened, funded and filled."""
    return asked(scene, Kind.CALL, UNIT // 10, 0), 0, 500 * UNIT, NO_PERMIT


def granted(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A grant that its owner signed."""
    operators, who = scene.contracts["Operators"], scene.people["stranger"]
    epoch = scene.system.clearinghouse.vault_word(vault) >> 192 & 0xFFFF
    until = scene.now + 60
    nonce = operators.nonce_of(vault, epoch, who)
    grant = Grant(vault, scene.people["signer"], epoch, who, 1, until, nonce, until)
    return vault, who, 1, until, until, sign_grant(grant, CHAIN_ID, operators.address, scene.signer.key)


def encoded(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A withdrawal of what is free, inside of a multicall."""
    house = scene.system.clearinghouse
    return ([house.withdraw.prepare_calldata(vault, 10 * UNIT, scene.people["trader"])],)


def deposited(scene: Scene, vault: int) -> tuple[Any, ...]:
    """Ten tokens, for whoever owns the vault."""
    return vault, scene.system.owner_of(vault), 10 * UNIT


def paid_out(scene: Scene, vault: int) -> tuple[Any, ...]:
    """Ten tokens, for the trader."""
    return vault, 10 * UNIT, scene.people["trader"]


def sold(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A sale bound to what is sold."""
    return vault, scene.people["buyer"], scene.contracts["VaultToken"].contents(vault), 0


def loaded(scene: Scene, vault: int) -> tuple[Any, ...]:
    """A vault as the gate gets it."""
    return tuple(scene.system.clearinghouse.load(vault))


def series(scene: Scene, vault: int) -> tuple[Any, ...]:
    return vault, scene.series(Kind.PUT), 1


ROWS = [
    Row(HOUSE, "open", "trader", lambda s, v: (MARKET, 0, s.people["trader"], 10 * UNIT)),
    Row(HOUSE, "deposit", "stranger", deposited, "margined"),
    Row(HOUSE, "withdraw", "trader", paid_out, "margined", "what the mark backs"),
    Row(HOUSE, "withdraw", "trader", paid_out, "covered", "what nothing needs"),
    Row(HOUSE, "transfer_legs", "trader",
        lambda s, v: (v, s.vaults["second"], [put(2000, -0.1)], 100 * UNIT), "margined"),
    Row(HOUSE, "set_model", "trader", lambda s, v: (v, int(Model.STATIC)), "margined"),
    Row(HOUSE, "close", "trader", lambda s, v: (v, s.people["trader"]), "idle"),
    Row(HOUSE, "multicall", "trader", encoded, "covered"),
    Row(TOKEN, "approve", "trader", lambda s, v: (s.people["stranger"], v), "margined"),
    Row(TOKEN, "setApprovalForAll", "trader", lambda s, v: (s.people["stranger"], True)),
    Row(TOKEN, "transferFrom", "trader", lambda s, v: (s.people["trader"], s.people["buyer"], v), "margined"),
    Row(TOKEN, "safeTransferFrom", "trader", lambda s, v: (s.people["trader"], s.people["buyer"], v), "margined"),
    Row(TOKEN, "safeTransferFrom", "trader",
        lambda s, v: (s.people["trader"], s.people["buyer"], v, b"data"), "margined", "with data"),
    Row(TOKEN, "transfer_with", "trader", sold, "margined"),
    Row("Operators", "grant", "trader", lambda s, v: (v, s.people["stranger"], 7, s.now + 60), "margined"),
    Row("Operators", "grant_signed", "stranger", granted, "signed"),
    Row(VENUE, "fill", "trader", opening, "covered", "opening"),
    Row(VENUE, "fill", "trader", closing, "margined", "closing"),
    Row(VENUE, "fill_many", "trader", both, "margined", "closing"),
    Row(VENUE, "open_and_fill", "trader", first),
    Row(VENUE, "cancel", "maker", lambda s, v: ([b"\1" * 32],)),
    Row(VENUE, "cancel_together", "maker", together),
    Row(VENUE, "bump_epoch", "trader", lambda s, v: (v, 1), "margined"),
    Row(VENUE, "cancel_series", "trader", series, "margined"),
    Row(VENUE, "set_caps", "trader", lambda s, v: (v, WAD, WAD), "margined"),
    Row(VENUE, "collect_fees", "governor", lambda s, v: (s.token.address, s.people["governor"])),
    Row("QuoteBoard", "post", "stranger", lambda s, v: tuple([one] for one in s.order(Kind.CALL, False, UNIT))),
    Row("MarginGate", "check_own", "stranger", lambda s, v: (1, *loaded(s, v)), "margined"),
    Row("MarginGate", "review", "stranger", loaded, "margined"),
    Row("CloseGate", "review", "stranger", loaded, "margined"),
    Row(AUCTION, "flag", "keeper", lambda s, v: (s.vaults["frail"],)),
    Row(AUCTION, "flag_many", "keeper", lambda s, v: ([s.vaults["frail"]],), skips=True),
    Row(AUCTION, "take", "taker", lambda s, v: (s.vaults["weak"], WAD, v, LIMITS, MAX, b""), "into"),
    Row(AUCTION, "take_many", "taker",
        lambda s, v: ([s.vaults["weak"]], [WAD], [v], LIMITS, MAX), "into", skips=True),
    Row(AUCTION, "clear", "keeper", lambda s, v: (s.vaults["healed"],), case="of what the mark heals"),
    Row(AUCTION, "clear", "keeper", lambda s, v: (s.vaults["covered again"],), case="of what is covered"),
    Row(AUCTION, "refresh", "keeper", lambda s, v: ([s.vaults["healed"]],), skips=True),
    Row("AutoTopUp", "set_mandate", "trader", lambda s, v: (v, s.mandate(), NO_PERMIT), "margined"),
    Row("AutoTopUp", "end_mandate", "owner", lambda s, v: (s.vaults["frail"],)),
    Row("AutoTopUp", "top_up", "keeper", lambda s, v: (s.vaults["frail"],)),
    Row("OracleAdapter", "observe", "stranger", lambda s, v: (MARKET, EXPIRY)),
    Row("OracleAdapter", "look", "stranger", lambda s, v: (MARKET, EXPIRY)),
    Row("OracleAdapter", "stamp_cell", "stranger", lambda s, v: (MARKET, EXPIRY)),
    Row("OracleAdapter", "poke", "stranger", lambda s, v: (MARKET, 256)),
]  # fmt: skip
