"""An explained margin as rows, as JSON and as a page of HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Any

from bulkhead.report.charts import COLOURS, Chart, Line, Mark, draw, legend
from bulkhead.report.html import document, facts, section, table
from bulkhead.risk.explain import Cell, Explanation, Scenario
from bulkhead.risk.scales import DAY, WAD
from bulkhead.risk.words import Leg, Model


@dataclass(frozen=True)
class Row:
    """One step of a margin: its name, its amount [wad] (None: it is no amount) and what it means."""

    name: str
    amount: int | None
    note: str = ""


def name_of(leg: Leg) -> str:
    """A leg as people write it, e.g. "-10 put 160"."""
    strike = f" {leg.strike / 10**8:g}" if leg.strike else ""
    return f"{leg.quantity / 10**6:+g} {leg.kind.name.lower()}{strike}"


def rows(found: Explanation) -> list[Row]:
    """The steps from the parts of MM to health, in their order."""
    standing, assessed = found.standing, found.assessment
    made = [
        Row(part.name, part.amount, "" if part.counts else "does not count: less than what stands in its place")
        for part in found.parts
    ]
    made.append(Row(f"margin of the {found.position.model.name} model", assessed.margin, "the sum of what counts"))
    if found.v_min is None:
        made.append(Row("worst payoff", None, "without bound: no cap"))
    else:
        made.append(Row("worst payoff", found.v_min, "at any settlement price"))
        made.append(Row("max-loss cap", found.room, "value less worst payoff"))
    made.append(Row("maintenance margin", standing.maintenance_margin, "capped" if found.is_capped else ""))
    first, *others = found.initial_parts
    note = "" if assessed.initial else f"kappa = {found.kappa / WAD:.4f}"
    made.append(Row(first.name, first.amount, note))
    made += [Row(part.name, part.amount) for part in others if part.amount]
    made.append(Row("initial margin", found.initial_margin, "equity needed to add risk or to withdraw"))
    made.append(Row("collateral", found.position.collateral))
    made.append(Row("value of the legs", assessed.value))
    made.append(Row("equity", standing.equity, f"health {health(found)}"))
    return made


def health(found: Explanation) -> str:
    """Equity over MM as text."""
    scaled = found.standing.health_wad
    return "without bound: no margin is needed" if scaled is None else f"{scaled / WAD:.4f}"


def tail(found: Explanation) -> tuple[Scenario, ...]:
    """The scenarios that make the expected shortfall, worst first."""
    return tuple(one for one in found.scenarios if one.in_tail)


def vol_move(scenario: Scenario) -> str:
    """What the vols do in a scenario."""
    return {True: "up", False: "down", None: "as they are"}[scenario.vol_up]


def as_json(found: Explanation) -> dict[str, Any]:
    """The explanation as JSON: amounts as decimal strings of quote units, exact to the wei."""
    snapshot, position = found.position.snapshot, found.position
    return {
        "model": position.model.name,
        "prices": {
            "spot": _exact(snapshot.spot),
            "forward": _exact(snapshot.forward),
            "seconds": snapshot.seconds,
            "sigma": _exact(snapshot.sigma),
            "sigma_now": _exact(snapshot.sigma_now),
            "vol_ratio": _exact(snapshot.vol_ratio),
        },
        "legs": [
            {
                "leg": name_of(line.leg),
                "price": _exact(line.price),
                "iv": None if line.iv is None else _exact(line.iv),
                "value": _exact(line.value),
            }
            for line in found.legs
        ],
        "steps": [
            {"name": row.name, "amount": None if row.amount is None else _exact(row.amount), "note": row.note}
            for row in rows(found)
        ],
        "collateral": _exact(position.collateral),
        "value": _exact(found.assessment.value),
        "equity": _exact(found.standing.equity),
        "maintenance_margin": _exact(found.standing.maintenance_margin),
        "initial_margin": _exact(found.initial_margin),
        "target": _exact(found.standing.target),
        "kappa": _exact(found.kappa),
        "v_min": None if found.v_min is None else _exact(found.v_min),
        "scenarios": [
            {
                "standard_deviations": _exact(one.node),
                "forward": _exact(one.forward),
                "vols": vol_move(one),
                "probability": _exact(one.probability),
                "loss": _exact(one.loss),
                "in_tail": _exact(one.in_tail),
            }
            for one in found.scenarios
        ],
        "grid": [
            {
                "spot_percent": cell.spot,
                "vol_percent": cell.vol,
                "equity": _exact(cell.equity),
                "maintenance_margin": _exact(cell.maintenance_margin),
            }
            for cell in found.grid
        ],
    }


def _exact(wad: int) -> str:
    return f"{Decimal(wad).scaleb(-18):f}"


def _plain(wad: int | None) -> str:
    return "-" if wad is None else f"{wad / WAD:,.2f}"


# --- the page --------------------------------------------------------------------------------------------------------


def render(found: Explanation, title: str) -> str:
    """The page as text: one file, no script, opens offline."""
    snapshot = found.position.snapshot
    head = f"<h1>{escape(title)}</h1>" + facts(
        [
            (f"{snapshot.spot / WAD:,.2f}", "spot"),
            (f"{snapshot.seconds / DAY:.2f}", "days to expiry"),
            (f"{snapshot.sigma / WAD:.1%}", "sigma_m, scales the shocks"),
            (_plain(found.standing.equity), "equity"),
            (_plain(found.standing.maintenance_margin), "maintenance margin"),
            (_plain(found.initial_margin), "initial margin"),
        ]
    )
    return document(title, head + _legs(found) + _steps(found) + _scenarios(found) + _grid(found))


def _legs(found: Explanation) -> str:
    lines = [
        [
            escape(name_of(one.leg)),
            _plain(one.price),
            "-" if one.iv is None else f"{one.iv / WAD:.1%}",
            _plain(one.value),
        ]
        for one in found.legs
    ]
    return section("Legs", table([("leg", False), ("price", True), ("vol", True), ("value", True)], lines))


def _steps(found: Explanation) -> str:
    lines = [[escape(row.name), _plain(row.amount), escape(row.note)] for row in rows(found)]
    return section("How the margin comes about", table([("", False), ("quote", True), ("", False)], lines))


def _scenarios(found: Explanation) -> str:
    if not found.scenarios:
        return ""
    names = ("vols fall or stay", "vols rise")
    lines = [
        Line(
            name,
            sorted((one.forward / WAD, one.loss / WAD) for one in found.scenarios if one.branch == branch),
            COLOURS[branch],
        )
        for branch, name in enumerate(names)
    ]
    marks = [
        Mark(
            one.forward / WAD, one.loss / WAD, "take", COLOURS[one.branch],
            f"{one.node / WAD:+g} standard deviations, vols {vol_move(one)}: loses {_plain(one.loss)}",
        )
        for one in tail(found)
    ]  # fmt: skip
    shown = table(
        [
            ("standard deviations", True),
            ("forward", True),
            ("vols", False),
            ("loss", True),
            ("probability in the tail", True),
        ],
        [
            [f"{one.node / WAD:+g}", _plain(one.forward), vol_move(one), _plain(one.loss), f"{one.in_tail / WAD:.3%}"]
            for one in tail(found)
        ],
    )
    chart = draw(Chart(lines, marks, 280, "loss, quote", ((0.0, ""),), is_time=False))
    note = (
        "Loss over the forward in each scenario of the ES model. Discs are the tail: their mean is the expected "
        "shortfall."
    )
    if found.position.model == Model.GREEKS:
        note += " A GREEKS margin is at least 0.7 times what they ask."
    return section("Scenarios", chart + legend(list(zip(names, COLOURS, strict=False))) + shown, note)


def _grid(found: Explanation) -> str:
    spot = found.position.snapshot.spot / WAD

    def line(cells: Sequence[Cell], what: str, name: str, colour: str, dash: str = "") -> Line:
        return Line(name, [(spot * (1 + c.spot / 100), getattr(c, what) / WAD) for c in cells], colour, 1.6, dash)

    moves = list(dict.fromkeys(cell.vol for cell in found.grid))
    rows_ = {vol: [cell for cell in found.grid if cell.vol == vol] for vol in moves}
    lines = []
    for colour, vol in zip(COLOURS, moves, strict=False):
        lines.append(line(rows_[vol], "equity", f"equity, vols {vol:+d} %", colour))
        lines.append(line(rows_[vol], "maintenance_margin", f"MM, vols {vol:+d} %", colour, "4 3"))
    chart = draw(Chart(lines, (), 320, "quote", ((0.0, ""),), [(spot, "spot")], is_time=False))
    head = [("spot", True), *((f"vols {vol:+d} %", True) for vol in moves)]
    body = [
        [f"{rows_[moves[0]][i].spot:+d} %", *(_cell(rows_[v][i]) for v in moves)] for i in range(len(rows_[moves[0]]))
    ]
    names = [(f"vols {vol:+d} %", colour) for colour, vol in zip(COLOURS, moves, strict=False)]
    return section(
        "Stress grid",
        chart + legend(names) + table(head, body),
        "Equity (solid) and maintenance margin (dashed) when spot and all vols move at once and sigma_m stays. In the "
        "table: equity / MM, red where the vault would be liquidatable.",
    )


def _cell(cell: Cell) -> str:
    text = f"{_plain(cell.equity)} / {_plain(cell.maintenance_margin)}"
    return f'<span class="bad">{text}</span>' if cell.equity < cell.maintenance_margin else text
