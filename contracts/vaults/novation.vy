# pragma version 0.4.3
"""
@title Novation: what a move of legs and cash between two vaults makes of both
@license AGPL-3.0-only
@notice Pure. `_move` gives both sides' legs as they are afterwards and what that does to the cell; `_payments` who pays
        whom, fees included. The Clearinghouse applies the two, views tell by the same what a fill would do.
        Index 0 is the giver, whose quantities change by the opposite of the legs, index 1 the receiver.
"""
from contracts.margin import gate_actions
from contracts.vaults import leg
from contracts.vaults import vault_state as state

struct Moved:
    legs: DynArray[uint256, 16][2]  # leg words after, without those of no quantity
    gross: int256                   # change of the sum of |quantity| over both sides, all kinds [1e-6]
    open_interest: int256           # the same over options and delta legs, as `vault_state._open_interest` counts them
    raised: bool                    # whether the open interest of some series rose

struct Payments:
    to_receiver: uint256    # out of the giver's custody [native]
    giver_pays: uint256     # fees out of it [native]
    to_giver: uint256       # out of the receiver's custody [native]
    receiver_pays: uint256  # fees out of it [native]


@internal
@pure
def _refuse(reason: String[32]):
    # one revert for all reasons of a contract: half the bytes of a literal assert
    raise reason


@internal
@pure
def _kept(legs: DynArray[uint256, 16]) -> DynArray[uint256, 16]:
    """
    @notice The legs without those of no quantity.
    """
    kept: DynArray[uint256, 16] = []
    for item: uint256 in legs:
        if item & leg.QUANTITY_MASK != 0:
            kept.append(item)
    return kept


@internal
@pure
def _move(before: DynArray[uint256, 16][2], moved: DynArray[uint256, 16], token: uint256) -> Moved:
    """
    @notice Moves signed legs from the giver to the receiver.
    @param before Leg words of both.
    @param moved Leg words as the receiver gets them.
    @param token Token word of the market: which leg is money, and the least step of what has lots.
    @return Both sides after, and the changes of gross quantity and open interest.
    """
    result: Moved = Moved(legs=before, gross=0, open_interest=0, raised=False)
    inverse: bool = state._is_inverse(token)
    money: uint256 = leg._money(inverse)
    lot: int256 = convert(state._lot(token), int256)
    hint: uint256 = 0
    # no leg of the receiver is among those still to come: it began empty, and all so far lie in the giver in this order
    apart: bool = len(before[1]) == 0
    for item: uint256 in moved:
        signed: int256 = -leg._quantity(item)
        key: uint256 = leg._key(item)
        kind: uint256 = leg._kind(item)
        # bits above the word would be margined as one leg and stored as another
        if item > leg.LEG_MASK or (kind < money and signed % lot != 0):
            self._refuse("clearinghouse/not-a-lot")
        change: int256 = 0
        for i: uint256 in range(2):
            # legs mostly keep their order; a search copies all of them. Where there is none, `hint` is the end
            count: uint256 = len(result.legs[i])
            position: uint256 = hint
            if i == 0 or not apart:
                if hint >= count or leg._key(result.legs[i][hint]) != key:
                    apart = False
                    if count != 0:
                        position = leg._find(result.legs[i], key, hint)
            # quantities are int64: sums of a few of them are far from the end of int256
            old: int256 = 0
            if position != count:
                old = leg._quantity(result.legs[i][position])
            elif count == leg.MAX_LEGS:
                # a roll in a full vault: a leg that this move has closed makes room
                apart = False
                for j: uint256 in range(16):
                    if result.legs[i][j] & leg.QUANTITY_MASK == 0:
                        position = j
                        break
                if position == count:
                    self._refuse("clearinghouse/too-many-legs")
            new: int256 = unsafe_add(old, signed)
            word: uint256 = leg._pack(key, new)
            if position != count:
                result.legs[i][position] = word
            else:
                result.legs[i].append(word)
            change = unsafe_add(change, unsafe_sub(abs(new), abs(old)))
            signed = unsafe_sub(0, signed)
        hint = unsafe_add(hint, 1)
        result.gross += change
        if kind != money:
            if inverse:
                result.open_interest += state._counted(kind, change)
            else:
                result.open_interest += change
            result.raised = result.raised or change > 0
    result.legs = [self._kept(result.legs[0]), self._kept(result.legs[1])]
    return result


@internal
@pure
def _ends_flag(action: uint256, is_taken: bool, is_cured: bool, word: uint256, count: uint256) -> bool:
    """
    @notice Whether a move ends the flag of a side. Legs that their owner moves elsewhere end none: a cure, a trade or a
            take does.
    @param action What moves the legs (margin/gate_actions).
    @param is_taken Whether the side is the vault that a take is out of.
    @param is_cured Whether that take brings it back to its target.
    @param word Vault word before.
    @param count Legs after.
    """
    if is_taken:
        return count == 0 or is_cured
    return count == 0 and action != gate_actions.OWN and word & state.FLAGGED != 0


@internal
@pure
def _payments(cash: int256, fees: uint256[2]) -> Payments:
    """
    @notice Who pays what to whom. A fee is kept back from the cash its side receives, so nobody needs more tokens than
            it owes on balance.
    @param cash Tokens from the giver to the receiver, negative for the other way [native].
    @param fees Of giver and receiver [native].
    """
    forward: uint256 = convert(max(cash, 0), uint256)
    back: uint256 = convert(max(-cash, 0), uint256)
    # one of the two is 0: what the payer pays of the other's fee
    kept: uint256[2] = [min(fees[0], back), min(fees[1], forward)]
    return Payments(
        to_receiver=unsafe_sub(forward, kept[1]),
        giver_pays=unsafe_sub(fees[0], kept[0]) + kept[1],
        to_giver=unsafe_sub(back, kept[0]),
        receiver_pays=unsafe_sub(fees[1], kept[1]) + kept[0],
    )
