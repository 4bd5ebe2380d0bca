"""Orders of a walk: signed by the maker, filled by everybody, and what the views said of them before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa

from bulkhead.chain.words import VaultWord
from bulkhead.operators import Permission
from bulkhead.orders import Flags, OrderLeg, PremiumStyle
from bulkhead.risk.words import WAD, Kind, Leg
from tests.matrix.run import reason_of
from tests.matrix.scene import EXPIRY, MARKET, MAX, WINDOW
from tests.stateful.state import PLENTY, WEAK, State

#: What a fill is refused for before or beside of what FillCheck looks at: the order itself and the caller's limits.
UNSEEN = (
    "exchange/order-expired", "exchange/wrong-taker", "exchange/cancelled", "exchange/stale-epoch", "exchange/filled",
    "exchange/below-min-fill", "exchange/above-remainder", "exchange/fill-or-kill", "exchange/bad-signature",
    "exchange/limit-price", "exchange/taker-fee", "exchange/taker-deficit",
)  # fmt: skip


class Trades(State):
    """Fills. Each returns what refused it, none when it passed."""

    def orders(self) -> dict[str, Callable[[], str | None]]:
        """All of them, by name."""
        return {
            "order": self.trade, "order with slip and patience": self.slip, "order that only reduces": self.reduce,
            "straddle on credit": self.straddle, "fill by a session key": self.key,
            "deficit traded away": self.trade_away,
            "closing by who is unsafe": self.close, "closing after a crash": self.close_in_a_crash,
        }  # fmt: skip

    def _fill(self, taker: str, vault: int, size: int, kind: Kind, is_bid: bool, **changes: Any) -> str | None:
        scene = self.scene
        if scene.now >= EXPIRY - WINDOW:
            return "too late"
        try:
            order = scene.order(kind, is_bid, size, **{"strike": self.draw.choice((1900, 2000, 2100)), **changes})
        except (boa.BoaError, ValueError, OverflowError, ZeroDivisionError):
            return "no mark"
        limit = -(2**255) if is_bid else 2**255 - 1
        round_id = changes.get("round_id", 0)
        asked = (*order, vault, size, limit, MAX, MAX, round_id)
        foreseen = self._foreseen(order[0], size, taker, vault, round_id)
        told = self.call(self.known["Exchange.fill"], taker, (asked,))
        self._as_foreseen(foreseen, told)
        if told == "clearinghouse/transfer-refused":
            self._not_for_a_protocol_account(taker, asked)
        return told

    def _foreseen(self, order: Any, size: int, taker: str, vault: int, round_id: int) -> str | None:
        """What FillCheck says that the fill would be refused for."""
        try:
            self.contracts["FillCheck"].check_fill(order, size, taker, vault, False, round_id)
        except boa.BoaError as error:
            return reason_of(error)
        return None

    def _as_foreseen(self, foreseen: str | None, told: str | None) -> None:
        """A fill passes when the view says so, and only then, but for what the view does not look at."""
        if (foreseen is None) == (told is None) or told in UNSEEN:
            return
        if told == "clearinghouse/transfer-refused" and (self.frozen or self.is_quiet):
            return
        self.demand([f"FillCheck said {foreseen or 'yes'}, the fill {told or 'yes'}"], "fill")

    def _not_for_a_protocol_account(self, taker: str, asked: Any) -> None:
        """INV-12: a fee receiver that its token's issuer froze stops nobody."""
        receivers = {self.contracts["Exchange"].address, self.contracts["InsuranceFund"].pot(MARKET)} & self.frozen
        if not receivers:
            return
        with boa.env.anchor():
            for one in sorted(receivers):
                self.scene.token.freeze(one, False)
            made = self.made(
                self.known["Exchange.fill"], taker, self.known["Exchange.fill"].function.encode((asked,)), PLENTY
            )
        if not made.is_error:
            self.demand(["INV-12: a fill waits for a frozen fee receiver"], "fill")

    def _anybody(self) -> tuple[str, int]:
        name = self.draw.choice(("margined", "second", "covered", "weak", "frail", "healed", "into", "idle"))
        vault = self.scene.vaults[name]
        return self.scene.system.owner_of(vault), vault

    def _size(self) -> int:
        return self.draw.choice((10**4, 10**5, 5 * 10**5, 10**6))

    def trade(self) -> str | None:
        style = self.draw.choice(tuple(PremiumStyle))
        kind, is_bid = self.draw.choice((Kind.CALL, Kind.PUT)), self.draw.random() < 0.5
        return self._fill(*self._anybody(), self._size(), kind, is_bid, premium_style=style, salt=self.steps)

    def slip(self) -> str | None:
        spot, kind, is_bid = (
            round(self.scene.spot) * WAD,
            self.draw.choice((Kind.CALL, Kind.PUT)),
            self.draw.random() < 0.5,
        )
        bounds = {"spot_min": spot * 9 // 10, "spot_max": spot * 11 // 10, "since": self.scene.now - 3600}
        changes = {"slip": self.draw.randint(1, 300), "patience": self.draw.choice((0, 60, 1800)), **bounds}
        price = 0 if not is_bid else 3000 * WAD
        return self._fill(*self._anybody(), self._size(), kind, is_bid, price=price, salt=self.steps, **changes)

    def straddle(self) -> str | None:
        """A call and a put bought with deferred premium: what moves nothing loses all the same."""
        scene, vault = self.scene, self.scene.vaults[self.draw.choice(("idle", "into", "second"))]
        legs = [Leg(kind, 2000 * 10**8, 10**6).pack() for kind in (Kind.CALL, Kind.PUT)]
        try:
            price = scene.mark(legs)
        except (boa.BoaError, ValueError):
            return "no mark"
        series = sorted(scene.series(kind) for kind in (Kind.CALL, Kind.PUT))
        return self._fill(
            scene.system.owner_of(vault), vault, self.draw.choice((10**4, 10**5)), Kind.CALL, False, price=price,
            legs=tuple(OrderLeg(one, 1) for one in series), premium_style=PremiumStyle.DEFERRED, salt=self.steps,
        )  # fmt: skip

    def reduce(self) -> str | None:
        return self._fill(
            *self._anybody(), 10**5, Kind.PUT, self.draw.random() < 0.5, flags=Flags.REDUCE_ONLY, salt=self.steps
        )

    def key(self) -> str | None:
        """Who may only trade fills at the mark or beside it: one fill costs at most fee and 1 % of its notional."""
        scene, vault = self.scene, self.scene.vaults["margined"]
        trader, stranger = scene.people["trader"], scene.people["stranger"]
        self.call(self.known["Operators.grant"], trader, (vault, stranger, 1, scene.now + 3600))
        size, beside = 10**4, self.draw.choice((0, 0, 10, 19, 22, 60)) * WAD
        try:
            price = scene.mark([Leg(Kind.PUT, 2000 * 10**8, 10**6).pack()]) + beside
        except (boa.BoaError, ValueError):
            return "no mark"
        # he may own the vault by now, bought as it stands or sent to him by chance: an owner gives away what he likes
        bounded = self._rights(vault, stranger) == Permission.TRADE
        before = self.ledger.standing(vault)
        told = self._fill(stranger, vault, size, Kind.PUT, False, strike=2000, price=price, salt=self.steps)
        after = self.ledger.standing(vault)
        if bounded and told is None and before is not None and after is not None:
            notional = after[2].spot * size // 10**6
            # and the fee, at most 0.3 %
            most = notional * 131 // 10_000 + 10**13
            lost = before[0].equity - after[0].equity
            wrong = [] if lost <= most else [f"a trade-only key lost {lost / WAD:f} of {most / WAD:f}"]
            self.demand(wrong, "fill by a key")
        return told

    def _rights(self, vault: int, account: str) -> Permission:
        """What an account may do for a vault, by the chain."""
        word = VaultWord.unpack(self.scene.system.clearinghouse.vault_word(vault))
        if int(word.owner, 16) == int(account, 16):
            return Permission.TRADE | Permission.WITHDRAW | Permission.MANAGE
        return Permission(self.contracts["Operators"].permissions_of(vault, word.epoch, account))

    def close(self) -> str | None:
        """Whose margin is thin buys the put back that he has sold, near the mark or well beside it."""
        name = self.draw.choice((*WEAK, "margined", "second"))
        vault = self.scene.vaults[name]
        beside = self.draw.choice((0, 0, 2, 8, 40, -8)) * WAD
        try:
            mark = self.scene.mark([Leg(Kind.PUT, 2000 * 10**8, 10**6).pack()])
        except (boa.BoaError, ValueError):
            return "no mark"
        return self._fill(
            self.scene.system.owner_of(vault), vault, self.draw.choice((10**5, 5 * 10**5, 10**6)), Kind.PUT, False,
            strike=2000, price=mark + beside, salt=self.steps, premium_style=self.draw.choice(tuple(PremiumStyle)),
        )  # fmt: skip

    def close_in_a_crash(self) -> str | None:
        """The same a minute after the price fell, one feed perhaps ahead of the other, before anybody has flagged."""
        self._pass(30)
        fall = self.draw.choice((0.8, 0.87, 0.93))
        self._push(self.scene.spot * fall, self.scene.spot * fall * self.draw.choice((0.9, 0.97, 1, 1, 1.03)))
        return self.close()

    def trade_away(self) -> str | None:
        """Who lost asks for a trade while his vault is below zero."""
        name = self.draw.choice(WEAK)
        vault = self.scene.vaults[name]
        return self._fill(self.scene.system.owner_of(vault), vault, 10**5, Kind.PUT, False, salt=self.steps)
