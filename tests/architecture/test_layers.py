"""Arrows point one way: math <- modules <- contracts, and nothing real leans on a test contract."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT, Source, sources

#: Events that a standard prescribes word for word.
STANDARD = ("event Transfer:", "event Approval:", "event ApprovalForAll:")

#: What a room may import, by prefix of the dotted name.
MAY_IMPORT = {
    "math": ("contracts.math.",),
    "modules": ("contracts.math.", "contracts.modules.", "interfaces.", "ethereum.ercs.", "snekmate."),
    "contracts": ("contracts.math.", "contracts.modules.", "interfaces.", "ethereum.ercs.", "snekmate."),
    "testing": ("contracts.", "interfaces.", "ethereum.ercs.", "snekmate."),
    "interfaces": ("interfaces.",),
}


@pytest.mark.parametrize("source", sources(), ids=lambda s: s.name)
def test_imports__stay_in_their_layer(source: Source):
    wrong = [name for name in source.imports if not name.startswith(MAY_IMPORT[source.room])]
    assert not wrong, f"{source.name} imports {wrong}"


@pytest.mark.parametrize("source", sources(), ids=lambda s: s.name)
def test_file__says_what_it_is(source: Source):
    assert source.lines[0] == "# pragma version 0.4.3", source.name
    head = source.text.split('"""')[1]
    assert "@title " in head and "@license AGPL-3.0-only" in head, source.name
    if source.room != "interfaces":
        assert "@notice " in head, source.name


#: `exports: module.function` or `exports: (a, b)`, as it stands in a contract.
EXPORTS = re.compile(r"^exports:\s*\(?([^)\n]+)\)?", re.MULTILINE)


@pytest.mark.parametrize("source", sources(), ids=lambda s: s.name)
def test_file__name_tells_whether_it_deploys(source: Source):
    stem = source.path.stem
    if source.room == "interfaces":
        assert source.path.suffix == ".vyi" and stem[0] == "I" and stem[1].isupper()
    elif source.room in ("math", "modules"):
        assert stem == stem.lower()
        # what a module makes external some contract must export, or nobody can ever call it
        exported = {
            name.strip() for other in sources() for names in EXPORTS.findall(other.text) for name in names.split(",")
        }
        unreachable = [f.name for f in source.externals if f"{stem}.{f.name}" not in exported]
        assert not unreachable, f"{source.name} is a module: no contract exports {unreachable}"
    else:
        assert stem[0].isupper() and "_" not in stem


@pytest.mark.parametrize("source", [s for s in sources() if s.room == "interfaces"], ids=lambda s: s.name)
def test_interface__its_contract_implements_it(source: Source):
    contract = ROOT / "contracts" / f"{source.path.stem[1:]}.vy"
    if contract.exists():
        # with `implements` the compiler refuses any difference
        assert f"implements: {source.path.stem}" in contract.read_text()
    else:
        users = [s.name for s in sources() if f"interfaces.{source.path.stem}" in s.imports]
        assert users, f"nothing uses {source.name}"


@pytest.mark.parametrize("source", [s for s in sources() if s.room == "contracts"], ids=lambda s: s.name)
def test_contract__declares_no_events_of_its_own(source: Source):
    # interfaces/ is their only home, so that every client reads one place
    own = [line for line in source.lines if line.startswith("event ")]
    assert not [e for e in own if e not in STANDARD], source.name
