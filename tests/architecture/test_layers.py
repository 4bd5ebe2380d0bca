"""Arrows between rooms point one way, and nothing real leans on a test contract."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT, Source, contracts, sources

#: Events that a standard prescribes word for word.
STANDARD = ("event Transfer:", "event Approval:", "event ApprovalForAll:")

#: The words that travel: modules of their rooms which everybody may read, and which read nothing above them.
WORDS = (
    "vaults.leg",
    "vaults.permissions",
    "margin.gate_actions",
    "vaults.series",
    "vaults.vault_state",
    "governance.risk_word",
    "oracle.snapshot",
    "margin.basis",
)
SURFACES = ("oracle.svi_slice",)
PAST = ("margin.standing", "margin.marks", "margin.appraisal")
OUTSIDE = ("interfaces.", "ethereum.ercs.", "snekmate.")
#: What each room may import beside itself, the words, math and what comes from outside (docs/architecture.md).
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "math": (),
    "governance": (),
    "oracle": ("vaults.signature",),
    "margin": SURFACES,
    "vaults": (),
    # slip grows with the age of a round, which its feed tells
    "exchange": ("vaults.permit", "vaults.signature", "oracle.feeds", *PAST),
    "liquidation": ("vaults.tolerance", *PAST),
    "periphery": ("margin.standing", "vaults.permit", "vaults.tolerance"),
    "settlement": ("liquidation.auction", "liquidation.waterfall", "vaults.tolerance"),
    "views": (
        "vaults.novation",
        "exchange.order",
        "exchange.order_pricing",
        "exchange.order_rules",
        "exchange.trading_word",
        "liquidation.auction",
        "oracle.feeds",
        "oracle.surface",
        *SURFACES,
        *PAST,
    ),
}


def allowed(source: Source) -> tuple[str, ...]:
    """Prefixes of the dotted names that a source may import."""
    if source.room == "interfaces":
        return ("interfaces.",)
    if source.room == "testing":
        return ("contracts.", *OUTSIDE)
    if source.room == "math":
        return ("contracts.math.",)
    rooms = (source.room, "math", *WORDS, *MAY_IMPORT[source.room])
    return (*(f"contracts.{room}." if "." not in room else f"contracts.{room}" for room in rooms), *OUTSIDE)


@pytest.mark.parametrize("source", sources(), ids=lambda s: s.name)
def test_imports__stay_in_their_layer(source: Source):
    wrong = [name for name in source.imports if not name.startswith(allowed(source))]
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
    elif not source.is_deployable:
        assert stem == stem.lower()
        # what a module makes external some contract must export, or nobody can ever call it
        exported = {
            name.strip() for other in sources() for names in EXPORTS.findall(other.text) for name in names.split(",")
        }
        unreachable = [f.name for f in source.externals if f"{stem}.{f.name}" not in exported]
        assert not unreachable, f"{source.name} is a module: no contract exports {unreachable}"
    else:
        assert "_" not in stem


@pytest.mark.parametrize("source", [s for s in sources() if s.room == "interfaces"], ids=lambda s: s.name)
def test_interface__its_contract_implements_it(source: Source):
    contract = next((ROOT / "contracts").glob(f"*/{source.path.stem[1:]}.vy"), None)
    if contract is not None:
        # with `implements` the compiler refuses any difference
        assert f"implements: {source.path.stem}" in contract.read_text()
    else:
        users = [s.name for s in sources() if f"interfaces.{source.path.stem}" in s.imports]
        assert users, f"nothing uses {source.name}"


@pytest.mark.parametrize("source", contracts(), ids=lambda s: s.name)
def test_contract__declares_no_events_of_its_own(source: Source):
    # interfaces/ is their only home, so that every client reads one place
    own = [line for line in source.lines if line.startswith("event ")]
    assert not [e for e in own if e not in STANDARD], source.name
