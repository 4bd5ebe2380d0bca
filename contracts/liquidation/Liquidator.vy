# pragma version 0.4.3
# pragma optimize codesize
"""
@title Liquidator: flags and Dutch take-overs
@license AGPL-3.0-only
@notice Whoever finds a vault below its maintenance margin starts its auction (`flag`); whoever likes the price takes a
        fraction of it into a vault of their own (`take`). Loads, plans with liquidation/auction, applies through one
        Clearinghouse call. Owns the liquidation parameters of the markets and nothing else: flags and clocks live
        in the vault's terms word.
        Trusts: Clearinghouse, OracleAdapter, InsuranceFund and the market's engines. Assumes nothing of the taker.
"""
from interfaces import IClearinghouse
from interfaces import IInsuranceFund
from interfaces import ILiquidator
from interfaces import IMarginEngine
from interfaces import IOracleAdapter
from interfaces import ITaker

from contracts.math import payoff
from contracts.math import scales
from contracts.liquidation import auction
from contracts.liquidation import waterfall
from contracts.margin import basis
from contracts.margin import gate_actions
from contracts.margin import standing
from contracts.governance import risk_word
from contracts.oracle import snapshot as price
from contracts.vaults import tolerance
from contracts.vaults import vault_state as state

implements: ILiquidator

# one vault as loaded and assessed
struct Case:
    reason: uint256         # why it cannot be taken, below; 0 when it can
    vault_id: uint256
    market: uint256
    expiry: uint256         # of its cell [unix seconds]
    vault: IClearinghouse.Vault
    legs: DynArray[uint256, 16]
    collateral: int256      # C [wad]
    assessed: IMarginEngine.Assessment
    result: standing.Standing

# what a take would do
struct Deal:
    reason: uint256         # below; 0 when it can be done
    plan: auction.Plan      # top-up after all caps
    beta: uint256           # [wad]
    elapsed: uint256        # on the auction's clock [seconds]
    legs: DynArray[uint256, 16]   # as the taker gets them
    exact: bool             # no leg had to be rounded

# reason codes of `quote`
DONE: constant(uint256) = 0
UNKNOWN_VAULT: constant(uint256) = 1
NO_LEGS: constant(uint256) = 2
EXPIRED: constant(uint256) = 3
NOT_ACTIVE: constant(uint256) = 4
HEALTHY: constant(uint256) = 5
NOT_FLAGGED: constant(uint256) = 6
ZERO_FRACTION: constant(uint256) = 7
NOTHING_MOVES: constant(uint256) = 8

# --- immutables --------------------------------------------------------------------------------------------------
PARAMETERS: immutable(address)
CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)
INSURANCE: immutable(address)

# --- storage -----------------------------------------------------------------------------------------------------
# market -> packed liquidation parameters (governance/risk_word)
market_word: public(HashMap[uint256, uint256])
# a taker's callback is running: nothing that prices shares may be called
in_callback: public(transient(bool))


@deploy
def __init__(parameters_: address, clearinghouse: address, oracle: address, insurance: address):
    PARAMETERS = parameters_
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle
    INSURANCE = insurance


@external
def configure(market: uint256, word: uint256):
    """
    @notice Replaces the packed liquidation parameters of a market. Only RiskParameters, which has bounded them.
    @param market Market index.
    @param word Packed liquidation parameters (governance/risk_word).
    """
    if msg.sender != PARAMETERS:
        self._refuse("liquidator/not-authorized")
    self.market_word[market] = word
    log ILiquidator.MarketConfigured(market=market, word=word)


@internal
@pure
def _refuse(reason: String[32]):
    # one revert for all reasons of a contract: half the bytes of a literal assert
    raise reason


# --- load --------------------------------------------------------------------------------------------------------


@internal
@view
def _load(vault_id: uint256) -> Case:
    """
    @dev Vault and legs; never reverts for an id nobody has.
    """
    case: Case = empty(Case)
    case.vault_id = vault_id
    if staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id) == 0:
        case.reason = UNKNOWN_VAULT
        return case
    loaded: IClearinghouse.Loaded = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    case.vault = loaded.vault
    case.legs = loaded.legs
    case.market = state._market(case.vault.word)
    case.expiry = state._expiry(case.vault.terms)
    if len(case.legs) == 0:
        case.reason = NO_LEGS
    elif block.timestamp >= case.expiry:
        case.reason = EXPIRED
    return case


@internal
@view
def _assess(loaded: Case, prices: IOracleAdapter.Snapshot) -> Case:
    """
    @dev Liquidatable is E < A and C < -v_min, at an active price.
    """
    case: Case = loaded
    if not price._is_active(prices):
        case.reason = NOT_ACTIVE
        return case
    case.collateral = state._collateral(
        case.vault.balance, case.vault.terms, case.vault.token
    )
    case.assessed = staticcall IMarginEngine(case.vault.engine).assess(
        case.legs, prices, state._engine_risk(case.vault), standing.NO_COLLATERAL
    )
    case.result = standing._resolve(case.assessed, case.collateral, case.vault, prices)
    v_min: int256 = case.assessed.v_min
    # full collateral counts on its own: a mark that is off by one unit must not flag a safe vault
    covered: bool = v_min != payoff.UNBOUNDED and case.collateral >= -v_min
    if covered or case.result.equity >= case.result.mm:
        case.reason = HEALTHY
    return case


@internal
@pure
def _require(reason: uint256):
    if reason == UNKNOWN_VAULT:
        self._refuse("liquidator/unknown-vault")
    if reason == NO_LEGS:
        self._refuse("liquidator/no-legs")
    if reason == EXPIRED:
        self._refuse("liquidator/expired")
    if reason == NOT_ACTIVE:
        self._refuse("liquidator/price-not-active")
    if reason == HEALTHY:
        self._refuse("liquidator/healthy")
    if reason == NOT_FLAGGED:
        self._refuse("liquidator/not-flagged")
    if reason == ZERO_FRACTION:
        self._refuse("liquidator/zero-fraction")
    if reason == NOTHING_MOVES:
        self._refuse("liquidator/nothing-moves")


@internal
def _liquidatable(vault_id: uint256) -> (Case, IOracleAdapter.Snapshot):
    """
    @dev The vault and the prices at which it is liquidatable, or a revert with the reason.
    """
    case: Case = self._load(vault_id)
    self._require(case.reason)
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).observe(
        case.market, case.expiry
    )
    case = self._assess(case, prices)
    self._require(case.reason)
    return case, prices


# --- decide ------------------------------------------------------------------------------------------------------


@internal
@pure
def _elapsed(terms: uint256, prices: IOracleAdapter.Snapshot) -> uint256:
    """
    @dev From the flag, its last set-back or the market's last restart, whichever is latest [market clock].
    """
    clock: uint256 = prices.clock
    start: uint256 = max(state._flag_clock(terms), prices.restarted_at)
    return clock - min(start, clock)


@internal
@view
def _deal(case: Case, fraction: uint256, prices: IOracleAdapter.Snapshot) -> Deal:
    """
    @dev Price and size (docs/liquidation.md) for a vault that is liquidatable.
    """
    deal: Deal = empty(Deal)
    terms: uint256 = case.vault.terms
    risk: uint256 = case.vault.risk
    if case.vault.word & state.FLAGGED == 0:
        deal.reason = NOT_FLAGGED
        return deal
    if fraction == 0:
        deal.reason = ZERO_FRACTION
        return deal

    deal.elapsed = self._elapsed(terms, prices)
    word: uint256 = self.market_word[case.market]
    g: uint256 = 0
    deal.beta, g = auction._shares(word, deal.elapsed, case.expiry - state._flagged_at(terms))

    native: uint256 = state._native_wad(case.vault.token)
    deal.plan = auction._plan(
        fraction,
        case.result.equity,
        convert(case.result.mm, uint256),
        convert(case.result.target, uint256),
        # d after the tip of this very call: the one that ends the flag earns it
        convert(state._missing_to_end(terms, case.vault.token), uint256),
        case.collateral,
        deal.beta,
        g,
        risk_word._phi(risk),
        risk_word._dust(risk) * state._unit(case.vault.token) // scales.WAD,
        native,
    )
    if deal.plan.top_up != 0:
        room: uint256 = 0
        # of two feeds far apart one is wrong: insurance pays for no hole that only the other sees
        if price._is_usable(prices):
            room = waterfall._vault_room(
                max(state._flag_margin(terms), convert(case.result.mm, uint256)),
                auction._vault_cap(word),
                native,
                staticcall IInsuranceFund(INSURANCE).vault_drawn(case.vault_id, case.expiry),
            )
            room = min(
                room, staticcall IInsuranceFund(INSURANCE).available(case.market, case.expiry)
            )
        deal.plan.top_up = min(deal.plan.top_up, room)
    deal.legs, deal.exact = auction._split(
        case.legs, deal.plan.fraction, state._lot(case.vault.token), state._is_inverse(case.vault.token)
    )
    if len(deal.legs) == 0:
        # tokens never move without legs
        deal.reason = NOTHING_MOVES
    return deal


@internal
@pure
def _within(deal: Deal, limits: ILiquidator.TakeLimits, spot: uint256) -> bool:
    return (
        deal.plan.cash + convert(deal.plan.top_up, int256) >= limits.min_received
        and deal.beta >= limits.min_bonus
        and (limits.max_fraction == 0 or deal.plan.fraction <= limits.max_fraction)
        and spot >= limits.min_spot
        and (limits.max_spot == 0 or spot <= limits.max_spot)
    )


@internal
@view
def _known(case: Case, deal: Deal, into_word: uint256) -> IMarginEngine.Assessment:
    """
    @dev What goes into an empty vault of the same model is the same share of the assessment just made; where legs were
         rounded, and none of them away, the gate may still bound an ES vault by it.
    """
    model: uint256 = state._model(into_word)
    if (
        state._count(into_word) != 0
        or model == state.STATIC
        or model != state._model(case.vault.word)
    ):
        return empty(IMarginEngine.Assessment)
    how: uint256 = basis.KNOWN
    if not deal.exact:
        if model != state.ES or len(deal.legs) != len(case.legs):
            return empty(IMarginEngine.Assessment)
        how = basis.ROUNDED
    return auction._scale(case.assessed, deal.plan.fraction, how)


# --- apply -------------------------------------------------------------------------------------------------------


@internal
@view
def _pot(case: Case, deal: Deal) -> address:
    if deal.plan.cut == 0:
        return empty(address)
    return staticcall IInsuranceFund(INSURANCE).pot(case.market)


@internal
def _try_take(
    case: Case, deal: Deal, into_id: uint256, into_word: uint256, prices: IOracleAdapter.Snapshot, deferred: bool
) -> (bool, Bytes[256]):
    """
    @dev The one Clearinghouse call; a refusal is returned so that a batch can go on.
    @return Whether it was done, and what insurance got or the refusal.
    """
    done: bool = False
    answer: Bytes[256] = b""
    done, answer = raw_call(
        CLEARINGHOUSE,
        abi_encode(
            IClearinghouse.Novation(
                giver=case.vault_id,
                receiver=into_id,
                expiry=case.expiry,
                legs=deal.legs,
                cash=deal.plan.cash,
                fees=[deal.plan.cut, 0],
                fee_receiver=self._pot(case, deal),
            ),
            IClearinghouse.Take(
                known=self._known(case, deal, into_word),
                margin=convert(case.result.mm, uint256),
                ends_flag=deal.plan.ends,
                deferred=deferred,
            ),
            prices,
            method_id=method_id(
                "take((uint256,uint256,uint256,uint256[],int256,uint256[2],address),((int256,int256,int256,int256,int256,int256,int256,uint256,int256),uint256,bool,bool),(uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,int256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256))"
            ),
        ),
        max_outsize=256,
        revert_on_failure=False,
    )
    return done, answer


@internal
def _top_up(case: Case, deal: Deal, into_id: uint256) -> uint256:
    if deal.plan.top_up == 0:
        return 0
    return extcall IInsuranceFund(INSURANCE).draw(
        case.market,
        case.expiry,
        case.vault_id,
        staticcall IClearinghouse(CLEARINGHOUSE).custody(into_id),
        deal.plan.top_up,
    )


@internal
def _log_taken(case: Case, deal: Deal, into_id: uint256, cut: uint256, top_up: uint256):
    log ILiquidator.VaultTaken(
        vault_id=case.vault_id,
        into_id=into_id,
        taker=msg.sender,
        fraction=deal.plan.fraction,
        bonus_share=deal.beta,
        cash=deal.plan.cash,
        cut=cut,
        top_up=top_up,
        equity=case.result.equity,
        margin=convert(case.result.mm, uint256),
    )


# --- entries -----------------------------------------------------------------------------------------------------


@internal
@view
def _is_flagged(vault_id: uint256) -> bool:
    # asked first: a flag that comes second costs its sender little
    return staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id) & state.FLAGGED != 0


@internal
@view
def _is_callers(vault_word: uint256) -> bool:
    return vault_word != 0 and state._owner(vault_word) == msg.sender


@internal
@view
def _check_deadline(deadline: uint256):
    if block.timestamp > deadline:
        self._refuse("liquidator/past-deadline")


@internal
def _flag(case: Case, clock: uint256):
    extcall IClearinghouse(CLEARINGHOUSE).flag(
        case.vault_id,
        msg.sender,
        clock,
        convert(case.result.mm, uint256),
        case.result.equity,
    )


@external
def flag(vault_id: uint256):
    """
    @notice Starts the auction of a vault with E < MM and C < -v_min at an active price. Open to anyone; the caller
            earns half of the vault's liquidation deposit.
    @dev Keeps INV-06, INV-13.
    @param vault_id The vault.
    """
    if self._is_flagged(vault_id):
        self._refuse("liquidator/already-flagged")
    case: Case = empty(Case)
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    case, prices = self._liquidatable(vault_id)
    self._flag(case, prices.clock)


@external
def flag_many(vault_ids: DynArray[uint256, 32]) -> uint256:
    """
    @notice `flag` for several vaults; what is not liquidatable, or flagged already, is skipped.
    @dev Nothing is caught here: whatever an item needs, the call needs, so the least gas that passes flags them all.
    @param vault_ids The vaults.
    @return Bit i is set when vault i was flagged.
    """
    flagged: uint256 = 0
    cell: uint256 = max_value(uint256)
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    for i: uint256 in range(len(vault_ids), bound=32):
        if self._is_flagged(vault_ids[i]):
            continue
        case: Case = self._load(vault_ids[i])
        if case.reason != DONE:
            continue
        key: uint256 = (case.market << 40) | case.expiry
        if key != cell:
            prices = extcall IOracleAdapter(ORACLE).observe(case.market, case.expiry)
            cell = key
        case = self._assess(case, prices)
        if case.reason == DONE:
            self._flag(case, prices.clock)
            flagged |= 1 << i
    return flagged


@external
def take(
    vault_id: uint256,
    fraction: uint256,
    into_id: uint256,
    limits: ILiquidator.TakeLimits,
    deadline: uint256,
    data: Bytes[1024],
) -> int256:
    """
    @notice Takes a fraction of a flagged vault, with its share of cash, into a vault of the caller.
    @dev Keeps INV-02, INV-06, INV-09. One frame from the take to the gate of `into_id`: with `data` or a top-up the
         gate is deferred, then the callback runs, then `finish` gates; if anything reverts, everything does.
         Formula: docs/liquidation.md.
    @param vault_id The flagged vault.
    @param fraction Share wanted [wad]; clamped to what reaches the target, raised to all by dust and insolvency.
    @param into_id Vault of the caller, empty or of the same cell; must end with equity >= IM.
    @param limits What the taker accepts.
    @param deadline Last second at which the take is good [unix seconds].
    @param data When not empty, `ITaker(caller).on_take` runs before the margin of `into_id` is checked.
    @return Tokens received, top-up included; negative when the taker pays [native].
    """
    self._check_deadline(deadline)
    case: Case = empty(Case)
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    case, prices = self._liquidatable(vault_id)
    into_word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(into_id)
    if not self._is_callers(into_word):
        self._refuse("liquidator/not-owner")
    deal: Deal = self._deal(case, fraction, prices)
    self._require(deal.reason)
    if not self._within(deal, limits, prices.spot):
        self._refuse("liquidator/limits")

    deferred: bool = len(data) != 0 or deal.plan.top_up != 0
    done: bool = False
    answer: Bytes[256] = b""
    done, answer = self._try_take(case, deal, into_id, into_word, prices, deferred)
    if not done:
        raw_revert(answer)
    top_up: uint256 = self._top_up(case, deal, into_id)
    received: int256 = deal.plan.cash + convert(top_up, int256)
    self._log_taken(case, deal, into_id, abi_decode(answer, uint256), top_up)
    if deferred:
        if len(data) != 0:
            # a fixed selector on the caller, never on a given address
            self.in_callback = True
            extcall ITaker(msg.sender).on_take(
                vault_id, into_id, deal.plan.fraction, received, data
            )
            self.in_callback = False
        extcall IClearinghouse(CLEARINGHOUSE).finish(into_id, prices)
    # the token may have refused the top-up
    if received < limits.min_received:
        self._refuse("liquidator/limits")
    return received


@external
def take_many(
    vault_ids: DynArray[uint256, 32],
    fractions: DynArray[uint256, 32],
    into_ids: DynArray[uint256, 32],
    limits: ILiquidator.TakeLimits,
    deadline: uint256,
) -> uint256:
    """
    @notice `take` without callback for several vaults; what fails is skipped. `limits` holds for each.
    @dev Nothing is written before the one Clearinghouse call of an item, so a failed item leaves no trace. A top-up
         is paid after that call and does not count in the gate of the taker's vault; where the token refuses it and `limits`
         counted on it, all is undone.
    @param vault_ids The vaults.
    @param fractions Share wanted of each [wad].
    @param into_ids Vault of the caller that each goes into.
    @param limits As of `take`.
    @param deadline Last second at which the takes are good [unix seconds].
    @return Bit i is set when vault i was taken from.
    """
    self._check_deadline(deadline)
    if len(fractions) != len(vault_ids) or len(into_ids) != len(vault_ids):
        self._refuse("liquidator/length")
    taken: uint256 = 0
    cell: uint256 = max_value(uint256)
    prices: IOracleAdapter.Snapshot = empty(IOracleAdapter.Snapshot)
    for i: uint256 in range(32):
        if i >= len(vault_ids):
            break
        case: Case = self._load(vault_ids[i])
        if case.reason != DONE:
            continue
        into_word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(into_ids[i])
        if not self._is_callers(into_word):
            continue
        key: uint256 = (case.market << 40) | case.expiry
        if key != cell:
            prices = extcall IOracleAdapter(ORACLE).observe(case.market, case.expiry)
            cell = key
        case = self._assess(case, prices)
        if case.reason != DONE:
            continue
        deal: Deal = self._deal(case, fractions[i], prices)
        if deal.reason != DONE or not self._within(deal, limits, prices.spot):
            continue
        done: bool = False
        answer: Bytes[256] = b""
        gas_before: uint256 = msg.gas
        done, answer = self._try_take(case, deal, into_ids[i], into_word, prices, False)
        # a batch goes on without what fails, but not for want of gas
        if not done and not tolerance._believed(gas_before, tolerance.ITEM):
            self._refuse("liquidator/out-of-gas")
        if done:
            top_up: uint256 = self._top_up(case, deal, into_ids[i])
            self._log_taken(case, deal, into_ids[i], abi_decode(answer, uint256), top_up)
            # the token may have refused the top-up: then this item cannot be undone alone
            if deal.plan.cash + convert(top_up, int256) < limits.min_received:
                self._refuse("liquidator/limits")
            taken |= 1 << i
    return taken


@external
def clear(vault_id: uint256) -> uint256:
    """
    @notice Looks at a flagged vault again. Open to anyone; who ends the flag earns 30 % of the liquidation deposit.
    @dev Needs no price when C less what the deposit lacks covers the worst payoff.
    @param vault_id The vault.
    @return 2 when the flag ended (E >= target + d), 1 when only the clock went back (E >= MM).
    """
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    reason: uint256 = DONE
    if word == 0:
        reason = UNKNOWN_VAULT
    elif word & state.FLAGGED == 0:
        reason = NOT_FLAGGED
    elif block.timestamp >= state._expiry(state._plain_terms(word)):
        reason = EXPIRED
    self._require(reason)
    result: uint256 = extcall IClearinghouse(CLEARINGHOUSE).cure(vault_id, msg.sender)
    if result == gate_actions.CANNOT_TELL:
        self._require(NOT_ACTIVE)
    if result == 0:
        self._refuse("liquidator/still-unhealthy")
    return result


@external
def refresh(vault_ids: DynArray[uint256, 32]) -> uint256:
    """
    @notice `clear` for several vaults that does not mind those still unhealthy: the deficit that their cell counts, and
            the largest A since the flag, are recorded anew at an active price.
    @param vault_ids The vaults; what is not flagged, or is no vault any more, is passed over.
    @return Bit i is set when the flag of vault i ended or its clock was set back.
    """
    changed: uint256 = 0
    for i: uint256 in range(len(vault_ids), bound=32):
        # its owner has closed it: nobody can stop a batch so
        if staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_ids[i]) == 0:
            continue
        result: uint256 = extcall IClearinghouse(CLEARINGHOUSE).cure(vault_ids[i], msg.sender)
        if result != 0 and result != gate_actions.CANNOT_TELL:
            changed |= 1 << i
    return changed


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def quote(vault_id: uint256, fraction: uint256) -> ILiquidator.Quote:
    """
    @notice What `take` would do now.
    @param vault_id The vault.
    @param fraction Share wanted [wad].
    @return The quote.
    """
    case: Case = self._load(vault_id)
    deal: Deal = empty(Deal)
    if case.reason == DONE:
        prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(
            case.market, case.expiry
        )
        case = self._assess(case, prices)
        if case.reason == DONE:
            deal = self._deal(case, fraction, prices)
            case.reason = deal.reason
    return ILiquidator.Quote(
        reason=case.reason,
        fraction=deal.plan.fraction,
        cash=deal.plan.cash,
        cut=deal.plan.cut,
        top_up=deal.plan.top_up,
        bonus_share=deal.beta,
        ends_flag=deal.plan.ends,
        equity=case.result.equity,
        mm=case.result.mm,
        target=case.result.target,
        elapsed=deal.elapsed,
        price=deal.plan.price,
    )
