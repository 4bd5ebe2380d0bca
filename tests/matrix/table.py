"""The matrix as tables of docs/threat-model.md: written from the cells, and read again for the test."""

from __future__ import annotations

from pathlib import Path

from benchmarks import generated
from tests.matrix.columns import COLUMNS
from tests.matrix.run import ROWS, built, cells
from tests.matrix.surface import ROLES

PAGE = generated.ROOT / "docs" / "threat-model.md"
NAME, GENERATOR = "matrix", "tests.matrix"
Cells = dict[str, dict[str, str]]
WORDS = ("yes", "skips", "-")
TITLES = {
    "price": "### By the state of the price, a day before the expiry",
    "window": "### In the settlement window, which has had so many rounds, and after it",
    "state": "### By the state of tokens, callers and vaults, at an active price a day before the expiry",
}
LEGEND = "### Reasons"
ROLE_TITLE = "### Refused to everybody but one contract of the protocol"


def computed() -> Cells:
    """Every cell, by column and row."""
    with built() as scene:
        return {column.name: cells(scene, column) for column in COLUMNS}


def render(all_cells: Cells) -> str:
    """The tables."""
    reasons = sorted({told for column in all_cells.values() for told in column.values()} - set(WORDS))
    numbers = {reason: str(number) for number, reason in enumerate(reasons, 1)}
    lines: list[str] = []
    for group, title in TITLES.items():
        names = [column.name for column in COLUMNS if column.group == group]
        lines += [title, "", "| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
        alike = []
        for row in ROWS:
            told = [all_cells[name][row.name] for name in names]
            if len({one for one in told if one != "-"}) <= 1:
                alike.append((row.name, next((one for one in told if one != "-"), "-")))
                continue
            lines.append(f"| {row.name} | " + " | ".join(numbers.get(one, one) for one in told) + " |")
        lines += ["", "The same in each of these states:", ""]
        for told_alike in dict.fromkeys(one for _, one in alike):
            named = "; ".join(name for name, one in alike if one == told_alike)
            lines.append(f"- {numbers.get(told_alike, told_alike)}: {named}")
        lines.append("")
    lines += [LEGEND, ""]
    lines += [f"{number}. `{reason}`" for reason, number in numbers.items()]
    lines += ["", ROLE_TITLE, "", "| | |", "|---|---|"]
    lines += [f"| {name} | `{reason}` |" for name, reason in ROLES.items()]
    return "\n".join(lines)


def read(block: str) -> Cells:
    """Every cell of a block that `render` wrote; a dash of a column stands for whatever has no case there."""
    reasons = {}
    for line in block.split(LEGEND)[1].split(ROLE_TITLE)[0].strip().splitlines():
        number, _, reason = line.partition(". ")
        reasons[number] = reason.strip("`")
    found: Cells = {column.name: {} for column in COLUMNS}
    for group, title in TITLES.items():
        part = block.split(title)[1].split("\n###")[0]
        names = [column.name for column in COLUMNS if column.group == group]
        for line in part.splitlines():
            if line.startswith("| ") and not line.startswith("| |"):
                row, *told = [cell.strip() for cell in line.strip("|").split(" | ")]
                for name, one in zip(names, told, strict=True):
                    found[name][row.strip()] = reasons.get(one, one)
            elif line.startswith("- "):
                one, _, rows = line[2:].partition(": ")
                for row in rows.split("; "):
                    for name in names:
                        found[name][row] = reasons.get(one, one)
    return found


def expected_files() -> dict[Path, str]:
    """The page with the tables of now."""
    text = PAGE.read_text()
    return {PAGE: generated.with_block(text, NAME, render(computed()), GENERATOR, generated.MARKDOWN)}


def committed() -> str:
    """The tables as they are committed."""
    return generated.block_of(PAGE.read_text(), NAME, GENERATOR, generated.MARKDOWN)
