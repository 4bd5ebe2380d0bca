"""Every revert reason of the contracts has a sentence, and every sentence has a reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from eth_abi import encode

from bulkhead.chain import reasons, revert_data

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    *sorted(path for path in (ROOT / "contracts").glob("*/*.vy") if path.parent.name != "testing"),
    ROOT / "contracts" / "testing" / "MockERC20.vy",
]


def reasons_of_the_contracts() -> set[str]:
    literal = re.compile(r'"([a-z0-9][a-z0-9-]*/[a-z0-9-]+)"')
    return {reason for path in SOURCES for reason in literal.findall(path.read_text())}


def test_sentences__and_reasons__are_the_same_set():
    # of what no contract can be handed, but a client can type
    typed = {"leg/unknown-kind", "leg/strike-range"}
    assert reasons_of_the_contracts() | typed == set(reasons.SENTENCES)


def test_sentences__are_sentences_that_end_with_a_full_stop():
    assert [r for r, s in reasons.SENTENCES.items() if not (s[0].isupper() and s.endswith("."))] == []


def test_decode__error_string__gives_the_reason():
    data = revert_data.ERROR_SELECTOR + encode(["string"], ["margin/below-initial"])
    assert revert_data.decode(data) == "margin/below-initial"
    assert "initial margin" in reasons.sentence("margin/below-initial")


@pytest.mark.parametrize("data", [b"", revert_data.ERROR_SELECTOR + b"\x01", b"\x12\x34\x56\x78"])
def test_decode__no_reason__is_empty_and_has_a_sentence(data):
    assert revert_data.decode(data) == ""
    assert reasons.sentence("").endswith(".")


def test_decode__panic__names_it():
    assert revert_data.decode(revert_data.PANIC_SELECTOR + (0x11).to_bytes(32, "big")) == "panic/0x11"


def test_from_message__node_without_data__finds_the_reason():
    assert revert_data.from_message("execution reverted: vault-token/not-owner") == "vault-token/not-owner"
    assert revert_data.from_message("execution reverted") == ""
