"""The vectors of fills and payoffs that other implementations are held to are what the code says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.vectors import make_fills

FILE = Path(make_fills.__file__).with_name("fills.json")


def test_file__is_what_the_code_says() -> None:
    assert json.loads(FILE.read_text()) == make_fills.build()


def test_file__holds_both_kinds_and_what_tells_them_apart() -> None:
    document = json.loads(FILE.read_text())
    fills = {vector["name"]: vector for vector in document["fills"]}
    assert len(fills) == 24
    worth = {kind: fills[f"a call is sold, {kind}, before"] for kind in ("dollars", "coins")}
    # the same call: coins at the forward, rounded
    assert int(worth["dollars"]["mark"]) * 10**18 // make_fills.BEFORE.forward == int(worth["coins"]["mark"])
    assert {leg["kind"] for leg in fills["futures are sold, coins, before"]["taker"]["legs"]} == {"cash", "future"}
    worst = {vector["name"]: vector["worst"] for vector in document["payoffs"]}
    assert (worst["covered call, coins"], worst["covered call, dollars"]) == (str(-(10**18)), None)
    assert (worst["short put, coins"], worst["short put, dollars"]) == (None, str(-1_800 * 10**18))
