"""What commands print: JSON from every one of them, tables whole in a pipe, a line for who waits on a terminal."""

from __future__ import annotations

import importlib
import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click
import pytest
from rich.table import Table

from bulkhead import progress
from bulkhead.cli import COMMANDS
from bulkhead.cli.output import Output, columns, plain
from bulkhead.risk.words import Kind, Leg
from tests.worlds.served_market import EXPIRY, MAKER, ROOT, ServedMarket

#: Their output is lines of JSON, whatever is asked.
ALWAYS = {"keeper run", "keeper worker", "maker run", "serve"}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by the words that call it."""

    def below(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        if isinstance(command, click.Group):
            for name, one in command.commands.items():
                yield from below(f"{words} {name}", one)
        else:
            yield words, command

    for name, module in sorted(COMMANDS.items()):
        yield from below(name, getattr(importlib.import_module(module), name))


@pytest.mark.parametrize(("words", "command"), commands(), ids=lambda one: one if isinstance(one, str) else "")
def test_command__has_json_and_words_for_each_option(words: str, command: click.Command) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--json" in options or words in ALWAYS
    assert command.help and command.help.strip().endswith(".")
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, f"{words} {parameter.name} has no help"


def test_printing__has_one_home() -> None:
    """Nothing but `cli.output` writes results, so no command can forget --json or a table's width."""
    for path in sorted((ROOT / "bulkhead" / "cli").glob("*.py")):
        calls = re.findall(r"(?:click\.echo|\bprint)\(.*", path.read_text())
        # the group itself says what went wrong
        if path.name not in ("output.py", "__init__.py"):
            assert not calls, f"{path.name}: {calls}"


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_plain__keeps_every_digit() -> None:
    found = plain({"a": Decimal("1E-18"), "b": b"\x01", "c": [Leg(Kind.PUT, 160 * 10**8, -(10**6))], "d": 10**30})
    assert found == {"a": "0.000000000000000001", "b": "0x01", "c": ["-1 put 160"], "d": 10**30}


def test_json__of_each_reading_and_writing_command__is_one_document(market: ServedMarket, tmp_path: Path) -> None:
    def run(*arguments: object, key: int = 2) -> object:
        result = market.run(*arguments, "--json", key=key)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    desk = run("vault", "open", "--deposit", "5000", key=MAKER)["vault_id"]  # type: ignore[index]
    terms = ("--expiry", EXPIRY, "--price", "12", "--size", "5")
    offer, bid = tmp_path / "offer.json", tmp_path / "bid.json"
    offer.write_text(json.dumps(run("order", "sign", desk, "sell", "call:200", *terms, key=MAKER)))
    bid.write_text(json.dumps(run("order", "sign", desk, "buy", "call:200", *terms, key=MAKER)))
    (state,) = run("order", "state", offer)  # type: ignore[misc]
    assert state["status"] == "open" and state["fillable"] == "5.000000"
    assert run("order", "preview", offer, "--deposit", "100")["passes"] is True  # type: ignore[index]
    vault = run("order", "fill", offer, "--deposit", "100", "--size", "2")["vault_id"]  # type: ignore[index]
    for arguments in (
        ("vault", "deposit", vault, "5"),
        ("vault", "withdraw", vault, "1"),
        ("vault", "grant", vault, market.client(MAKER).address, "trade"),
        ("vault", "refresh", vault),
    ):
        assert set(run(*arguments)) == {"transaction", "block", "gas_used"}  # type: ignore[call-overload]
    assert run("order", "cancel", offer, key=MAKER)["transaction"].startswith("0x")  # type: ignore[index]
    assert {one["vault_id"] for one in run("vault", "list")} == {desk, vault}  # type: ignore[attr-defined]
    stop = tmp_path / "stop.json"
    stop.write_text(json.dumps(run("order", "stop", vault, "--below", "180")))
    assert run("order", "take-profit", vault, "90", "--with", stop)["order"]["is_bid"] is False  # type: ignore[index]
    asked = ("rfq", "call:200", "--size", "1", "--expiry", EXPIRY, "--maker", "http://127.0.0.1:1")
    assert {one["signed"] for one in run(*asked)} == {None}  # type: ignore[attr-defined]
    new = run("vault", "split", vault, "call:200", "--cash", "20")["vault_id"]  # type: ignore[index]
    run("vault", "merge", new, vault)
    assert [row["market"] for row in run("markets")] == ["ETH", "BTC", "WETH"]  # type: ignore[attr-defined]
    shown = run("govern", "show", "ETH")
    assert shown["parameters"]["phi_bps"] == 200 and shown["ramps"] == []  # type: ignore[index]
    assert run("govern", "set", "ETH", "phi_bps", "210", key=0) == {"proposal": None}
    assert run("govern", "advance", "ETH", key=0) == []


# --- tables ---------------------------------------------------------------------------------------------------------


def wide() -> Table:
    table = columns("one", "two")
    table.add_row("x" * 150, "y" * 150)
    return table


def test_table__in_a_pipe__is_whole_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table(None, wide())
    printed = capsys.readouterr().out
    assert any("x" * 150 in line and "y" * 150 in line for line in printed.splitlines())


def on_terminal(program: str, seconds: float = 60.0) -> str:
    """What a program writes on a terminal of 80 columns, standard error included."""
    mine, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    found, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        if select.select([mine], [], [], 0.1)[0]:
            try:
                part = os.read(mine, 65_536)
            except OSError:
                break
            if not part:
                break
            found += part
        elif process.poll() is not None:
            break
    process.wait()
    os.close(mine)
    return found.decode()


def test_table__on_a_narrow_terminal__folds_and_cuts_nothing() -> None:
    program = (
        "from bulkhead.cli.output import Output, columns; table = columns('one', 'two');"
        "table.add_row('x' * 70, 'y' * 70); Output(False).table(None, table)"
    )
    printed = on_terminal(program)
    assert printed.count("x") == printed.count("y") == 70 and "…" not in printed


# --- waiting --------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress__of_what_is_quick__writes_nothing() -> None:
    stream = Terminal()
    with progress.shown("all", stream, patience=0.5, tick=0.01), progress.doing("a step"):
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_progress__of_what_takes_long__names_the_innermost_and_leaves_nothing_behind() -> None:
    stream = Terminal()
    with progress.shown("all of it", stream, patience=0.05, tick=0.01):
        with progress.doing("a step", steps=3) as activity:
            activity.step()
            time.sleep(0.3)
        seen = stream.getvalue()
        progress.clear()
        assert stream.getvalue().endswith("\r")
    assert "a step 1/3" in seen
    assert stream.getvalue().rstrip(" \r").count("\n") == 0


def test_progress__where_nobody_looks__writes_nothing() -> None:
    stream = io.StringIO()
    with progress.shown("all", stream, patience=0.0, tick=0.01):
        time.sleep(0.05)
    assert stream.getvalue() == ""


def test_command__that_waits_on_a_terminal__says_for_what(tmp_path: Path) -> None:
    content = {"network": "x", "chain_id": 1, "block": 1, "deployer": "0x0", "contracts": {}}
    (tmp_path / "addresses.json").write_text(json.dumps(content))
    program = f"""
import threading, time, socket
from bulkhead.cli import main
server = socket.create_server(("127.0.0.1", 0))
def slow():
    peer, _ = server.accept()
    peer.recv(9999); time.sleep(3.5); peer.close()
threading.Thread(target=slow, daemon=True).start()
main(["markets", "--rpc", f"http://127.0.0.1:{{server.getsockname()[1]}}", "--deployment", r"{tmp_path}"])
"""
    printed = on_terminal(program)
    assert "waiting for the node at http://127.0.0.1:" in printed, printed
    assert printed.rstrip().splitlines()[-1].lstrip("\r ").startswith("error: No node answers"), printed


def test_every_wait__is_named() -> None:
    """Each place of the package that sleeps, or starts a process that takes long, names what it waits for."""
    silent = []
    for path in sorted((ROOT / "bulkhead").rglob("*.py")):
        room = path.relative_to(ROOT / "bulkhead").parts[0]
        if room in ("keeper", "maker"):  # servers: they write log lines
            continue
        text = path.read_text()
        if re.search(r"\btime\.sleep\(|subprocess\.run\(|\.wait\(timeout", text) and "doing(" not in text:
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []
