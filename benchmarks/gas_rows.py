"""What is measured of gas, what others need for the same, and the table of both. benchmarks/gas.py measures it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: what is measured, and what others need for it.

    Attributes:
        operation: Key in the JSON.
        title: In words.
        basis: tx or call.
        peer: Derive v2, or as named.
        skeleton: Bare prototype of this design.
        reach: The goal [gas].
    """

    operation: str
    title: str
    basis: str
    peer: str
    skeleton: str
    reach: int | None


ROWS = (
    Row("bs_all", "option and its Greeks at once", "call", "12,905 DeFiMath, 23,018 Lyra v1", "2,764", 2_800),
    Row("engine_1", "engine, 24 scenarios, 1 leg", "call", "", "38,000", 36_000),
    Row("engine_4", "engine, 24 scenarios, 4 legs", "call", "", "99,000", 92_000),
    Row("engine_16", "engine, 24 scenarios, 16 legs", "call", "", "335,000", 310_000),
    Row("inverse_1", "ES engine in coins, 1 leg", "call", "", "", None),
    Row("inverse_4", "ES engine in coins, 4 legs", "call", "", "", None),
    Row("inverse_16", "ES engine in coins, 16 legs", "call", "", "", None),
    Row("greeks_1", "GREEKS engine, 1 leg", "call", "", "", 38_000),
    Row("greeks_4", "GREEKS engine, 4 legs", "call", "", "", 95_000),
    Row("greeks_16", "GREEKS engine, 16 legs", "call", "", "", 310_000),
    Row("static_1", "STATIC engine, 1 leg", "call", "", "", None),
    Row("static_4", "STATIC engine, 4 legs", "call", "", "", None),
    Row("static_16", "STATIC engine, 16 legs", "call", "", "", None),
    Row("margin_1", "margin check of a vault, 1 leg", "tx", "915,000", "118,000", 128_000),
    Row("margin_4", "margin check of a vault, 4 legs", "tx", "1,830,000", "188,000", 182_000),
    Row("margin_16", "margin check of a vault, 16 legs", "tx", "5,540,000", "478,000", 415_000),
    Row("margin_1_healthy", "margin check, 1 leg, equity three times IM", "tx", "915,000", "", 98_000),
    Row("margin_4_healthy", "margin check, 4 legs, equity three times IM", "tx", "1,830,000", "", 112_000),
    Row("margin_16_healthy", "margin check, 16 legs, equity three times IM", "tx", "5,540,000", "", 165_000),
    Row("fill_existing", "open one leg, both sides, existing vaults", "tx", "725,000", "263,000", 270_000),
    Row("open_deposit_fill", "open vault, deposit and fill", "tx", "960,000", "341,000", 385_000),
    Row("deposit", "deposit", "tx", "232,000", "43,000", 45_000),
    Row("withdraw", "withdraw", "tx", "232,000", "105,000", 115_000),
    Row("flag_1", "flag, 1 leg", "tx", "478,000", "147,000", 160_000),
    Row("take_1", "first take, 1 leg", "tx", "606,000", "199,000", 235_000),
    Row("take_16", "take, 16 legs, into an empty vault", "tx", "4,060,000 to 4,250,000", "983,000", 780_000),
    Row("settle_1", "settle, 1 leg", "tx", "214,000", "74,000", 95_000),
    Row("settle_16", "settle, 16 legs", "tx", "1,360,000", "137,000", 130_000),
    Row("settle_50", "settle 50 vaults of 1 leg in one batch, each", "tx", "", "", 50_000),
    Row("snapshot_cold", "oracle snapshot, cold", "call", "", "45,000", 45_000),
    Row("snapshot_warm", "oracle snapshot, warm", "call", "", "9,000", 9_000),
    Row("poke_round", "fold the rounds of a crash, 16 at most", "tx", "", "", None),
    Row("fix", "fix an expiry price from 3 rounds", "tx", "", "", 120_000),
    Row("window_cold", "oracle snapshot in a settlement window, 3 rounds of it, cold", "call", "", "", None),
    Row("window_warm", "oracle snapshot in a settlement window, 3 rounds of it, warm", "call", "", "", None),
    Row("window_kept_cold", "the same after an observe has kept its sum, cold", "call", "", "", None),
    Row("window_kept_warm", "the same after an observe has kept its sum, warm", "call", "", "", None),
    Row("window_observe", "observe in a settlement window, 48 rounds to sum", "tx", "", "", None),
    Row("window_fix", "fix in a settlement window, 48 rounds to sum", "tx", "", "", None),
    Row("fold_144", "poke that folds a day: 144 instants, a round for each", "tx", "", "", None),
    Row("bring_30", "bring the 30 samples of an expiry, RedStone, five signers", "tx", "", "", None),
    Row("bring_30_again", "the same when they are known", "tx", "", "", None),
    Row("pair_cold", "oracle snapshot, two feeds, cold", "call", "", "", 45_000),
    Row("pair_warm", "oracle snapshot, two feeds, warm", "call", "", "", 9_000),
    Row("unpoked_cold", "with one round that nobody has folded, cold", "call", "", "", None),
    Row("observe", "observe, two feeds", "tx", "", "", None),
    Row("poke_next", "fold one more feed round in the same poke", "tx", "", "", 12_000),
    Row("publish_1_first", "publish 1 expiry, 2 signatures, the first time", "tx", "", "", None),
    Row("publish_1", "publish 1 expiry, 2 signatures", "tx", "", "", 85_000),
    Row("publish_8_first", "publish 8 expiries the first time, each", "tx", "", "", None),
    Row("publish_8", "publish 8 expiries, each", "tx", "", "", 36_000),
    Row("listed_cold", "oracle snapshot at a published expiry, cold", "call", "", "", 45_000),
    Row("listed_warm", "oracle snapshot at a published expiry, warm", "call", "", "", 9_000),
    Row("between_cold", "oracle snapshot between two of them, cold", "call", "", "", 48_000),
    Row("between_warm", "oracle snapshot between two of them, warm", "call", "", "", 14_000),
)  # fmt: skip


def goals(gas: dict[str, int]) -> str:
    """Rows that have a goal, with what they miss it by, as Markdown."""
    lines = ["| operation | goal | measured | above the goal |", "|---|---:|---:|---:|"]
    for row in ROWS:
        if row.reach is not None:
            over = gas[row.operation] / row.reach - 1
            above = f"{over:.0%}" if over >= 0.005 else ""
            lines.append(f"| {row.title} | {row.reach:,} | {gas[row.operation]:,} | {above} |")
    return "\n".join(lines)


def table(gas: dict[str, int]) -> str:
    """The table as Markdown."""
    lines = ["| operation | basis | ours | reach | skeleton | peer |", "|---|---|---:|---:|---:|---:|"]
    for row in ROWS:
        ours = gas[row.operation]
        reach = "" if row.reach is None else f"{row.reach:,}"
        mark = "" if row.reach is None or ours <= row.reach else " (missed)"
        lines.append(f"| {row.title} | {row.basis} | {ours:,}{mark} | {reach} | {row.skeleton} | {row.peer} |")
    return "\n".join(lines)
