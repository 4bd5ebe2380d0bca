"""Mandates for automatic top-ups: an owner's standing order to add collateral to a vault (AutoTopUp)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bulkhead.chain.connection import Market
from bulkhead.chain.contract import Contract, read
from bulkhead.chain.errors import BadInput, UnknownVault
from bulkhead.chain.lens import VaultView
from bulkhead.chain.sender import Receipt
from bulkhead.client.account import Account
from bulkhead.client.amounts import Number, from_wad, to_native, to_wad
from bulkhead.client.vaults import Vaults

NO_PERMIT = (0, 0, 0, b"\0" * 32, b"\0" * 32)
#: From this trigger on, fills, keys and withdrawals that row 1 lets through can start a mandate (kappa is 1.25).
WARN_FROM = Decimal("1.2")
#: Gas of a top-up, and how many times its price the tip offers by default.
TOP_UP_GAS = 400_000
TIP_TIMES = 2
#: Market whose spot tells what the chain's coin is worth.
COIN = "ETH"


@dataclass(frozen=True)
class Mandate:
    """A mandate as it stands, in quote units.

    Attributes:
        vault_id: The vault it is for.
        owner: Who gave it.
        trigger: Health below which a top-up may come.
        target: Health that a top-up reaches.
        most_per_day: Of deposits and tips in a UTC day.
        most_in_all: Of deposits and tips together.
        tip: To the caller, at most, and at most a tenth of the deposit.
        expires_at: End [unix seconds].
        spent_that_day: On the last day with a top-up.
        spent_in_all: Since it was given.
        holds: Whether it is still good: same owner, same epoch, not ended.
    """

    vault_id: int
    owner: str
    trigger: Decimal
    target: Decimal
    most_per_day: Decimal
    most_in_all: Decimal
    tip: Decimal
    expires_at: int
    spent_that_day: Decimal
    spent_in_all: Decimal
    holds: bool

    @property
    def left(self) -> Decimal:
        """What it may still spend in all."""
        return max(self.most_in_all - self.spent_in_all, Decimal(0)) if self.holds else Decimal(0)


@dataclass(frozen=True)
class DueTopUp:
    """What a top-up would do now.

    Attributes:
        vault_id: The vault.
        amount: Deposit.
        tip: For the caller.
        reason: Why it would be refused; empty when it would pass.
    """

    vault_id: int
    amount: Decimal
    tip: Decimal
    reason: str


@dataclass(frozen=True)
class GivenMandate:
    """What `Mandates.give` did.

    Attributes:
        receipt: Of the transaction.
        mandate: As it stands now.
        warnings: What its owner should know, a sentence each.
    """

    receipt: Receipt
    mandate: Mandate
    warnings: tuple[str, ...]


class Mandates:
    """Mandates of a deployment."""

    def __init__(self, account: Account, vaults: Vaults) -> None:
        self._account = account
        self._vaults = vaults

    @property
    def _contract(self) -> Contract:
        return self._account.chain["AutoTopUp"]

    def _market(self, vault_id: int) -> Market:
        return self._account.chain.market(self._vaults.view(vault_id).market)

    def get(self, vault_id: int) -> Mandate | None:
        """The mandate of a vault; None when nobody gave one, or it was taken back."""
        return self._of([self._vaults.view(vault_id)])[0]

    def _of(self, views: Sequence[VaultView]) -> list[Mandate | None]:
        """The mandates of vaults, in two reads however many they are."""
        chain = self._account.chain
        records = read(chain.rpc, [self._contract.query("record", view.vault_id) for view in views])
        now = chain.rpc.timestamp()
        markets = {index: chain.market(index) for index in {view.market for view in views}}
        return [self._mandate(v, r, markets[v.market], now) for v, r in zip(views, records, strict=True)]

    @staticmethod
    def _mandate(view: VaultView, record: Any, market: Market, now: int) -> Mandate | None:
        if int(record.owner, 16) == 0:
            return None
        terms = record.mandate
        same = record.owner.lower() == view.owner.lower() and record.epoch == view.epoch
        return Mandate(
            view.vault_id,
            record.owner,
            from_wad(terms.trigger),
            from_wad(terms.target),
            _quote(terms.most_per_day, market),
            _quote(terms.most_in_all, market),
            _quote(terms.tip, market),
            terms.expires_at,
            _quote(record.spent_that_day, market),
            _quote(record.spent_in_all, market),
            same and terms.expires_at > now,
        )

    def give(
        self,
        vault_id: int,
        *,
        most_per_day: Number,
        most_in_all: Number,
        trigger: Number = "1.1",
        target: Number = "1.3",
        tip: Number | None = None,
        until: int | None = None,
    ) -> GivenMandate:
        """Gives a vault a mandate, or another one, and lets AutoTopUp spend what all mandates of the owner leave.

        Args:
            vault_id: An own vault.
            most_per_day: Tokens a UTC day, tips included.
            most_in_all: Tokens in all, tips included.
            trigger: Health below which a top-up may come, at least 1.
            target: Health that it reaches, at least the trigger and 0.05.
            tip: Tokens for the caller; by default twice what the call costs at the gas price of now.
            until: End [unix seconds]; by default the expiry of the vault's legs.

        Raises:
            BadInput: Numbers that the contract would refuse, or a default that cannot be told.
        """
        account = self._account
        view = self._vaults.view(vault_id)
        market = account.chain.market(view.market)
        end = until if until is not None else view.expiry
        if not end:
            raise BadInput(f"Vault {vault_id} has no legs, so the mandate has no end by itself: say until when.")
        offered = self._default_tip() if tip is None else tip
        per_day, in_all, most_tip = (to_native(n, market.decimals) for n in (most_per_day, most_in_all, offered))
        start, reach = to_wad(trigger), to_wad(target)
        if start < 10**18:
            raise BadInput(f"The trigger is a health of at least 1, and {trigger} is below it.")
        if reach < start + 5 * 10**16:
            raise BadInput(f"The target is at least the trigger and 0.05: {target} is too near to {trigger}.")
        if not per_day or not in_all:
            raise BadInput("A mandate needs a limit a day and one in all, above 0.")
        if most_tip * 11 > min(per_day, in_all):
            raise BadInput(f"A tip of {offered} is more than the limits can ever pay: a tip is a tenth of a deposit.")
        left = in_all + self._left_of_others(vault_id, market)
        account.allow(market, self._contract, left)
        receipt = account.signer.execute(
            self._contract, "set_mandate", vault_id, (start, reach, per_day, in_all, most_tip, end), NO_PERMIT
        )
        found = self.get(vault_id)
        if found is None:
            raise BadInput(f"The mandate of vault {vault_id} was taken back again while it was given.")
        return GivenMandate(receipt, found, self._warnings(found, market, left))

    def _left_of_others(self, vault_id: int, market: Market) -> int:
        """What the account's mandates for other vaults leave of a market's token [native]."""
        chain = self._account.chain
        others = [view for view in self._vaults.views(self._account.address) if view.vault_id != vault_id]
        tokens = {index: chain.market(index).token.address for index in {view.market for view in others}}
        views = [view for view in others if tokens[view.market] == market.token.address]
        return sum(to_native(one.left, market.decimals) for one in self._of(views) if one is not None)

    def _warnings(self, mandate: Mandate, market: Market, left: int) -> tuple[str, ...]:
        warnings = []
        if mandate.trigger >= WARN_FROM:
            warnings.append(
                f"With a trigger of {mandate.trigger} a fill, a session key or a withdrawal can start a top-up: "
                "initial margin is a health of about 1.25."
            )
        held = int(market.token.call("balanceOf", mandate.owner))
        if held < left:
            warnings.append(
                f"The wallet holds {_quote(held, market)} and the mandates may spend {_quote(left, market)}: a top-up "
                "gives what is there if that reaches the trigger."
            )
        if mandate.tip == 0:
            warnings.append("Without a tip nobody but you has a reason to call.")
        return tuple(warnings)

    def _default_tip(self) -> Decimal:
        """Twice what a top-up costs now, to whole quote units, rounded up."""
        chain = self._account.chain
        if COIN not in {entry.symbol for entry in chain.deployment.markets.values()}:
            raise BadInput(f"The deployment has no {COIN} market that tells what gas costs: give the tip.")
        market = chain.market(COIN)
        spot = from_wad(chain["OracleAdapter"].call("snapshot", market.index, chain.rpc.timestamp() + 86_400).spot)
        if not spot:
            raise BadInput(f"The {COIN} market has no price that tells what gas costs: give the tip.")
        price = Decimal(int(chain.rpc.call("eth_gasPrice"), 16)).scaleb(-18)
        return max((price * TOP_UP_GAS * TIP_TIMES * spot).to_integral_value(rounding="ROUND_CEILING"), Decimal(1))

    def end(self, vault_id: int) -> Receipt:
        """Takes a mandate back."""
        return self._account.signer.execute(self._contract, "end_mandate", vault_id)

    def list(self, owner: str) -> tuple[Mandate, ...]:
        """Mandates that an address gave for the vaults it owns."""
        found = self._of(self._vaults.views(owner))
        return tuple(one for one in found if one is not None and one.owner.lower() == owner.lower())

    def due(self, vault_ids: Sequence[int]) -> tuple[DueTopUp, ...]:
        """What a top-up of each vault would do now; of one that does not exist, that nobody gave a mandate."""
        answers: list[Any] = []
        for start in range(0, len(vault_ids), 64):
            answers += self._contract.call("top_ups", list(vault_ids[start : start + 64]))
        found = []
        for vault_id, answer in zip(vault_ids, answers, strict=True):
            try:
                market = self._market(vault_id)
            except UnknownVault:
                found.append(DueTopUp(vault_id, Decimal(0), Decimal(0), answer.reason))
                continue
            found.append(DueTopUp(vault_id, _quote(answer.amount, market), _quote(answer.tip, market), answer.reason))
        return tuple(found)

    def run(self, vault_id: int) -> Receipt:
        """Tops a vault up as its mandate says; the tip comes to the account."""
        return self._account.signer.execute(self._contract, "top_up", vault_id)


def _quote(amount: int, market: Market) -> Decimal:
    return Decimal(amount).scaleb(-market.decimals)
