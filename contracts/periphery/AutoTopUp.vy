# pragma version 0.4.3
# pragma optimize codesize
"""
@title AutoTopUp: an owner's standing order to add collateral before a vault is liquidated
@license AGPL-3.0-only
@notice An owner lets anyone move tokens from the owner's wallet into one vault when its health falls below a trigger,
        within a limit a day and in all, against a tip. It stands on an allowance of the token to this contract, and holds
        for the owner and the epoch under which it was given. This contract has no role anywhere and keeps no tokens.
        Keeps INV-14: whatever keepers, keys and prices do, a wallet gives at most what its mandates say, only to those
        vaults, and tips of at most a tenth. docs/top-ups.md.
        Trusts: the Clearinghouse and the OracleAdapter. Assumes: an ordinary token; one that lies hurts its own market.
"""
from ethereum.ercs import IERC20

from interfaces import IAutoTopUp
from interfaces import IClearinghouse
from interfaces import IExchange
from interfaces import IMarginEngine
from interfaces import IOracleAdapter

from contracts.margin import standing
from contracts.math import payoff
from contracts.math import scales
from contracts.oracle import snapshot as price
from contracts.vaults import permit as permits
from contracts.vaults import tolerance
from contracts.vaults import vault_state as state

implements: IAutoTopUp

# bounds of a mandate [wad]
LEAST_STEP: constant(uint256) = 5 * 10**16   # from trigger to target
MOST_TARGET: constant(uint256) = 100 * 10**18
# the tip is at most one part of the deposit in so many
TIP_SHARE: constant(uint256) = 10

# vaults of one `top_ups`, and the bytes of one answer
MAX_IDS: constant(uint256) = 64
ANSWER: constant(uint256) = 192

# a vault at the prices of now, as far as a top-up asks [wad]
struct Need:
    least: uint256     # deposit that counts: it leaves E >= trigger * MM or C >= -v_min, what is missing of the deposit paid
    wanted: uint256    # deposit that reaches target or C = -v_min, whichever is nearer
    reason: String[32]

CLEARINGHOUSE: immutable(address)
ORACLE: immutable(address)

# vault id -> mandate and what it has spent
records: HashMap[uint256, IAutoTopUp.Record]


@deploy
def __init__(clearinghouse: address, oracle: address):
    CLEARINGHOUSE = clearinghouse
    ORACLE = oracle


# --- mandates ----------------------------------------------------------------------------------------------------


@external
@nonreentrant
def set_mandate(vault_id: uint256, mandate: IAutoTopUp.Mandate, permit: IExchange.Permit):
    """
    @notice Gives or replaces the mandate of a vault. Only its owner, never an operator. What it has spent in all counts
            anew. What was spent today stays within an epoch; what was spent under another owner binds nobody.
    @param vault_id The vault.
    @param mandate Trigger, target, limits, tip and end.
    @param permit ERC-2612 approval of this contract, v = 0 for none; its failure is ignored: the allowance decides.
    """
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    assert word != 0 and state._owner(word) == msg.sender, "top-up/not-owner"
    assert mandate.trigger >= scales.WAD, "top-up/trigger-below-one"
    assert mandate.target <= MOST_TARGET, "top-up/target-too-high"
    assert mandate.trigger <= MOST_TARGET, "top-up/target-too-low"
    assert mandate.target >= mandate.trigger + LEAST_STEP, "top-up/target-too-low"
    assert mandate.most_per_day != 0 and mandate.most_in_all != 0, "top-up/limit-zero"
    assert mandate.expires_at > block.timestamp, "top-up/mandate-expired"
    record: IAutoTopUp.Record = self.records[vault_id]
    epoch: uint256 = state._epoch(word)
    if record.epoch != epoch:
        # a seller could use up the day and leave the buyer without a rescue
        record.spent_that_day = 0
    record.owner = msg.sender
    record.epoch = epoch
    record.mandate = mandate
    record.spent_in_all = 0
    self.records[vault_id] = record
    log IAutoTopUp.MandateSet(
        vault_id=vault_id,
        owner=msg.sender,
        epoch=record.epoch,
        trigger=mandate.trigger,
        target=mandate.target,
        most_per_day=mandate.most_per_day,
        most_in_all=mandate.most_in_all,
        tip=mandate.tip,
        expires_at=mandate.expires_at,
    )
    if permit.v != 0:
        permits._try_permit(self._token_of(state._market(word)), msg.sender, self, permit)


@external
@nonreentrant
def end_mandate(vault_id: uint256):
    """
    @notice Takes a mandate back. Only who gave it, also when the vault has another owner by now.
    @param vault_id The vault.
    """
    assert self.records[vault_id].owner == msg.sender, "top-up/not-owner"
    record: IAutoTopUp.Record = self.records[vault_id]
    record.owner = empty(address)
    record.mandate = empty(IAutoTopUp.Mandate)
    self.records[vault_id] = record
    log IAutoTopUp.MandateEnded(vault_id=vault_id, owner=msg.sender)


# --- top-ups -----------------------------------------------------------------------------------------------------


@internal
@view
def _token_of(market: uint256) -> address:
    return state._token((staticcall IClearinghouse(CLEARINGHOUSE).market(market)).token_word)


@internal
@view
def _need(
    vault: IClearinghouse.Vault, legs: DynArray[uint256, 16], mandate: IAutoTopUp.Mandate
) -> Need:
    """
    @dev What the vault needs at the price of now. Nothing is given to one that owes more than it holds, nor to one that
         cannot be liquidated.
    """
    need: Need = empty(Need)
    expiry: uint256 = state._expiry(vault.terms)
    if len(legs) == 0 or block.timestamp >= expiry:
        need.reason = "top-up/nothing-open"
        return need
    collateral: int256 = state._collateral(vault.balance, vault.terms, vault.token)
    v_min: int256 = staticcall IMarginEngine(vault.engine).max_loss(legs)
    if v_min != payoff.UNBOUNDED and collateral >= -v_min:
        need.reason = "top-up/fully-collateralised"
        return need
    prices: IOracleAdapter.Snapshot = staticcall IOracleAdapter(ORACLE).snapshot(
        state._market(vault.word), expiry
    )
    if not price._is_usable(prices):
        need.reason = "top-up/price-not-active"
        return need
    numbers: standing.Standing = standing._resolve(
        staticcall IMarginEngine(vault.engine).assess(
            legs, prices, state._engine_risk(vault), standing.NO_COLLATERAL
        ),
        collateral,
        vault,
        prices)
    if numbers.equity < 0:
        need.reason = "top-up/negative-equity"
        return need
    mm: uint256 = convert(numbers.mm, uint256)
    trigger: int256 = convert((mm * mandate.trigger + scales.WAD - 1) // scales.WAD, int256)
    if numbers.equity >= trigger:
        need.reason = "top-up/above-trigger"
        return need
    target: int256 = convert((mm * mandate.target + scales.WAD - 1) // scales.WAD, int256)
    missing: int256 = 0
    if vault.word & state.FLAGGED != 0:
        # the deposit ends the flag: then the vault refills its liquidation deposit and pays the tip of the end
        target = max(target, numbers.target)
        missing = state._missing_to_end(vault.terms, vault.token)
    need.least = state._to_native_up(trigger + missing - numbers.equity, vault.token)
    need.wanted = state._to_native_up(target + missing - numbers.equity, vault.token)
    if v_min != payoff.UNBOUNDED:
        safe: uint256 = state._to_native_up(-v_min + missing - collateral, vault.token)
        need.least = min(need.least, safe)
        need.wanted = min(need.wanted, safe)
    return need


@internal
@pure
def _tip_on(amount: uint256, mandate: IAutoTopUp.Mandate) -> uint256:
    return min(mandate.tip, amount // TIP_SHARE)


@internal
@pure
def _most(available: uint256, mandate: IAutoTopUp.Mandate) -> uint256:
    """
    @dev The largest deposit that leaves its tip within what is available.
    """
    if available > mandate.tip and (available - mandate.tip) // TIP_SHARE >= mandate.tip:
        return available - mandate.tip
    # the tip is a tenth, rounded down
    return available - (available + TIP_SHARE) // (TIP_SHARE + 1)


@internal
@view
def _available(record: IAutoTopUp.Record, token: address) -> uint256:
    """
    @dev What limits, balance and allowance leave for a deposit and its tip [native].
    """
    mandate: IAutoTopUp.Mandate = record.mandate
    today: uint256 = 0
    if record.day == block.timestamp // scales.DAY:
        today = record.spent_that_day
    left: uint256 = min(
        mandate.most_per_day - min(today, mandate.most_per_day),
        mandate.most_in_all - min(record.spent_in_all, mandate.most_in_all),
    )
    if left == 0:
        return 0
    left = min(left, staticcall IERC20(token).balanceOf(record.owner))
    return min(left, staticcall IERC20(token).allowance(record.owner, self))


@internal
@view
def _due(vault_id: uint256) -> (IAutoTopUp.TopUp, address):
    """
    @return What a call does now, and the token.
    """
    answer: IAutoTopUp.TopUp = empty(IAutoTopUp.TopUp)
    record: IAutoTopUp.Record = self.records[vault_id]
    word: uint256 = staticcall IClearinghouse(CLEARINGHOUSE).vault_word(vault_id)
    if record.owner == empty(address) or word == 0:
        answer.reason = "top-up/no-mandate"
        return answer, empty(address)
    # a buyer of the vault, and an owner who bumped the epoch, gave none
    if record.owner != state._owner(word) or record.epoch != state._epoch(word):
        answer.reason = "top-up/no-mandate"
        return answer, empty(address)
    if block.timestamp >= record.mandate.expires_at:
        answer.reason = "top-up/mandate-expired"
        return answer, empty(address)
    loaded: IClearinghouse.Loaded = staticcall IClearinghouse(CLEARINGHOUSE).load(vault_id)
    vault: IClearinghouse.Vault = loaded.vault
    legs: DynArray[uint256, 16] = loaded.legs
    token: address = state._token(vault.token)
    need: Need = self._need(vault, legs, record.mandate)
    if len(need.reason) != 0:
        answer.reason = need.reason
        return answer, token
    amount: uint256 = min(need.wanted, self._most(self._available(record, token), record.mandate))
    if amount < need.least or amount == 0:
        answer.reason = "top-up/not-enough"
        return answer, token
    answer.amount = amount
    answer.tip = self._tip_on(amount, record.mandate)
    return answer, token


@internal
def _into(vault_id: uint256, owner: address, token: address, amount: uint256):
    assert extcall IERC20(token).approve(
        CLEARINGHOUSE, amount, default_return_value=True
    ), "top-up/transfer-refused"
    extcall IClearinghouse(CLEARINGHOUSE).deposit(vault_id, owner, amount)


@external
@nonreentrant
def top_up(vault_id: uint256) -> uint256:
    """
    @notice Adds collateral to a vault out of its owner's wallet, as its mandate says; its tip goes from the owner to the
            caller. Needs an active price, E >= 0, C < -v_min and E < trigger * MM. Deposits what reaches the target (of a
            flagged vault: the end of its flag) or C = -v_min, or what limits, balance and allowance leave, and then only
            if that leaves E >= trigger * MM or C >= -v_min.
    @dev Keeps INV-14. Spent first, tokens after. What the deposit is paid for an ended flag goes on into the vault.
    @param vault_id The vault.
    @return The deposit [native].
    """
    answer: IAutoTopUp.TopUp = empty(IAutoTopUp.TopUp)
    token: address = empty(address)
    answer, token = self._due(vault_id)
    reason: String[32] = answer.reason
    if len(reason) != 0:
        raise reason
    record: IAutoTopUp.Record = self.records[vault_id]
    today: uint256 = block.timestamp // scales.DAY
    if record.day != today:
        record.day = today
        record.spent_that_day = 0
    record.spent_that_day += answer.amount + answer.tip
    record.spent_in_all += answer.amount + answer.tip
    self.records[vault_id].day = today
    self.records[vault_id].spent_that_day = record.spent_that_day
    self.records[vault_id].spent_in_all = record.spent_in_all

    held: uint256 = staticcall IERC20(token).balanceOf(self)
    assert extcall IERC20(token).transferFrom(
        record.owner, self, answer.amount, default_return_value=True
    ), "top-up/transfer-refused"
    assert staticcall IERC20(token).balanceOf(self) == held + answer.amount, "top-up/token-lies"
    self._into(vault_id, record.owner, token, answer.amount)
    back: uint256 = staticcall IERC20(token).balanceOf(self)
    if back > held:
        self._into(vault_id, record.owner, token, back - held)
    if answer.tip != 0:
        assert extcall IERC20(token).transferFrom(
            record.owner, msg.sender, answer.tip, default_return_value=True
        ), "top-up/transfer-refused"
    log IAutoTopUp.ToppedUp(
        vault_id=vault_id,
        owner=record.owner,
        caller=msg.sender,
        amount=answer.amount,
        tip=answer.tip,
        spent_that_day=record.spent_that_day,
        spent_in_all=record.spent_in_all,
    )
    return answer.amount


# --- views -------------------------------------------------------------------------------------------------------


@external
@view
def due(vault_id: uint256) -> IAutoTopUp.TopUp:
    """
    @notice What `top_up` would do now, or why it would not.
    @param vault_id The vault.
    @return Deposit, tip and reason.
    """
    answer: IAutoTopUp.TopUp = empty(IAutoTopUp.TopUp)
    token: address = empty(address)
    answer, token = self._due(vault_id)
    return answer


@external
@view
def top_ups(ids: DynArray[uint256, MAX_IDS]) -> DynArray[IAutoTopUp.TopUp, MAX_IDS]:
    """
    @notice `due` of many vaults. What cannot be told (a feed or a token that reverts) comes with a reason.
    @dev Reverts only where the caller brought too little gas to tell (docs/liquidation.md).
    @param ids Vault ids, at most 64.
    @return One answer per id, in the same order.
    """
    answers: DynArray[IAutoTopUp.TopUp, MAX_IDS] = []
    for vault_id: uint256 in ids:
        told: bool = False
        data: Bytes[ANSWER] = b""
        gas_before: uint256 = msg.gas
        told, data = raw_call(
            self,
            abi_encode(vault_id, method_id=method_id("due(uint256)")),
            max_outsize=ANSWER,
            is_static_call=True,
            revert_on_failure=False,
        )
        answer: IAutoTopUp.TopUp = empty(IAutoTopUp.TopUp)
        if told:
            answer = abi_decode(data, IAutoTopUp.TopUp)
        else:
            assert tolerance._believed(gas_before, tolerance.ITEM), "top-up/out-of-gas"
            answer.reason = "top-up/unknown"
        answers.append(answer)
    return answers


@external
@view
def record(vault_id: uint256) -> IAutoTopUp.Record:
    """
    @notice The mandate of a vault as it was given, and what it has spent.
    @param vault_id The vault.
    @return The record; its owner is empty when there is no mandate.
    """
    return self.records[vault_id]
