"""Every deployable contract's reference, out of its NatSpec: shapes, units, errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import snekmate

from bulkhead.chain import abi as abis

FUNCTION = re.compile(
    r'^@external\n(?:@\w+(?:\([^)]*\))?\n)*def (\w+)\((.*?)\)(?: -> (.*?))?:\n(?:    """\n(.*?)\n    """)?',
    re.DOTALL | re.MULTILINE,
)
#: Variables that the compiler writes getters for, with the comment above them.
GETTERS = re.compile(r"^((?:# .*\n)*)((?:\w+: public\(.*\n)+)", re.MULTILINE)
TAG = re.compile(r"@(notice|dev|param|return|custom:\w+)\s+(.*?)(?=\n\s*@|\Z)", re.DOTALL)
REASON = re.compile(r'"([a-z0-9-]+/[a-z0-9-]+)"')


def _tags(text: str) -> list[tuple[str, str]]:
    return [(name, " ".join(words.split())) for name, words in TAG.findall(text or "")]


def _shape(parameter: dict[str, Any]) -> str:
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ", ".join(f"{_shape(one)} {one['name']}" for one in parameter["components"])
    return f"({inner}){kind[len('tuple') :]}"


def _notes(text: str) -> dict[str, list[tuple[str, str]]]:
    """NatSpec of every external function of a source, and comments of its public variables, by name."""
    found = {one[0]: _tags(one[3]) for one in FUNCTION.findall(text)}
    for comment, variables in GETTERS.findall(text):
        said = " ".join(line.removeprefix("# ") for line in comment.splitlines() if "---" not in line)
        said = re.sub(r"@(?:dev|notice) +", "", said)  # as snekmate comments its variables
        for variable in re.findall(r"^(\w+):", variables, re.MULTILINE):
            found[variable] = [("notice", said or f"Reads `{variable}`.")]
    return found


def page(name: str, source: Path, known: dict[str, list[tuple[str, str]]]) -> str:
    """The page of one contract; `known` are the notes of modules, some of whose functions it exports."""
    text = source.read_text()
    head = re.search(r'^"""\n(.*?)\n"""', text, re.DOTALL | re.MULTILINE)
    tags = _tags(head.group(1)) if head else []
    lines = [f"# {name}", ""]
    lines += [words + "\n" for tag, words in tags if tag in ("notice", "dev")]
    lines += [f"Source: `{source.parent.name}/{source.name}`.", "", "## Functions", ""]
    notes = known | _notes(text)
    entries = abis.load(name).entries
    seen: set[str] = set()
    for entry in sorted((e for e in entries if e["type"] == "function"), key=lambda e: (e["name"], -len(e["inputs"]))):
        if entry["name"] in seen:
            continue  # fewer arguments of the same function
        seen.add(entry["name"])
        lines += _function(entry, notes.get(entry["name"], []))
    events = [e for e in entries if e["type"] == "event"]
    if events:
        lines += ["## Events", ""]
        for event in sorted(events, key=lambda e: e["name"]):
            inner = ", ".join(f"{_shape(i)}{' indexed' if i['indexed'] else ''} {i['name']}" for i in event["inputs"])
            lines.append(f"- `{event['name']}({inner})`")
        lines.append("")
    reasons = sorted(set(REASON.findall(text)))
    if reasons:
        lines += ["## Reasons for refusal in this file", "", *(f"- `{reason}`" for reason in reasons), ""]
    return "\n".join(lines)


def _function(entry: dict[str, Any], tags: list[tuple[str, str]]) -> list[str]:
    arguments = ", ".join(f"{_shape(i)} {i['name']}" for i in entry["inputs"])
    results = ", ".join(_shape(o) for o in entry["outputs"])
    lines = [f"### {entry['name']}", "", "```text", f"{entry['name']}({arguments}) {entry['stateMutability']}"]
    lines += [f"    -> {results}"] if results else []
    lines += ["```", ""]
    lines += [words + "\n" for tag, words in tags if tag in ("notice", "dev")]
    for tag, words in tags:
        if tag == "param":
            argument, _, meaning = words.partition(" ")
            lines.append(f"- `{argument}`: {meaning}")
        elif tag == "return":
            lines.append(f"- returns: {words}")
    return [*lines, ""]


def pages(root: Path) -> dict[str, str]:
    """Page of every contract that is not for tests only, by name."""
    sources = [source for source in sorted((root / "contracts").rglob("*.vy")) if source.parent.name != "testing"]
    deployable = [source for source in sources if source.stem in abis.names()]
    modules: dict[str, list[tuple[str, str]]] = {}
    library = [source for place in snekmate.__path__ for source in sorted(Path(place).rglob("*.vy"))]
    for source in (*library, *sources):
        if source not in deployable:
            modules |= _notes(source.read_text())
    return {source.stem: page(source.stem, source, modules) for source in deployable}
