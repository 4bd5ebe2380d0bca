"""What the TypeScript package takes from the Python one, written out: `python -m scripts.typescript [--check]`.

ABIs with their digests, and the sentence of every revert reason. ABIs are TypeScript, as viem takes the types of calls
from their literals; sentences are data. The ABIs come from bulkhead/chain/abi, which a test
holds to the compiled contracts; another holds these files to what this script writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bulkhead.chain import abi as abis
from bulkhead.chain import reasons

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "web" / "packages" / "bulkhead" / "src" / "generated"
HEAD = "// Written by `python -m scripts.typescript`; do not edit.\n"


def _constant(name: str) -> str:
    """`EsEngine` becomes `esEngineAbi`, `MockERC20` `mockERC20Abi`."""
    return name[0].lower() + name[1:] + "Abi"


def _abis(names: list[str]) -> str:
    parts = [HEAD]
    for name in names:
        text = json.dumps(abis.load(name).entries, separators=(",", ":")).replace("},{", "},\n{")
        parts.append(f"export const {_constant(name)} = {text} as const\n")
    digests = {name: abis.load(name).sha256 for name in names}
    parts.append(f"export const digests: Readonly<Record<string, string>> = {json.dumps(digests, indent=1)}\n")
    return "\n".join(parts)


def wanted() -> dict[Path, str]:
    """Text of every generated file."""
    names = sorted(path.stem for path in Path(abis.__file__).parent.glob("*.json"))
    sentences = json.dumps(reasons.SENTENCES, indent=1, ensure_ascii=False)
    return {
        FOLDER / "abis.ts": _abis(names),
        FOLDER / "sentences.json": f"{sentences}\n",
    }


def drifted() -> list[str]:
    """Files that are not as this script would write them."""
    return [path.name for path, text in wanted().items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str]) -> int:
    """Writes or checks the files; returns the exit code."""
    if "--check" in arguments:
        names = drifted()
        if names:
            print(f"not as generated: {', '.join(names)}. Run python -m scripts.typescript", file=sys.stderr)
        return 1 if names else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in wanted().items():
        path.write_text(text)
    print(f"wrote {', '.join(path.name for path in wanted())} to {FOLDER.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
