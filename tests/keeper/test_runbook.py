"""What docs/keeper-runbook.md says beside its commands, held against the keeper."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import BaseModel

from bulkhead.keeper.config import Settings, load
from bulkhead.keeper.endpoints import PriceSettings, WalletSettings
from bulkhead.keeper.telemetry import Metrics
from bulkhead.keeper.unwind_policy import UnwindFile

ROOT = Path(__file__).parents[2]
BOOK = (ROOT / "docs" / "keeper-runbook.md").read_text()
#: Where alerts are told: by name, in bundles, and as (kind, about, text) or (node, kind, text) of a list.
TOLD = (
    r'alerts(?:\.bundle)?\(\s*"([a-z-]+)"',
    r'append\(\s*\(\s*"([a-z-]+)", [^)]',
    r'append\(\(node\.name, "([a-z-]+)"',
)


def rows(head: str) -> list[list[str]]:
    """Cells of the table that begins with this line."""
    (table,) = re.findall(rf"^\| {re.escape(head)} \|$\n\|[-|]+\|$\n((?:\|.*\|\n)+)", BOOK, re.M)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]


def names(cell: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_example__settings__are_read_as_they_stand(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", BOOK, re.S)
    file = tmp_path / "keeper.toml"
    file.write_text(text)
    found = load(file)
    told = tomllib.loads(text)
    assert [node.url for node in found.providers] == [node["url"] for node in told["providers"]]
    assert found.min_bonus == Decimal(told["min_bonus"]) and found.listen == told["listen"]
    assert len(found.prices) == 1 and found.prices[0].form == "hermes"


@pytest.mark.parametrize(
    ("head", "model"),
    [
        ("of `[[wallets]]` | default |", WalletSettings),
        ("of the file | default |", UnwindFile),
        ("of `[[prices]]` | default |", PriceSettings),
    ],
    ids=["wallets", "unwind", "prices"],
)
def test_table__of_settings__has_every_one_and_no_other(head, model):
    table = rows(head)
    assert sorted(name for row in table for name in names(row[0])) == sorted(model.model_fields)


@pytest.mark.parametrize("model", [UnwindFile, PriceSettings], ids=["unwind", "prices"])
def test_table__of_settings__says_their_defaults(model: type[BaseModel]):
    table = rows("of the file | default |" if model is UnwindFile else "of `[[prices]]` | default |")
    for row in table:
        fields = [model.model_fields[name] for name in names(row[0])]
        wanted = [part.strip(" `") for part in row[1].split(",")]
        assert len(wanted) in (1, len(fields))
        for field, told in zip(fields, wanted * (1 if len(wanted) == len(fields) else len(fields)), strict=True):
            if field.is_required():
                assert told == ""
            elif field.default in ("", [], None):
                assert told in ("none", "all", "")
            elif isinstance(field.default, bool | str):
                assert told == str(field.default).lower()
            else:
                assert Decimal(_number(told)) == Decimal(str(field.default))


def _number(text: str) -> str:
    """A number that may stand as a power."""
    base, _, exponent = text.partition("^")
    return str(int(base) ** int(exponent)) if exponent else text


def test_table__of_alerts__has_every_kind_that_the_keeper_tells():
    code = "".join(path.read_text() for path in (ROOT / "bulkhead" / "keeper").glob("*.py"))
    told = {kind for pattern in TOLD for kind in re.findall(pattern, code)}
    assert len(told) >= 18
    assert {name for row in rows("alert | means | do") for name in names(row[0])} == told


def test_figures__that_matter__are_served():
    served = Metrics().page().decode()
    (text,) = re.findall(r"^- `/metrics` for Prometheus\..*?(?=^- )", BOOK, re.M | re.S)
    figures = re.findall(r"`(?:bulkhead_keeper|\.\.\.)_(\w+)", text)
    assert len(figures) >= 7
    assert [name for name in figures if f"# TYPE bulkhead_keeper_{name} " not in served] == []


def test_files__that_are_named__are_there():
    named = set(re.findall(r"\b((?:deploy|tests|scripts)/[\w./-]+\w)", BOOK))
    assert len(named) >= 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_settings__of_container_and_unit__restart_after_what_the_table_says():
    (told,) = [row[2] for row in rows("setting | default |") if names(row[0]) == ["restart_seconds"]]
    (seconds,) = re.findall(r"container and unit set (\d+)", told)
    for file in ("Dockerfile", "bulkhead-keeper.service"):
        assert f"BULKHEAD_KEEPER_RESTART_SECONDS={seconds}" in (ROOT / "deploy" / file).read_text()
    assert not Settings.model_fields["restart_seconds"].default
