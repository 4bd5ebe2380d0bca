"""The numbers and the figure of docs/margin.md.

python -m benchmarks.margin            # the numbers of the worked examples
python -m benchmarks.margin --docs     # writes docs/margin.md and docs/margin.svg
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np

from benchmarks import frontier
from bulkhead.risk import batch, exact, margin, peers, static
from bulkhead.risk.frontier import Row, Setting
from bulkhead.risk.frontier.choose import NOTHING, PEER
from bulkhead.risk.scales import DAY, HOUR
from bulkhead.risk.words import NODES, WAD, WEIGHTS, Kind, Leg, Model, RiskWord, Snapshot

ROOT = Path(__file__).resolve().parents[1]
SPOT, DAYS, IV, SIGMA = 2_000, 30, 0.60, 0.70
RISK = RiskWord()


def snapshot(days: float = DAYS, iv: float = IV, sigma: float = SIGMA) -> Snapshot:
    """ETH at 2,000 with a flat surface."""
    return Snapshot(
        spot=SPOT * WAD,
        forward=SPOT * WAD,
        seconds=round(days * DAY),
        sigma=round(sigma * 1e6) * 10**12,
        surface_near=round(iv * 1e6) * 10**12,
    )


def leg(kind: Kind, strike: float, quantity: float) -> Leg:
    """A leg from plain numbers."""
    return Leg(kind, round(strike * 1e8), round(quantity * 1e6))


SHORT_PUT = [leg(Kind.PUT, 1_800, -10)]
PUT_SPREAD = [leg(Kind.PUT, 1_800, -10), leg(Kind.PUT, 1_700, 10)]


def stamp(sigma: float) -> tuple[float, float, float]:
    """STATIC's ratios of a vault that takes risk at this sigma_m."""
    return batch.ratios(static.stamp(RISK, round(sigma * 1e6) * 10**12))


def stand(legs: list[Leg], model: Model, at: Snapshot) -> margin.Standing:
    """One vault without collateral under a model, by the exact mirror [wad]."""
    risk = RISK.stamped(static.stamp(RISK, at.sigma))
    return margin.resolve(exact.assess(legs, at, risk, model=model), 0, risk, at)


def scenarios() -> list[tuple[float, float, float, float, float]]:
    """(z, p, spot, loss without and with the up-shock) of the short put, from the definition [quote]."""
    at = snapshot()
    move = SIGMA * math.sqrt(min(14 * 3600, max(at.seconds, 3600)) / (365 * DAY))
    scale = math.sqrt(30 / max(DAYS, 2))
    years = at.seconds / (365 * DAY)

    def put(forward: float, vol: float) -> float:
        width = vol * math.sqrt(years)
        d1 = math.log(forward / 1_800) / width + width / 2

        def below(x: float) -> float:
            return 0.5 * math.erfc(-x / math.sqrt(2))

        return 1_800 * below(width - d1) - forward * below(-d1)

    rows = []
    for z_wad, p_wad in zip(NODES, WEIGHTS, strict=True):
        z, p = z_wad / WAD, p_wad / WAD
        price = SPOT * math.exp(z * move)
        up = max(IV, 0.4) * scale
        vols = (IV, IV + 0.4 * up) if abs(z) >= 3 else (max(IV * (1 - 0.15 * scale), 0.2 * IV), IV + 0.2 * up)
        first, second = (10 * (put(price, vol) - put(SPOT, IV)) for vol in vols)
        rows.append((z, p, price, first, second))
    return rows


def worst_mean(rows: list[tuple[float, float, float, float, float]]) -> float:
    """Expected shortfall at 1 % of those losses [quote]."""
    outcomes = sorted(((loss, p / 2) for _, p, _, *losses in rows for loss in losses), reverse=True)
    left, total = 0.01, 0.0
    for loss, weight in outcomes:
        used = min(weight, left)
        total, left = total + loss * used, left - used
    return total / 0.01


def greek_terms() -> dict[str, float]:
    """The terms of the GREEKS model for the short put, from the definition [quote]."""
    at = snapshot()
    years = at.seconds / (365 * DAY)
    width = IV * math.sqrt(years)
    reach = RISK.greeks_move / 10 * SIGMA * math.sqrt(14 * 3600 / (365 * DAY))

    def delta(factor: float) -> float:
        d1 = math.log(SPOT * factor / 1_800) / width + width / 2
        return -10 * (0.5 * math.erfc(-d1 / math.sqrt(2)) - 1)

    moves = {}
    for move in (reach, -reach):
        here, middle, end = delta(1), delta(1 + move / 2), delta(1 + move)
        moves[move] = -move * SPOT * (here + 4 * middle + end) / 6, -move * SPOT * here
        moves[move / 2] = move * SPOT * (end - 5 * here - 8 * middle) / 24, -move / 2 * SPOT * here
    worst, straight = max(moves.values())
    change = 0.25 * max(IV, 0.4) * math.sqrt(30 / max(DAYS, 2))
    moved = (IV + change / 2) * math.sqrt(years)
    d1 = math.log(SPOT / 1_800) / moved + moved / 2
    vega = 10 * SPOT * math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) * math.sqrt(years) * change
    return {"reach": reach, "move": worst, "delta": straight, "gamma": worst - straight, "vega": vega, "floor": 200.0}


def plot(path: Path) -> None:
    """IM of one short option over spot, by moneyness, tenor and vol, for our models and three venues' rules."""
    from benchmarks.figures import COLOURS, grid, save

    venues = {name: peers.RULES[name] for name in ("Deribit standard", "Derive SRM", "Derive PMRM")}
    strikes = np.arange(0.6, 1.4001, 0.01)
    tenors = np.exp(np.linspace(math.log(0.5), math.log(180), 60))
    vols = np.linspace(0.2, 2.0, 60)
    drawn, axes = grid(2, 3)
    for row, kind in enumerate((Kind.PUT, Kind.CALL)):
        away = 0.9 if kind == Kind.PUT else 1.1
        panels = (
            (strikes, strikes, np.full(81, 30.0), np.full(81, 0.6), "strike / spot (30 days, vol 60 %)"),
            (tenors, np.full(60, away), tenors, np.full(60, 0.6), f"days to expiry (strike {away:.0%}, vol 60 %)"),
            (
                vols,
                np.full(60, away),
                np.full(60, 30.0),
                vols,
                f"implied and realised vol (strike {away:.0%}, 30 days)",
            ),
        )
        for column, (x, strike, days, vol, title) in enumerate(panels):
            axis, count = axes[row][column], len(x)
            sigma = np.maximum(vol, 0.4)
            cells = batch.Cells.flat_surface(SPOT, days * DAY, sigma, vol)
            stamps = [stamp(float(s)) for s in sigma]
            book = batch.Book.flat(
                np.full(count, kind), strike * SPOT, -np.ones(count), np.arange(count + 1), np.arange(count), 0, stamps
            )
            for name, model in ((m.name, m) for m in Model):
                mine = book.under(model)
                standing = batch.resolve(batch.assess(mine, cells, RISK), mine, cells, RISK, 0.0)
                axis.plot(x, standing.initial_margin / SPOT * 100, color=COLOURS[name], linewidth=2, label=name)
            for name, rule in venues.items():
                asked = rule(peers.Positions.of(book, cells)).initial
                axis.plot(x, asked / SPOT * 100, color=COLOURS[name], linewidth=1.2, linestyle="--", label=name)
            axis.set_ylim(0, 40)
            axis.set_xlabel(title)
            if column == 1:
                axis.set_xscale("log")
                axis.set_xticks([1, 7, 30, 90, 180], ["1", "7", "30", "90", "180"])
        axes[row][0].set_ylabel(f"IM of a short {kind.name.lower()}, % of spot")
    axes[0][0].legend(frameon=False, fontsize=8)
    save(drawn, path)


def quote(amount: int) -> str:
    """A wad amount as the page shows it."""
    return f"{amount / WAD:,.2f}"


#: Settings of the frontier that the page shows: hours, kappa and stress share [1e-4].
SHOWN = ((8, 15_500, 0), (12, 13_000, 0), (14, 12_500, 0), (14, 12_500, 2_500), (14, 16_000, 0), (14, 18_000, 0))


def frontier_rows() -> str:
    """A few settings of docs/frontier.md, what is in force in bold, and the peer that bounds an outage."""
    choice = frontier.choice_of(json.loads(frontier.RESULTS.read_text()))

    def side(row: Row) -> str:
        worst = "0" if row.prompt_loss <= NOTHING else f"{row.prompt_loss * 1e4:.2f} bp"
        return f"{row.mean_im:.2%} | {row.liquidated:.1%} | {worst} | {row.losses['24 h'] * 1e4:.0f} bp"

    places = {row.setting: i for i, row in enumerate(choice.rows)}
    rows = []
    for hours, kappa, share in SHOWN:
        i = places[Setting(hours * HOUR, kappa, share)]
        bold = "**" if i == choice.today else ""
        own = (f"{hours} h", f"{kappa / 1e4:.2f}", f"{share / 1e4:.0%}")
        titles = " | ".join(f"{bold}{text}{bold}" for text in own)
        rows.append(f"| {titles} | {side(choice.rows[i])} | {side(choice.judged[i])} |")
    return "\n".join([*rows, f"| {PEER} | | | {side(choice.peer[0])} | {side(choice.peer[1])} |"])


def page() -> str:
    """docs/margin.md from its template."""
    at, rows, terms = snapshot(), scenarios(), greek_terms()
    es, greek, fixed = (stand(SHORT_PUT, model, at) for model in Model)
    mm = es.maintenance_margin / WAD
    shortfall = worst_mean(rows)
    spread = exact.assess(PUT_SPREAD, at, RISK)
    spread_at = margin.resolve(spread, 0, RISK, at)
    a, b, _ = stamp(SIGMA)
    whole = terms["move"] + terms["vega"] + terms["floor"]
    numbers = {
        "spot": f"{SPOT:,}", "days": DAYS, "iv": f"{IV:.0%}", "sigma": f"{SIGMA:.0%}",
        "move": f"{SIGMA * math.sqrt(14 / 8760):.4%}", "value": quote(es.equity),
        "rows": "\n".join(
            f"| {z:+.2f} | {p:.3f} | {price:,.2f} | {one:,.2f} | {two:,.2f} |" for z, p, price, one, two in rows
        ),
        "shortfall": f"{shortfall:,.2f}", "floor": f"{terms['floor']:,.2f}", "mm": quote(es.maintenance_margin),
        "im": quote(es.initial_margin), "im_share": f"{es.initial_margin / WAD / (10 * SPOT):.2%}",
        "reach": f"{terms['reach']:.2%}", "delta": f"{terms['delta']:,.2f}", "gamma": f"{terms['gamma']:,.2f}",
        "vega": f"{terms['vega']:,.2f}", "terms": f"{whole:,.2f}", "es_share": f"{0.7 * mm:,.2f}",
        "greeks_mm": quote(greek.maintenance_margin), "greeks_im": quote(greek.initial_margin),
        "a": f"{a:.1%}", "b": f"{b:.1%}", "otm": f"{SPOT - 1_800:,}", "each": f"{max(a * SPOT - 200, b * 1_800):,.2f}",
        "static_mm": quote(fixed.maintenance_margin), "static_im": quote(fixed.initial_margin),
        "spread_es": f"{spread.margin / WAD:,.2f}", "spread_value": f"{spread.value / WAD:,.2f}",
        "spread_room": f"{(spread.value - spread.v_min) / WAD:,.2f}",
        "spread_mm": f"{spread_at.maintenance_margin / WAD:,.2f}",
        "frontier": frontier_rows(),
        "spread_im": f"{spread_at.initial_margin / WAD:,.2f}",
    }  # fmt: skip
    return (ROOT / "benchmarks" / "margin.template.md").read_text().format(**numbers)


def main() -> None:
    """Prints or writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", action="store_true", help="write docs/margin.md and docs/margin.svg")
    if parser.parse_args().docs:
        (ROOT / "docs" / "margin.md").write_text(page())
        plot(ROOT / "docs" / "margin.svg")
    else:
        print(page())


if __name__ == "__main__":
    main()
