"""Actions as calls: which function of which contract, under which key, with how much gas, worth how much."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bulkhead.chain.connection import Connection
from bulkhead.keeper import plan
from bulkhead.keeper.mandates import RunMandate
from bulkhead.keeper.plan import Action
from bulkhead.keeper.price_updates import BringSamples, BringSpot

#: Rounds that one poke may fold in.
POKE_ROUNDS = 64
#: A take is good for this long after the block it was planned on.
TAKE_SECONDS = 60
#: More gas than the simulation needed, for what may happen first in the block: a new round to be folded in by a poke,
#: a flag that tokens then end, a take whose share is another one at the new price and is rounded to lots.
ROOM = 200_000
#: The same for each further vault of a batch.
MORE_ROOM = 60_000
MAX_UINT = 2**256 - 1
#: Actions whose only argument is a vault: contract and function.
SINGLE: dict[type, tuple[str, str]] = {
    plan.Flag: ("Liquidator", "flag"),
    plan.Clear: ("Liquidator", "clear"),
    plan.Absorb: ("Pool", "absorb"),
    plan.Refill: ("Pool", "refill"),
    plan.Tidy: ("Pool", "collect"),
    plan.Repay: ("Settlement", "repay"),
    RunMandate: ("AutoTopUp", "top_up"),
}
#: Actions whose only argument is a cell.
OF_CELL: dict[type, tuple[str, str]] = {
    plan.Observe: ("OracleAdapter", "observe"),
    plan.Sweep: ("Settlement", "sweep"),
    plan.Insure: ("Settlement", "insure"),
    plan.Reserve: ("InsuranceFund", "reserve"),
}
#: Actions with tokens or vaults of the wallet that sends them.
OF_WALLET = (
    plan.Approve, plan.Open, plan.TopUp, plan.Take, plan.Withdraw, plan.Merge, plan.PostOffers, plan.Collect,
)  # fmt: skip
#: Gas limit of a deposit into an own vault, beyond what it takes to assess it: it goes out without asking a node.
DEPOSIT_GAS = 150_000
#: Gas limit of a flag that the Lens has confirmed at the very block: base and per leg. Checked by a test.
FLAG_GAS, FLAG_LEG_GAS = 420_000, 70_000
#: The same of each vault in a batch, whose prices are read once: what it does not use keeps others out of its block.
MANY_GAS, MANY_LEG_GAS = 150_000, 32_000


@dataclass(frozen=True)
class Call:
    """One transaction to be.

    Attributes:
        key: What must not be in flight twice.
        name: Contract and function, for the log.
        to: Address of the contract.
        data: Call data.
        gas: Gas limit; None asks the node, which also simulates.
        worth: What it brings [wad quote], 0 for a duty.
        action: The action, for the log.
        value: Coins that go along [wei].
        patient: Once refused it can wait a few blocks.
        room: Gas to add to what the simulation says.
        wallet: Address that has to send it, empty where anybody can.
    """

    key: str
    name: str
    to: str
    data: bytes
    gas: int | None
    worth: int
    action: Action
    patient: bool = False
    room: int = 0
    value: int = 0
    wallet: str = ""

    def fields(self) -> dict[str, Any]:
        """The action as a log line shows it: of messages their times."""
        if isinstance(self.action, BringSamples):
            told = {"market": self.action.market, "feed": self.action.feed, "minutes": self.action.minutes}
            return {"action": kind(self.action), **told}
        if isinstance(self.action, BringSpot):
            at, price = self.action.message.at, self.action.message.price
            return {"action": kind(self.action), "market": self.action.market, "at": at, "price": price}
        if isinstance(self.action, plan.PostOffers):
            return {"action": kind(self.action), "vault_ids": self.action.vault_ids}
        return {"action": kind(self.action), **asdict(self.action)}


def kind(action: Action) -> str:
    """Name of an action."""
    return type(action).__name__.lower()


def call_of(chain: Connection, keeper: str, now: int, action: Action) -> Call:
    """The call that carries out an action.

    Args:
        chain: The deployment.
        keeper: The keeper's address.
        now: Stamp of the block it was planned on [unix seconds].
        action: The action.
    """
    contract, function, arguments, key = _plan(chain, keeper, now, action)
    if isinstance(action, plan.Approve):
        found = chain.token(chain.deployment.market(action.market).token)
    elif isinstance(action, plan.Absorb | plan.Refill | plan.Tidy):
        found = chain.backstop(chain.deployment.market(action.market))
    elif isinstance(action, BringSpot | BringSamples):
        found = chain.pull_feed(action.feed)
    else:
        found = chain[contract]
    gas = _known_gas(action)
    worth = action.profit if isinstance(action, plan.Take) else getattr(action, "worth", 0)
    name = f"{contract}.{function}"
    patient = not isinstance(
        action, plan.Flag | plan.FlagMany | plan.Take | plan.TopUp | plan.Open | plan.Approve | RunMandate | BringSpot
    )
    room = ROOM if isinstance(action, plan.Poke | plan.Refill | RunMandate | BringSpot | BringSamples) else 0
    if isinstance(action, plan.Take):
        room = ROOM + MORE_ROOM * (len(action.vault_ids) - 1)
    data, value = found.encode(function, *arguments), 0
    if isinstance(action, BringSpot):
        value = action.fee
    elif isinstance(action, BringSamples):
        value = action.fee * len(action.messages)
    wallet = keeper if isinstance(action, OF_WALLET) else ""
    return Call(key, name, found.address, data, gas, worth, action, patient, room, value, wallet)


def _known_gas(action: Action) -> int | None:
    """Gas limit of what needs no simulation: flags that the Lens has confirmed at the very block, own deposits."""
    if isinstance(action, plan.TopUp):
        return DEPOSIT_GAS + FLAG_GAS + FLAG_LEG_GAS * action.legs
    if isinstance(action, plan.FlagMany):
        return FLAG_GAS + MANY_GAS * len(action.vault_ids) + MANY_LEG_GAS * action.legs
    if isinstance(action, plan.Flag) and action.certain:
        return FLAG_GAS + FLAG_LEG_GAS * action.legs
    return None


def _plan(chain: Connection, keeper: str, now: int, action: Action) -> tuple[str, str, tuple[object, ...], str]:
    """(contract, function, arguments, key)."""
    single = SINGLE.get(type(action))
    if single is not None:
        vault_id = getattr(action, "vault_id")  # noqa: B009
        return *single, (vault_id,), f"{single[1]}:{vault_id}"
    of_cell = OF_CELL.get(type(action))
    if of_cell is not None:
        cell = getattr(action, "cell")  # noqa: B009
        return *of_cell, cell, f"{of_cell[1]}:{_cell(cell)}"
    match action:
        case plan.FlagMany():
            return "Liquidator", "flag_many", (list(action.vault_ids),), f"flag_many:{_ids(action.vault_ids)}"
        case BringSpot():
            return "PullFeed", "update", ([action.message.data],), f"bring:{action.feed}"
        case BringSamples():
            data = [message.data for message in action.messages]
            key = f"bring:{action.feed}:{_ids(action.minutes)}"
            return "PullFeed", "bring_many", (list(action.minutes), data), key
        case plan.Poke():
            return "OracleAdapter", "poke", (action.market, POKE_ROUNDS), f"poke:{action.market}"
        case plan.Approve():
            spender = chain["Clearinghouse"].address
            return "Token", "approve", (spender, 0 if action.first_none else MAX_UINT), f"approve:{action.market}"
        case plan.Open():
            return "Clearinghouse", "open", (action.market, 0, keeper, 0), f"open:{action.market}"
        case plan.TopUp():
            # names the owner, so what is signed does not depend on a node's word for whose vault it is
            return "Clearinghouse", "deposit", (action.vault_id, keeper, action.amount), f"deposit:{action.vault_id}"
        case plan.Take():
            return _take(now, action)
        case plan.Withdraw():
            arguments = (action.vault_id, action.amount, keeper)
            return "Clearinghouse", "withdraw", arguments, f"withdraw:{action.vault_id}"
        case plan.Merge():
            return "Clearinghouse", "multicall", (_merge(chain, keeper, action),), f"merge:{action.vault_id}"
        case plan.PostOffers():
            signed = (list(action.orders), list(action.signatures))
            return "QuoteBoard", "post", signed, f"post:{_ids(action.vault_ids)}"
        case plan.Fix():
            return "Settlement", "fix", (*action.cell, list(action.hints)), f"fix:{_cell(action.cell)}"
        case plan.Settle():
            return "Settlement", "settle_many", (list(action.vault_ids),), f"settle:{_ids(action.vault_ids)}"
        case plan.Claim():
            return "Settlement", "claim_many", (list(action.vault_ids),), f"claim:{_ids(action.vault_ids)}"
        case plan.Refresh():
            return "Liquidator", "refresh", (list(action.vault_ids),), f"refresh:{_ids(action.vault_ids)}"
        case plan.Advance():
            return "RiskParameters", "advance", (action.market, action.name), f"advance:{action.market}:{action.name}"
        case plan.Collect():
            return "Clearinghouse", "close", (action.vault_id, keeper), f"close:{action.vault_id}"
        case _:
            raise TypeError(f"no call for {action!r}")


def _take(now: int, action: plan.Take) -> tuple[str, str, tuple[object, ...], str]:
    deadline = now + TAKE_SECONDS
    key = f"take:{action.into_id}"
    if len(action.vault_ids) == 1:
        single = (action.vault_ids[0], action.fractions[0], action.into_id, list(action.limits), deadline, b"")
        return "Liquidator", "take", single, key
    into = [action.into_id] * len(action.vault_ids)
    many = (list(action.vault_ids), list(action.fractions), into, list(action.limits), deadline)
    return "Liquidator", "take_many", many, key


def _merge(chain: Connection, keeper: str, action: plan.Merge) -> list[bytes]:
    """An empty vault is left behind, and closed in the same transaction."""
    house = chain["Clearinghouse"]
    moved = (action.vault_id, action.into_id, list(action.legs), action.amount)
    return [house.encode("transfer_legs", *moved), house.encode("close", action.vault_id, keeper)]


def _cell(cell: tuple[int, int]) -> str:
    return f"{cell[0]}-{cell[1]}"


def _ids(ids: tuple[int, ...]) -> str:
    return str(ids[0]) if len(ids) == 1 else f"{ids[0]}+{len(ids) - 1}"
