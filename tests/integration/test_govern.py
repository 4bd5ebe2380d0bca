"""Governance from the command line, on a real node: an account that owns, a timelock that owns, ramps."""

from __future__ import annotations

import pytest

from bulkhead.chain import anvil
from bulkhead.chain.sender import Sender, account_from_key
from bulkhead.governance import Governance
from bulkhead.replay.market import LocalMarket, deploy_plainly
from bulkhead.replay.price_paths.rounds import Round
from tests.integration.test_command_line import refused, run
from tests.worlds.local_market import SPOT, START

DAY = 86_400
OWNER, PROPOSER, ANYONE = anvil.key(0), anvil.key(15), anvil.key(16)


def under_a_timelock(chain, content):
    return deploy_plainly(chain, {**content, "timelock": {"proposers": [account_from_key(PROPOSER).address]}})


@pytest.fixture(scope="module", params=[deploy_plainly, under_a_timelock], ids=["account", "timelock"])
def opened(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("govern")
    with LocalMarket("ETH", Round(START, SPOT), request.param) as local:
        local.chain.deployment.save(folder / "addresses.json")
        yield local, ("--rpc", local.anvil.url, "--deployment", str(folder))


@pytest.fixture
def local(opened):
    found, at = opened
    kept = found.anvil.snapshot()
    yield found, at
    found.anvil.revert(kept)
    for person in found.people.values():
        person.signer.forget_nonce()


locked = pytest.mark.parametrize("opened", [under_a_timelock], indirect=True, ids=["timelock"])


def value(local: LocalMarket, name: str) -> int:
    return int(local.chain["RiskParameters"].call("parameter", 1, name))


def later(local: LocalMarket, seconds: int) -> None:
    local.push(Round(local.now() + seconds, SPOT))


def propose(at: tuple[str, ...], name: str, number: int) -> str:
    made = run("govern", "set", "ETH", name, number, *at, key=PROPOSER)
    assert made.exit_code == 0 and made.stdout.startswith("proposed 0x"), made.output
    return str(made.stdout.split()[1])


def carry_out(found: LocalMarket, at: tuple[str, ...], name: str, number: int) -> None:
    """A change by whoever owns the parameters."""
    if Governance(found.chain).timelock is None:
        assert run("govern", "set", "ETH", name, number, *at, key=OWNER).stdout == "changed\n"
        return
    proposal = propose(at, name, number)
    later(found, 8 * DAY)
    done = run("govern", "execute", proposal[:10], *at, key=PROPOSER)
    assert done.stdout == f"done: RiskParameters.set_parameter(1, {name}, {number})\n", done.output


def test_govern__plain_parameter__changes(local):
    found, at = local
    carry_out(found, at, "phi_bps", 250)
    assert value(found, "phi_bps") == 250
    assert "phi_bps 250 bp of MM, default 200" in run("govern", "show", "ETH", *at).stdout


def test_govern__ramped_parameter__goes_by_steps_that_anyone_may_make(local):
    found, at = local
    carry_out(found, at, "iv_floor_bps", 4_060)
    assert value(found, "iv_floor_bps") == 4_000
    assert "iv_floor_bps 4000 -> 4060, at least 2 hours" in run("govern", "show", "ETH", *at).stdout
    for expected, said in ((4_040, "iv_floor_bps 4000 -> 4040, target 4060\n"), (4_060, "4040 -> 4060")):
        later(found, 3_600)
        done = run("govern", "advance", "ETH", *at, key=ANYONE)
        assert said in done.stdout, done.output
        assert value(found, "iv_floor_bps") == expected
    assert run("govern", "advance", "ETH", *at, key=ANYONE).stdout == ""
    assert "->" not in run("govern", "show", "ETH", *at).stdout


def test_govern_advance__stale_price__is_refused_with_the_reason(local):
    found, at = local
    carry_out(found, at, "iv_floor_bps", 5_000)
    found.anvil.mine(found.now() + 3 * 3_600)
    refused(run("govern", "advance", "ETH", *at, key=ANYONE), "ramps stand still")
    assert value(found, "iv_floor_bps") == 4_000


def test_govern_set__stranger__is_refused(local):
    found, at = local
    sentence = "not-owner" if Governance(found.chain).timelock is None else "missing role"
    refused(run("govern", "set", "ETH", "dust", 20, *at, key=ANYONE), sentence)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("ETH", "kappa", 1), "There is no parameter 'kappa'"),
        (("ETH", "dust", 1_001), "dust is within 0 and 1000 quote of MM, and 1001 is not"),
        (("DOGE", "dust", 1), "There is no market 'DOGE'"),
    ],
)
def test_govern_set__what_cannot_be__is_a_sentence(local, arguments, sentence):
    refused(run("govern", "set", *arguments, *local[1], key=OWNER), sentence)


@locked
def test_govern_execute__before_its_time__is_refused_and_nothing_is_lost(local):
    found, at = local
    proposal = propose(at, "dust", 20)
    assert proposal[:10] in run("govern", "show", "ETH", *at).stdout
    later(found, 7 * DAY)
    refused(run("govern", "execute", proposal, *at, key=PROPOSER), "is not due for another 24.0 hours")
    later(found, DAY)
    refused(run("govern", "execute", proposal, *at, key=ANYONE), "missing role")
    assert value(found, "dust") == 10
    assert run("govern", "execute", proposal, *at, key=PROPOSER).exit_code == 0
    assert value(found, "dust") == 20
    refused(run("govern", "execute", proposal, *at, key=PROPOSER), "No open proposal begins with")


@locked
def test_govern_execute__fourteen_days_late__is_refused_and_can_be_cancelled(local):
    found, at = local
    proposal = propose(at, "dust", 20)
    later(found, 22 * DAY)
    refused(run("govern", "execute", proposal, *at, key=PROPOSER), "has lapsed; cancel it and propose it again")
    assert run("govern", "cancel", proposal, *at, key=PROPOSER).exit_code == 0
    assert value(found, "dust") == 10


@locked
def test_govern_cancel__open_proposal__never_comes(local):
    found, at = local
    proposal = propose(at, "dust", 20)
    done = run("govern", "cancel", proposal[:8], *at, key=PROPOSER)
    assert done.stdout == "cancelled: RiskParameters.set_parameter(1, dust, 20)\n"
    later(found, 8 * DAY)
    refused(run("govern", "execute", proposal, *at, key=PROPOSER), "No open proposal begins with")


@locked
def test_govern_execute__batch_by_other_means__is_carried_out_whole(local):
    found, at = local
    lock, parameters = found.chain["Timelock"], found.chain["RiskParameters"]
    calls = [parameters.encode("set_parameter", 1, name, n) for name, n in (("t2_seconds", 1_000), ("t1_seconds", 400))]
    batch = ([parameters.address] * 2, [0, 0], calls, bytes(32), bytes(32))
    sender = Sender(found.anvil.rpc, account_from_key(PROPOSER))
    sender.execute(lock, "schedule_batch", *batch, 8 * DAY)
    later(found, 8 * DAY)
    (notice,) = Governance(found.chain).notices()
    assert [w.split("(1, ")[1] for w in notice.words] == ["t2_seconds, 1000)", "t1_seconds, 400)"]
    assert run("govern", "execute", notice.id.hex(), *at, key=PROPOSER).exit_code == 0
    assert (value(found, "t1_seconds"), value(found, "t2_seconds")) == (400, 1_000)


@locked
def test_govern_show__calls_that_nobody_knows__are_shown_as_they_are(local):
    found, _ = local
    rules, token = Governance(found.chain), found.market.token.address
    assert rules.describe(token, b"\x12\x34\x56\x78") == f"{token}, call 0x12345678"
    lens = found.chain["Lens"].address
    assert rules.describe(lens, b"\x12\x34\x56\x78") == "Lens, unknown call 0x12345678"
