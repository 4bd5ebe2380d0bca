# pragma version 0.4.3
# pragma optimize gas
"""
@title Settlement: expiry price, pay-in, pay-out
@license AGPL-3.0-only
@notice After expiry every vault of a cell is netted to one number: losers pay into the cell's own custody, winners get a
        claim. When the last vault is settled the cell draws insurance, later again what only the day's cap held back,
        and every claim is paid at the same recovery ratio (docs/waterfall.md). Order of settling and claiming does
        not matter.
        Owns the cells' books: claims, what was received, shortfalls, debts. Trusts Clearinghouse, OracleAdapter and
        InsuranceFund. Assumes nothing of the token: receipts are measured, refusals become debts or are retried.
"""
from ethereum.ercs import IERC20

from interfaces import IClearinghouse
from interfaces import IInsuranceFund
from interfaces import IExpiryPrices
from interfaces import ISettlement

from contracts.liquidation import auction
from contracts.math import payoff
from contracts.math import scales
from contracts.vaults import leg
from contracts.vaults import tolerance
from contracts.vaults import vault_state as state
from contracts.liquidation import waterfall

implements: ISettlement

AMOUNT_MASK: constant(uint256) = 2**108 - 1
TOTAL_MASK: constant(uint256) = 2**112 - 1
OPEN_CLAIM: constant(uint256) = 1 << 224
# in the word of a cell's draws
DRAWS_UNTIL_AT: constant(uint256) = 112
DRAWS_ENDED: constant(uint256) = 1 << 152
# what the day's cap held back can be drawn so long after the last vault was settled
DRAW_SECONDS: constant(uint256) = 7 * scales.DAY
# bytes of what `Clearinghouse.load` answers, at most: offset, the vault, offset, count, legs
LOADED: constant(uint256) = 32 * (1 + 8 + 2 + 16)

# why a vault cannot be settled
DONE: constant(uint256) = 0
UNKNOWN_VAULT: constant(uint256) = 1
NO_LEGS: constant(uint256) = 2
NOT_FIXED: constant(uint256) = 3

# why a claim cannot be paid
NO_CLAIM: constant(uint256) = 1
CELL_OPEN: constant(uint256) = 2
NOTHING_DUE: constant(uint256) = 3
REFUSED: constant(uint256) = 4

# --- immutables --------------------------------------------------------------------------------------------------
PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
EXPIRY_PRICES: immutable(address)
INSURANCE: immutable(address)

# --- storage -----------------------------------------------------------------------------------------------------
# market -> packed liquidation parameters (governance/risk_word)
market_word: public(HashMap[uint256, uint256])
# market << 40 | expiry -> open claims 32 | received 112 | claims 112 [native]
books: HashMap[uint256, uint256]
# market << 40 | expiry -> outstanding debt 112 | insurable shortfall 112 [native]
losses: HashMap[uint256, uint256]
# market << 40 | expiry -> draws ended 1 | open until 40 [unix seconds] | drawn of the shortfall 112 [native]; 0 before
# the first draw
draws: HashMap[uint256, uint256]
# vault id -> expiry 40 | paid 108 | claim 108 [native]; 0 when it holds none
claims: HashMap[uint256, uint256]
# vault id -> expiry 40 | debt 108 [native]; 0 when it owes nothing
debts: HashMap[uint256, uint256]


@deploy
def __init__(parameters: address, clearinghouse: address, expiry_prices: address, insurance: address):
    PARAMETERS = parameters
    CLEARINGHOUSE = clearinghouse
    EXPIRY_PRICES = expiry_prices
    INSURANCE = insurance


@external
def configure(market: uint256, word: uint256):
    """
    @notice Replaces the packed liquidation parameters of a market. Only RiskParameters, which has bounded them.
    @param market Market index.
    @param word Packed liquidation parameters (governance/risk_word).
    """
    assert msg.sender == PARAMETERS, "settlement/not-authorized"
    self.market_word[market] = word
    log ISettlement.MarketConfigured(market=market, word=word)


# --- books -------------------------------------------------------------------------------------------------------


@internal
@view
def _gross(market: uint256, expiry: uint256) -> uint256:
    return state._gross(staticcall IClearinghouse(CLEARINGHOUSE).cell(market, expiry))


@internal
@pure
def _claimed(book: uint256) -> uint256:
    return book & TOTAL_MASK


@internal
@pure
def _received(book: uint256) -> uint256:
    return (book >> 112) & TOTAL_MASK


@internal
@pure
def _shortfall(loss: uint256) -> uint256:
    return loss & TOTAL_MASK


@internal
@pure
def _debt(loss: uint256) -> uint256:
    return loss >> 112


@internal
@view
def _insurable(key: uint256) -> uint256:
    """
    @dev Insurable shortfall that the cell may still draw [native]; 0 once its draws have ended.
    """
    draws: uint256 = self.draws[key]
    if draws != 0 and (
        draws & DRAWS_ENDED != 0 or block.timestamp >= (draws >> DRAWS_UNTIL_AT) & (2**40 - 1)
    ):
        return 0
    return self._shortfall(self.losses[key]) - (draws & TOTAL_MASK)


@internal
@pure
def _net(legs: DynArray[uint256, 16], price: uint256, token: uint256) -> int256:
    """
    @dev N [native]: debts rounded up, claims down, so that claims <= debts for any decimals.
    """
    unit: int256 = convert(state._native_wad(token) * 10**6, int256)
    paid: int256 = payoff._at_expiry_price(legs, price)
    if state._is_inverse(token):
        # in coins at the settlement price, rounded once
        return auction._floor_div(paid * scales.SIGNED_WAD, unit * convert(price, int256))
    return auction._floor_div(paid, unit)


@internal
@pure
def _quantities(legs: DynArray[uint256, 16], inverse: bool) -> (uint256, uint256):
    """
    @dev Sum of |quantity| over all legs [1e-6], and over options and delta legs, as the market counts them.
    """
    gross: uint256 = 0
    open_interest: uint256 = 0
    money: uint256 = leg._money_key(inverse)
    for item: uint256 in legs:
        # below 2^63 each
        quantity: int256 = abs(leg._quantity(item))
        gross = unsafe_add(gross, leg._unsigned(quantity))
        if leg._key(item) != money:
            if inverse:
                quantity = state._counted(leg._kind(item), quantity)
            open_interest = unsafe_add(open_interest, leg._unsigned(quantity))
    return gross, open_interest


# --- settle ------------------------------------------------------------------------------------------------------


@external
def fix(market: uint256, expiry: uint256, hints: DynArray[uint256, 64]) -> uint256:
    """
    @notice Proves the expiry price from the feed's own rounds; may take several calls. Open to anyone.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @param hints Round ids of the feed, ascending (ExpiryPrices.fix).
    @return Expiry price [wad], or 0 while it is not final.
    """
    return extcall IExpiryPrices(EXPIRY_PRICES).fix(market, expiry, hints)


@internal
@view
def _balance(token: uint256, holder: address) -> uint256:
    return staticcall IERC20(state._token(token)).balanceOf(holder)


@internal
def _settle(vault_id: uint256) -> uint256:
    # asked once: `load` refuses only an id that nobody has
    known: bool = False
    answer: Bytes[LOADED] = b""
    gas_before: uint256 = msg.gas
    known, answer = raw_call(
        CLEARINGHOUSE,
        abi_encode(vault_id, method_id=method_id("load(uint256)")),
        max_outsize=LOADED,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not known:
        assert tolerance._believed(gas_before, tolerance.ITEM), "settlement/out-of-gas"
        return UNKNOWN_VAULT
    loaded: IClearinghouse.Loaded = abi_decode(answer, IClearinghouse.Loaded)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    if len(legs) == 0:
        return NO_LEGS
    market: uint256 = state._market(vault.word)
    expiry: uint256 = state._expiry(vault.terms)
    price: uint256 = staticcall IExpiryPrices(EXPIRY_PRICES).price(market, expiry)
    if price == 0:
        return NOT_FIXED

    token: uint256 = vault.token
    net: int256 = self._net(legs, price, token)
    key: uint256 = state._cell_key(market, expiry)
    owed: uint256 = 0
    shortfall: uint256 = 0
    if net < 0:
        # the liquidation deposit is no collateral
        held: uint256 = state._held_deposit(vault.terms, token)
        balance: uint256 = vault.balance
        needed: uint256 = convert(-net, uint256)
        owed = min(needed, balance - min(held, balance))
        shortfall = needed - owed
    gross: uint256 = 0
    open_interest: uint256 = 0
    gross, open_interest = self._quantities(legs, state._is_inverse(token))
    paid: IClearinghouse.PaidIn = extcall IClearinghouse(CLEARINGHOUSE).settle(
        vault_id,
        IClearinghouse.Settled(
            gross=gross,
            open_interest=open_interest,
            marks=state.CLAIM if net > 0 else 0,
            owed=owed,
            tip=state._tip_native(vault.terms, state.TIP_SETTLE, token),
            tipped=msg.sender,
        ),
    )

    if net > 0:
        # the new claim; a vault takes no legs while it holds one, so there is no older claim
        amount: uint256 = min(convert(net, uint256), AMOUNT_MASK)
        self.claims[vault_id] = (expiry << 216) | amount
        self.books[key] += OPEN_CLAIM + amount
    elif net < 0:
        if shortfall != 0:
            self._record_shortfall(vault_id, vault, legs, price, shortfall)
        if paid.debt != 0:
            # insurance never covers what the vault has but its token would not move
            self.debts[vault_id] = (expiry << 216) | paid.debt
            self.losses[key] += paid.debt << 112
        if paid.received != 0:
            self.books[key] += paid.received << 112
    log ISettlement.VaultSettled(
        vault_id=vault_id,
        market=market,
        expiry=expiry,
        net=net,
        received=paid.received,
        shortfall=shortfall,
        debt=paid.debt,
    )
    draws: bool = self._shortfall(self.losses[key]) != 0 and self._gross(market, expiry) == 0
    if draws:
        self._insure(market, expiry)
    if draws or shortfall != 0 or vault.word & state.FLAGGED != 0:
        # the vault's part moves from the recorded deficits to the shortfall, in the price of insurance shares as well
        extcall IInsuranceFund(INSURANCE).reserve(market, expiry)
    return DONE


@internal
def _record_shortfall(
    vault_id: uint256,
    vault: IClearinghouse.Vault,
    legs: DynArray[uint256, 16],
    price: uint256,
    shortfall: uint256,
):
    """
    @dev What insurance may pay of it: at most 1.0 * A recorded since the vault's flag, top-ups counted. A flag with
         A = 0 is a flag: its vault has a cap of 0.
    """
    market: uint256 = state._market(vault.word)
    expiry: uint256 = state._expiry(vault.terms)
    risk: uint256 = state._flag_margin(vault.terms)
    if vault.word & state.FLAGGED == 0:
        risk = waterfall._unflagged_risk(legs, price, state._is_inverse(vault.token))
    room: uint256 = waterfall._vault_room(
        risk,
        auction._vault_cap(self.market_word[market]),
        state._native_wad(vault.token),
        staticcall IInsuranceFund(INSURANCE).vault_drawn(vault_id, expiry),
    )
    self.losses[state._cell_key(market, expiry)] += min(shortfall, room)


@internal
def _insure(market: uint256, expiry: uint256) -> uint256:
    """
    @dev One draw of a cell whose gross counter is 0. What the token refused, or only the day's cap held back, stays
         open; the draws end when the shortfall is paid, the cell's cap is used up, or after 7 days.
    """
    key: uint256 = state._cell_key(market, expiry)
    wanted: uint256 = self._insurable(key)
    offered: uint256 = min(
        wanted, staticcall IInsuranceFund(INSURANCE).available(market, expiry)
    )
    amount: uint256 = 0
    if offered != 0:
        amount = extcall IInsuranceFund(INSURANCE).draw(
            market,
            expiry,
            0,
            staticcall IClearinghouse(CLEARINGHOUSE).cell_custody(market, expiry),
            offered,
        )
    draws: uint256 = self.draws[key]
    if draws == 0:
        draws = (block.timestamp + DRAW_SECONDS) << DRAWS_UNTIL_AT
    if amount != 0:
        # counted as it left the fund: a fee on transfer is the market's
        draws += offered
        self.books[key] += amount << 112
    if (amount != 0 and offered == wanted) or (
        staticcall IInsuranceFund(INSURANCE).cell_room(market, expiry) == 0
    ):
        draws |= DRAWS_ENDED
    self.draws[key] = draws
    log ISettlement.CellInsured(
        market=market,
        expiry=expiry,
        wanted=wanted,
        amount=amount,
        ended=draws & DRAWS_ENDED != 0,
    )
    return amount


@external
@nonreentrant
def settle(vault_id: uint256):
    """
    @notice Nets an expired vault: it pays what it owes into its cell, or gets a claim. Open to anyone; tipped from
            the vault's own liquidation deposit.
    @dev Never reverts for one vault's sake. Keeps INV-10, INV-11, INV-12.
    @param vault_id A vault with legs whose cell has its expiry price.
    """
    reason: uint256 = self._settle(vault_id)
    assert reason != UNKNOWN_VAULT, "settlement/unknown-vault"
    assert reason != NO_LEGS, "settlement/no-legs"
    assert reason == DONE, "settlement/price-not-fixed"


@external
@nonreentrant
def settle_many(vault_ids: DynArray[uint256, 64]) -> uint256:
    """
    @notice `settle` for several vaults; what cannot be settled is skipped.
    @param vault_ids The vaults.
    @return Number of vaults settled.
    """
    settled: uint256 = 0
    for vault_id: uint256 in vault_ids:
        if self._settle(vault_id) == DONE:
            settled += 1
    return settled


@external
@nonreentrant
def insure(market: uint256, expiry: uint256) -> uint256:
    """
    @notice Draws what an earlier draw left open: the token had refused, or only the day's cap held it back. Open to
            anyone until the cell's draws have ended.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return Tokens the cell received [native].
    """
    assert self._insurable(state._cell_key(market, expiry)) != 0, "settlement/nothing-to-insure"
    assert self._gross(market, expiry) == 0, "settlement/cell-open"
    amount: uint256 = self._insure(market, expiry)
    extcall IInsuranceFund(INSURANCE).reserve(market, expiry)
    return amount


# --- claims and debts --------------------------------------------------------------------------------------------


@internal
def _claim(vault_id: uint256) -> (uint256, uint256):
    """
    @dev (reason, tokens paid).
    """
    word: uint256 = self.claims[vault_id]
    if word == 0:
        return NO_CLAIM, 0
    expiry: uint256 = word >> 216
    amount: uint256 = word & AMOUNT_MASK
    paid: uint256 = (word >> 108) & AMOUNT_MASK
    market: uint256 = state._market(staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id))
    if self._gross(market, expiry) != 0:
        return CELL_OPEN, 0
    key: uint256 = state._cell_key(market, expiry)
    book: uint256 = self.books[key]
    loss: uint256 = self.losses[key]
    total: uint256 = waterfall._due(amount, self._claimed(book), self._received(book))
    due: uint256 = total - paid
    # the ratio can rise no more once the cell's draws have ended and no debt is left
    final: bool = total == amount or (self._insurable(key) == 0 and self._debt(loss) == 0)
    if due == 0 and not final:
        return NOTHING_DUE, 0

    if final:
        self.claims[vault_id] = 0
        self.books[key] = book - OPEN_CLAIM
    else:
        self.claims[vault_id] = (expiry << 216) | (total << 108) | amount
    if due != 0:
        custody: address = staticcall IClearinghouse(CLEARINGHOUSE).custody(vault_id)
        if not extcall IClearinghouse(CLEARINGHOUSE).pay_from_cell(market, expiry, custody, due):
            self.claims[vault_id] = word
            self.books[key] = book
            return REFUSED, 0
    if final:
        extcall IClearinghouse(CLEARINGHOUSE).mark(vault_id, 0)
    log ISettlement.ClaimPaid(
        vault_id=vault_id, amount=due, paid=total, claim=amount, final=final
    )
    return DONE, due


@external
@nonreentrant
def claim(vault_id: uint256) -> uint256:
    """
    @notice Pays what a vault's claim is due at the cell's recovery ratio into the vault. Open to anyone; may be
            called again when a repaid debt has raised the ratio.
    @dev Keeps INV-11: every claim of a cell gets the same ratio, whatever the order.
    @param vault_id The vault.
    @return Tokens paid [native].
    """
    reason: uint256 = 0
    paid: uint256 = 0
    reason, paid = self._claim(vault_id)
    assert reason != NO_CLAIM, "settlement/no-claim"
    assert reason != CELL_OPEN, "settlement/cell-open"
    assert reason != NOTHING_DUE, "settlement/nothing-due"
    assert reason == DONE, "settlement/transfer-refused"
    return paid


@external
@nonreentrant
def claim_many(vault_ids: DynArray[uint256, 64]) -> uint256:
    """
    @notice `claim` for several vaults; what cannot be paid is skipped.
    @param vault_ids The vaults.
    @return Number of vaults paid.
    """
    count: uint256 = 0
    reason: uint256 = 0
    paid: uint256 = 0
    for vault_id: uint256 in vault_ids:
        reason, paid = self._claim(vault_id)
        if reason == DONE:
            count += 1
    return count


@external
def give_up(vault_id: uint256):
    """
    @notice Ends the claim of a vault that is being closed; what it has not been paid goes to insurance with the last
            sweep. Only Clearinghouse, before it forgets the vault.
    @dev Keeps INV-12: a stranger's frozen debt holds nobody. The ratio of other claims stays.
    @param vault_id The vault; nothing happens when it has no open claim.
    """
    assert msg.sender == CLEARINGHOUSE, "settlement/not-authorized"
    word: uint256 = self.claims[vault_id]
    if word == 0:
        return
    market: uint256 = state._market(staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id))
    self.claims[vault_id] = 0
    self.books[state._cell_key(market, word >> 216)] -= OPEN_CLAIM
    log ISettlement.ClaimPaid(
        vault_id=vault_id,
        amount=0,
        paid=(word >> 108) & AMOUNT_MASK,
        claim=word & AMOUNT_MASK,
        final=True,
    )


@external
@nonreentrant
def repay(vault_id: uint256) -> uint256:
    """
    @notice Moves a vault's debt, left by a failed pay-in, to its cell. Open to anyone.
    @param vault_id The vault.
    @return Tokens the cell received [native].
    """
    word: uint256 = self.debts[vault_id]
    assert word != 0, "settlement/no-debt"
    expiry: uint256 = word >> 216
    debt: uint256 = word & AMOUNT_MASK
    vault: IClearinghouse.Vault = (staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)).vault
    market: uint256 = state._market(vault.word)
    cell: address = staticcall IClearinghouse(CLEARINGHOUSE).cell_custody(market, expiry)
    received: uint256 = self._balance(vault.token, cell)
    assert extcall IClearinghouse(CLEARINGHOUSE).pay_from_vault(
        vault_id, cell, min(debt, vault.balance)
    ), "settlement/transfer-refused"
    received = self._balance(vault.token, cell) - received
    assert received != 0, "settlement/transfer-refused"
    repaid: uint256 = min(received, debt)
    key: uint256 = state._cell_key(market, expiry)
    self.books[key] += repaid << 112
    self.losses[key] -= repaid << 112
    left: uint256 = debt - repaid
    marks: uint256 = 0
    if left == 0:
        self.debts[vault_id] = 0
    else:
        self.debts[vault_id] = (expiry << 216) | left
        marks = state.DEBT
    extcall IClearinghouse(CLEARINGHOUSE).mark(vault_id, marks)
    log ISettlement.DebtRepaid(vault_id=vault_id, amount=repaid, debt=left)
    return repaid


@external
@nonreentrant
def sweep(market: uint256, expiry: uint256) -> uint256:
    """
    @notice Sends dust and donations of a cell to insurance once everyone is settled and no claim is open.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return Tokens sent [native].
    """
    assert self._gross(market, expiry) == 0, "settlement/cell-open"
    assert staticcall IExpiryPrices(EXPIRY_PRICES).price(market, expiry) != 0, "settlement/price-not-fixed"
    assert self.books[state._cell_key(market, expiry)] >> 224 == 0, "settlement/claims-open"
    token_word: uint256 = (staticcall IClearinghouse(CLEARINGHOUSE).market(market)).token_word
    amount: uint256 = self._balance(
        token_word, staticcall IClearinghouse(CLEARINGHOUSE).cell_custody(market, expiry)
    )
    assert amount != 0, "settlement/nothing-to-sweep"
    assert extcall IClearinghouse(CLEARINGHOUSE).pay_from_cell(
        market, expiry, staticcall IInsuranceFund(INSURANCE).pot(market), amount
    ), "settlement/transfer-refused"
    log ISettlement.CellSwept(market=market, expiry=expiry, amount=amount)
    return amount


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def claim_of(vault_id: uint256) -> ISettlement.Claim:
    """
    @notice What a vault is due from its cell; zeros when it has no open claim.
    @param vault_id The vault.
    @return The claim.
    """
    word: uint256 = self.claims[vault_id]
    return ISettlement.Claim(
        expiry=word >> 216,
        amount=word & AMOUNT_MASK,
        paid=(word >> 108) & AMOUNT_MASK,
    )


@external
@view
def debt_of(vault_id: uint256) -> uint256:
    """
    @notice What a vault still owes its cell because its token refused to move [native].
    @param vault_id The vault.
    @return Tokens [native].
    """
    return self.debts[vault_id] & AMOUNT_MASK


@external
@view
def insurable(market: uint256, expiry: uint256) -> uint256:
    """
    @notice Insurable shortfall of a cell that it may still draw [native]; 0 once its draws have ended.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return Tokens [native].
    """
    return self._insurable(state._cell_key(market, expiry))


@external
@view
def cell_state(market: uint256, expiry: uint256) -> ISettlement.CellState:
    """
    @notice What a cell has settled so far.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return Claims and what came in for them.
    """
    key: uint256 = state._cell_key(market, expiry)
    book: uint256 = self.books[key]
    loss: uint256 = self.losses[key]
    ratio: uint256 = 0
    if (
        self._gross(market, expiry) == 0
        and staticcall IExpiryPrices(EXPIRY_PRICES).price(market, expiry) != 0
    ):
        ratio = waterfall._ratio(self._claimed(book), self._received(book))
    return ISettlement.CellState(
        claims=self._claimed(book),
        received=self._received(book),
        open_claims=book >> 224,
        shortfall=self._shortfall(loss),
        debt=self._debt(loss),
        insured=self._insurable(key) == 0,
        ratio=ratio,
    )
