"""Gas of flags in batches and after a lost race, and how many blocks hold: `python -m benchmarks.flag_gas`.

A market on an Anvil of its own holds many short puts, and one round makes all of them unsafe. They are flagged in
transactions of 1 to 32 vaults, whose `gasUsed` is told; then the same transactions are sent again, as somebody sends
them who was too late. A block takes a transaction if its gas limit still fits, and a keeper's limits are those of
`bulkhead/keeper/calls`: how many flags a block holds follows from these two figures, for batches of each size.
"""

from __future__ import annotations

import argparse
from decimal import Decimal

from bulkhead.chain.rpc import to_hex, to_int
from bulkhead.keeper.calls import FLAG_GAS, FLAG_LEG_GAS, MANY_GAS, MANY_LEG_GAS
from bulkhead.replay.many_vaults import SHAPES, ManyVaults, Member
from bulkhead.replay.market import LocalMarket
from bulkhead.replay.price_paths.rounds import Round

START = 1_583_971_200
EXPIRY = START + 2 * 86_400 + 8 * 3600
SPOT, FALLEN = 200 * 10**8, 176 * 10**8
#: Shapes of members that are short puts and unsafe after the fall.
PUTS = (0, 1)
BATCHES = (1, 2, 4, 8, 16, 32)
BLOCK_GAS = 30_000_000
#: Goals: gas of a lost race, blocks until the last flag of 2,000 vaults; and the numbers of vaults that are played.
MOST_LOST, MOST_BLOCKS = 40_000, 8
VAULTS = (2_000, 20_000)


def gas_limit(count: int) -> int:
    """What a keeper allows a transaction that flags so many vaults of one leg."""
    return FLAG_GAS + FLAG_LEG_GAS if count == 1 else FLAG_GAS + count * (MANY_GAS + MANY_LEG_GAS)


def send(local: LocalMarket, ids: list[int]) -> tuple[int, bool]:
    """(gas used, whether it passed) of a transaction that flags vaults, `flag` for one and `flag_many` for more."""
    liquidator = local.chain["Liquidator"]
    data = liquidator.encode("flag", ids[0]) if len(ids) == 1 else liquidator.encode("flag_many", ids)
    plan = {
        "from": local.people["keeper"].address,
        "to": liquidator.address,
        "data": "0x" + data.hex(),
        "gas": to_hex(gas_limit(len(ids))),
    }
    name = local.anvil.rpc.call("eth_sendTransaction", plan)
    local.anvil.mine()
    receipt = local.anvil.rpc.call("eth_getTransactionReceipt", name)
    return to_int(receipt["gasUsed"]), receipt["status"] == "0x1"


def held(count: int, used: int) -> int:
    """Flags in one block, in transactions of so many that use so much."""
    return (1 + (BLOCK_GAS - gas_limit(count)) // used) * count


def tell(count: int, used: int, lost: int, before: tuple[int, int] | None) -> None:
    """Prints a row; `before` is size and gas of the batch before."""
    more = "" if before is None else f"{(used - before[1]) // (count - before[0]):,}"
    flags = held(count, used)
    blocks = " ".join(f"{-(-vaults // flags):>6}" for vaults in VAULTS)
    gas = f"{used:>10,} {used // count:>10,} {more:>12} {lost:>10,}"
    print(f"{count:>5} {gas} {flags:>10} {MOST_BLOCKS * flags:>10} {blocks}")


def measure(local: LocalMarket, shape: int, ids: list[int]) -> int:
    """Flags vaults of one shape in batches of each size and prints what it costs; returns the gas of one lost race."""
    # the first flag of a market and of a cell writes what the others find written
    send(local, [ids.pop(0)])
    print(f"puts at {Decimal(SHAPES[shape][1]):.0%} of spot")
    print(" size        gas   gas each     one more lost race    a block   8 blocks  blocks for 2,000 20,000")
    before: tuple[int, int] | None = None
    losses = []
    for count in BATCHES:
        batch, ids = ids[:count], ids[count:]
        used, passed = send(local, batch)
        lost, again = send(local, batch)
        if not passed or (count == 1) is again:
            raise SystemExit(f"flags of {batch} ended otherwise than they should")
        losses.append(lost)
        tell(count, used, lost, before)
        before = count, used
    return losses[0]


def main() -> None:
    """Measures and prints."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    first = Round(START, SPOT)
    with LocalMarket("ETH", first, history=256) as local:
        local.push(first)
        local.push(Round(START + 60, SPOT))
        many = ManyVaults(local, EXPIRY)
        each = 1 + sum(BATCHES)
        many.open([Member(shape, Decimal("1.12")) for shape in PUTS for _ in range(each)])
        local.push(Round(local.now() + 12, FALLEN))
        waiting = sorted(many.opened)
        lost = [measure(local, shape, [waiting.pop(0) for _ in range(each)]) for shape in PUTS]
        print(f"goals: a lost race of one flag costs at most {MOST_LOST:,} gas (it costs {max(lost):,});")
        print(f"{VAULTS[0]:,} vaults flagged within {MOST_BLOCKS} blocks of {BLOCK_GAS:,} gas, which leave each flag")
        print(f"{MOST_BLOCKS * BLOCK_GAS // VAULTS[0]:,} gas")


if __name__ == "__main__":
    main()
