"""Which files are mutated, and which tests answer for them."""

from __future__ import annotations

from pathlib import Path

#: Room -> its own tests, run first, then those that a survivor has to pass as well.
TESTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "contracts/exchange": (("tests/unit/exchange",), ("tests/unit/views", "tests/regression", "tests/stateful")),
    "contracts/governance": (("tests/unit/governance",), ("tests/regression", "tests/unit/vaults", "tests/stateful")),
    "contracts/liquidation": (
        ("tests/unit/liquidation",),
        ("tests/regression", "tests/property", "tests/unit/settlement", "tests/stateful"),
    ),
    "contracts/margin": (
        ("tests/unit/margin",),
        ("tests/property", "tests/regression", "tests/unit/liquidation", "tests/unit/views", "tests/stateful"),
    ),
    "contracts/math": (("tests/unit/math",), ("tests/unit/margin", "tests/property", "tests/unit/oracle")),
    "contracts/oracle": (("tests/unit/oracle",), ("tests/property", "tests/regression", "tests/stateful")),
    "contracts/periphery": (("tests/unit/periphery",), ()),
    "contracts/settlement": (("tests/unit/settlement",), ("tests/property", "tests/regression", "tests/stateful")),
    "contracts/vaults": (
        ("tests/unit/vaults",),
        ("tests/regression", "tests/unit/liquidation", "tests/unit/exchange", "tests/property", "tests/stateful"),
    ),
    "contracts/views": (("tests/unit/views",), ("tests/unit/exchange", "tests/regression")),
    "bulkhead/alerts": (("tests/alerts",), ()),
    "bulkhead/chain": (("tests/unit/python",), ("tests/keeper", "tests/client", "tests/commands")),
    "bulkhead/client": (("tests/maker", "tests/client"), ("tests/unit/python", "tests/commands", "tests/unit/report")),
    "bulkhead/history": (("tests/history",), ()),
    "bulkhead/keeper": (("tests/keeper",), ("tests/commands",)),
    "bulkhead/maker": (("tests/maker",), ("tests/client",)),
    "bulkhead/orders": (("tests/unit/python", "tests/maker"), ("tests/unit/exchange",)),
    "bulkhead/replay": (("tests/unit/replay",), ("tests/keeper", "tests/commands", "tests/unit/risk")),
    "bulkhead/report": (("tests/unit/report",), ("tests/unit/python", "tests/unit/risk", "tests/commands")),
    "bulkhead/risk": (
        ("tests/unit/risk",),
        ("tests/unit/report", "tests/unit/python", "tests/property", "tests/unit/margin", "tests/unit/liquidation"),
    ),
    "bulkhead/tables": (("tests/unit/tables",), ("tests/unit/replay", "tests/commands")),
    "bulkhead/vol": (("tests/unit/python",), ("tests/unit/oracle", "tests/commands")),
    "bulkhead": (("tests/unit/python", "tests/unit/exchange"), ("tests/maker", "tests/commands", "tests/client")),
}
#: Where all tests are, and which of them start a deployment each.
EVERYWHERE, ON_A_NODE = "tests", ("tests/integration/", "tests/documented/", "tests/architecture/")
#: Tests that read sources as text: they fail for any change of a line that they name.
NEVER = ("tests/unit/python/test_mutation.py",)
#: Files that state data or were written by a generator, which has a test of its own.
LEFT_OUT = ("phi_table.vy", "coefficients.py", "reasons.py")


#: Tests over all rooms, of the contracts and of the package: after a room's own ones, and before its neighbours.
SHARED = {"contracts": ("tests/matrix",), "bulkhead": ("tests/architecture/test_figures.py",)}


def tests_of(room: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A room's own tests, and those that a survivor has to pass as well."""
    own, neighbours = TESTS[room]
    shared = SHARED[room.split("/")[0]]
    return (own, (*shared, *neighbours)) if room.startswith("contracts") else ((*own, *shared), neighbours)


def room_of(file: str) -> str | None:
    """The room of a file, None where no tests answer for it (commands run on a node, in tests/integration)."""
    folders = [str(folder) for folder in Path(file).parents]
    found = next((folder for folder in folders if folder in TESTS), None)
    return None if found == "bulkhead" and folders[0] != "bulkhead" else found


def files(root: Path) -> list[str]:
    """Every file that is mutated, as paths from the root, sorted."""
    found = [*root.glob("contracts/*/*.vy"), *root.glob("bulkhead/**/*.py")]
    names = sorted(
        str(path.relative_to(root)) for path in found if path.name not in LEFT_OUT and not path.name.startswith("__")
    )
    return [name for name in names if room_of(name) is not None]
