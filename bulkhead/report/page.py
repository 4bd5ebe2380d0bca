"""The HTML page of a run: one file, opens offline."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path

from bulkhead.report.charts import COLOURS, Chart, Line, Mark, draw, legend, thin
from bulkhead.report.html import document, facts, section, table
from bulkhead.report.model import RunRecord, TakeRecord, VaultRecord

#: Kinds of flows in the order of their columns, and what the report calls them.
FLOW_KINDS = (
    ("deposit", "deposited"),
    ("premium", "premium"),
    ("fee", "fees"),
    ("take", "to takers"),
    ("cut", "to insurance"),
    ("tip", "tips"),
    ("pay-in", "paid in"),
    ("claim", "claimed"),
    ("withdrawal", "withdrawn"),
)


def write(record: RunRecord, path: Path) -> None:
    """Writes the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(record))


def render(record: RunRecord) -> str:
    """The page as text."""
    colours = {v.vault_id: COLOURS[i % len(COLOURS)] for i, v in enumerate(record.vaults)}
    body = "".join(
        (
            _head(record),
            _facts(record),
            _prices(record, colours),
            _health(record, colours),
            _liquidations(record),
            _owners(record),
            _flows(record, colours),
            _equity(record, colours),
            _checks(record),
            _foot(record),
        )
    )
    return document(record.title, body)


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %b %H:%M:%S}"


def _money(record: RunRecord, native: int, sign: bool = False) -> str:
    return f"{record.amount(native):{'+' if sign else ''},.2f}"


def _head(record: RunRecord) -> str:
    return (
        f"<h1>{escape(record.title)}</h1><p class=dim>{escape(record.source)}. {_time(record.started_at)} to "
        f"{_time(record.ended_at)} UTC, settled for the expiry at {_time(record.expiry)} UTC. Every number comes from "
        "the contracts on a local chain; all money is test money.</p>"
    )


def _facts(record: RunRecord) -> str:
    prices = [price for _, price, _ in record.prices]
    taken = [v for v in record.vaults if v.takes]
    shown = [
        (f"{prices[0]:,.2f}", f"{record.symbol} at the start") if prices else ("-", "no price"),
        (f"{min(prices):,.2f}", "lowest round") if prices else ("-", "no price"),
        (f"{record.expiry_price:,.2f}", "settlement price"),
        (f"{len(taken)} of {len(record.vaults)}", "vaults taken over"),
        (_money(record, record.totals.get("insurance_used", 0)), "insurance used"),
        (f"{record.recovery:.2%}", "of each claim paid"),
        (str(record.totals.get("conservation_difference", 0)), "native units missing"),
    ]
    return facts(shown)


def _at(record: RunRecord, at: int) -> float:
    """Price in force at a time."""
    price = record.prices[0][1]
    for stamp, value, _ in record.prices:
        if stamp > at:
            break
        price = value
    return price


def _marks(record: RunRecord, colours: dict[int, str]) -> list[Mark]:
    marks: list[Mark] = []
    for vault in record.vaults:
        colour = colours[vault.vault_id]
        marks += [
            Mark(at, _at(record, at), "flag", colour, f"{_time(at)}: vault {vault.vault_id} ({vault.title}) flagged")
            for at in vault.flagged_at
        ]
        marks += [
            Mark(
                take.at, _at(record, take.at), "take", colour,
                f"{_time(take.at)}: {take.fraction:.1%} of vault {vault.vault_id} ({vault.title}) taken",
            )
            for take in vault.takes
        ]  # fmt: skip
    return marks


def _prices(record: RunRecord, colours: dict[int, str]) -> str:
    if not record.prices:
        return ""
    line = Line(record.symbol, thin([(at, price) for at, price, _ in record.prices]), "#2f7ed8")
    verticals = [(float(record.expiry), "expiry")] if record.expiry <= record.ended_at + 86400 else []
    chart = Chart([line], _marks(record, colours), 280, "quote per unit", (), verticals)
    sigma = Line("sigma", thin([(at, value * 100) for at, _, value in record.prices if value]), "#b0579b")
    small = draw(Chart([sigma], (), 130, "sigma_m, % per year", (), verticals)) if sigma.points else ""
    return section(
        "Price and volatility",
        draw(chart) + small,
        "Triangle: a vault is flagged. Disc: a share of it is taken over. Below: the volatility that scales margins.",
    )


def _vault_name(vault: VaultRecord) -> str:
    return f"{vault.vault_id} {vault.title} ({vault.who})"


def _health(record: RunRecord, colours: dict[int, str]) -> str:
    lines = [
        Line(_vault_name(v), thin([(s.at, s.health) for s in v.samples]), colours[v.vault_id])
        for v in record.vaults
        if any(s.health is not None for s in v.samples)
    ]
    if not lines:
        return ""
    chart = Chart(lines, (), 300, "equity / MM", ((1.0, "liquidatable below 1"),), (), 0.0, 4.0)
    names = [(line.name, line.colour) for line in lines]
    return section(
        "Health of every vault",
        draw(chart) + legend(names),
        "Equity over maintenance margin, cut off at 4. A vault whose collateral covers its worst case needs no "
        "margin and has no line: no price can make it liquidatable.",
    )


def _take_row(record: RunRecord, vault: VaultRecord, take: TakeRecord) -> list[str]:
    exact = '<span class="good">yes</span>' if take.exact else '<span class="bad">no</span>'
    return [
        _time(take.at),
        escape(_vault_name(vault)),
        f"{take.equity:,.2f}",
        f"{take.margin:,.2f}",
        f"{take.fraction:.2%}",
        f"{take.bonus_share:.1%}",
        f"{take.cost:,.2f}",
        _money(record, take.cash, True),
        _money(record, take.cut),
        _money(record, take.top_up),
        exact,
    ]


def _liquidations(record: RunRecord) -> str:
    rows = sorted(
        ((take, vault) for vault in record.vaults for take in vault.takes),
        key=lambda pair: (pair[0].at, pair[1].vault_id),
    )
    if not rows:
        return section("Liquidations", "<p>None: no vault fell below its maintenance margin.</p>")
    head = [
        ("time", False), ("vault", False), ("equity", True), ("MM", True), ("share", True), ("bonus", True),
        ("cost", True), ("cash to taker", True), ("to insurance", True), ("top-up", True), ("mirror equal", False),
    ]  # fmt: skip
    return section(
        "Liquidations",
        table(head, (_take_row(record, vault, take) for take, vault in rows)),
        "Cost is what the owner paid at mark: the bonus share of the risk taken over, and the cut for insurance. "
        "“Mirror equal” says that the off-chain mirror gave the same take to the wei.",
    )


def _owners(record: RunRecord) -> str:
    rows = []
    for vault in sorted(record.vaults, key=lambda v: (v.who, v.vault_id)):
        state = "taken over" if vault.takes else ("flagged" if vault.flagged_at else "untouched")
        colour = "bad" if vault.takes else "good"
        rows.append(
            [
                escape(vault.who),
                escape(f"{vault.vault_id} {vault.title}"),
                escape(", ".join(vault.legs)),
                _money(record, vault.deposit),
                f"{vault.im_at_open:,.2f}",
                f'<span class="{colour}">{state}</span>',
                "-" if vault.settled_net is None else _money(record, vault.settled_net, True),
                _money(record, vault.equity_end),
            ]
        )
    head = [
        ("owner", False), ("vault", False), ("legs at opening", False), ("deposited", True), ("IM at opening", True),
        ("in the crash", False), ("settled for", True), ("tokens at the end", True),
    ]  # fmt: skip
    return section(
        "What every owner kept",
        table(head, rows),
        "Each row is a compartment of its own: a loss in one takes nothing from another row of the same owner.",
    )


def _flows(record: RunRecord, colours: dict[int, str]) -> str:
    shown = [kind for kind in FLOW_KINDS if any(f.kind == kind[0] for v in record.vaults for f in v.flows)]
    most = max((abs(sum(f.amount for f in v.flows if f.amount > 0)) for v in record.vaults), default=1) or 1
    rows = []
    for vault in record.vaults:
        cells = []
        for kind, _ in shown:
            amount = sum(f.amount for f in vault.flows if f.kind == kind)
            cells.append(_money(record, amount, True) if amount else "")
        width = 100 * max(vault.equity_end, 0) / most
        bar = f'<div class="bar"><i style="width:{width:.1f}%;background:{colours[vault.vault_id]}"></i></div>'
        rows.append([escape(_vault_name(vault)), *cells, _money(record, vault.equity_end), bar])
    head = [("vault", False), *((name, True) for _, name in shown), ("left", True), ("", False)]
    return section(
        "Collateral flows",
        table(head, rows),
        "Tokens into (+) and out of (-) each vault's own address, from the logs of the chain.",
    )


def _equity(record: RunRecord, colours: dict[int, str]) -> str:
    lines = [
        Line(_vault_name(v), thin([(s.at, s.equity) for s in v.samples]), colours[v.vault_id])
        for v in record.vaults
        if v.samples and v.who != "maker"
    ]
    if not lines:
        return ""
    return section(
        "Equity of the traders' vaults",
        draw(Chart(lines, (), 280, "quote", ((0.0, ""),))) + legend([(line.name, line.colour) for line in lines]),
    )


def _checks(record: RunRecord) -> str:
    rows = [
        [
            '<span class="good">passed</span>' if check.passed else '<span class="bad">FAILED</span>',
            escape(check.name),
            escape(check.detail),
        ]
        for check in record.checks
    ]
    totals = [[escape(name.replace("_", " ")), f"{value:,}"] for name, value in record.totals.items()]
    return section("Checks", table([("", False), ("what", False), ("detail", False)], rows)) + section(
        "Totals", table([("sum", False), ("native units", True)], totals)
    )


def _foot(record: RunRecord) -> str:
    return (
        f"<footer>Run in {record.seconds:.1f} s. Bulkhead is not audited. Licence AGPL-3.0-only. "
        "This page needs no network and runs no script.</footer>"
    )
