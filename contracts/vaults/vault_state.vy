# pragma version 0.4.3
"""
@title Layout of the words that describe a vault, a cell and a market
@license AGPL-3.0-only
@notice Storage is packed by hand; every reader unpacks through this module.
@dev vault word:  owner 160 | market 16 | legs 8 | model 3 | notes 1 | flags 4 | epoch 16 | expiry 20 [hours]
                  | deposit 28 [1e-6 unit]
     terms word:  expiry 40 | flag_clock 40 | flagged_at 40 | flag_margin 64 | deposit 40 | flag tip paid 1 | stamp 30.
                  Expiry and deposit live in the vault word, so a plain vault needs no second slot; the rest is
                  stored where `notes` says so. Everybody but the Clearinghouse sees the whole.
     cell word:   gross open quantity 112 | recorded deficit 112
     token word:  token 160 | decimals 8 | listed 1 | inverse 1 | digits of the unit 5 | not used 1 | lot 32
                  | enabled models 3 | vaults with a recorded deficit 32
     Deposit and what it pays are counted in the market's unit: 1 quote in a linear market, in an inverse one, whose token is
     the underlying, a power of ten of a coin near it (docs/coins.md). What is due in tokens is rounded up.
     flag_clock is the market clock at the flag or its last set-back, flagged_at the same in unix seconds,
     stamp the ratios of a STATIC vault as of its last new risk (governance/risk_word, 3 x 10 bits),
     flag_margin A at the flag [1e-6 token], deposit the full liquidation deposit [1e-6 unit].
"""
from interfaces import IClearinghouse

from contracts.math import scales
from contracts.governance import risk_word
from contracts.vaults import leg

# bit offsets in the vault word
MARKET_AT: constant(uint256) = 160
COUNT_AT: constant(uint256) = 176
MODEL_AT: constant(uint256) = 184
FLAGS_AT: constant(uint256) = 188
EPOCH_AT: constant(uint256) = 192

OWNER_MASK: constant(uint256) = 2**160 - 1
COUNT_MASK: constant(uint256) = 255 << 176
MODEL_MASK: constant(uint256) = 7 << 184
HAS_NOTES: constant(uint256) = 1 << 187  # the terms hold more than expiry and deposit
# what of the vault word changes with the vault's terms
TERMS_MASK: constant(uint256) = ((2**48 - 1) << 208) | (1 << 187)
EXPIRY_AT: constant(uint256) = 208
LOCKED_AT: constant(uint256) = 228

# flags of the vault word, in place
FLAGGED: constant(uint256) = 1 << 188
# 2 << 188 is not used
DEBT: constant(uint256) = 4 << 188     # owes its cell a failed pay-in
CLAIM: constant(uint256) = 8 << 188    # holds a claim that is not fully paid

# models
ES: constant(uint256) = 0
GREEKS: constant(uint256) = 1
STATIC: constant(uint256) = 2

# bit offsets in the terms word
EXPIRY_MASK: constant(uint256) = 2**40 - 1
FLAG_CLOCK_AT: constant(uint256) = 40
FLAGGED_AT_AT: constant(uint256) = 80
FLAG_MARGIN_AT: constant(uint256) = 120
FLAG_MARGIN_MASK: constant(uint256) = (2**64 - 1) << 120
DEPOSIT_AT: constant(uint256) = 184
STAMP_AT: constant(uint256) = 225
STAMP_MASK: constant(uint256) = (2**30 - 1) << 225

# tips; the flag's is marked in the terms word, in place, while it is missing from the deposit
TIP_FLAG: constant(uint256) = 1 << 224
TIP_END: constant(uint256) = 2 << 224
TIP_SETTLE: constant(uint256) = 4 << 224

# the part of the terms word that describes a flag
FLAG_MASK: constant(uint256) = (2**144 - 1) << 40
FLAG_TIMES_MASK: constant(uint256) = (2**80 - 1) << 40

# bit offsets in the token word
INVERSE_AT: constant(uint256) = 169
DIGITS_AT: constant(uint256) = 170
LOT_AT: constant(uint256) = 176
MODELS_AT: constant(uint256) = 208
DEFICITS_AT: constant(uint256) = 211


@internal
@pure
def _owner(word: uint256) -> address:
    return convert(word & OWNER_MASK, address)


@internal
@pure
def _market(word: uint256) -> uint256:
    return (word >> MARKET_AT) & 65535


@internal
@pure
def _count(word: uint256) -> uint256:
    return (word >> COUNT_AT) & 255


@internal
@pure
def _model(word: uint256) -> uint256:
    return (word >> MODEL_AT) & 7


@internal
@pure
def _under(word: uint256, model: uint256) -> uint256:
    """
    @notice The vault word under another model.
    """
    return (word & ~MODEL_MASK) | (model << MODEL_AT)


@internal
@pure
def _epoch(word: uint256) -> uint256:
    return (word >> EPOCH_AT) & 65535


@internal
@pure
def _expiry(terms: uint256) -> uint256:
    return terms & EXPIRY_MASK


@internal
@pure
def _flag_clock(terms: uint256) -> uint256:
    return (terms >> FLAG_CLOCK_AT) & (2**40 - 1)


@internal
@pure
def _flagged_at(terms: uint256) -> uint256:
    return (terms >> FLAGGED_AT_AT) & (2**40 - 1)


@internal
@pure
def _margin_field(margin: uint256) -> uint256:
    """
    @notice A [wad] as the terms hold it [1e-6].
    """
    return min(margin // 10**12, 2**64 - 1)


@internal
@pure
def _flag_margin(terms: uint256) -> uint256:
    """
    @notice The largest A recorded since the flag [wad].
    """
    return ((terms >> FLAG_MARGIN_AT) & (2**64 - 1)) * 10**12


@internal
@pure
def _with_larger_margin(terms: uint256, margin: uint256) -> uint256:
    """
    @notice Terms that know a margin A [wad] since the flag, if none was larger.
    """
    return (terms & ~FLAG_MARGIN_MASK) | (
        max(self._margin_field(margin), (terms >> FLAG_MARGIN_AT) & (2**64 - 1)) << FLAG_MARGIN_AT
    )


@internal
@pure
def _with_flag_times(terms: uint256, clock: uint256, time: uint256) -> uint256:
    """
    @notice Terms of a vault whose auction starts now, by the market clock and in unix seconds.
    """
    return (terms & ~FLAG_TIMES_MASK) | (clock << FLAG_CLOCK_AT) | (time << FLAGGED_AT_AT)


@internal
@pure
def _deposit(terms: uint256) -> uint256:
    """
    @notice Full liquidation deposit of the vault [1e-6 unit].
    """
    return (terms >> DEPOSIT_AT) & (2**40 - 1)


@internal
@pure
def _tip(deposit: uint256, tip: uint256) -> uint256:
    """
    @notice One tip out of a deposit [1e-6 unit]: 50 % flag, 30 % end, the rest settle.
    """
    flag: uint256 = unsafe_div(unsafe_mul(deposit, 50), 100)
    end: uint256 = unsafe_div(unsafe_mul(deposit, 30), 100)
    if tip == TIP_FLAG:
        return flag
    if tip == TIP_END:
        return end
    return unsafe_sub(unsafe_sub(deposit, flag), end)


@internal
@pure
def _tip_native(terms: uint256, tip: uint256, token_word: uint256) -> uint256:
    """
    @notice One tip of a vault [native].
    """
    return self._micro_native(self._tip(self._deposit(terms), tip), token_word)


@internal
@pure
def _deposit_missing(terms: uint256, token_word: uint256) -> uint256:
    """
    @notice d: what tips have taken from the deposit [native].
    """
    # the end tip goes with a refill and the settle tip with the release of the deposit: only the flag's stays open
    if terms & TIP_FLAG == 0:
        return 0
    return self._tip_native(terms, TIP_FLAG, token_word)


@internal
@pure
def _missing_to_end(terms: uint256, token_word: uint256) -> int256:
    """
    @notice d of a flagged vault after the call that ends the flag, which earns its tip [wad].
    """
    missing: uint256 = unsafe_add(
        self._deposit_missing(terms, token_word), self._tip_native(terms, TIP_END, token_word)
    )
    return leg._signed(unsafe_mul(missing, self._native_wad(token_word)))


@internal
@pure
def _cell_key(market: uint256, expiry: uint256) -> uint256:
    """
    @notice `market << 40 | expiry`, under which what belongs to a cell is kept. Refuses numbers of a caller that would read as
            a cell of another market.
    """
    assert expiry < 2**40, "cell/expiry-range"
    return (market << 40) | expiry


@internal
@pure
def _gross(cell: uint256) -> uint256:
    return cell & (2**112 - 1)


@internal
@pure
def _deficit(cell: uint256) -> uint256:
    """
    @notice D_cell: recorded deficits of the cell [wad].
    """
    return (cell >> 112) * 10**12


@internal
@pure
def _token(token_word: uint256) -> address:
    return convert(token_word & OWNER_MASK, address)


@internal
@pure
def _decimals(token_word: uint256) -> uint256:
    return (token_word >> 160) & 255


@internal
@pure
def _lot(token_word: uint256) -> uint256:
    """
    @notice Smallest quantity step of what has lots (vaults/leg) [1e-6 contracts].
    """
    return (token_word >> LOT_AT) & (2**32 - 1)


@internal
@pure
def _engine_of(model: uint256, token_word: uint256) -> uint256:
    """
    @notice Place of a model's engine among those of both kinds of market.
    """
    return unsafe_add(model, unsafe_mul(3, token_word >> INVERSE_AT & 1))


@internal
@pure
def _enables(token_word: uint256, model: uint256) -> bool:
    """
    @notice Whether a market lets vaults be margined by a model.
    """
    return model <= STATIC and (token_word >> (MODELS_AT + model)) & 1 != 0


@internal
@pure
def _is_inverse(token_word: uint256) -> bool:
    """
    @notice Whether the market's token is its underlying: every amount is in coins (docs/coins.md).
    """
    return (token_word >> INVERSE_AT) & 1 != 0


@internal
@pure
def _counted(kind: uint256, quantity: int256) -> int256:
    """
    @notice An open interest of one kind as an inverse market counts it in one word: options in contracts, and CASH, its delta leg,
            in its own unit 128 bits up. A linear market counts both in contracts.
    """
    if leg._is_option(kind):
        return quantity
    return quantity << 128


@internal
@pure
def _open_contracts(counted: uint256, inverse: bool, forward: uint256) -> uint256:
    """
    @notice Open interest as it is compared with its cap [1e-6 contracts].
    @param counted The market's word. @param forward F, at which CASH counts in an inverse market [wad].
    """
    if not inverse:
        return counted
    contracts: uint256 = 0
    quote: uint256 = 0
    contracts, quote = self._open_parts(counted)
    return contracts + quote * scales.WAD // forward


@internal
@pure
def _open_parts(counted: uint256) -> (uint256, uint256):
    """
    @notice (contracts, CASH of an inverse market), as `_counted` puts them into one word [1e-6].
    """
    return counted & (2**128 - 1), counted >> 128


@internal
@pure
def _unit(token_word: uint256) -> uint256:
    """
    @notice What parameters in units are counted in: 1 token, or a power of ten of a coin [wad].
    """
    return pow_mod256(10, unsafe_sub(18, token_word >> DIGITS_AT & 31))


@internal
@pure
def _micro_native(amount: uint256, token_word: uint256) -> uint256:
    """
    @notice Native units of an amount in 1e-6 of the market's unit, rounded up; nothing is where the token has 6 digits.
    """
    decimals: uint256 = token_word >> 160 & 255
    counted: uint256 = unsafe_add(token_word >> DIGITS_AT & 31, 6)
    # amounts are below 2^40, decimals at most 18 and digits at most 12
    if decimals >= counted:
        return unsafe_mul(amount, pow_mod256(10, unsafe_sub(decimals, counted)))
    part: uint256 = pow_mod256(10, unsafe_sub(counted, decimals))
    return unsafe_div(unsafe_add(amount, unsafe_sub(part, 1)), part)


@internal
@pure
def _native_wad(token_word: uint256) -> uint256:
    """
    @notice Wad in one native unit.
    """
    return pow_mod256(10, unsafe_sub(18, token_word >> 160 & 255))


@internal
@pure
def _to_native_up(amount: int256, token_word: uint256) -> uint256:
    """
    @notice Wad in native units, rounded up; 0 for what is not missing.
    """
    if amount <= 0:
        return 0
    unit: uint256 = self._native_wad(token_word)
    return (convert(amount, uint256) + (unit - 1)) // unit


@internal
@pure
def _held_deposit(terms: uint256, token_word: uint256) -> uint256:
    """
    @notice What is left of the liquidation deposit [native].
    """
    return unsafe_sub(self._micro_native(self._deposit(terms), token_word), self._deposit_missing(terms, token_word))


@internal
@pure
def _collateral(balance: uint256, terms: uint256, token_word: uint256) -> int256:
    """
    @notice C [wad]: tokens of the vault less its liquidation deposit; below zero only if the token misbehaves.
    """
    held: int256 = unsafe_sub(convert(balance, int256), leg._signed(self._held_deposit(terms, token_word)))
    return held * leg._signed(self._native_wad(token_word))


@internal
@pure
def _engine_risk(vault: IClearinghouse.Vault) -> uint256:
    """
    @notice Risk word for the vault's engine: a STATIC vault brings the ratios it was stamped with.
    """
    if self._model(vault.word) != STATIC:
        return vault.risk
    return (vault.risk & ~risk_word.STATIC_MASK) | (
        (vault.terms >> STAMP_AT) << risk_word.STATIC_AT
    )


@internal
@pure
def _plain_terms(word: uint256) -> uint256:
    """
    @notice Terms of a vault as far as its vault word tells them: expiry and full liquidation deposit.
    """
    return ((word >> EXPIRY_AT) & (2**20 - 1)) * scales.HOUR | ((word >> LOCKED_AT) << DEPOSIT_AT)


@internal
@pure
def _notes(terms: uint256) -> uint256:
    """
    @notice The part of the terms that a vault word has no room for: flag, tip, stamp.
    """
    return terms & ~(EXPIRY_MASK | ((2**40 - 1) << DEPOSIT_AT))


@internal
@pure
def _with_terms(word: uint256, terms: uint256) -> uint256:
    """
    @notice Vault word with the terms it has room for; the expiry is a whole hour.
    """
    new: uint256 = (
        (word & ~TERMS_MASK)
        | ((self._expiry(terms) // scales.HOUR) << EXPIRY_AT)
        | (self._deposit(terms) << LOCKED_AT)
    )
    if self._notes(terms) != 0:
        new |= HAS_NOTES
    return new
