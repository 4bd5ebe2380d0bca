"""What the documentation names is there: files, folders, modules of a room, functions of a contract."""

from __future__ import annotations

import re

import pytest

from bulkhead.chain.reasons import SENTENCES
from tests.architecture.sources import ROOT

TEXT = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(r"(?:contracts|interfaces|bulkhead|tests|docs|benchmarks|scripts|deploy|examples)/[\w./-]*\w/?")
MODULE = re.compile(r"([a-z]+)/([a-z_0-9]+)(?:\._?\w+)?")
MEMBER = re.compile(r"([A-Z]\w+)\.(\w+)(?:\(.*\))?")
ROOMS = {path.name for path in (ROOT / "contracts").iterdir() if path.is_dir()}
#: Each contract with the text of its source and of its interface.
SOURCES = {
    path.stem: path.read_text()
    + (
        (ROOT / "interfaces" / f"I{path.stem}.vyi").read_text()
        if (ROOT / "interfaces" / f"I{path.stem}.vyi").exists()
        else ""
    )
    for path in (ROOT / "contracts").glob("*/[A-Z]*.vy")
}
#: Decisions and the changelog speak of what was, and may name what is gone.
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "deployments" / "README.md"]
    if page.name != "CHANGELOG.md"
)


def is_there(name: str) -> bool:
    """Whether a piece of code in a page, if it names a place, a module or a member, names one that exists."""
    if place := PLACE.fullmatch(name):
        return any((ROOT / (place[0] + suffix)).exists() for suffix in ("", ".py", ".vy"))
    if name in SENTENCES:
        return True
    if (module := MODULE.fullmatch(name)) and module[1] in ROOMS:
        return (ROOT / "contracts" / module[1] / f"{module[2]}.vy").exists()
    if (member := MEMBER.fullmatch(name)) and member[1] in SOURCES and member[2] not in ("vy", "json"):
        return re.search(rf"\b{member[2]}\b", SOURCES[member[1]]) is not None
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page__names__are_those_of_the_tree(page):
    assert not [name for name in TEXT.findall(page.read_text()) if not is_there(name)]


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("contracts/vaults", True),
        ("contracts/vaults/Clearinghouse.vy", True),
        ("contracts/core/Clearinghouse.vy", False),
        ("liquidation/auction", True),
        ("liquidation/gone", False),
        ("Clearinghouse.settle", True),
        ("Clearinghouse.release", False),
        ("TCP/IP", True),
    ],
)
def test_name__that_is_gone__is_told(name, there):
    assert is_there(name) is there
