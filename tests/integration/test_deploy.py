"""`ape run deploy`, `verify` and `seed`: what comes out, and every way of not starting."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import ape
import pytest
import yaml
from click.testing import CliRunner

from bulkhead.chain import abi, anvil, deploy, inputs, system
from bulkhead.chain.anvil import free_port
from bulkhead.chain.connection import Connection
from bulkhead.chain.contract import Contract
from bulkhead.chain.deployment import load
from bulkhead.chain.pool import read_pool
from bulkhead.chain.rpc import Rpc
from bulkhead.chain.sender import Sender, account_from_key
from scripts import verify
from tests.keeper.limited import TYPED_REFUSALS, WORDS, Bounds, LimitedProxy, Overtaken, PlainProxy, served
from tests.keeper.proxy import SEND

ROOT = Path(__file__).resolve().parents[2]
APE = Path(sys.executable).parent / "ape"
INPUTS = ROOT / "deployments" / "local" / "inputs.yaml"
FEED = "0x694AA1769357215DE4FAC081bf1f309aDC325306"
SEPOLIA = ("--network", "ethereum:sepolia:node")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(APE), "run", *(str(a) for a in arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def send(rpc: Rpc, sender: str, contract: Contract, function: str, *arguments: object) -> None:
    """A transaction of any account, as Anvil lets one send it."""
    rpc.call("anvil_impersonateAccount", sender)
    rpc.call("anvil_setBalance", sender, hex(10**20))
    data = "0x" + contract.encode(function, *arguments).hex()
    sent = rpc.call("eth_sendTransaction", {"from": sender, "to": contract.address, "data": data})
    deadline = time.monotonic() + 30
    while (receipt := rpc.call("eth_getTransactionReceipt", sent)) is None:
        assert time.monotonic() < deadline, f"{function} is not mined"
    assert int(receipt["status"], 16) == 1, function


@pytest.fixture(scope="module")
def node() -> str:
    return str(ape.chain.provider.uri)


@pytest.fixture
def limited(node) -> Iterator[LimitedProxy]:
    """The node behind limits: one call in a post, fifty blocks in a range of logs."""
    proxy = LimitedProxy(node, "Nethermind", 1, 50)
    with served(proxy):
        yield proxy


def test_deploy__in_process__is_where_it_was_predicted_and_small_enough(market):
    for name, _ in system.CONTRACTS:
        assert market.contracts[name].address == next(s.address for s in market.steps if s.name == name)
        assert 0 < len(ape.chain.provider.get_code(market.contracts[name].address)) < system.CODE_LIMIT
    assert market.Lens.addresses()[0] == market.RiskParameters.address
    assert market.RiskParameters.markets() == [1]


def test_deploy__running_node_that_bears_little__verifies_and_can_be_seeded(node, limited, tmp_path):
    out, path = tmp_path / "addresses.json", tmp_path / "inputs.yaml"
    content = yaml.safe_load(INPUTS.read_text())
    bounds = {"edge_bps": 50, "quote_seconds": 120, "max_contracts": 20 * 10**6, "cap": 10**11}
    content["markets"]["ETH"]["maker"] = {"owner": FEED, "quoter": FEED, **bounds}
    # order of the inputs is order of listing
    content["timelock"] = {"proposers": [FEED], "delay_seconds": 9 * 86_400}
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    done = run("deploy", "--url", limited.url, "--out", out, "--inputs", path)
    assert done.returncode == 0, done.stdout + done.stderr
    deployment = load(out)
    assert deployment.market("ETH").maker and not deployment.market("BTC").maker
    assert (deployment.network, deployment.chain_id) == ("local", 31337)
    assert set(deployment.contracts) == {name for name, _ in system.CONTRACTS} | {"Timelock"}
    assert "the parameters belong to a timelock of 9 days" in done.stdout
    assert list(deployment.markets) == ["ETH", "BTC", "WETH"]
    assert json.loads(out.read_text())["contracts"]["Lens"]["abi_sha256"] == abi.load("Lens").sha256
    with Rpc(node) as rpc:
        deployment.check(rpc)

    verified = run("verify", "--url", limited.url, "--deployment", out, "--inputs", path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert (
        "FAIL" not in verified.stdout and "ETH's maker vault started with the bounds of the inputs" in verified.stdout
    )
    assert "note" not in verified.stdout

    lock = deployment.address("Timelock")
    for line in (
        f"owner is {lock}",
        "the timelock waits 777,600 seconds",
        f"EXECUTOR_ROLE: {FEED}",
        f"DEFAULT_ADMIN_ROLE: {lock}",
    ):
        assert f"ok   {line}" in verified.stdout, verified.stdout
    assert all(f"{m}'s backstop pool is registered at" in verified.stdout for m in deployment.markets)
    assert all(f"ok   {m}" in verified.stdout for m in ("ETH is linear", "WETH is inverse", "WETH: its unit is 10^-3"))
    with Rpc(node) as rpc:
        chain = Connection(rpc, deployment)
        pool = read_pool(chain, "ETH")
        assert (pool.market, pool.asset, pool.assets, pool.queue, pool.vaults) == (
            1,
            deployment.market("ETH").token,
            0,
            (),
            (),
        )
        assert pool.room == pool.cap > 0

    seeded = run("seed", "--url", limited.url, "--deployment", out)
    assert seeded.returncode == 0, seeded.stdout + seeded.stderr
    assert "short put" in seeded.stdout

    # another kind and another unit than the chain's are found
    changed = yaml.safe_load(path.read_text())
    changed["markets"]["WETH"]["unit"] = "0.01"
    changed["markets"]["BTC"] |= {"token": "WETH", "kind": "inverse", "unit": "0.001"}
    other = tmp_path / "kinds.yaml"
    other.write_text(yaml.safe_dump(changed, sort_keys=False))
    refused = run("verify", "--url", node, "--deployment", out, "--inputs", other)
    assert refused.returncode == 1
    assert "FAIL WETH: its unit is 10^-3 of 18 decimals" in refused.stdout and "FAIL BTC is linear" in refused.stdout

    # other parameters than the chain's are found, by name
    changed = yaml.safe_load(path.read_text())
    changed["markets"]["ETH"]["parameters"] = {"phi_bps": 100}
    changed["markets"]["ETH"]["maker"]["edge_bps"] = 60
    changed["timelock"] = {"proposers": [lock]}
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(changed, sort_keys=False))
    refused = run("verify", "--url", limited.url, "--deployment", out, "--inputs", other)
    assert refused.returncode == 1
    assert "FAIL ETH was listed with the parameters of the inputs: phi_bps 100 -> 200" in refused.stdout
    assert "FAIL ETH's maker vault started with the bounds of the inputs" in refused.stdout
    assert "FAIL the timelock waits 777,600" in refused.stdout and f"FAIL PROPOSER_ROLE: {FEED}" in refused.stdout
    # another market's pool in the addresses, and a market that names none
    for pool in (deployment.market("BTC").backstop, ""):
        content = json.loads(out.read_text())
        content["markets"]["ETH"]["backstop"] = pool
        astray = tmp_path / "astray.json"
        astray.write_text(json.dumps(content))
        told = run("verify", "--url", limited.url, "--deployment", astray, "--inputs", path)
        assert told.returncode == 1 and "FAIL ETH's backstop pool is registered at" in told.stdout
    # what owners changed since, within the contracts' bounds, is told and no failure
    entry = deployment.market("ETH")
    with Rpc(node) as rpc:
        chain = Connection(rpc, deployment)
        maker = Contract(rpc, abi.load("MakerVault"), entry.maker)
        parameters, pool = chain["RiskParameters"], chain.backstop(entry)
        for sender, contract, function, *arguments in (
            (lock, pool, "set_cap", 7),
            (lock, parameters, "set_parameter", 1, "phi_bps", 150),
            (lock, parameters, "set_guardian", FEED),
            (FEED, parameters, "pause_opening", 2),
            (FEED, maker, "set_bounds", (FEED, 60, 120, 20 * 10**6, 10**11, 0)),
        ):
            send(rpc, sender, contract, function, *arguments)
    told = run("verify", "--url", limited.url, "--deployment", out, "--inputs", path)
    assert told.returncode == 0, told.stdout + told.stderr
    for note in (
        f"ETH's backstop pool changed since deployment: cap {2**128} -> 7",
        "ETH changed since deployment: phi_bps 200 -> 150",
        f"guardian changed since deployment: {deployment.deployer} -> {FEED}",
        "BTC changed since deployment: opening paused until ",
        "ETH's maker vault changed since deployment: edge_bps 50 -> 60",
    ):
        assert f"note {note}" in told.stdout, note
    # code is another matter: a byte of it, or of a role behind it
    with Rpc(node) as rpc:
        for name, place in (("Lens", 100), ("OrderLens", -1)):
            code = bytearray(rpc.code(deployment.address(name)))
            code[place] ^= 1
            rpc.call("anvil_setCode", deployment.address(name), "0x" + code.hex())
    told = run("verify", "--url", limited.url, "--deployment", out, "--inputs", path)
    assert told.returncode == 1
    assert "FAIL Lens runs the code of this clone" in told.stdout
    assert "FAIL OrderLens holds its 4 roles" in told.stdout
    assert told.stdout.count("FAIL") == 2
    # inputs without the maker vault that is there
    assert "ETH's maker vault is in the deployment alone" in run(
        "verify", "--url", limited.url, "--deployment", out, "--inputs", INPUTS
    ).stdout  # fmt: skip


def test_deploy__chain_without_eip_1559__sends_plain_transactions(node, tmp_path):
    out, proxy = tmp_path / "addresses.json", PlainProxy(node, False, TYPED_REFUSALS[0])
    with served(proxy), Rpc(node) as rpc:
        first = rpc.block_number() + 1
        done = run("deploy", "--url", proxy.url, "--out", out)
        assert done.returncode == 0, done.stdout + done.stderr
        load(out).check(rpc)
        blocks = [rpc.call("eth_getBlockByNumber", hex(i), True) for i in range(first, rpc.block_number() + 1)]
    mined = {(entry["type"], int(entry["gasPrice"], 16)) for block in blocks for entry in block["transactions"]}
    assert mined == {("0x0", proxy.price)}


def test_deploy__coins_that_end_half_way__is_one_sentence(node, tmp_path):
    deployer, out = ape.accounts.test_accounts[0].address, tmp_path / "addresses.json"
    broke = [("anvil_setBalance", [deployer, "0x0"])]
    proxy = Overtaken(node, "Besu", Bounds(20, 500), SEND, lambda _: broke, after=9)
    with Rpc(node) as rpc, served(proxy):
        before = rpc.balance(deployer)
        try:
            done = run("deploy", "--url", proxy.url, "--out", out)
        finally:
            rpc.call("anvil_setBalance", deployer, hex(before))
    assert done.returncode == 1 and not out.exists()
    assert f"deploy: {deployer} has not enough coins to pay for gas." in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


@pytest.fixture(scope="module")
def plainly(node, tmp_path_factory):
    """A folder with the local inputs and what came of them, from an account that nothing else here uses."""
    folder = tmp_path_factory.mktemp("plainly")
    folder.joinpath("inputs.yaml").write_text(INPUTS.read_text())
    with Rpc(node) as rpc:
        sender = Sender(rpc, account_from_key(anvil.key(11)))
        deploy.deploy(rpc, sender, inputs.load(INPUTS), ROOT).save(folder / "addresses.json")
        parameters = Contract(
            rpc, abi.load("RiskParameters"), load(folder / "addresses.json").address("RiskParameters")
        )
        sender.execute(parameters, "set_parameter", 1, "phi_bps", 150)
    return folder


def verified(url, folder):
    done = CliRunner().invoke(verify.cli, ["--url", url, "--deployment", str(folder)])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("style", "bounds"),
    [*((style, Bounds(1, 50)) for style in WORDS), ("Reth", Bounds(20, 500)), ("Geth", Bounds(100))],
)
def test_verify__node_that_bears_little__says_the_same(node, plainly, style, bounds):
    wanted = verified(node, plainly)
    assert "note ETH changed since deployment: phi_bps 200 -> 150" in wanted
    proxy = LimitedProxy(node, style, bounds=bounds)
    with served(proxy):
        assert verified(proxy.url, plainly) == wanted
    assert bounds.calls > 1 or proxy.refusals["batch"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*SEPOLIA, "--account", "none"), "name your node with --url"),
        ((*SEPOLIA, "--url", "http://127.0.0.1:1"), "name the deploying account"),
        (("--network", "ethereum:holesky:node"), "There are no inputs at"),
    ],
)
def test_deploy__public_network__says_what_is_missing(arguments, sentence):
    done = run("deploy", *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr and "Traceback" not in done.stderr


def test_deploy__node_out_of_reach__fails_before_sending_anything(tmp_path):
    url = f"http://127.0.0.1:{free_port()}"
    out = tmp_path / "addresses.json"
    done = run("deploy", *SEPOLIA, "--account", "none", "--url", url, "--out", out)
    assert done.returncode == 1
    assert f"deploy: No node answers at {url}" in done.stderr and "Traceback" not in done.stderr
    assert not out.exists()


def test_deploy__node_of_another_chain__fails_before_sending_anything(node):
    before = ape.accounts.test_accounts[0].nonce
    done = run("deploy", *SEPOLIA, "--account", "none", "--url", node)
    assert done.returncode == 1
    assert "serves chain 31337, the inputs are for 11155111" in done.stderr
    assert ape.accounts.test_accounts[0].nonce == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("network: [", "is not YAML"),
        ("network: local", "tokens is missing"),
        ("[]", "a mapping belongs here"),
    ],
)
def test_deploy__bad_inputs__are_named(tmp_path, content, sentence):
    path = tmp_path / "inputs.yaml"
    path.write_text(content)
    done = run("deploy", "--inputs", path)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_deploy__unknown_account__is_a_sentence(node):
    done = run("deploy", "--url", node, "--account", "nobody")
    assert done.returncode == 1
    assert "deploy: Ape has no account 'nobody'" in done.stderr and "Traceback" not in done.stderr


def test_deploy__feed_without_code__sends_nothing(node, tmp_path):
    content = yaml.safe_load(INPUTS.read_text())
    content["markets"]["ETH"]["feeds"]["primary"] = FEED
    path = tmp_path / "inputs.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    before = ape.accounts.test_accounts[0].nonce
    done = run("deploy", "--url", node, "--inputs", path)
    assert done.returncode == 1
    assert "primary feed of ETH has no code" in done.stderr
    assert ape.accounts.test_accounts[0].nonce == before


def test_deploy__coin_with_other_decimals__sends_nothing(node, tmp_path):
    deployer = ape.accounts.test_accounts[0]
    token = deployer.deploy(ape.project.MockERC20, "Test bitcoin", "WBTC", 8)
    content = yaml.safe_load(INPUTS.read_text())
    content["tokens"]["WETH"] = token.address
    content["markets"]["WETH"]["decimals"] = 18
    path = tmp_path / "inputs.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    before = deployer.nonce
    done = run("deploy", "--url", node, "--inputs", path)
    assert done.returncode == 1
    assert f"WETH: the inputs state 18 decimals, and WETH at {token.address} has 8" in done.stderr
    assert deployer.nonce == before


def test_verify__nothing_there__says_so(tmp_path):
    done = run("verify", "--deployment", tmp_path)
    assert done.returncode == 1
    assert "There are no inputs at" in done.stderr


def test_seed__public_network__refuses(node, tmp_path):
    out = tmp_path / "addresses.json"
    content = {"network": "x", "chain_id": 5, "block": 1, "deployer": "0x0", "contracts": {}, "markets": {}}
    out.write_text(json.dumps(content))
    done = run("seed", "--url", node, "--deployment", out)
    assert done.returncode == 1 and "chain 31337" in done.stderr
