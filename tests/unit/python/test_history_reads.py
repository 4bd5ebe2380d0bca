"""Every event that names a vault is read by what is asked of its history."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bulkhead.chain import abi
from bulkhead.client.history import IDS, _wanted

READ = ("Clearinghouse", "Exchange", "Liquidator", "Settlement")


class Chain:
    """A deployment of which only ABIs are asked."""

    deployment = SimpleNamespace(block=7)

    def __getitem__(self, name: str) -> Any:
        return SimpleNamespace(abi=abi.load(name), address=name)


def test_wanted__each_place_in_which_an_event_names_a_vault__is_asked_for():
    chain: Any = Chain()
    wanted = {}
    for method, (query,) in _wanted(chain, 5, 20):
        assert method == "eth_getLogs" and (query["fromBlock"], query["toBlock"]) == ("0x7", "0x14")
        topic, *before, last = query["topics"]
        assert int(last, 16) == 5 and set(before) <= {None}
        wanted[query["address"][0], topic, len(before) + 1] = True
    for name in READ:
        contract = abi.load(name)
        for entry in contract.entries:
            if entry["type"] != "event":
                continue
            topic = "0x" + contract.event(entry["name"]).topic.hex()
            places = [one["name"] for one in entry["inputs"] if one["indexed"]]
            for place, field in enumerate(places, 1):
                if field in IDS and entry["name"] not in LEFT_OUT:
                    assert (name, topic, place) in wanted or (name, None, place) in wanted, (name, entry["name"], field)


#: Orders that are cancelled change nothing that a vault holds.
LEFT_OUT = ("EpochBumped", "SeriesCancelled")
