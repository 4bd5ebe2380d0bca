# pragma version 0.4.3
"""
@title VaultToken: the ERC-721 face of the vaults
@license AGPL-3.0-only
@notice Token id = vault id. Approvals and balances live here, the owner itself lives in the vault word of the
        Clearinghouse. Minting and transferring call no receiver, so nobody can refuse or re-enter: a contract that
        receives a vault must be able to use it, `safeTransferFrom` asks it (ERC-721).
        Trusts: the Clearinghouse, fixed at deployment.
"""
from interfaces import IClearinghouse
from interfaces import IVaultToken

from contracts.vaults import vault_state as state

implements: IVaultToken

interface IERC721Receiver:
    def onERC721Received(
        operator: address, owner: address, token_id: uint256, data: Bytes[1024]
    ) -> bytes4: nonpayable

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    token_id: indexed(uint256)

event Approval:
    owner: indexed(address)
    approved: indexed(address)
    token_id: indexed(uint256)

event ApprovalForAll:
    owner: indexed(address)
    operator: indexed(address)
    approved: bool

name: public(constant(String[32])) = "Bulkhead vault"
symbol: public(constant(String[8])) = "BULK"

CLEARINGHOUSE: immutable(IClearinghouse)

# owner -> number of vaults
balances: HashMap[address, uint256]
# vault id -> account that may transfer it once
approvals: HashMap[uint256, address]
# owner -> operator -> may transfer every vault
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])


@deploy
def __init__(clearinghouse: address):
    CLEARINGHOUSE = IClearinghouse(clearinghouse)


@internal
@view
def _owner_of(token_id: uint256) -> address:
    word: uint256 = staticcall CLEARINGHOUSE.vault_word(token_id)
    assert word != 0, "vault-token/unknown-vault"
    return state._owner(word)


@internal
def _transfer(sender: address, receiver: address, token_id: uint256):
    approved: address = self.approvals[token_id]
    assert (
        msg.sender == sender
        or msg.sender == approved
        or self.isApprovedForAll[sender][msg.sender]
    ), "vault-token/not-approved"
    if approved != empty(address):
        self.approvals[token_id] = empty(address)
    # first, as it names what is wrong: checks that `sender` owns the vault and that the receiver is an account, and bumps
    # the epoch
    extcall CLEARINGHOUSE.transfer_vault(token_id, sender, receiver)
    self.balances[sender] -= 1
    self.balances[receiver] += 1
    log Transfer(sender=sender, receiver=receiver, token_id=token_id)


@external
def transferFrom(sender: address, receiver: address, token_id: uint256):
    """
    @notice Transfers a vault. Every order its former owner signed is void from then on.
    @param sender Owner until now.
    @param receiver Owner from now on.
    @param token_id The vault id.
    """
    self._transfer(sender, receiver, token_id)


@external
def safeTransferFrom(
    sender: address, receiver: address, token_id: uint256, data: Bytes[1024] = b""
):
    """
    @notice Transfers a vault and asks a receiving contract to confirm (ERC-721).
    @param sender Owner until now.
    @param receiver Owner from now on.
    @param token_id The vault id.
    @param data Passed to the receiver.
    """
    self._transfer(sender, receiver, token_id)
    if receiver.is_contract:
        answer: bytes4 = extcall IERC721Receiver(receiver).onERC721Received(
            msg.sender, sender, token_id, data
        )
        assert (
            answer == method_id("onERC721Received(address,address,uint256,bytes)", output_type=bytes4)
        ), "vault-token/receiver-refused"


@internal
@view
def _contents(token_id: uint256) -> (bytes32, uint256):
    """
    @dev (hash of what the vault is and holds but its tokens, its tokens [native]).
    """
    loaded: IClearinghouse.Loaded = staticcall CLEARINGHOUSE.load(token_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    digest: bytes32 = keccak256(
        abi_encode(
            state._market(vault.word),
            state._model(vault.word),
            state._expiry(vault.terms),
            (vault.terms & state.STAMP_MASK) >> state.STAMP_AT,
            legs,
            vault.word & state.FLAGGED != 0,
            vault.word & state.DEBT != 0,
            vault.word & state.CLAIM != 0,
            state._epoch(vault.word),
        )
    )
    return digest, vault.balance


@external
@view
def contents(token_id: uint256) -> bytes32:
    """
    @notice What a buyer binds a transfer to: market, model, expiry, stamp, leg words, whether flagged, in debt or with a
            claim, epoch. Tokens are not in it: a gift cannot block a sale.
    @param token_id The vault id.
    @return keccak256 of the ABI encoding of these, in this order.
    """
    digest: bytes32 = empty(bytes32)
    tokens: uint256 = 0
    digest, tokens = self._contents(token_id)
    return digest


@external
def transfer_with(token_id: uint256, receiver: address, digest: bytes32, least: uint256):
    """
    @notice Transfers a vault only as it was agreed upon: its contents are those of `digest` and it holds at least
            `least` tokens.
    @param token_id The vault id; the caller owns it or may transfer it.
    @param receiver Owner from now on.
    @param digest `contents` when the two agreed.
    @param least Tokens at the vault's address, its liquidation deposit included [native].
    """
    now: bytes32 = empty(bytes32)
    tokens: uint256 = 0
    now, tokens = self._contents(token_id)
    assert now == digest, "vault-token/other-contents"
    assert tokens >= least, "vault-token/too-few-tokens"
    self._transfer(self._owner_of(token_id), receiver, token_id)


@external
def approve(approved: address, token_id: uint256):
    """
    @notice Lets an account transfer one vault; ends with the next transfer.
    @param approved The account, empty to revoke.
    @param token_id The vault id.
    """
    owner: address = self._owner_of(token_id)
    assert msg.sender == owner or self.isApprovedForAll[owner][msg.sender], "vault-token/not-owner"
    self.approvals[token_id] = approved
    log Approval(owner=owner, approved=approved, token_id=token_id)


@external
def setApprovalForAll(operator: address, approved: bool):
    """
    @notice Lets an account transfer every vault of the caller.
    @param operator The account.
    @param approved True to grant, False to revoke.
    """
    self.isApprovedForAll[msg.sender][operator] = approved
    log ApprovalForAll(owner=msg.sender, operator=operator, approved=approved)


@external
def mirror(sender: address, receiver: address, vault_id: uint256):
    """
    @notice Books and logs a mint (empty sender) or a burn (empty receiver). Only Clearinghouse.
    @param sender Owner until now, empty for a mint.
    @param receiver Owner from now on, empty for a burn.
    @param vault_id The vault id.
    """
    assert msg.sender == CLEARINGHOUSE.address, "vault-token/not-authorized"
    if sender != empty(address):
        self.balances[sender] -= 1
        self.approvals[vault_id] = empty(address)
    if receiver != empty(address):
        self.balances[receiver] += 1
    log Transfer(sender=sender, receiver=receiver, token_id=vault_id)


@external
@view
def ownerOf(token_id: uint256) -> address:
    """
    @notice Owner of a vault.
    @param token_id The vault id.
    @return The owner.
    """
    return self._owner_of(token_id)


@external
@view
def balanceOf(owner: address) -> uint256:
    """
    @notice Number of open vaults of an account.
    @param owner The account.
    @return How many.
    """
    assert owner != empty(address), "vault-token/zero-owner"
    return self.balances[owner]


@external
@view
def getApproved(token_id: uint256) -> address:
    """
    @notice Account that may transfer a vault, empty when there is none.
    @param token_id The vault id.
    @return The account.
    """
    self._owner_of(token_id)
    return self.approvals[token_id]


@external
@view
def tokenURI(token_id: uint256) -> String[320]:
    """
    @notice On-chain metadata of a vault.
    @param token_id The vault id.
    @return A data URI of JSON.
    """
    word: uint256 = staticcall CLEARINGHOUSE.vault_word(token_id)
    assert word != 0, "vault-token/unknown-vault"
    return concat(
        'data:application/json,{"name":"Bulkhead vault ',
        uint2str(token_id),
        '","description":"Market ',
        uint2str(state._market(word)),
        ", legs ",
        uint2str(state._count(word)),
        '"}',
    )


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: ERC-165, ERC-721 and its metadata extension.
    @param interface_id The interface.
    @return True for those three.
    """
    return interface_id in [0x01ffc9a7, 0x80ac58cd, 0x5b5e139f]
