# pragma version 0.4.3
# pragma optimize codesize
"""
@title Clearinghouse: vaults, their legs and their custody
@license AGPL-3.0-only
@notice Owns every vault (owner, cell, legs, flag) and is the only writer of positions and the only mover of vault
        tokens. Everything that changes a position is one novation: signed legs and tokens move from one vault to
        another, then each side that must pass is margined. Settlement alone removes legs.
        Trusts: its role contracts, fixed as immutables at deployment. Assumes: one ordinary ERC-20 per market (no
        fee, no rebase, 6 to 18 decimals); a token that breaks this hurts the vaults of its own market only.
"""
from ethereum.ercs import IERC20

from interfaces import IClearinghouse
from interfaces import IMarginEngine
from interfaces import IMarginGate
from interfaces import IOperators
from interfaces import IOracleAdapter
from interfaces import ISettlement
from interfaces import IVaultToken

from contracts.math import scales
from contracts.margin import gate_actions
from contracts.vaults import leg
from contracts.vaults import novation
from contracts.vaults import tolerance
from contracts.governance import risk_word
from contracts.vaults import vault_state as state
from contracts.vaults import permissions

implements: IClearinghouse

CELL_SALT: constant(uint256) = 1 << 255

# --- immutables: roles and the clone target --------------------------------------------------------------------
VAULT_TARGET: immutable(address)
CLONE_HASH: immutable(bytes32)
PARAMETERS: immutable(address)
ORACLE: immutable(address)
GATE: immutable(address)
VAULT_TOKEN: immutable(address)
OPERATORS: immutable(address)
EXCHANGE: immutable(address)
LIQUIDATOR: immutable(address)
SETTLEMENT: immutable(address)
# margin engines by model, those of inverse markets after those of linear ones
ENGINES: immutable(address[6])

# --- storage: words are described in vaults/vault_state ---------------------------------------------------------
# id the next vault gets; ids are never reused
next_id: public(uint256)
# vault id -> owner, market, leg count, model, flags, epoch, expiry, deposit; 0 when unknown or closed
words: HashMap[uint256, uint256]
# vault id -> flag, missing tip and stamp, as in the terms; only meaningful where the vault word says so
notes: HashMap[uint256, uint256]
# vault id -> leg words, two a slot; only the first `count` mean anything
legs: HashMap[uint256, uint256[8]]
# vault id -> deficit counted in its cell [1e-6 quote]
deficits: HashMap[uint256, uint256]
# market << 40 | expiry -> gross open quantity, recorded deficit
cells: HashMap[uint256, uint256]
# market -> token, decimals, kind, unit, lot, enabled models, number of vaults with a deficit
tokens: HashMap[uint256, uint256]
# market -> packed risk parameters
risks: HashMap[uint256, uint256]
# market -> open interest in options and delta legs (vault_state._open_contracts)
open_interests: HashMap[uint256, uint256]
# taker whose callback runs, and the vault whose gate waits for `finish`
callback_taker: transient(address)
deferred_id: transient(uint256)
# how that gate judges: as a take, or as an action of row 1 once the vault has traded in the window
deferred_mode: transient(uint256)


@deploy
def __init__(
    vault_target: address,
    parameters_: address,
    oracle: address,
    gate: address,
    vault_token: address,
    operators: address,
    exchange: address,
    liquidator: address,
    settlement: address,
    engines: address[6],
):
    VAULT_TARGET = vault_target
    PARAMETERS = parameters_
    ORACLE = oracle
    GATE = gate
    VAULT_TOKEN = vault_token
    OPERATORS = operators
    EXCHANGE = exchange
    LIQUIDATOR = liquidator
    SETTLEMENT = settlement
    ENGINES = engines
    CLONE_HASH = keccak256(
        concat(
            x"602d3d8160093d39f3363d3d373d3d3d363d73",
            convert(vault_target, bytes20),
            x"5af43d82803e903d91602b57fd5bf3",
        )
    )
    self.next_id = 1


# --- checks ------------------------------------------------------------------------------------------------------


@internal
@pure
def _refuse_transfer():
    novation._refuse("clearinghouse/transfer-refused")


@internal
@pure
def _refuse_owner():
    novation._refuse("clearinghouse/not-owner")


@internal
@view
def _check_idle():
    # inside a taker's callback only fills, deposits and novations between its own vaults are open
    if self.callback_taker != empty(address):
        novation._refuse("clearinghouse/in-callback")


@internal
@view
def _check_role(role: address):
    if msg.sender != role:
        novation._refuse("clearinghouse/not-authorized")


@internal
@view
def _check_model(market: uint256, model: uint256):
    if not state._enables(self.tokens[market], model):
        novation._refuse("clearinghouse/model-disabled")


@internal
@view
def _word(vault_id: uint256) -> uint256:
    word: uint256 = self.words[vault_id]
    if word == 0:
        novation._refuse("clearinghouse/unknown-vault")
    return word


@internal
@view
def _authorized(vault_id: uint256, permission: uint256) -> uint256:
    """
    @dev The vault word, for its owner or an operator with this permission (0: the owner alone).
    """
    word: uint256 = self._word(vault_id)
    if msg.sender != state._owner(word) and not staticcall IOperators(OPERATORS).permits(
        vault_id, state._epoch(word), msg.sender, permission
    ):
        self._refuse_owner()
    return word


# --- custody -----------------------------------------------------------------------------------------------------


@internal
@view
def _clone(salt: uint256) -> address:
    digest: bytes32 = keccak256(
        concat(x"ff", convert(self, bytes20), convert(salt, bytes32), CLONE_HASH)
    )
    return convert(convert(digest, uint256) & state.OWNER_MASK, address)


@internal
def _create(salt: uint256) -> address:
    return create_minimal_proxy_to(VAULT_TARGET, salt=convert(salt, bytes32))


@internal
@pure
def _cell_key(market: uint256, expiry: uint256) -> uint256:
    return (market << 40) | expiry


@internal
@pure
def _cell_of(word: uint256) -> uint256:
    """
    @dev Key of the cell a vault's legs lie in.
    """
    return self._cell_key(state._market(word), state._expiry(state._plain_terms(word)))


@internal
@view
def _balance(token: uint256, holder: address) -> uint256:
    return staticcall IERC20(state._token(token)).balanceOf(holder)


@internal
def _try_pay(token: uint256, custody: address, to: address[2], amounts: uint256[2]) -> bool:
    """
    @dev Up to two amounts out of one custody, all or nothing; a token that refuses is reported, not raised.
    """
    if amounts[0] | amounts[1] == 0:
        return True
    gas_before: uint256 = msg.gas
    paid: bool = raw_call(
        custody,
        abi_encode(
            state._token(token), to, amounts, method_id=method_id("pay(address,address[2],uint256[2])")
        ),
        revert_on_failure=False,
    )
    if not paid and not tolerance._believed(gas_before, tolerance.TOKEN_CALL):
        novation._refuse("clearinghouse/out-of-gas")
    return paid


@internal
def _try_pay_one(token: uint256, custody: address, to: address, amount: uint256) -> bool:
    return self._try_pay(token, custody, [to, empty(address)], [amount, 0])


@internal
def _pay(token: uint256, custody: address, to: address, amount: uint256):
    if not self._try_pay_one(token, custody, to, amount):
        self._refuse_transfer()


# --- loading and storing -----------------------------------------------------------------------------------------


@internal
@view
def _terms(vault_id: uint256, word: uint256) -> uint256:
    terms: uint256 = state._plain_terms(word)
    if word & state.HAS_NOTES != 0:
        terms |= self.notes[vault_id]
    return terms


@internal
def _store(vault_id: uint256, word: uint256, terms: uint256) -> uint256:
    """
    @dev Writes a vault's word and terms; a plain vault touches one slot.
    @return The vault word, which holds a part of the terms.
    """
    new: uint256 = state._with_terms(word, terms)
    self.words[vault_id] = new
    if new & state.HAS_NOTES != 0:
        self.notes[vault_id] = state._notes(terms)
    return new


@internal
@view
def _indebted(key: uint256, token: uint256) -> uint256:
    """
    @dev The cell word; 0, without reading it, while no vault of the market has a recorded deficit.
    """
    if token >> state.DEFICITS_AT == 0:
        return 0
    return self.cells[key]


@internal
@view
def _read(vault_id: uint256, word: uint256) -> IClearinghouse.Vault:
    """
    @dev Everything about one vault but its legs and its balance.
    """
    terms: uint256 = self._terms(vault_id, word)
    market: uint256 = state._market(word)
    token: uint256 = self.tokens[market]
    return IClearinghouse.Vault(
        word=word,
        terms=terms,
        token=token,
        risk=self.risks[market],
        engine=ENGINES[state._engine_of(state._model(word), token)],
        custody=self._clone(vault_id),
        balance=0,
        cell=self._indebted(self._cell_of(word), token),
    )


@internal
@view
def _load(vault_id: uint256) -> IClearinghouse.Vault:
    return self._read(vault_id, self._word(vault_id))


@internal
@view
def _held(vault: IClearinghouse.Vault) -> uint256:
    """
    @dev Tokens at the vault's address now [native].
    """
    return self._balance(vault.token, vault.custody)


@internal
@view
def _load_held(vault_id: uint256) -> IClearinghouse.Vault:
    """
    @dev Everything about one vault but its legs.
    """
    vault: IClearinghouse.Vault = self._load(vault_id)
    vault.balance = self._held(vault)
    return vault


@internal
@view
def _load_legs(vault_id: uint256, word: uint256) -> DynArray[uint256, 16]:
    legs: DynArray[uint256, 16] = []
    count: uint256 = state._count(word)
    pair: uint256 = 0
    for i: uint256 in range(count, bound=16):
        if i & 1 == 0:
            pair = self.legs[vault_id][i >> 1]
            legs.append(pair & leg.LEG_MASK)
        else:
            legs.append(pair >> 128)
    return legs


@internal
def _store_legs(vault_id: uint256, old: DynArray[uint256, 16], legs: DynArray[uint256, 16]):
    """
    @dev Writes the slots that changed; what lies beyond the count means nothing and may stay.
    """
    count: uint256 = len(legs)
    old_count: uint256 = len(old)
    i: uint256 = 0
    for slot: uint256 in range(8):
        if i >= count:
            break
        pair: uint256 = legs[i]
        before: uint256 = 0
        if i < old_count:
            before = old[i]
        i += 1
        if i < count:
            pair |= legs[i] << 128
        if i < old_count:
            before |= old[i] << 128
        i += 1
        if pair != before:
            self.legs[vault_id][slot] = pair


@internal
def _log_state(vault_id: uint256, vault: IClearinghouse.Vault, legs: DynArray[uint256, 16]):
    log IClearinghouse.VaultUpdated(
        vault_id=vault_id,
        owner=state._owner(vault.word),
        word=vault.word,
        terms=vault.terms,
        balance=vault.balance,
        legs=legs,
    )


@internal
def _log_vault(vault_id: uint256):
    vault: IClearinghouse.Vault = self._load_held(vault_id)
    self._log_state(vault_id, vault, self._load_legs(vault_id, vault.word))


@internal
def _log_tip(vault_id: uint256, receiver: address, tip: uint256, amount: uint256):
    log IClearinghouse.TipPaid(vault_id=vault_id, receiver=receiver, tip=tip, amount=amount)


@internal
def _log_cell(market: uint256, expiry: uint256):
    cell: uint256 = self.cells[self._cell_key(market, expiry)]
    log IClearinghouse.CellUpdated(
        market=market,
        expiry=expiry,
        gross=state._gross(cell),
        deficit=state._deficit(cell),
        open_interest=self.open_interests[market],
    )


# --- flags -------------------------------------------------------------------------------------------------------


@internal
def _record_deficit(vault_id: uint256, key: uint256, equity: int256):
    """
    @dev Counts a negative equity [wad] in the cell, replacing what was counted for the vault before.
    """
    deficit: uint256 = 0
    if equity < 0:
        deficit = unsafe_add(convert(unsafe_sub(0, equity), uint256) // 10**12, 1)
    old: uint256 = self.deficits[vault_id]
    if deficit != old:
        self.deficits[vault_id] = deficit
        self.cells[key] = unsafe_add(self.cells[key], unsafe_sub(deficit, old) << 112)
        if old == 0 or deficit == 0:
            # the market has one vault more with a deficit, or one less
            step: uint256 = 1 << state.DEFICITS_AT
            if deficit == 0:
                step = unsafe_sub(0, step)
            self.tokens[key >> 40] = unsafe_add(self.tokens[key >> 40], step)
        log IClearinghouse.DeficitRecorded(vault_id=vault_id, deficit=deficit)


@internal
def _end_flag(
    vault_id: uint256, flagged: IClearinghouse.Vault, actor: address
) -> IClearinghouse.Vault:
    """
    @dev Ends flag and mark and refills the deposit; what is missing comes out of the collateral by definition of C.
         A at the flag stays known: it caps what insurance pays for the vault at settlement.
    @return The vault as it is now.
    """
    vault: IClearinghouse.Vault = flagged
    key: uint256 = self._cell_of(vault.word)
    vault.terms &= ~(state.FLAG_TIMES_MASK | state.TIP_FLAG)
    vault.word = self._store(
        vault_id, vault.word & ~state.FLAGGED, vault.terms
    )
    self._record_deficit(vault_id, key, 0)
    log IClearinghouse.FlagEnded(vault_id=vault_id, actor=actor)
    return vault


@internal
def _keep_larger_margin(
    vault_id: uint256, taken: IClearinghouse.Vault, margin: uint256
) -> IClearinghouse.Vault:
    """
    @dev A take knows a larger margin than the flag did: the clock's caps go by the larger one.
    @return The vault as it is now.
    """
    vault: IClearinghouse.Vault = taken
    largest: uint256 = state._with_larger_margin(vault.terms, margin)
    if largest != vault.terms:
        vault.terms = largest
        vault.word = self._store(vault_id, vault.word, largest)
    return vault


@internal
def _cure(vault_id: uint256, actor: address) -> uint256:
    """
    @dev Ends the flag of a vault that is back at its target, or sets the clock back when it is merely healthy.
    """
    vault: IClearinghouse.Vault = self._load_held(vault_id)
    word: uint256 = vault.word
    terms: uint256 = vault.terms
    if word & state.FLAGGED == 0 or block.timestamp >= state._expiry(terms):
        return 0
    review: IMarginGate.Review = extcall IMarginGate(GATE).review(
        vault, self._load_legs(vault_id, word)
    )
    if review.outcome == gate_actions.AT_TARGET:
        tip: uint256 = state._tip_native(terms, state.TIP_END, vault.token)
        self._end_flag(vault_id, vault, actor)
        if self._try_pay_one(vault.token, vault.custody, actor, tip):
            self._log_tip(vault_id, actor, state.TIP_END, tip)
    elif review.outcome == gate_actions.CANNOT_TELL:
        return review.outcome
    else:
        self._record_deficit(vault_id, self._cell_of(word), review.equity)
        if review.outcome == gate_actions.HEALTHY:
            log IClearinghouse.FlagRestarted(vault_id=vault_id, clock=review.clock)
        elif review.terms == terms:
            return 0
        self._store(vault_id, word, review.terms)
    self._log_vault(vault_id)
    return review.outcome


@internal
def _stamp(
    vault_id: uint256, vault: IClearinghouse.Vault, stamp: uint256
) -> IClearinghouse.Vault:
    """
    @dev A STATIC vault that took new risk keeps the ratios it was judged by.
    @return The vault as it is now.
    """
    stamped: IClearinghouse.Vault = vault
    if stamp != 0:
        stamped.terms = (vault.terms & ~state.STAMP_MASK) | (stamp << state.STAMP_AT)
        stamped.word = self._store(vault_id, vault.word, stamped.terms)
    return stamped


@internal
def _check(
    change: IMarginGate.Change,
    vault: IClearinghouse.Vault,
    before: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    prices: IOracleAdapter.Snapshot,
) -> uint256:
    """
    @dev Margins one vault after an action.
    @return Stamp of a STATIC vault that took new risk, else 0.
    """
    return staticcall IMarginGate(GATE).check(change, vault, before, legs, prices)


@internal
def _check_own(vault_id: uint256, vault: IClearinghouse.Vault, action: uint256):
    """
    @dev Margins one vault whose legs stay as they are.
    """
    self._stamp(
        vault_id,
        vault,
        extcall IMarginGate(GATE).check_own(
            action, vault, self._load_legs(vault_id, vault.word)
        ),
    )


# --- the one primitive -------------------------------------------------------------------------------------------


@internal
@view
def _legs_in_cell(
    vault_id: uint256, vault: IClearinghouse.Vault, expiry: uint256
) -> DynArray[uint256, 16]:
    """
    @dev Legs of one side, which owes nothing to an old cell and is in this one or in none.
    """
    if vault.word & (state.DEBT | state.CLAIM) != 0:
        novation._refuse("clearinghouse/unsettled")
    # the terms of a vault without legs are zero
    cell_expiry: uint256 = state._expiry(vault.terms)
    if cell_expiry != 0 and cell_expiry != expiry:
        novation._refuse("clearinghouse/wrong-cell")
    return self._load_legs(vault_id, vault.word)


@internal
def _store_side(
    vault_id: uint256,
    loaded: IClearinghouse.Vault,
    before: DynArray[uint256, 16],
    legs: DynArray[uint256, 16],
    expiry: uint256,
) -> IClearinghouse.Vault:
    """
    @dev Writes the legs of one side. A first leg locks the liquidation deposit, the last one to leave frees it.
    @param loaded The vault before; `expiry` is that of its first leg.
    @return The vault as it is now.
    """
    vault: IClearinghouse.Vault = loaded
    count: uint256 = len(legs)
    self._store_legs(vault_id, before, legs)
    if count != len(before):
        if count == 0:
            vault.terms = 0
        elif len(before) == 0:
            vault.terms = expiry | (
                risk_word._liquidation_deposit(vault.risk) << state.DEPOSIT_AT
            )
        vault.word = state._with_terms(
            (vault.word & ~state.COUNT_MASK) | (count << state.COUNT_AT), vault.terms
        )
        self.words[vault_id] = vault.word
    return vault


@internal
def _store_cell(market: uint256, expiry: uint256, gross: int256, open_interest: int256):
    if gross != 0:
        key: uint256 = self._cell_key(market, expiry)
        self.cells[key] = leg._unsigned(leg._signed(self.cells[key]) + gross)
    if open_interest != 0:
        self.open_interests[market] = leg._unsigned(
            leg._signed(self.open_interests[market]) + open_interest
        )


@internal
def _exchange(
    token: uint256,
    custody: address[2],
    cash: int256,
    planned: uint256[2],
    fee_receiver: address,
    is_take: bool,
) -> uint256[2]:
    """
    @dev Moves the tokens of a novation. A protocol account that its token's issuer froze stops nobody: what it was due
         stays with who owed it. A side that lacks the tokens is refused; a take then goes on without insurance's cut.
    @return Fees charged to giver and receiver [native].
    """
    due: novation.Payments = novation._payments(cash, planned)
    paid: bool = self._try_pay(
        token, custody[0], [custody[1], fee_receiver], [due.to_receiver, due.giver_pays]
    )
    if paid and self._try_pay(
        token, custody[1], [custody[0], fee_receiver], [due.to_giver, due.receiver_pays]
    ):
        return planned
    payer: address = custody[1] if paid else custody[0]
    needed: uint256 = due.to_giver + due.receiver_pays if paid else due.to_receiver + due.giver_pays
    # the other side has paid, or nothing but tokens was missing
    if (paid and due.to_receiver + due.giver_pays != 0) or (
        not is_take and self._balance(token, payer) < needed
    ):
        self._refuse_transfer()
    due = novation._payments(cash, [0, 0])
    self._pay(token, custody[0], custody[1], due.to_receiver)
    self._pay(token, custody[1], custody[0], due.to_giver)
    return [0, 0]


@internal
def _novate(
    action: uint256,
    order: IClearinghouse.Novation,
    prices: IOracleAdapter.Snapshot,
    take: IClearinghouse.Take,
) -> IClearinghouse.Outcome:
    """
    @dev Moves signed legs and cash from the giver to the receiver, writes both and the cell, then margins the sides that
         must pass.
    """
    if order.giver == order.receiver:
        novation._refuse("clearinghouse/same-vault")
    if block.timestamp >= order.expiry:
        novation._refuse("clearinghouse/expired")
    if order.expiry % scales.HOUR != 0 or order.expiry >= 2**20 * scales.HOUR:
        novation._refuse("clearinghouse/expiry-range")

    # load
    ids: uint256[2] = [order.giver, order.receiver]
    vaults: IClearinghouse.Vault[2] = [self._load(ids[0]), self._load(ids[1])]
    market: uint256 = state._market(vaults[0].word)
    token: uint256 = vaults[0].token
    if market != state._market(vaults[1].word):
        novation._refuse("clearinghouse/wrong-market")
    before: DynArray[uint256, 16][2] = [
        self._legs_in_cell(ids[0], vaults[0], order.expiry),
        self._legs_in_cell(ids[1], vaults[1], order.expiry),
    ]

    # decide
    moved: novation.Moved = novation._move(before, order.legs, token)

    # apply
    tip: uint256 = 0
    for i: uint256 in range(2):
        is_taken: bool = action == gate_actions.TAKE and i == 0
        if novation._ends_flag(action, is_taken, take.ends_flag, vaults[i].word, len(moved.legs[i])):
            if is_taken:
                tip = min(
                    state._tip_native(vaults[0].terms, state.TIP_END, token), self._held(vaults[0])
                )
            # a taker ends it, or the owner who trades the last leg away
            ender: uint256 = 1 if action == gate_actions.TAKE else i
            vaults[i] = self._end_flag(ids[i], vaults[i], state._owner(vaults[ender].word))
        elif is_taken:
            vaults[0] = self._keep_larger_margin(ids[0], vaults[0], take.margin)
        vaults[i] = self._store_side(ids[i], vaults[i], before[i], moved.legs[i], order.expiry)
    self._store_cell(market, order.expiry, moved.gross, moved.open_interest)
    # the tip for the end of a flag travels with the cash
    charged: uint256[2] = self._exchange(
        token,
        [vaults[0].custody, vaults[1].custody],
        order.cash + convert(tip, int256),
        order.fees,
        order.fee_receiver,
        action == gate_actions.TAKE,
    )
    if tip != 0:
        self._log_tip(ids[0], vaults[1].custody, state.TIP_END, tip)

    # gates
    received: int256 = unsafe_sub(0, order.cash)
    for i: uint256 in range(2):
        vaults[i].balance = self._held(vaults[i])
        vaults[i].cell = self._indebted(self._cell_key(market, order.expiry), self.tokens[market])
        if self.deferred_id == ids[i]:
            # novating in a callback may create risk: `finish` then asks what any new risk is asked
            if not take.deferred:
                self.deferred_mode = gate_actions.OWN
        elif action != gate_actions.TAKE or i == 1:
            stamp: uint256 = self._check(
                IMarginGate.Change(
                    action=action, received=received, fee=charged[i], known=take.known
                ),
                vaults[i],
                before[i],
                moved.legs[i],
                prices,
            )
            vaults[i] = self._stamp(ids[i], vaults[i], stamp)
        received = order.cash
        self._log_state(ids[i], vaults[i], moved.legs[i])
    log IClearinghouse.Novated(
        from_id=ids[0],
        to_id=ids[1],
        cash=order.cash,
        fees=charged,
        fee_receiver=order.fee_receiver,
        legs=order.legs,
    )
    if moved.gross != 0 or moved.open_interest != 0:
        self._log_cell(market, order.expiry)
    return IClearinghouse.Outcome(
        raised=moved.raised, open_interest=self.open_interests[market], fees=charged
    )


@external
@nonreentrant
def novate(
    order: IClearinghouse.Novation, snapshot: IOracleAdapter.Snapshot
) -> IClearinghouse.Outcome:
    """
    @notice A trade: moves signed legs and cash, charges fees, then margins both sides (docs/margin.md). Only Exchange.
    @dev Keeps INV-01, INV-02, INV-05.
    @param order What moves; the Exchange charges no fee to a side of negative equity.
    @param snapshot Prices of the cell, read by the caller in this transaction.
    @return What came of it.
    """
    self._check_role(EXCHANGE)
    return self._novate(gate_actions.TRADE, order, snapshot, empty(IClearinghouse.Take))


# --- owner -------------------------------------------------------------------------------------------------------


@external
@nonreentrant
def open(market: uint256, model: uint256, owner: address, amount: uint256) -> uint256:
    """
    @notice Opens a vault, empty or with a first deposit. The caller opens for itself; the Exchange for its caller.
    @param market Market index.
    @param model Margin model (vaults/vault_state) among those the market enables.
    @param owner Owner of the new vault, who also pays the deposit.
    @param amount First deposit [native], approved to this contract by the owner; 0 for none.
    @return The new vault id (ERC-721 token id, never reused).
    """
    self._check_idle()
    if msg.sender != owner:
        self._check_role(EXCHANGE)
    if market >= 65536 or self.tokens[market] == 0:
        novation._refuse("clearinghouse/unknown-market")
    self._check_model(market, model)
    vault_id: uint256 = self.next_id
    self.next_id = vault_id + 1
    word: uint256 = (
        convert(owner, uint256) | (market << state.MARKET_AT) | (model << state.MODEL_AT)
    )
    self.words[vault_id] = word
    custody: address = self._create(vault_id)
    extcall IVaultToken(VAULT_TOKEN).mirror(empty(address), owner, vault_id)
    log IClearinghouse.VaultOpened(
        vault_id=vault_id, owner=owner, market=market, model=model, custody=custody
    )
    if amount != 0:
        self._deposit(owner, vault_id, owner, amount)
    return vault_id


@internal
def _deposit(payer: address, vault_id: uint256, owner: address, amount: uint256):
    word: uint256 = self._word(vault_id)
    # ids are a counter: after a reorganisation the same one can be somebody else's
    if state._owner(word) != owner:
        self._refuse_owner()
    token: uint256 = self.tokens[state._market(word)]
    custody: address = self._clone(vault_id)
    if not extcall IERC20(state._token(token)).transferFrom(
        payer, custody, amount, default_return_value=True
    ):
        self._refuse_transfer()
    log IClearinghouse.Deposited(
        vault_id=vault_id, payer=payer, amount=amount, balance=self._balance(token, custody)
    )
    if word & state.FLAGGED != 0:
        self._cure(vault_id, payer)


@external
@nonreentrant
def deposit(vault_id: uint256, owner: address, amount: uint256):
    """
    @notice Moves tokens from the caller into the vault. Works in every state until the vault is closed; ends a
            flag, or sets its clock back, when the price allows to tell.
    @dev Keeps INV-08. Anyone may deposit for anyone.
    @param vault_id The vault.
    @param owner Whose vault it is meant to be; refused when it is another's.
    @param amount Tokens [native], approved to this contract.
    """
    self._deposit(msg.sender, vault_id, owner, amount)


@external
@nonreentrant
def withdraw(vault_id: uint256, amount: uint256, receiver: address):
    """
    @notice Pays out collateral: freely while C stays >= -v_min, else only with equity >= IM at an active price.
    @dev Rows 1 and 2 of the margin table.
    @param vault_id A vault of the caller, or one it may withdraw from.
    @param amount Tokens [native].
    @param receiver Who gets them.
    """
    self._check_idle()
    word: uint256 = self._authorized(vault_id, permissions.WITHDRAW)
    if word & state.DEBT != 0:
        novation._refuse("clearinghouse/in-debt")
    vault: IClearinghouse.Vault = self._read(vault_id, word)
    token: uint256 = vault.token
    terms: uint256 = vault.terms
    custody: address = vault.custody
    balance: uint256 = self._balance(token, custody)
    if balance < amount:
        novation._refuse("clearinghouse/low-balance")
    balance = unsafe_sub(balance, amount)
    if balance < state._held_deposit(terms, token):
        novation._refuse("clearinghouse/deposit-locked")
    if state._count(word) != 0:
        vault.balance = balance
        self._check_own(vault_id, vault, gate_actions.WITHDRAWAL)
    self._pay(token, custody, receiver, amount)
    log IClearinghouse.Withdrawn(vault_id=vault_id, receiver=receiver, amount=amount, balance=balance)


@external
@nonreentrant
def set_model(vault_id: uint256, model: uint256):
    """
    @notice Switches a vault to another margin model of its market; a vault with legs must pass row 1 under both.
    @param vault_id A vault of the caller, or one it may manage.
    @param model Margin model (vaults/vault_state) among those the market enables.
    """
    self._check_idle()
    word: uint256 = self._authorized(vault_id, permissions.MANAGE)
    self._check_model(state._market(word), model)
    # healthy under the old model first: a laxer one is no way out of a margin call
    for i: uint256 in range(2):
        if state._count(word) != 0:
            vault: IClearinghouse.Vault = self._load_held(vault_id)
            self._check_own(vault_id, vault, gate_actions.STAY + i)
        if i == 0:
            self.words[vault_id] = state._under(word, model)
    self._log_vault(vault_id)


@external
@nonreentrant
def transfer_legs(from_id: uint256, to_id: uint256, legs: DynArray[uint256, 16], cash: int256):
    """
    @notice Split, merge or regroup: moves legs and cash between two vaults of one owner, who calls or lets the caller manage.
    @dev Row 1 of the margin table on both sides. A leg-free pair of vaults moves cash by withdraw and deposit.
    @param from_id Vault whose quantities change by the opposite of `legs`; its cell is the cell of the legs.
    @param to_id Vault whose quantities change by `legs`.
    @param legs Leg words.
    @param cash Tokens from `from_id` to `to_id`, negative for the other way [native].
    """
    word: uint256 = self._authorized(from_id, permissions.MANAGE)
    # a manager may regroup within one owner's vaults, and carries nothing out of them
    if (word ^ self._authorized(to_id, permissions.MANAGE)) & state.OWNER_MASK != 0:
        self._refuse_owner()
    if self.callback_taker != msg.sender:
        self._check_idle()
    expiry: uint256 = state._expiry(state._plain_terms(word))
    if expiry == 0:
        novation._refuse("clearinghouse/no-legs")
    prices: IOracleAdapter.Snapshot = extcall IOracleAdapter(ORACLE).look(state._market(word), expiry)
    outcome: IClearinghouse.Outcome = self._novate(
        gate_actions.OWN,
        IClearinghouse.Novation(
            giver=from_id,
            receiver=to_id,
            expiry=expiry,
            legs=legs,
            cash=cash,
            fees=[0, 0],
            fee_receiver=empty(address),
        ),
        prices,
        empty(IClearinghouse.Take),
    )
    # regrouping opens nothing: what opens interest goes through the Exchange, its caps and its pauses
    if outcome.raised:
        novation._refuse("clearinghouse/opens-interest")


@external
def multicall(calls: DynArray[Bytes[1024], 8]):
    """
    @notice Several calls to this contract in one transaction, all or none: open and split, merge and close, ...
    @dev Each runs as the caller's own, with every check it has.
    @param calls Encoded calls.
    """
    for data: Bytes[1024] in calls:
        raw_call(self, data, is_delegate_call=True)


@external
@nonreentrant
def close(vault_id: uint256, receiver: address):
    """
    @notice Ends a vault without legs and debt; all its tokens go to `receiver`, and what its claim has not been paid is
            given up.
    @param vault_id A vault of the caller.
    @param receiver Who gets the tokens.
    """
    self._check_idle()
    word: uint256 = self._authorized(vault_id, 0)
    if state._count(word) != 0:
        novation._refuse("clearinghouse/has-legs")
    if word & state.DEBT != 0:
        novation._refuse("clearinghouse/unsettled")
    if word & state.CLAIM != 0:
        # what it has not been paid is given up
        extcall ISettlement(SETTLEMENT).give_up(vault_id)
    token: uint256 = self.tokens[state._market(word)]
    custody: address = self._clone(vault_id)
    amount: uint256 = self._balance(token, custody)
    self.words[vault_id] = 0
    self._pay(token, custody, receiver, amount)
    extcall IVaultToken(VAULT_TOKEN).mirror(msg.sender, empty(address), vault_id)
    log IClearinghouse.VaultClosed(vault_id=vault_id, owner=msg.sender, amount=amount)


@external
@nonreentrant
def transfer_vault(vault_id: uint256, sender: address, receiver: address):
    """
    @notice Changes the owner and bumps the epoch, which ends every order signed before. Only VaultToken.
    @param vault_id The vault.
    @param sender Owner until now.
    @param receiver Owner from now on.
    """
    self._check_role(VAULT_TOKEN)
    self._check_idle()
    word: uint256 = self._word(vault_id)
    if state._owner(word) != sender:
        self._refuse_owner()
    if receiver == empty(address):
        novation._refuse("clearinghouse/zero-owner")
    if state._epoch(word) == 65535:
        novation._refuse("clearinghouse/epochs-exhausted")
    word = unsafe_add(
        (word & ~state.OWNER_MASK) | convert(receiver, uint256), 1 << state.EPOCH_AT
    )
    self.words[vault_id] = word
    log IClearinghouse.VaultTransferred(
        vault_id=vault_id, sender=sender, receiver=receiver, epoch=state._epoch(word)
    )


# --- liquidation -------------------------------------------------------------------------------------------------


@external
@nonreentrant
def flag(vault_id: uint256, actor: address, clock: uint256, margin: uint256, equity: int256):
    """
    @notice Writes a flag and pays the flagger's tip. Only Liquidator, which has checked the condition.
    @param vault_id The vault.
    @param actor Who flagged and gets the tip.
    @param clock Market clock now [seconds].
    @param margin A [wad].
    @param equity E [wad]; a negative one is recorded in the cell's deficit.
    """
    self._check_role(LIQUIDATOR)
    self._check_idle()
    vault: IClearinghouse.Vault = self._load(vault_id)
    word: uint256 = vault.word
    terms: uint256 = vault.terms
    self._store(
        vault_id,
        word | state.FLAGGED,
        state._with_larger_margin(terms & ~state.FLAG_MASK, margin)
        | (clock << state.FLAG_CLOCK_AT)
        | (block.timestamp << state.FLAGGED_AT_AT)
        | state.TIP_FLAG,
    )
    if equity < 0:
        self._record_deficit(vault_id, self._cell_of(word), equity)
    if terms & state.TIP_FLAG == 0:
        # a deposit refilled on paper, or a token that refuses, must not keep a vault from being flagged
        token: uint256 = vault.token
        tip: uint256 = min(state._tip_native(terms, state.TIP_FLAG, token), self._held(vault))
        if self._try_pay_one(token, vault.custody, actor, tip):
            self._log_tip(vault_id, actor, state.TIP_FLAG, tip)
    log IClearinghouse.VaultFlagged(
        vault_id=vault_id, flagger=actor, margin=margin, equity=equity, clock=clock
    )
    self._log_vault(vault_id)


@external
@nonreentrant
def take(
    order: IClearinghouse.Novation,
    terms: IClearinghouse.Take,
    snapshot: IOracleAdapter.Snapshot,
) -> uint256:
    """
    @notice Liquidation: moves legs and cash of a flagged vault into the taker's. Only Liquidator.
    @dev The end tip goes into the taker's vault with the cash. Keeps INV-02, INV-09.
    @param order What moves from the flagged vault to the taker's: legs as the taker receives them, cash, negative when
           the taker pays, and insurance's cut as the fee of the giver.
    @param terms What the Liquidator knows of it.
    @param snapshot Prices of the cell.
    @return What insurance got [native].
    """
    self._check_role(LIQUIDATOR)
    self._check_idle()
    if terms.deferred:
        self.callback_taker = state._owner(self.words[order.receiver])
        self.deferred_id = order.receiver
        self.deferred_mode = gate_actions.TAKE
    outcome: IClearinghouse.Outcome = self._novate(gate_actions.TAKE, order, snapshot, terms)
    return outcome.fees[0]


@external
@nonreentrant
def finish(to_id: uint256, snapshot: IOracleAdapter.Snapshot):
    """
    @notice Closes the callback window and gates the taker's vault. Only Liquidator.
    @param to_id The vault whose gate was deferred.
    @param snapshot Prices the take was made at.
    """
    self._check_role(LIQUIDATOR)
    if self.deferred_id != to_id:
        novation._refuse("clearinghouse/not-deferred")
    self.deferred_id = 0
    self.callback_taker = empty(address)
    vault: IClearinghouse.Vault = self._load_held(to_id)
    legs: DynArray[uint256, 16] = self._load_legs(to_id, vault.word)
    # no legs of before: all of it is new risk to a STATIC vault
    stamp: uint256 = self._check(
        IMarginGate.Change(
            action=self.deferred_mode,
            received=0,
            fee=0,
            known=empty(IMarginEngine.Assessment),
        ),
        vault,
        [],
        legs,
        snapshot,
    )
    if stamp != 0:
        self._log_state(to_id, self._stamp(to_id, vault, stamp), legs)


@external
@nonreentrant
def cure(vault_id: uint256, actor: address) -> uint256:
    """
    @notice Looks at a flagged vault again. Only Liquidator; deposits do the same on their own.
    @param vault_id The vault.
    @param actor Who earns the end tip.
    @return 2 when the flag ended, 1 when its clock was set back, 0 when nothing changed, 3 when no price tells.
    """
    self._check_role(LIQUIDATOR)
    self._check_idle()
    return self._cure(vault_id, actor)


# --- settlement --------------------------------------------------------------------------------------------------


@external
@nonreentrant
def settle(vault_id: uint256, plan: IClearinghouse.Settled) -> IClearinghouse.PaidIn:
    """
    @notice Removes the legs of an expired vault and pays what it owes into the cell. Only Settlement.
    @dev Never reverts for the token's sake: what cannot be moved is returned as debt. A claim or a debt is written on
         the vault. Keeps INV-11, INV-12.
    @param vault_id An expired vault with legs.
    @param plan What leaves the cell with them, what the vault pays and claims.
    @return What became of the pay-in.
    """
    self._check_role(SETTLEMENT)
    self._check_idle()
    word: uint256 = self._word(vault_id)
    expiry: uint256 = state._expiry(state._plain_terms(word))
    if state._count(word) == 0:
        novation._refuse("clearinghouse/no-legs")
    if block.timestamp < expiry:
        novation._refuse("clearinghouse/not-expired")
    market: uint256 = state._market(word)
    key: uint256 = self._cell_key(market, expiry)
    self.cells[key] -= plan.gross
    if plan.open_interest != 0:
        self.open_interests[market] -= plan.open_interest
    # nothing is left of the vault but its word and its tokens
    vault: IClearinghouse.Vault = empty(IClearinghouse.Vault)
    vault.word = (word & ~(state.COUNT_MASK | state.FLAGGED | state.TERMS_MASK)) | plan.marks
    self.words[vault_id] = vault.word

    vault.token = self.tokens[market]
    vault.custody = self._clone(vault_id)
    cell: address = empty(address)
    paid: IClearinghouse.PaidIn = empty(IClearinghouse.PaidIn)
    if plan.owed != 0:
        cell = self._clone(CELL_SALT | key)
        paid.received = self._balance(vault.token, cell)
    if self._try_pay(vault.token, vault.custody, [cell, plan.tipped], [plan.owed, plan.tip]):
        if plan.tip != 0:
            self._log_tip(vault_id, plan.tipped, state.TIP_SETTLE, plan.tip)
    # the tip must not stand in the way of the pay-in
    elif not self._try_pay_one(vault.token, vault.custody, cell, plan.owed):
        paid.debt = plan.owed
        vault.word |= state.DEBT
        self.words[vault_id] = vault.word
    if word & state.FLAGGED != 0:
        # after the token's calls: until Settlement has recorded the shortfall the deficit tells of the loss
        self._record_deficit(vault_id, key, 0)
    vault.balance = self._held(vault)
    self._log_state(vault_id, vault, [])
    self._log_cell(market, expiry)
    if plan.owed != 0:
        paid.received = self._balance(vault.token, cell) - paid.received
    return paid


@external
@nonreentrant
def pay_from_cell(market: uint256, expiry: uint256, to: address, amount: uint256) -> bool:
    """
    @notice Pays out of a cell's custody. Only Settlement.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @param to Receiver.
    @param amount Tokens [native].
    @return False when the token refused; then nothing moved.
    """
    self._check_role(SETTLEMENT)
    self._check_idle()
    salt: uint256 = CELL_SALT | self._cell_key(market, expiry)
    custody: address = self._clone(salt)
    if not custody.is_contract:
        custody = self._create(salt)
    return self._try_pay_one(self.tokens[market], custody, to, amount)


@external
@nonreentrant
def pay_from_vault(vault_id: uint256, to: address, amount: uint256) -> bool:
    """
    @notice Pays a debt out of a vault's custody. Only Settlement.
    @param vault_id The vault in debt.
    @param to Custody of the cell it owes.
    @param amount Tokens [native].
    @return False when the token refused; then nothing moved.
    """
    self._check_role(SETTLEMENT)
    self._check_idle()
    return self._try_pay_one(
        self.tokens[state._market(self._word(vault_id))], self._clone(vault_id), to, amount
    )


@external
@nonreentrant
def mark(vault_id: uint256, marks: uint256):
    """
    @notice Writes what a settled vault still owes or claims. Only Settlement.
    @param vault_id The vault.
    @param marks DEBT, CLAIM or neither (vaults/vault_state).
    """
    self._check_role(SETTLEMENT)
    self.words[vault_id] = (self._word(vault_id) & ~(state.DEBT | state.CLAIM)) | marks
    self._log_vault(vault_id)


# --- markets -----------------------------------------------------------------------------------------------------


@internal
def _configure(market: uint256, risk: uint256):
    self.risks[market] = risk
    log IClearinghouse.MarketConfigured(
        market=market, token_word=self.tokens[market], risk=risk
    )


@external
def list_market(market: uint256, token_word: uint256, risk: uint256):
    """
    @notice Registers a market, once. Only RiskParameters, which has checked token, engines and index.
    @param market Market index below 65536.
    @param token_word Token, decimals, kind, unit, lot and enabled models (vaults/vault_state).
    @param risk Packed risk parameters.
    """
    self._check_role(PARAMETERS)
    if self.tokens[market] != 0:
        novation._refuse("clearinghouse/market-exists")
    self.tokens[market] = token_word
    self._configure(market, risk)


@external
@nonreentrant
def configure(market: uint256, risk: uint256):
    """
    @notice Replaces the packed risk parameters. Only RiskParameters.
    @param market Market index.
    @param risk Packed risk parameters.
    """
    self._check_role(PARAMETERS)
    if self.tokens[market] == 0:
        novation._refuse("clearinghouse/unknown-market")
    self._configure(market, risk)


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def engines() -> address[6]:
    """
    @notice The margin engines: ES, GREEKS and STATIC of linear markets, then of inverse ones.
    @return Their addresses.
    """
    return ENGINES


@external
@view
def vault_word(vault_id: uint256) -> uint256:
    """
    @notice Packed vault word, 0 for an unknown or closed vault.
    @param vault_id The vault.
    @return The word (vaults/vault_state).
    """
    return self.words[vault_id]


@external
@view
@nonreentrant
def load(vault_id: uint256) -> IClearinghouse.Loaded:
    """
    @notice Everything about one vault and its legs.
    @param vault_id The vault.
    @return The vault and its leg words.
    """
    vault: IClearinghouse.Vault = self._load_held(vault_id)
    return IClearinghouse.Loaded(vault=vault, legs=self._load_legs(vault_id, vault.word))


@external
@view
def custody(vault_id: uint256) -> address:
    """
    @notice Address that holds the vault's tokens, known before the vault is opened.
    @param vault_id The vault.
    @return The clone's address.
    """
    return self._clone(vault_id)


@external
@view
def cell_custody(market: uint256, expiry: uint256) -> address:
    """
    @notice Address that holds a cell's settlement cash.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return The clone's address; it has code from the first payment on.
    """
    return self._clone(CELL_SALT | self._cell_key(market, expiry))


@external
@view
def cell(market: uint256, expiry: uint256) -> uint256:
    """
    @notice Packed cell word.
    @param market Market index.
    @param expiry Expiry of the cell [unix seconds].
    @return The word (vaults/vault_state).
    """
    return self.cells[self._cell_key(market, expiry)]


@external
@view
def market(market: uint256) -> IClearinghouse.Market:
    """
    @notice The words of a market.
    @param market Market index.
    @return Token and risk word and the open interest.
    """
    return IClearinghouse.Market(
        token_word=self.tokens[market],
        risk=self.risks[market],
        open_interest=self.open_interests[market],
    )
