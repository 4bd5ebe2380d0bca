"""The README's picture out of the demo's report (`make picture`)."""

from __future__ import annotations

import re
import sys
from pathlib import Path

WIDTH = 960
ROW = 18
STYLE = """
.grid{stroke:#e3e1da;stroke-width:1}.rule{stroke:#9aa1ab;stroke-width:1;stroke-dasharray:4 4}
text{fill:#4b5563;font:11px system-ui,sans-serif}.end{text-anchor:end}.mid{text-anchor:middle}
.mark{stroke:#fff;stroke-width:1}.head{font:600 15px system-ui,sans-serif;fill:#1d2430}
"""
SVG = re.compile(r'<svg viewBox="0 0 \d+ (\d+)"[^>]*>(.*?)</svg>', re.DOTALL)
SECTION = re.compile(r"<section>(.*?)</section>", re.DOTALL)
NAME = re.compile(r'<i style="background:(#[0-9a-f]{6})"></i>([^<]+)<')


def section(page: str, title: str) -> str:
    """The section of a report under a title."""
    for found in SECTION.findall(page):
        if f"<h2>{title}</h2>" in found:
            return str(found)
    raise SystemExit(f"picture: the report has no section {title!r}")


def compose(page: str) -> str:
    """One SVG with the report's price chart and the health of every vault."""
    parts, y = [], 0
    for title in ("Price and volatility", "Health of every vault"):
        part = section(page, title)
        height, body = SVG.findall(part)[0]
        parts.append(f'<text x="20" y="{y + 24}" class="head">{title.partition(" and ")[0]}</text>')
        parts.append(f'<g transform="translate(0,{y + 32})">{body}</g>')
        y += 32 + int(height)
        for index, (colour, name) in enumerate(NAME.findall(part)):
            x, row = 58 + 300 * (index % 3), y + ROW * (index // 3)
            parts.append(f'<rect x="{x}" y="{row + 4}" width="11" height="11" rx="3" fill="{colour}"/>')
            parts.append(f'<text x="{x + 17}" y="{row + 14}">{name}</text>')
        y += ROW * -(-len(NAME.findall(part)) // 3) + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">'
    return f'{head}<style>{STYLE}</style><rect width="{WIDTH}" height="{y}" fill="#fff"/>{"".join(parts)}</svg>\n'


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: python -m bulkhead.report.picture REPORT.html OUT.svg")
    Path(sys.argv[2]).write_text(compose(Path(sys.argv[1]).read_text()))
