"""The list of decisions names each of them, by its title."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT

FOLDER = ROOT / "docs" / "adr"


def test_index__of_decisions__has_each_by_its_title():
    listed = re.findall(r"^\| (\d+) \| \[(.*)\]\((.*)\) \|", (FOLDER / "0000-decisions.md").read_text(), re.MULTILINE)
    written = []
    for page in sorted(FOLDER.glob("0*.md"))[1:]:
        found = re.match(r"# (\d+)\. (.*)\n", page.read_text())
        assert found is not None and int(found[1]) == int(page.name[:4]), page.name
        written.append((found[1], found[2], page.name))
    assert listed == written
