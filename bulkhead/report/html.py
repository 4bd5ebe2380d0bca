"""What every page of HTML here is made of: one style, tables, sections, facts. Nothing but strings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root{--bg:#fbfaf7;--card:#fff;--ink:#1d2430;--dim:#68707d;--line:#e3e1da;--rule:#9aa1ab;--good:#1d7f55;--bad:#b93c22}
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2029;--ink:#e6e8eb;--dim:#98a1ad;--line:#2b333e;
--rule:#6b7480;--good:#4cc38a;--bad:#ef7d63}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1040px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:25px;margin:0 0 4px}h2{font-size:17px;margin:0 0 10px}p{margin:4px 0 12px}.dim{color:var(--dim)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin:16px 0;
overflow-x:auto}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:16px 0}
.fact{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 16px;min-width:124px;flex:1}
.fact b{display:block;font-size:20px;font-variant-numeric:tabular-nums}.fact span{color:var(--dim);font-size:13px}
svg{width:100%;height:auto;display:block}svg .grid{stroke:var(--line);stroke-width:1}
svg .rule{stroke:var(--rule);stroke-width:1;stroke-dasharray:4 4}
svg text{fill:var(--dim);font:11px system-ui,sans-serif}svg .end{text-anchor:end}svg .mid{text-anchor:middle}
svg .mark{stroke:var(--card);stroke-width:1}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:8px;font-size:13px;color:var(--dim)}
.legend i{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:6px;vertical-align:-1px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:left;color:var(--dim);border-bottom:1px solid var(--line);padding:5px 10px 5px 0;
white-space:nowrap}
td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}td.n,th.n{text-align:right}
tr:last-child td{border-bottom:0}.good{color:var(--good)}.bad{color:var(--bad)}
.bar{display:flex;height:10px;width:110px;background:var(--line);border-radius:3px;overflow:hidden;margin-top:6px}
.bar i{display:block;height:100%}footer{color:var(--dim);font-size:13px;margin-top:22px}
"""


def document(title: str, body: str) -> str:
    """A page that needs no network and runs no script."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def table(head: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]) -> str:
    """A table: (title, whether it holds numbers) of each column, then rows of HTML."""

    def cell(tag: str, text: str, number: bool) -> str:
        return f"<{tag}{' class=n' if number else ''}>{text}</{tag}>"

    marks = [number for _, number in head]
    top = "".join(cell("th", escape(text), number) for text, number in head)
    lines = "".join(f"<tr>{''.join(cell('td', c, n) for c, n in zip(row, marks, strict=True))}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def section(title: str, content: str, note: str = "") -> str:
    """A card with a heading."""
    hint = f'<p class="dim">{note}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{hint}{content}</section>"


def facts(shown: Iterable[tuple[str, str]]) -> str:
    """Numbers in large letters, each with what it is."""
    cards = "".join(f'<div class="fact"><b>{number}</b><span>{name}</span></div>' for number, name in shown)
    return f'<div class="facts">{cards}</div>'
