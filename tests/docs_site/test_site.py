"""The documentation as a site: complete, without dead links, and asking nobody but its own server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bulkhead.chain import abi as abis
from scripts.docs_site import __main__ as site
from scripts.docs_site import contracts, python

ROOT = Path(__file__).resolve().parents[2]
#: What a browser loads without being asked: scripts, styles, pictures, fonts, frames.
LOADED = re.compile(r"""<(?:script|img|iframe|source|link\b[^>]*\brel=["']?(?:stylesheet|icon|preload))[^>]*?
                        (?:src|href)=["']?(?:https?:)?//""", re.VERBOSE)  # fmt: skip
STYLED = re.compile(r"""(?:url\(|@import\s+)["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a dead link or anchor fails."""
    out = tmp_path_factory.mktemp("docs-site")
    assert site.build(out) == 0
    return out


def test_site__every_page_of_docs__is_in_the_menu_of_one_reader() -> None:
    listed = [name for names in site.GUIDES.values() for name in names]
    assert len(listed) == len(set(listed))
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert pages <= set(listed), "a page of docs/ that no reader is led to"
    beside = {Path(name).stem for name in site.ROOT_PAGES} - {"README"}
    assert set(listed) <= pages | beside, "a page that is not there"


def test_site__html_and_styles__load_nothing_from_elsewhere(built: Path) -> None:
    pages = list((built / "site").rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        assert LOADED.search(page.read_text()) is None, page
    for sheet in (built / "site").rglob("*.css"):
        assert STYLED.search(sheet.read_text()) is None, sheet
    assert (built / "site" / site.DIAGRAMS.name).exists(), "diagrams would be asked of a network"


def test_site__search_and_llms__know_every_page(built: Path) -> None:
    search = json.dumps(json.loads((built / "site" / "search.json").read_text()))
    told = (built / "site" / "llms.txt").read_text()
    for page in (built / "pages").rglob("*.md"):
        name = str(page.relative_to(built / "pages"))
        assert f"({name})" in told or name == "llms.txt", name
        assert name.removesuffix(".md") + ".html" in search, name


def test_reference__every_contract__tells_of_every_function() -> None:
    pages = contracts.pages(ROOT)
    assert len(pages) > 30
    silent = []
    for name, text in pages.items():
        parts = re.split(r"^### ", text.split("\n## Events")[0], flags=re.MULTILINE)[1:]
        assert {part.split("\n")[0] for part in parts} == {
            entry["name"] for entry in abis.load(name).entries if entry["type"] == "function"
        }, name
        silent += [f"{name}.{part.splitlines()[0]}" for part in parts if not re.sub(r"```.*?```", "", part, flags=re.S)
                   .strip().splitlines()[1:]]  # fmt: skip
    assert silent == []


def test_reference__every_module_for_programs__tells_what_its_functions_take() -> None:
    pages = python.pages(ROOT)
    assert set(pages) == set(python.MODULES)
    for name, text in pages.items():
        assert text.startswith(f"# {name}\n") and text.count("\n## ") >= 1, name


def test_site__a_dead_link__fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = site.write

    def broken(folder: Path) -> None:
        honest(folder)
        (folder / "units.md").write_text("# Units\n\n[nowhere](glossary.md#no-such-heading)\n")

    monkeypatch.setattr(site, "write", broken)
    assert site.build(tmp_path) != 0
