"""The unrolled scenario pass of contracts/margin/EsEngine; InverseEsEngine, its source with one constant changed.

Four templates and the nodes of bulkhead/risk/nodes give the pass.

    python -m scripts.generate_scenarios           rewrite the blocks
    python -m scripts.generate_scenarios --check   compare with what is committed (exit 1 when it differs)

A loop with a helper would cost 17 to 34 % more gas, a plain loop 55 to 110 %. The engine takes the nodes' values at its
deployment; what the text depends on is their number and which of them take the tail's vol moves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks import generated
from bulkhead.risk.nodes import NODES, TAIL_NODE

GENERATOR = "scripts.generate_scenarios"
ENGINE = generated.ROOT / "contracts/margin/EsEngine.vy"
INVERSE_ENGINE = generated.ROOT / "contracts/margin/InverseEsEngine.vy"

#: What the engine of inverse markets says otherwise: the constant decides what the compiler keeps.
_INVERSE = (
    ("INVERSE: constant(bool) = False", "INVERSE: constant(bool) = True"),
    (
        "@title Margin engine: expected shortfall over 24 scenarios\n",
        "@title Margin engine: expected shortfall over 24 scenarios, in coins\n",
    ),
    (
        "@license AGPL-3.0-only\n",
        "@license AGPL-3.0-only\n@custom:generated From EsEngine, by python -m scripts.generate_scenarios\n",
    ),
)

#: Phi at the cell and fraction of `d`, as the sum of a cubic packed in `w`.
_LOAD = """\
                w = convert(
                    convert(
                        table[convert(convert(d >> 97, bytes32), uint256)] << convert(convert((d >> 89) & 128, bytes32), uint256),
                        bytes32,
                    ),
                    int256,
                )
                t = d & FRACTION
"""  # noqa: E501 - the contract's own lines
_CUBIC = """\
unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(unsafe_add(unsafe_mul(w >> 101, t), w << 23) >> 102, t),
                    w << 51) >> 102, t), w << 85) >> 216
"""


def _group(node: int) -> str:
    return "tail" if abs(NODES[node]) >= TAIL_NODE else "body"


def shift(node: int) -> str:
    """Log move of one node."""
    return f"    shifts[{node}] = unsafe_div(unsafe_mul(nodes[{node}] >> 64, move), WAD)\n"


def forward(node: int) -> str:
    """Forward after it."""
    return f"    shocked[{node}] = self._moved(marks.setting.base, shifts[{node}])\n"


def value(node: int) -> str:
    """Adds the value of one leg at one node to the node's sum."""
    group = _group(node)
    return (
        f"                # node {node}\n"
        f"                d = unsafe_add({group}_base, unsafe_mul(shifts[{node}], {group}_inverse))\n"
        f"{_LOAD}"
        f"                up = {_CUBIC}"
        f"                d = unsafe_sub(d, {group}_width)\n"
        f"{_LOAD}"
        f"                sums[{node}] = unsafe_add(sums[{node}], unsafe_mul(quantity, unsafe_sub(unsafe_mul("
        f"shocked[{node}], up), unsafe_mul(\n"
        f"                    strike, {_CUBIC}"
        f"                ))))\n"
    )


def losses(node: int) -> str:
    """The larger and the smaller loss of one node's branches, each with the number of its scenario."""
    return (
        f"        d = unsafe_sub(now_, unsafe_mul(slope, shocked[{node}]))\n"
        f"        up = (unsafe_sub(d, first[{node}] >> 38) << 8) | {2 * node}\n"
        f"        d = (unsafe_sub(d, sums[{node}] >> 38) << 8) | {2 * node + 1}\n"
        f"        w = max(up, d)\n"
        f"        heads[{node}] = w\n"
        f"        seconds[{node}] = up ^ d ^ w\n"
    )


#: Blocks of the engine by name, each with what it says of one node.
TEMPLATES: dict[str, Callable[[int], str]] = {"shifts": shift, "forwards": forward, "values": value, "losses": losses}


def inverse_of(text: str) -> str:
    """The engine of inverse markets: the same source with its constant the other way."""
    for old, new in _INVERSE:
        if text.count(old) != 1:
            raise ValueError(f"EsEngine.vy does not say once: {old!r}")
        text = text.replace(old, new)
    return text


def expected_files() -> dict[Path, str]:
    """Text the engine should have."""
    outer = [abs(z) >= TAIL_NODE for z in NODES]
    if outer != [node < 3 or node > 8 for node in range(12)]:
        raise ValueError("The engine wants twelve nodes, of which the outer three on each side are the tail's.")
    text = ENGINE.read_text()
    for name, template in TEMPLATES.items():
        body = "".join(template(node) for node in range(len(NODES))).rstrip("\n")
        text = generated.with_block(text, name, body, GENERATOR)
    return {ENGINE: text, INVERSE_ENGINE: inverse_of(text)}


if __name__ == "__main__":
    raise SystemExit(generated.run(expected_files(), __doc__))
