"""The command line on a real node: what it shows, and every bad input as one sentence and a non-zero exit."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account

from bulkhead.chain import anvil
from bulkhead.cli import main
from bulkhead.replay.participants import MAKER, ROLES
from tests.worlds.local_market import EXPIRY, START, opened, undone

STRANGER = "0x" + "17" * 32


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    with opened(folder / "log") as replay:
        replay.local.chain.deployment.save(folder / "addresses.json")
        replay.folder = folder
        yield replay


@pytest.fixture
def scene(market):
    with undone(market) as replay:
        yield replay


def run(*arguments: object, key: str | None = None):
    environment = {"BULKHEAD_KEY": key, "BULKHEAD_RPC_URL": None, "BULKHEAD_DEPLOYMENT": None}
    return CliRunner(mix_stderr=False).invoke(
        main, [str(a) for a in arguments], env=environment, catch_exceptions=False
    )


def at(scene) -> tuple[str, ...]:
    """Options that name the scene's node and deployment."""
    return ("--rpc", scene.local.anvil.url, "--deployment", str(scene.folder))


def refused(result, sentence: str) -> None:
    """One line on standard error, no traceback, exit code 1."""
    assert result.exit_code == 1, result.output
    assert sentence in result.stderr and result.stderr.startswith("error: ")
    assert "Traceback" not in result.output


def key_of(role: str) -> str:
    return anvil.key(ROLES.index(role))


def vault_of(scene, title: str) -> int:
    return next(v.vault_id for v in scene.vaults.values() if v.title == title)


def signed(scene, tmp_path: Path, *options: str) -> Path:
    """An order of the maker in a file."""
    maker = next(i for i, v in scene.vaults.items() if v.who == MAKER)
    result = run("order", "sign", maker, "sell", "call:220", "--expiry", EXPIRY, "--price", "3.5", "--size", "2",
                 *options, *at(scene), key=key_of(MAKER))  # fmt: skip
    assert result.exit_code == 0, result.output
    file = tmp_path / "order.json"
    file.write_text(result.stdout)
    return file


# --- what it shows ------------------------------------------------------------------------------------------------


def test_vault_show__open_vault__tells_its_state(scene):
    result = run("vault", "show", vault_of(scene, "short put"), "--json", *at(scene))
    shown = json.loads(result.stdout)
    assert shown["state"] == "healthy" and shown["market"] == "ETH" and shown["legs"] == ["-100 put 180"]
    assert float(shown["equity"]) > float(shown["initial_margin"]) > float(shown["maintenance_margin"]) > 0
    assert "short put" not in result.stdout
    text = run("vault", "show", vault_of(scene, "fully paid long call"), *at(scene)).stdout
    assert "covered" in text and "+100 call 210" in text


def test_explain__open_vault__the_margins_of_the_chain(scene, tmp_path):
    for title in ("short put", "fully paid long call"):
        vault, page = vault_of(scene, title), tmp_path / f"{title}.html"
        shown = json.loads(run("vault", "show", vault, "--json", *at(scene)).stdout)
        found = json.loads(run("explain", vault, "--json", "--html", page, *at(scene)).stdout)
        for name in ("equity", "maintenance_margin", "initial_margin", "value", "collateral"):
            assert Decimal(found[name]) == Decimal(shown[name]), name
        assert "<svg" in page.read_text()
    refused(run("explain", 99_999, *at(scene)), "There is no vault 99999.")
    empty = run("vault", "open", "--market", "ETH", *at(scene), key=key_of("Farah")).stdout.strip()
    refused(run("explain", empty, *at(scene)), f"Vault {empty} has no legs: it needs no margin.")


def test_vault_list__of_one_owner__lists_only_theirs(scene):
    owner = scene.local.people["Ada"].address
    assert len(json.loads(run("vault", "list", "--json", *at(scene)).stdout)) == len(scene.vaults)
    found = json.loads(run("vault", "list", "--owner", owner, "--json", *at(scene)).stdout)
    assert [v["owner"] for v in found] == [owner, owner]
    assert "short put" not in run("vault", "list", *at(scene)).stdout


def test_markets__shows_price_and_state(scene):
    text = run("markets", *at(scene)).stdout
    assert "ETH" in text and "200.00" in text and "active" in text


def test_vault__open_deposit_withdraw_close__through_the_command_line(scene):
    key = key_of("Farah")
    vault_id = int(run("vault", "open", "--deposit", "250", *at(scene), key=key).stdout)
    assert run("vault", "deposit", vault_id, "50.5", *at(scene), key=key).exit_code == 0
    assert run("vault", "withdraw", vault_id, "100", *at(scene), key=key).exit_code == 0
    assert json.loads(run("vault", "show", vault_id, "--json", *at(scene)).stdout)["balance"] == "200.500000"
    assert run("vault", "close", vault_id, *at(scene), key=key).exit_code == 0
    refused(run("vault", "show", vault_id, *at(scene)), f"There is no vault {vault_id}")


def test_order__sign_state_fill_cancel__through_the_command_line(scene, tmp_path):
    file = signed(scene, tmp_path)
    assert "open, 2.000000 packages" in run("order", "state", file, *at(scene)).stdout
    filled = run("order", "fill", file, "--deposit", "100", "--size", "1", *at(scene), key=key_of("Boris"))
    assert filled.exit_code == 0, filled.output
    shown = json.loads(run("vault", "show", int(filled.stdout), "--json", *at(scene)).stdout)
    assert shown["legs"] == ["+1 call 220"] and shown["state"] == "covered"
    assert run("order", "cancel", file, *at(scene), key=key_of(MAKER)).exit_code == 0
    assert "cancelled" in run("order", "state", file, *at(scene)).stdout
    refused(run("order", "fill", file, *at(scene), key=key_of("Boris")), "has been cancelled")


def test_keeper_run__once__has_nothing_to_do_in_a_quiet_market(scene, tmp_path):
    journal = ("--journal", tmp_path / "journal.sqlite")
    result = run("keeper", "run", "--once", "--key-env", "BULKHEAD_KEY", *journal, *at(scene), key=key_of("keeper"))
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["sent"] == 0


# --- bad input ----------------------------------------------------------------------------------------------------


def test_wrong_network__is_named(scene, tmp_path):
    content = json.loads((scene.folder / "addresses.json").read_text())
    (tmp_path / "addresses.json").write_text(json.dumps({**content, "network": "sepolia", "chain_id": 11155111}))
    result = run("markets", "--rpc", scene.local.anvil.url, "--deployment", tmp_path)
    refused(result, "serves chain 31337, but the deployment on sepolia is on chain 11155111")


def test_missing_deployment__no_file__says_what_to_do(scene, tmp_path):
    refused(run("markets", "--rpc", scene.local.anvil.url, "--deployment", tmp_path / "none"), "There is no deployment")


def test_missing_deployment__no_code__names_the_contracts(scene, tmp_path):
    content = json.loads((scene.folder / "addresses.json").read_text())
    content["contracts"]["Lens"]["address"] = "0x" + "12" * 20
    (tmp_path / "addresses.json").write_text(json.dumps(content))
    result = run("markets", "--rpc", scene.local.anvil.url, "--deployment", tmp_path)
    refused(result, "The chain has no code at the address of Lens")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"network": "x"}'])
def test_missing_deployment__garbage__is_a_sentence(scene, tmp_path, text):
    (tmp_path / "addresses.json").write_text(text)
    refused(run("markets", "--rpc", scene.local.anvil.url, "--deployment", tmp_path), "addresses.json is not")


def test_abi_mismatch__other_sources__is_named(scene, tmp_path):
    content = json.loads((scene.folder / "addresses.json").read_text())
    content["contracts"]["Lens"]["abi_sha256"] = "0" * 64
    (tmp_path / "addresses.json").write_text(json.dumps(content))
    result = run("markets", "--rpc", scene.local.anvil.url, "--deployment", tmp_path)
    refused(result, "Lens on local was built from other sources")


def test_no_node__says_where(scene):
    refused(run("markets", "--rpc", "http://127.0.0.1:1", "--deployment", scene.folder), "No node answers at")


def test_no_funds__without_coins__is_refused_before_sending(scene):
    result = run("vault", "open", *at(scene), key=STRANGER)
    refused(result, f"{Account.from_key(STRANGER).address} ")
    assert "coins" in result.stderr


def test_no_funds__without_tokens__says_how_many_are_missing(scene):
    scene.local.anvil.set_balance(Account.from_key(STRANGER).address, 10**18)
    result = run("vault", "open", "--deposit", "100", *at(scene), key=STRANGER)
    refused(result, "holds 0.000000 USDC and needs 100.000000")


def test_expired_order__is_a_sentence(scene, tmp_path):
    file = signed(scene, tmp_path, "--good-for", "5")
    scene.local.anvil.mine(scene.local.now() + 60)
    assert "expired, 0.000000 packages. The order has expired." in run("order", "state", file, *at(scene)).stdout
    refused(run("order", "fill", file, "--deposit", "100", *at(scene), key=key_of("Boris")), "The order has expired.")


def test_stale_oracle__stops_new_risk_with_a_sentence(scene, tmp_path):
    file = signed(scene, tmp_path, "--good-for", "100000")
    scene.local.anvil.mine(START + 3 * 3600)
    result = run("order", "fill", file, "--deposit", "100", *at(scene), key=key_of("Boris"))
    # whichever side of the fill is looked at first
    assert result.exit_code == 1 and (
        "The oracle's price is " in result.stderr or "No price is active" in result.stderr
    )
    assert "not fresh" in run("markets", *at(scene)).stdout
    assert "not fresh" in run("vault", "show", vault_of(scene, "short put"), *at(scene)).stdout


def test_unknown_vault__is_a_sentence(scene):
    refused(run("vault", "show", 999, *at(scene)), "There is no vault 999 on local")
    refused(run("vault", "deposit", 999, "1", *at(scene), key=key_of("Ada")), "There is no vault 999 on local")


def test_other_peoples_vault__is_refused_with_the_reason(scene):
    result = run("vault", "withdraw", vault_of(scene, "short call"), "1", *at(scene), key=key_of("Ada"))
    refused(result, "Only the owner of the vault may do that")


def test_withdraw__beyond_the_margin__is_refused_with_the_reason(scene):
    vault_id = vault_of(scene, "short put")
    refused(run("vault", "withdraw", vault_id, "700", *at(scene), key=key_of("Ada")), "below its initial margin")


def test_order__edited_after_signing__is_refused(scene, tmp_path):
    file = signed(scene, tmp_path)
    content = json.loads(file.read_text())
    content["order"]["price"] = "1"
    file.write_text(json.dumps(content))
    refused(run("order", "fill", file, "--deposit", "100", *at(scene), key=key_of("Boris")), "signature is not its")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("vault", "open"), "The environment variable BULKHEAD_KEY holds no private key"),
        (("vault", "open", "--market", "DOGE"), "There is no market 'DOGE'"),
        (("vault", "open", "--model", "MAGIC"), "'MAGIC' is not a margin model"),
        (("vault", "open", "--deposit", "0.0000001"), "is not an amount of a token with 6 decimals"),
        (
            ("order", "sign", "1", "buy", "straw:1", "--expiry", "2020-03-14", "--price", "1", "--size", "1"),
            "not a leg",
        ),
        (("order", "sign", "1", "buy", "call:220", "--expiry", "soon", "--price", "1", "--size", "1"), "not an expiry"),
        (("order", "fill", "nowhere.json"), "There is no file nowhere.json"),
        (("keeper", "run", "--once", "--roles", "flag,dance"), "There is no role 'dance'"),
    ],
)
def test_arguments__that_cannot_be_used__are_sentences(scene, arguments, sentence):
    key = None if arguments == ("vault", "open") else key_of("Ada")
    refused(run(*arguments, *at(scene), key=key), sentence)


def test_key__that_is_none__never_shows(scene):
    result = run("vault", "open", *at(scene), key="0xsecret")
    refused(result, "That is not a private key")
    assert "secret" not in result.output


def test_replay__malformed_csv__names_the_line(tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("ts,open,high,low,close\n1583971200,1,1,1,1\n1583971500,1,one,1,1\n")
    for command in (("replay", file), ("demo", "--data", file)):
        refused(run(*command), "bad.csv, line 3: high 'one' is not a number")
    refused(run("replay", tmp_path / "none.csv"), "There is no file")


def test_replay__flat_prices__are_refused(tmp_path):
    file = tmp_path / "flat.csv"
    file.write_text("ts,open,high,low,close\n1583971200,1,1,1,1\n1583971500,1,1,1,1\n")
    refused(run("replay", file), "does not move enough")
