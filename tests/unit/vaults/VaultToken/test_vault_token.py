"""The ERC-721 face: ownership, approvals, transfers, metadata."""

import boa
import pytest

from tests.worlds.system import EMPTY

RECEIVER = """
answer: bytes4
@deploy
def __init__(answer: bytes4):
    self.answer = answer
@external
def onERC721Received(operator: address, owner: address, token_id: uint256, data: Bytes[1024]) -> bytes4:
    return self.answer
"""


@pytest.fixture
def vault(system, trader):
    return system.open(trader, 100)


def test_transfer_from__owner__moves_the_vault_and_bumps_its_epoch(system, trader, stranger, vault):
    with boa.env.prank(trader):
        system.token_nft.transferFrom(trader, stranger, vault)
    state = system.state(vault)
    assert (state.owner, state.epoch) == (stranger, 1)
    assert system.token_nft.balanceOf(trader) == 0
    assert system.token_nft.balanceOf(stranger) == 1
    with boa.env.prank(trader), boa.reverts("clearinghouse/not-owner"):
        system.clearinghouse.withdraw(vault, 1, trader)
    with boa.env.prank(stranger):
        system.clearinghouse.withdraw(vault, 100 * 10**6, stranger)


def test_transfer_from__stranger__refused(system, trader, stranger, vault):
    with boa.env.prank(stranger), boa.reverts("vault-token/not-approved"):
        system.token_nft.transferFrom(trader, stranger, vault)


def test_transfer_from__wrong_sender__refused(system, trader, stranger, vault):
    system.open(stranger)
    with boa.env.prank(stranger), boa.reverts("clearinghouse/not-owner"):
        system.token_nft.transferFrom(stranger, stranger, vault)


def test_transfer_from__to_nobody__refused(system, trader, vault):
    with boa.env.prank(trader), boa.reverts("clearinghouse/zero-owner"):
        system.token_nft.transferFrom(trader, EMPTY, vault)


def test_approve__one_transfer_only(system, trader, stranger, vault):
    with boa.env.prank(trader):
        system.token_nft.approve(stranger, vault)
    assert system.token_nft.getApproved(vault) == stranger
    with boa.env.prank(stranger):
        system.token_nft.transferFrom(trader, stranger, vault)
    assert system.token_nft.getApproved(vault) == EMPTY


def test_approve__not_the_owner__refused(system, stranger, vault):
    with boa.env.prank(stranger), boa.reverts("vault-token/not-owner"):
        system.token_nft.approve(stranger, vault)


def test_set_approval_for_all__operator_moves_every_vault_of_that_owner(system, trader, stranger, vault):
    with boa.env.prank(trader):
        system.token_nft.setApprovalForAll(stranger, True)
    with boa.env.prank(stranger):
        system.token_nft.approve(stranger, vault)
        system.token_nft.transferFrom(trader, stranger, vault)
    assert system.token_nft.ownerOf(vault) == stranger


def test_close__burns_the_token_and_its_approval(system, trader, stranger, vault):
    with boa.env.prank(trader):
        system.token_nft.approve(stranger, vault)
        system.clearinghouse.close(vault, trader)
    for view in ("ownerOf", "getApproved", "tokenURI"):
        with boa.reverts("vault-token/unknown-vault"):
            getattr(system.token_nft, view)(vault)


def test_balance_of__nobody__refused(system):
    with boa.reverts("vault-token/zero-owner"):
        system.token_nft.balanceOf(EMPTY)


def test_mirror__stranger__refused(system, stranger):
    with boa.env.prank(stranger), boa.reverts("vault-token/not-authorized"):
        system.token_nft.mirror(EMPTY, stranger, 9)


def test_safe_transfer_from__asks_a_receiving_contract(system, trader, vault):
    silent = boa.loads(RECEIVER, b"\x00\x00\x00\x01")
    with boa.env.prank(trader), boa.reverts("vault-token/receiver-refused"):
        system.token_nft.safeTransferFrom(trader, silent.address, vault)
    willing = boa.loads(RECEIVER, bytes.fromhex("150b7a02"))
    with boa.env.prank(trader):
        system.token_nft.safeTransferFrom(trader, willing.address, vault, b"hello")
    assert system.token_nft.ownerOf(vault) == willing.address


def test_metadata__names_vault_and_interfaces(system, vault):
    assert system.token_nft.name() == "Bulkhead vault"
    assert system.token_nft.symbol() == "BULK"
    assert '"name":"Bulkhead vault 1"' in system.token_nft.tokenURI(vault)
    for interface in ("01ffc9a7", "80ac58cd", "5b5e139f"):
        assert system.token_nft.supportsInterface(bytes.fromhex(interface))
    assert not system.token_nft.supportsInterface(b"\xff\xff\xff\xff")
