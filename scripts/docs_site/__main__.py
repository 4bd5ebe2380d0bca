"""`python -m scripts.docs_site`: writes the pages of the site, and lets zensical make the site of them."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.docs_site import contracts, python, rest

ROOT = Path(__file__).resolve().parents[2]
#: Pages by who reads them.
GUIDES = {
    "Trade": ("trader", "orders", "coins", "top-ups", "alerts", "glossary"),
    "Make markets": ("maker", "vol-fit"),
    "Keep": ("keeper", "keeper-runbook", "backstop"),
    "Build": ("integrator", "frontends", "deployments", "history", "export", "files", "units"),
    "Understand": ("architecture", "margin", "liquidation", "waterfall", "oracle", "parameters"),
    "Judge": ("invariants", "threat-model", "accuracy", "coverage", "frontier", "crashes"),
    "Change": ("development", "CONTRIBUTING", "STYLE", "SECURITY", "CHANGELOG"),
}
#: Draws the diagrams; the theme would ask a network for it.
DIAGRAMS = ROOT / "node_modules" / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js"
ASSETS = tuple(Path(__file__).parent / name for name in ("site.css", "site.js"))
FENCE = "pymdownx.superfences.fence_code_format"
#: Pages that lie beside `docs/`.
ROOT_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "STYLE.md")
#: A link that is no picture: text, target.
LINK = re.compile(r"(?<!!)\[([^\]\[]*)\]\(([^)\s]+)\)")


def write(folder: Path) -> None:
    """All pages as Markdown."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    for name in ROOT_PAGES:
        text = (ROOT / name).read_text()
        (folder / ("index.md" if name == "README.md" else name)).write_text(re.sub(r"\]\(docs/", "](", text))
    for page in folder.rglob("*.md"):
        page.write_text(LINK.sub(lambda found, page=page: _link(found, page.parent), page.read_text()))
    reference = folder / "reference"
    for kind, pages in (("contracts", contracts.pages(ROOT)), ("python", python.pages(ROOT))):
        (reference / kind).mkdir(parents=True)
        for name, text in pages.items():
            (reference / kind / f"{name}.md").write_text(text)
    (reference / "rest.md").write_text(rest.page())
    for asset in (DIAGRAMS, *ASSETS):
        shutil.copy(asset, folder / asset.name)
    (folder / "llms.txt").write_text(_llms(folder))


def _link(found: re.Match[str], place: Path) -> str:
    """A link within the site as it is; of one to a source file only the name stays."""
    target = found.group(2).partition("#")[0]
    for name in ROOT_PAGES:
        if target.startswith("../") and target.lstrip("./") == name:
            return (
                f"[{found.group(1)}]({'../' * (target.count('../') - 1)}{'index.md' if name == 'README.md' else name})"
            )
    inside = not target or "://" in target or target.startswith("mailto:") or (place / target).exists()
    return found.group(0) if inside else found.group(1)


def _llms(folder: Path) -> str:
    """Every page with its first sentence, for programs that read."""
    lines = ["# Bulkhead", "", "> Isolated-margin options on the EVM: every position its own collateral vault.", ""]
    for page in sorted(folder.rglob("*.md")):
        text = page.read_text()
        title = re.search(r"^# (.*)$", text, re.MULTILINE)
        first = re.search(r"^(?![#!|`\-<\[]|Date:|\s*$).+$", text, re.MULTILINE)
        said = "" if first is None else ": " + first.group(0).split(". ")[0].rstrip(".:") + "."
        lines.append(f"- [{title.group(1) if title else page.stem}]({page.relative_to(folder)}){said}")
    return "\n".join(lines) + "\n"


def configuration(folder: Path, site: Path) -> str:
    """What zensical reads (JSON is YAML)."""

    def under(*parts: str) -> list[str]:
        return [str(page.relative_to(folder)) for page in sorted(folder.joinpath(*parts).glob("*.md"))]

    guides = [
        {title: [f"{name}.md" for name in names if (folder / f"{name}.md").exists()]} for title, names in GUIDES.items()
    ]
    reference = [
        {"Contracts": under("reference", "contracts")},
        {"Python": under("reference", "python")},
        {"HTTP": "reference/rest.md"},
    ]
    # two palettes by the reader's setting; a font of the system, so that nothing is asked of anyone
    palette = [
        {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "black", "accent": "indigo"},
        {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "black", "accent": "indigo"},
    ]
    fence = {"name": "mermaid", "class": "mermaid", "format": FENCE}
    content = {
        "site_name": "Bulkhead",
        "docs_dir": folder.name,
        "site_dir": site.name,
        "nav": [{"Bulkhead": "index.md"}, *guides, {"Reference": reference}, {"Decisions": under("adr")}],
        "use_directory_urls": False,
        "theme": {"name": "material", "font": False, "palette": palette},
        "plugins": ["search"],
        "extra_css": [asset.name for asset in ASSETS if asset.suffix == ".css"],
        "extra_javascript": [DIAGRAMS.name, *(asset.name for asset in ASSETS if asset.suffix == ".js")],
        "markdown_extensions": ["tables", "admonition", "toc", {"pymdownx.superfences": {"custom_fences": [fence]}}],
    }
    # a name of Python is what JSON cannot say and YAML can
    return json.dumps(content, indent=2).replace(f'"{FENCE}"', f"!!python/name:{FENCE} ''")


def build(out: Path) -> int:
    """Makes the site below a folder; the exit code is zensical's, which is not 0 for a dead link or anchor."""
    folder, site = out / "pages", out / "site"
    write(folder)
    config = out / "mkdocs.yml"
    config.write_text(configuration(folder, site))
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--clean", "--strict", "-f", str(config)]
    return subprocess.run(command, cwd=out, check=False, env={**os.environ, "NO_COLOR": "1"}).returncode


def main() -> None:
    """Builds the site."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "docs-site", help="folder for pages/ and site/")
    out = parser.parse_args().out.resolve()
    code = build(out)
    if code == 0:
        print(f"The site is {out / 'site'}; look at it with: python -m http.server -d {out / 'site'}")
    sys.exit(code)


if __name__ == "__main__":
    main()
