"""What a running keeper holds, owes and watches, as `/status` and `bulkhead keeper status` show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from bulkhead.chain.errors import BadInput, NodeUnavailable
from bulkhead.keeper.endpoints import listen_on
from bulkhead.keeper.exposure import Exposure, in_vaults, own_exposure, spendable
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.providers import Providers
from bulkhead.keeper.state import KeeperState
from bulkhead.keeper.wallets import Wallets
from bulkhead.risk.words import WAD


def _quote(amount: int) -> float:
    return round(amount / WAD, 6)


def _shown(exposure: Exposure) -> dict[str, float]:
    return {"delta": round(exposure.delta, 2), "vega": round(exposure.vega, 4), "notional": round(exposure.notional, 2)}


def _markets(state: KeeperState, policy: Policy) -> dict[str, dict[str, float]]:
    """Tokens of one wallet, by market."""
    return {
        str(index): {
            "wallet": _quote(view.wallet * view.native),
            "in_vaults": _quote(in_vaults(state, index) * view.native),
            "free_for_takes": _quote(spendable(state, policy, index) * view.native),
        }
        for index, view in state.markets.items()
    }


def status_of(states: Sequence[KeeperState], policy: Policy, wallets: Wallets, providers: Providers) -> dict[str, Any]:
    """The state of a keeper in quote units.

    Args:
        states: Its last look, as each of its wallets sees it.
        policy: Its limits.
        wallets: Its accounts.
        providers: Its nodes.
    """
    state = states[0]
    exposure = own_exposure(state)
    own = [vault for _, vault in sorted(state.vaults.items()) if state.ours(vault)]
    each = [_markets(seen, wallets.policy(policy, i)) for i, seen in enumerate(states)]
    return {
        "block": state.block,
        "keeper": state.keeper,
        "coins": round(sum(sender.balance for sender in wallets.senders) / WAD, 6),
        "markets": {
            index: {name: round(sum(one[index][name] for one in each), 6) for name in told}
            for index, told in each[0].items()
        },
        "wallets": [
            {"wallet": s.address, "coins": round(s.balance / WAD, 6), "in_flight": len(s.pending), "markets": told}
            for s, told in zip(wallets.senders, each, strict=True)
        ],
        "exposure": {
            "all": _shown(sum(exposure.values(), Exposure())),
            "expiries": {f"{market}-{expiry}": _shown(e) for (market, expiry), e in sorted(exposure.items())},
        },
        "vaults": [
            {
                "vault": vault.vault_id,
                "owner": vault.owner,
                "market": vault.market,
                "expiry": vault.expiry,
                "equity": _quote(vault.equity),
                "maintenance_margin": _quote(vault.maintenance_margin),
                "health": None if vault.health is None else round(vault.health / WAD, 4),
                "state": vault.state,
                "legs": len(vault.legs),
            }
            for vault in own
        ],
        "pending": [
            {
                "key": a.key,
                "wallet": a.account,
                "nonce": a.nonce,
                "since_block": a.planned_block,
                "versions": len(a.sends),
            }
            for a in wallets.pending
        ],
        "nodes": [
            {
                "node": node.name,
                "block": node.head,
                "milliseconds": round(node.latency * 1000),
                "followed": node is providers.quorum.source,
                "aside": node.complaint,
            }
            for node in providers.nodes
        ],
    }


def fetch(at: str, page: str = "status", sign: str = "details") -> dict[str, Any]:
    """A page of the keeper that listens at "host:port".

    Args:
        at: Where.
        page: Which.
        sign: What a keeper's answer has.

    Raises:
        BadInput: That is no address.
        NodeUnavailable: No keeper answers there.
    """
    try:
        host, port = listen_on(at)
        reply = httpx.get(f"http://{host}:{port}/{page}", timeout=10)
        found = reply.json() if reply.status_code == 200 else None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise NodeUnavailable(f"No keeper answers at {at}: is it running, with the setting listen?") from None
    except ValueError as error:
        raise BadInput(f"{at} is not where a keeper listens ({error}).") from None
    if not isinstance(found, dict) or sign not in found:
        raise NodeUnavailable(f"What answers at {at} is no keeper.")
    return found


def lines_of(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    if "block" not in found:
        return ["The keeper has not finished a look yet."]
    lines = [f"keeper {found['keeper']} at block {found['block']}, {found['coins']} coins for gas"]
    for index, m in found["markets"].items():
        held = f"{m['wallet']} in the wallet, {m['in_vaults']} in own vaults, {m['free_for_takes']} free for takes"
        lines.append(f"market {index}: {held}")
    for w in found["wallets"] if len(found["wallets"]) > 1 else []:
        held = "; ".join(f"market {i}: {m['wallet']}, {m['in_vaults']} in vaults" for i, m in w["markets"].items())
        lines.append(f"wallet {w['wallet']}: {w['coins']} coins, {w['in_flight']} in flight; {held}")
    shown = {"all": found["exposure"]["all"], **found["exposure"]["expiries"]}
    lines += [f"exposure {n}: delta {e['delta']}, vega {e['vega']}, notional {e['notional']}" for n, e in shown.items()]
    for v in found["vaults"]:
        margins = f"equity {v['equity']}, MM {v['maintenance_margin']}, health {v['health'] or 'none'}"
        lines.append(f"own vault {v['vault']}: {v['state']}, {v['legs']} legs, {margins}")
    lines += [f"in flight: {p['key']}, nonce {p['nonce']}, since block {p['since_block']}" for p in found["pending"]]
    for n in found["nodes"]:
        why = f", set aside: {n['aside']}" if n["aside"] else ", followed" if n["followed"] else ""
        lines.append(f"node {n['node']}: block {n['block']}, {n['milliseconds']} ms{why}")
    return [*lines, *(f"note: {text}" for text in found["details"].values())]
