"""Log lines: JSON, without secrets, and never the end of a keeper."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bulkhead.keeper.json_log import JsonLog


def test_log__secrets__are_struck_out_wherever_they_hide():
    stream = io.StringIO()
    log = JsonLog(stream, ["deadbeefdeadbeef", "tiny"])
    log("event", reason="the key deadbeefdeadbeef leaked", data=b"\xde\xad\xbe\xef" * 2, words=["tiny"])
    text = stream.getvalue()
    assert "deadbeefdeadbeef" not in text and "tiny" in text
    assert json.loads(text)["reason"] == "the key *** leaked"


def test_log__secret_that_json_or_a_url_write_otherwise__is_struck_out():
    stream = io.StringIO()
    log = JsonLog(stream, ['pass"word\\ü', "key/with space"])
    log("event", reason='the pass"word\\ü', at="https://x.example/?k=key%2Fwith%20space", plain="key/with space")
    assert stream.getvalue().count("***") == 3


def test_log__disk_full__does_not_end_the_keeper():
    with Path("/dev/full").open("w") as stream:
        log = JsonLog(stream)
        log("event", reason="the disk is full")
        log("event", reason="and stays so")
        # what is left in the buffer cannot be flushed at the end either
        with pytest.raises(OSError, match="space"):
            stream.close()
