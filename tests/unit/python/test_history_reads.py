"""Every event that names a vault is read by what is asked of its history."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bulkhead.chain import abi
from bulkhead.client.history import IDS, OF_VAULT, Topic

READ = ("Clearinghouse", "Exchange", "Liquidator", "Settlement")
#: Orders that are cancelled change nothing that a vault holds.
LEFT_OUT = ("EpochBumped", "SeriesCancelled")


class Chain:
    """A deployment of which only ABIs are asked."""

    deployment = SimpleNamespace(block=7)

    def __getitem__(self, name: str) -> Any:
        return SimpleNamespace(abi=abi.load(name), address=name)


def test_of_vault__each_place_in_which_an_event_names_a_vault__is_there():
    named = set()
    for name in READ:
        for entry in abi.load(name).entries:
            if entry["type"] == "event" and entry["name"] not in LEFT_OUT:
                fields = [one["name"] for one in entry["inputs"] if one["indexed"]]
                named |= {(name, entry["name"], place) for place, field in enumerate(fields, 1) if field in IDS}
    wanted = {(one.contract, one.event, one.place) for one in OF_VAULT}
    assert named and all(one in wanted or (one[0], None, one[2]) in wanted for one in named)
    # and nothing else is asked for
    assert all(one in named or one[1] is None for one in wanted)


@pytest.mark.parametrize("event", [None, "Novated"])
def test_topic__read__is_of_its_place_from_the_deployment_on(event):
    chain: Any = Chain()
    for place in (1, 2, 3):
        method, (query,) = Topic("Clearinghouse", event, place).logs(chain, 5, 20)
        topic, *before, last = query["topics"]
        assert method == "eth_getLogs" and (query["fromBlock"], query["toBlock"]) == ("0x7", "0x14")
        assert int(last, 16) == 5 and before == [None] * (place - 1) and query["address"] == ["Clearinghouse"]
        assert (topic is None) is (event is None)
