"""Thousands of vaults unsafe at once: `python -m benchmarks.keeper_crash [--vaults 2000] [--shards 1] [--json FILE]`.

A market on an Anvil of its own holds that many short puts and one round makes all of them unsafe. Blocks hold 30M gas
(`--block-gas`) and are 12 seconds apart by their stamps: each is mined once the keepers have acted on the one before,
and how long that took is told (it has to be less than 12 s). With `--shards 3` three keepers with an account each share
the vaults by their ids. Told are the blocks until the last flag and the last take, how far the clock of each auction
had come at its take, gas per flag and per take, and gas of transactions that were reverted.

Nothing here is asserted: the goals are printed beside the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import statistics
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from bulkhead.chain import anvil
from bulkhead.chain.lens import VaultView, read_cells, read_vaults
from bulkhead.chain.sender import account_from_key
from bulkhead.keeper.json_log import JsonLog
from bulkhead.keeper.launch import assemble
from bulkhead.keeper.node import Node
from bulkhead.keeper.policy import Policy
from bulkhead.keeper.service import Keeper
from bulkhead.replay.many_vaults import ManyVaults, Member
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.participants import ROLES
from bulkhead.replay.price_paths.rounds import Round
from bulkhead.risk.auction import LiquidationTerms
from bulkhead.risk.words import WAD

START = 1_583_971_200
EXPIRY = START + 2 * 86_400 + 8 * 3600
SPOT, FALLEN = 200 * 10**8, 176 * 10**8
BLOCK_GAS, BLOCK_SECONDS = 30_000_000, 12
#: Accounts of the keepers beyond the first, and tokens of each [quote].
OTHERS, TOKENS = (17, 18, 16), 10**8
#: Flags in one transaction, as `flag_batch` has it by default.
FLAG_BATCH = 16
#: Blocks between lines of progress.
TOLD_EVERY = 5


class Play:
    """One crash.

    Attributes:
        local: The market.
        keepers: Those that share it.
        acted: Seconds that each block took them.
    """

    def __init__(self, local: LocalMarket, keepers: list[Keeper]) -> None:
        self.local, self.keepers = local, keepers
        self.acted: list[float] = []

    async def block(self) -> None:
        """A block, and what the keepers do about it."""
        self.local.anvil.mine(self.local.now() + BLOCK_SECONDS)
        started = time.monotonic()
        for keeper in self.keepers:
            head = await keeper.providers.head()
            await keeper.tick(head)
            await keeper.after(head)
        self.acted.append(time.monotonic() - started)


def price_falls(local: LocalMarket) -> int:
    """Makes everything unsafe; returns the block."""
    local.push(Round(local.now() + BLOCK_SECONDS, FALLEN))
    return local.anvil.rpc.block_number()


async def play(local: LocalMarket, vaults: ManyVaults, given: argparse.Namespace) -> dict[str, Any]:
    """Plays until nothing is flagged any more, or for so many blocks or minutes, as the command line says."""
    shards = given.shards
    rpc = local.anvil.rpc
    keys = [anvil.key(ROLES.index("keeper")), *(anvil.key(i) for i in OTHERS)][:shards]
    roles = frozenset({"flag", "take", "tend", "clear", "poke", "refresh"})
    keepers: list[Keeper] = []
    for i, key in enumerate(keys):
        policy = Policy(roles=roles, min_bonus=WAD // 20, flag_batch=FLAG_BATCH, shard=(i, shards))
        nodes = [Node(local.anvil.url, timeout_seconds=120)]
        log = JsonLog(io.StringIO())
        keepers.append(await assemble(local.chain.deployment, nodes, account_from_key(key), ":memory:", log, policy))
    game = Play(local, keepers)
    for keeper in keepers:
        await keeper.tick()
    rpc.call("evm_setBlockGasLimit", hex(given.block_gas))
    fell = price_falls(local)
    rpc.call("evm_setAutomine", False)
    for keeper in keepers:
        await keeper.tick()
    view = read_cells(local.chain, [vaults.cell])[vaults.cell]
    terms = LiquidationTerms.unpack(view.liquidation)
    ends_at = time.monotonic() + 60 * given.minutes
    for number in range(1, given.blocks + 1):
        await game.block()
        if number % TOLD_EVERY == 0:
            counts = {name: sum(getattr(k.wallets.counts, name) for k in keepers) for name in ("sent", "mined")}
            views = keepers[0].observer.discovery.book.vaults
            counts["flagged"] = sum(views[i].flagged for i in vaults.opened if i in views)
            print(f"block {number}: {counts}, {game.acted[-1]:.1f} s", file=sys.stderr, flush=True)
        if time.monotonic() > ends_at:
            break
        book = keepers[0].observer.discovery.book
        pending = any(keeper.sender.pending for keeper in keepers)
        if all(not book.vaults[i].flagged for i in vaults.opened if i in book.vaults) and not pending:
            break
    found = measured(local, vaults, keepers, fell, terms)
    found["slowest_block_seconds"] = round(max(game.acted), 2)
    found["bugs"] = sum(line.count('"bug"') for line in (keeper.log.stream.getvalue() for keeper in keepers))
    for keeper in keepers:
        await keeper.close()
    return found


def measured(
    local: LocalMarket, vaults: ManyVaults, keepers: list[Keeper], fell: int, terms: LiquidationTerms
) -> dict[str, Any]:
    """What the chain says of it."""
    rpc, logs = local.anvil.rpc, local.chain.logs(fell)
    flags = [log for log in logs if log.event == "VaultFlagged"]
    takes = [log for log in logs if log.event == "VaultTaken"]
    ends = [log for log in logs if log.event == "FlagEnded"]
    stamps = {b: int(rpc.block(b)["timestamp"], 16) for b in {log.block for log in (*flags, *takes)}}
    flagged_at = {log.values.vault_id: stamps[log.block] for log in flags}
    solvent = {log.values.vault_id for log in flags if log.values.equity >= 0}
    clocks = {log.values.vault_id: stamps[log.block] - flagged_at[log.values.vault_id] for log in takes}
    parts = {
        "solvent": [clock for vault_id, clock in clocks.items() if vault_id in solvent],
        "insolvent": [clock for vault_id, clock in clocks.items() if vault_id not in solvent],
    }
    attempts = [attempt for keeper in keepers for attempt in keeper.sender.journal.all()]
    used = {
        name: [a for a in attempts if a.name.startswith(f"Liquidator.{name}") and a.gas_used]
        for name in ("flag", "take")
    }
    gas = sum(a.gas_used for a in attempts)
    ended = {log.values.vault_id for log in ends}
    left = read_vaults(local.chain, sorted(i for i in flagged_at if i not in ended))
    reverted = [a for a in attempts if a.state == "reverted"]
    return {
        "vaults": len(vaults.opened),
        "shards": len(keepers),
        "blocks_played": rpc.block_number() - fell,
        "flags": len(flags),
        "blocks_to_last_flag": max((log.block for log in flags), default=fell) - fell,
        "flag_transactions": len(used["flag"]),
        "gas_a_flag": sum(a.gas_used for a in used["flag"]) // max(len(flags), 1),
        "takes": len(takes),
        "flags_ended": len(ends),
        "left_flagged": len(left),
        "left_insolvent": sum(isinstance(v, VaultView) and v.equity < 0 for v in left),
        "blocks_to_last_take": max((log.block for log in takes), default=fell) - fell,
        "take_transactions": len(used["take"]),
        "gas_a_take": sum(a.gas_used for a in used["take"]) // max(len(takes), 1),
        "flags_solvent": len(solvent),
        **{f"clock_median_seconds_{name}": statistics.median(part) if part else None for name, part in parts.items()},
        **{f"clock_most_seconds_{name}": max(part, default=None) for name, part in parts.items()},
        "t2_seconds": terms.t2_seconds,
        "gas": gas,
        "gas_reverted": sum(a.gas_used for a in reverted),
        "reverted": sorted(f"{a.name} {a.key}" for a in reverted)[:10],
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vaults", type=int, default=2000)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=200, help="most blocks that are played")
    parser.add_argument("--minutes", type=float, default=600, help="most minutes that are played, the opening left out")
    parser.add_argument("--block-gas", type=int, default=BLOCK_GAS, help="gas that a block holds (30M)")
    parser.add_argument("--json", help="file for the figures")
    given = parser.parse_args()
    first = Round(START, SPOT)
    with LocalMarket("ETH", first, history=256) as local:
        local.push(first)
        local.push(Round(START + 60, SPOT))
        many = ManyVaults(local, EXPIRY)
        many.open([Member(i % 2, Decimal("1.12")) for i in range(given.vaults)])
        minter = local.people["deployer"].signer
        for index in (ROLES.index("keeper"), *OTHERS[: given.shards - 1]):
            minter.forget_nonce()
            who = account_from_key(anvil.key(index)).address
            minter.execute(local.market.token, "mint", who, TOKENS * local.unit)
        found = asyncio.run(play(local, many, given))
    for name, value in found.items():
        print(f"{name}: {value}")
    print("goals: all flagged within 8 blocks, all takes that pay before t2, no bug")
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
