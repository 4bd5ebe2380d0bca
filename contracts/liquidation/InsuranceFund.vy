# pragma version 0.4.3
# pragma optimize codesize
"""
@title Insurance fund: first-loss money, one pot per market
@license AGPL-3.0-only
@notice Owns one custody clone per market; whatever lies there is the market's insurance. Pays losses beyond a vault's
        own tokens within caps per cell and per day (docs/waterfall.md) and never more.
        Trusts: Liquidator and Settlement for the reason of a draw, Clearinghouse for the token of a market. Assumes
        nothing of the token: what arrives is measured, a refusal pays nothing.
"""
from ethereum.ercs import IERC20

from interfaces import IClearinghouse
from interfaces import IInsuranceFund
from interfaces import ILiquidator
from interfaces import ISettlement
from interfaces import IVault

from contracts.math import scales
from contracts.math import shares as share_math
from contracts.liquidation import auction
from contracts.liquidation import waterfall
from contracts.vaults import tolerance
from contracts.vaults import vault_state as state

implements: IInsuranceFund

# a withdrawal waits so long, then is open so long: leaving before a known loss is no option
COOLDOWN_SECONDS: constant(uint256) = 7 * scales.DAY
WINDOW_SECONDS: constant(uint256) = 2 * scales.DAY
LOW: constant(uint256) = 2**128 - 1

# --- immutables --------------------------------------------------------------------------------------------------
VAULT_TARGET: immutable(address)
CLONE_HASH: immutable(bytes32)
CLEARINGHOUSE: immutable(address)
LIQUIDATOR: immutable(address)
SETTLEMENT: immutable(address)

# --- storage -----------------------------------------------------------------------------------------------------
# market -> shares of all depositors
total_shares: public(HashMap[uint256, uint256])
# market -> depositor -> shares
shares: public(HashMap[uint256, HashMap[address, uint256]])
# market << 40 | expiry -> fund at the cell's first draw after its expiry 128 | drawn 128 [native]
cell_draws: HashMap[uint256, uint256]
# market << 40 | day -> fund at the day's first draw 128 | drawn 128 [native]
day_draws: HashMap[uint256, uint256]
# market -> depositor -> requested at 40 | shares to withdraw 216
requests: HashMap[uint256, HashMap[address, uint256]]
# market << 40 | expiry -> known losses of the cell that the pot may have to pay, as last recorded [native]
reserves: public(HashMap[uint256, uint256])
# market -> sum of `reserves`
reserved: public(HashMap[uint256, uint256])
# vault id << 40 | expiry -> drawn for one vault [native]
vault_draws: HashMap[uint256, uint256]


@deploy
def __init__(
    vault_target: address,
    clearinghouse: address,
    liquidator: address,
    settlement: address,
):
    VAULT_TARGET = vault_target
    CLEARINGHOUSE = clearinghouse
    LIQUIDATOR = liquidator
    SETTLEMENT = settlement
    CLONE_HASH = keccak256(
        concat(
            x"602d3d8160093d39f3363d3d373d3d3d363d73",
            convert(vault_target, bytes20),
            x"5af43d82803e903d91602b57fd5bf3",
        )
    )


# --- custody -----------------------------------------------------------------------------------------------------


@internal
@view
def _pot(market: uint256) -> address:
    digest: bytes32 = keccak256(
        concat(x"ff", convert(self, bytes20), convert(market, bytes32), CLONE_HASH)
    )
    return convert(convert(digest, uint256) & state.OWNER_MASK, address)


@internal
def _open_pot(market: uint256) -> address:
    # the address is known and can hold tokens before there is code
    pot: address = self._pot(market)
    if not pot.is_contract:
        created: address = create_minimal_proxy_to(VAULT_TARGET, salt=convert(market, bytes32))
        assert created == pot  # dev: INV-03
    return pot


@internal
@view
def _token(market: uint256) -> address:
    token_word: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(market)).token_word
    assert token_word != 0, "insurance/unknown-market"
    return state._token(token_word)


@internal
@view
def _balance(token: address, holder: address) -> uint256:
    return staticcall IERC20(token).balanceOf(holder)


@internal
@view
def _check_idle():
    # no share is priced while a taker's callback runs
    assert not staticcall ILiquidator(LIQUIDATOR).in_callback(), "insurance/in-callback"


# --- caps --------------------------------------------------------------------------------------------------------


@internal
@view
def _cell_room(market: uint256, expiry: uint256, fund: uint256, word: uint256) -> uint256:
    draws: uint256 = self.cell_draws[state._cell_key(market, expiry)]
    first: uint256 = draws >> 128
    if first == 0:
        # before expiry only what lies in the pot bounds the base
        first = fund if block.timestamp >= expiry else max_value(uint256)
    return waterfall._draw_room(fund, first, draws & LOW, auction._cell_cap(word))


@internal
@view
def _available(market: uint256, expiry: uint256, fund: uint256) -> uint256:
    word: uint256 = staticcall ILiquidator(LIQUIDATOR).market_word(market)
    draws: uint256 = self.day_draws[(market << 40) | (block.timestamp // scales.DAY)]
    first: uint256 = draws >> 128
    if first == 0:
        first = fund
    by_day: uint256 = waterfall._draw_room(fund, first, draws & LOW, auction._day_cap(word))
    return min(by_day, self._cell_room(market, expiry, fund, word))


@internal
@pure
def _counted(draws: uint256, fund: uint256, amount: uint256, fixes: bool) -> uint256:
    first: uint256 = draws >> 128
    if first == 0 and fixes:
        first = fund
    return (first << 128) | ((draws & LOW) + amount)


@internal
def _reserve(market: uint256, expiry: uint256) -> uint256:
    token_word: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(market)).token_word
    assert token_word != 0, "insurance/unknown-market"
    key: uint256 = state._cell_key(market, expiry)
    unit: uint256 = state._native_wad(token_word)
    deficit: uint256 = (
        state._deficit(staticcall IClearinghouse(CLEARINGHOUSE).cell(market, expiry)) + unit - 1
    ) // unit
    room: uint256 = self._cell_room(
        market,
        expiry,
        self._balance(state._token(token_word), self._pot(market)),
        staticcall ILiquidator(LIQUIDATOR).market_word(market),
    )
    reserve: uint256 = min(
        room, deficit + staticcall ISettlement(SETTLEMENT).insurable(market, expiry)
    )
    before: uint256 = self.reserves[key]
    if reserve != before:
        self.reserved[market] = self.reserved[market] + reserve - before
        self.reserves[key] = reserve
        log IInsuranceFund.ReserveRecorded(
            market=market, expiry=expiry, reserve=reserve, total=self.reserved[market]
        )
    return reserve


# --- entries -----------------------------------------------------------------------------------------------------


@external
@nonreentrant
def deposit(market: uint256, amount: uint256) -> uint256:
    """
    @notice Adds first-loss money to a market's pot. Losses of the market lower what a share is worth, cuts raise it.
    @param market Market index.
    @param amount Tokens to pull from the caller [native].
    @return Shares of the pot that the caller got.
    """
    self._check_idle()
    assert amount != 0, "insurance/zero-amount"
    token: address = self._token(market)
    pot: address = self._open_pot(market)
    before: uint256 = self._balance(token, pot)
    assert extcall IERC20(token).transferFrom(
        msg.sender, pot, amount, default_return_value=True
    ), "insurance/transfer-failed"
    balance: uint256 = self._balance(token, pot)
    total: uint256 = self.total_shares[market]
    # measured, so that a fee on transfer is the depositor's; what else the pot got from within the token's call is everybody's
    added: uint256 = min(balance - before, amount)
    minted: uint256 = added * (total + share_math.VIRTUAL_SHARES) // (before + 1)
    assert minted != 0, "insurance/zero-shares"
    self.total_shares[market] = total + minted
    self.shares[market][msg.sender] += minted
    log IInsuranceFund.InsuranceAdded(
        market=market, payer=msg.sender, amount=added, shares=minted, balance=balance
    )
    return minted


@external
def request(market: uint256, amount: uint256):
    """
    @notice Announces a withdrawal; replaces an earlier announcement. The shares bear losses until they are paid out.
    @param market Market index.
    @param amount Shares to withdraw; 0 takes the announcement back.
    """
    self._check_idle()
    assert amount <= self.shares[market][msg.sender], "insurance/too-many-shares"
    self.requests[market][msg.sender] = (block.timestamp << 216) | amount
    log IInsuranceFund.WithdrawalRequested(
        market=market, payer=msg.sender, shares=amount, open_at=block.timestamp + COOLDOWN_SECONDS
    )


@external
@nonreentrant
def withdraw(market: uint256, receiver: address) -> uint256:
    """
    @notice Pays out an announced withdrawal, 7 to 9 days after it was announced.
    @dev A share that leaves is priced at the pot less what known losses may cost it, as last recorded by `reserve`.
    @param market Market index.
    @param receiver Who gets the tokens.
    @return Tokens paid [native].
    """
    self._check_idle()
    word: uint256 = self.requests[market][msg.sender]
    amount: uint256 = word & (2**216 - 1)
    assert amount != 0, "insurance/nothing-requested"
    open_at: uint256 = (word >> 216) + COOLDOWN_SECONDS
    assert block.timestamp >= open_at, "insurance/cooling-down"
    assert block.timestamp < open_at + WINDOW_SECONDS, "insurance/request-expired"
    token: address = self._token(market)
    pot: address = self._open_pot(market)
    balance: uint256 = self._balance(token, pot)
    total: uint256 = self.total_shares[market]
    reserved: uint256 = min(self.reserved[market], balance)
    paid: uint256 = amount * (balance - reserved + 1) // (total + share_math.VIRTUAL_SHARES)
    self.requests[market][msg.sender] = 0
    self.shares[market][msg.sender] -= amount
    self.total_shares[market] = total - amount
    extcall IVault(pot).pay(token, [receiver, empty(address)], [paid, 0])
    log IInsuranceFund.InsuranceWithdrawn(
        market=market,
        payer=msg.sender,
        receiver=receiver,
        amount=paid,
        shares=amount,
        balance=balance - paid,
    )
    return paid


@external
def reserve(market: uint256, expiry: uint256) -> uint256:
    """
    @notice Records anew what a cell's known losses may cost the pot: its recorded deficits and its insurable shortfall
            not yet drawn, at most what the cell's cap leaves. Open to anyone; shares that leave bear their part of it.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return Reserve of the cell [native].
    """
    self._check_idle()
    return self._reserve(market, expiry)


@external
@nonreentrant
def draw(market: uint256, expiry: uint256, vault_id: uint256, to: address, amount: uint256) -> uint256:
    """
    @notice Pays up to `amount` within the cell's and the day's cap. Only Liquidator and Settlement.
    @dev Keeps INV-10. The caps are shares of the fund now plus what was drawn, for the day and for a cell past its
         expiry never of more than the fund at the first draw: slices give what one draw gives, and refilling the pot
         between draws opens nothing.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @param vault_id Vault the money is drawn for, 0 for a whole cell.
    @param to Custody that gets it.
    @param amount Tokens wanted [native].
    @return Tokens that arrived [native]; 0 when the caps leave nothing or the token refused.
    """
    assert msg.sender == LIQUIDATOR or msg.sender == SETTLEMENT, "insurance/not-authorized"
    token: address = self._token(market)
    pot: address = self._open_pot(market)
    fund: uint256 = self._balance(token, pot)
    paid: uint256 = min(amount, self._available(market, expiry, fund))
    if paid == 0:
        return 0
    cell_key: uint256 = state._cell_key(market, expiry)
    day_key: uint256 = (market << 40) | (block.timestamp // scales.DAY)
    before: uint256 = self._balance(token, to)
    receivers: address[2] = [to, empty(address)]
    amounts: uint256[2] = [paid, 0]
    gas_before: uint256 = msg.gas
    moved: bool = raw_call(
        pot,
        abi_encode(
            token,
            receivers,
            amounts,
            method_id=method_id("pay(address,address[2],uint256[2])"),
        ),
        revert_on_failure=False,
    )
    if not moved:
        assert tolerance._believed(gas_before, tolerance.TOKEN_CALL), "insurance/out-of-gas"
        return 0
    self.cell_draws[cell_key] = self._counted(
        self.cell_draws[cell_key], fund, paid, block.timestamp >= expiry
    )
    self.day_draws[day_key] = self._counted(self.day_draws[day_key], fund, paid, True)
    if vault_id != 0:
        self.vault_draws[(vault_id << 40) | expiry] += paid
    log IInsuranceFund.InsuranceDrawn(
        market=market,
        expiry=expiry,
        vault_id=vault_id,
        receiver=to,
        amount=paid,
        balance=self._balance(token, pot),
    )
    if msg.sender == LIQUIDATOR and self.reserves[cell_key] != 0:
        # a top-up has paid part of what was reserved; Settlement records after its own books
        self._reserve(market, expiry)
    return self._balance(token, to) - before


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def available(market: uint256, expiry: uint256) -> uint256:
    """
    @notice What the caps leave to draw for a cell now [native].
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return Tokens [native].
    """
    return self._available(market, expiry, self._balance(self._token(market), self._pot(market)))


@external
@view
def cell_room(market: uint256, expiry: uint256) -> uint256:
    """
    @notice What the cell's own cap leaves to draw, whatever the day's cap says [native].
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return Tokens [native].
    """
    return self._cell_room(
        market,
        expiry,
        self._balance(self._token(market), self._pot(market)),
        staticcall ILiquidator(LIQUIDATOR).market_word(market),
    )


@external
@view
def request_of(market: uint256, payer: address) -> IInsuranceFund.Request:
    """
    @notice A withdrawal that a depositor announced.
    @param market Market index.
    @param payer The depositor.
    @return Shares, and when they can be withdrawn.
    """
    word: uint256 = self.requests[market][payer]
    return IInsuranceFund.Request(
        shares=word & (2**216 - 1), ready_at=(word >> 216) + COOLDOWN_SECONDS
    )


@external
@view
def vault_drawn(vault_id: uint256, expiry: uint256) -> uint256:
    """
    @notice What was drawn for one vault in one cell [native].
    @param vault_id The vault.
    @param expiry Expiry of the cell [unix seconds].
    @return Tokens [native].
    """
    return self.vault_draws[(vault_id << 40) | expiry]


@external
@view
def pot(market: uint256) -> address:
    """
    @notice Custody of a market's insurance; whatever lies there counts, donations included.
    @param market Market index.
    @return Address of the pot.
    """
    return self._pot(market)
