"""Revert reasons of the contracts and what they mean, one sentence each.

The contracts revert with literals "module/kebab-reason"; a test compares this table with the literals found in the
sources, so that no reason is without a sentence and no sentence without a reason.
"""

from __future__ import annotations

import re

from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError

ERROR_SELECTOR = bytes.fromhex("08c379a0")  # Error(string)
PANIC_SELECTOR = bytes.fromhex("4e487b71")  # Panic(uint256)

#: reason -> sentence. Kept in the order of the contracts.
SENTENCES: dict[str, str] = {
    # BackstopPool
    "backstop/above-cap": "The pool takes no more deposits than its cap.",
    "backstop/adds-too-much": "A merge may add at most an eighth of what the vault holds that ends.",
    "backstop/below-initial": "Both vaults of a merge need their initial margin; refill them first.",
    "backstop/cell-cap": "One expiry may tie up at most half of the pool's tokens at hand.",
    "backstop/gain-too-small": "The pool would gain less than its share of the vault's maintenance margin.",
    "backstop/in-callback": "This is not allowed while a take-over's callback runs.",
    "backstop/insolvent": "The vault's equity is below zero; it is auctioned like any other.",
    "backstop/low-funds": "The pool has too few tokens at hand.",
    "backstop/no-legs": "The vault has no legs.",
    "backstop/no-slot": "The pool holds as many vaults as it may; merge or collect some.",
    "backstop/not-a-pool-vault": "The vault is not the pool's.",
    "backstop/not-authorized": "Only the protocol's own contracts, or RiskParameters' owner, may do that.",
    "backstop/not-owner": "The request or the served shares are not yours.",
    "backstop/not-served": "That much has not been served from the queue yet.",
    "backstop/nothing-missing": "The vault has its initial margin.",
    "backstop/own-vault": "The pool does not take over from itself.",
    "backstop/price-not-fresh": "The price is not fresh, or a vault of the pool has expired and is not settled.",
    "backstop/request-too-small": "The request is for less than one whole share.",
    "backstop/too-early": "The bonus has not yet reached the share from which the backstop takes over.",
    "backstop/too-many-legs": "The pool holds as many legs as it may; merge or collect vaults.",
    "backstop/too-small": "The part to take over is below the backstop's minimum for each leg new to it.",
    "backstop/transfer-failed": "The token refused the transfer, or kept a part of it.",
    "backstop/unknown-market": "There is no such market.",
    "backstop/would-pay": "Whoever takes this vault over has to pay for its legs; the backstop does not.",
    "backstop/wrong-market": "The vault belongs to another market.",
    "backstop/zero-shares": "The amount is too small for a share.",
    # Clearinghouse
    "clearinghouse/deposit-locked": "That would touch the liquidation deposit, which stays while the vault has legs.",
    "clearinghouse/epochs-exhausted": "This vault has changed hands 65,535 times, which is all it can.",
    "clearinghouse/expired": "The vault's expiry has passed; it can only be funded, settled and claimed for.",
    "clearinghouse/expiry-range": "An expiry is a whole hour before the year 2089.",
    "clearinghouse/has-legs": "The vault still has legs; trade them away or wait for settlement before closing it.",
    "clearinghouse/in-callback": "This is not allowed while a take-over's callback runs.",
    "clearinghouse/in-debt": "The vault owes its cell a failed payment; repay it first.",
    "clearinghouse/low-balance": "The vault holds fewer tokens than that.",
    "clearinghouse/market-exists": "A market with that index is listed already.",
    "clearinghouse/model-disabled": "The market does not offer that margin model.",
    "clearinghouse/no-legs": "The vault has no legs.",
    "clearinghouse/not-a-lot": "The quantity is not a multiple of the market's lot.",
    "clearinghouse/not-authorized": "Only the protocol's own contract for this step may call it.",
    "clearinghouse/not-deferred": "No margin check of that vault is waiting.",
    "clearinghouse/not-expired": "The vault's expiry has not come yet.",
    "clearinghouse/not-owner": "Only the owner of the vault may do that.",
    "clearinghouse/out-of-gas": "Too little gas to tell a refusing token from a lack of gas; send more.",
    "clearinghouse/same-vault": "The two sides are the same vault.",
    "clearinghouse/too-many-legs": "A vault holds at most 16 legs.",
    "clearinghouse/transfer-refused": "The token refused the transfer: the payer lacks the tokens or the allowance.",
    "clearinghouse/unknown-engine": "That is not the margin engine of the model in this deployment.",
    "clearinghouse/unknown-market": "There is no such market.",
    "clearinghouse/unknown-vault": "There is no such vault, or it has been closed.",
    "clearinghouse/unsettled": "The vault still has a claim or a debt of an earlier expiry.",
    "clearinghouse/wrong-cell": "The vault holds legs of another expiry; a vault has one expiry at a time.",
    "clearinghouse/wrong-market": "The two vaults belong to different markets.",
    "clearinghouse/opens-interest": "Moving legs between own vaults may not open new interest; trade for that.",
    "clearinghouse/zero-owner": "A vault needs an owner.",
    # EsEngine
    "es/expired": "The margin engine was asked about an expired cell.",
    "es/nodes-ascending": "The scenario nodes are not ascending.",
    "es/snapshot-range": "A price fact is outside what the margin engine can compute with.",
    "es/tail-nodes": "The scenario nodes do not have three tails on either side.",
    "es/tail-range": "The tail probability of the margin model is out of range.",
    "es/vol-range": "The volatility is outside what the margin engine can compute with.",
    "es/weight-range": "A scenario's probability is out of range.",
    "es/weights-sum": "The scenarios' probabilities do not sum to one.",
    "es/window-share": "The elapsed share of the settlement window is more than one.",
    "es/zero-spot": "There is no price of the underlying to margin with.",
    # Exchange
    "exchange/above-remainder": "Less is left of the order than that.",
    "exchange/bad-signature": "The order's signature is not its signer's.",
    "exchange/below-min-fill": "The order wants larger fills than that.",
    "exchange/cancelled": "The order has been cancelled.",
    "exchange/epoch-not-higher": "The new minimum is not above the old one.",
    "exchange/expiry-off-grid": "New positions open only in expiries of the grid, 08:00 UTC: any day for a week, "
    "Fridays for eight weeks, last Fridays of months for a year.",
    "exchange/fill-or-kill": "The order is to be filled whole or not at all.",
    "exchange/filled": "The order has been filled.",
    "exchange/legs-left": "The vault still has legs, and that was not to be.",
    "exchange/limit-price": "The order's price is worse than the limit given.",
    "exchange/maker-fee": "The fee is more than the maker has signed for.",
    "exchange/no-open-window": "No new positions are opened in the last minutes before an expiry.",
    "exchange/not-taker-owner": "The vault to fill into is not yours, and you may not trade for it.",
    "exchange/not-vault-owner": "Only the owner of the vault may do that; who may trade for it may cancel its orders.",
    "exchange/only-owner": "Only the protocol's owner may do that.",
    "exchange/only-parameters": "Only RiskParameters may do that.",
    "exchange/open-interest-cap": "The market's open interest has reached its cap.",
    "exchange/order-expired": "The order has expired.",
    "exchange/paused": "Opening new positions is paused in this market.",
    "exchange/reduce-only": "The order may only reduce the maker's position, and this fill would not.",
    "exchange/same-vault": "An order cannot be filled into the vault that made it.",
    "exchange/series-expired": "The series of the order has expired.",
    "exchange/signer-not-owner": "The order's signer neither owns its vault nor may trade for it.",
    "exchange/spot-outside": "The price of the underlying has left the range for which the order is good.",
    "exchange/spot-unknown": "The oracle's price is not fresh, and the order is only good within a range of prices.",
    "exchange/stale-epoch": "The order belongs to an earlier epoch of its vault: it was cancelled, or the vault sold.",
    "exchange/strike-off-grid": "The strike is not on the market's tick, or too far from the price.",
    "exchange/taker-fee": "The fee is more than the limit given.",
    "exchange/transfer-refused": "The token refused the transfer.",
    "exchange/wrong-market": "The order's series belong to another market than its vault.",
    "exchange/wrong-taker": "The order is for another taker.",
    # InsuranceFund
    "implied/expired": "An expired option implies no volatility.",
    "implied/price-range": "No volatility gives the option that price.",
    "insurance/cooling-down": "The withdrawal's waiting time is not over.",
    "insurance/in-callback": "This is not allowed while a take-over's callback runs.",
    "insurance/not-authorized": "Only the Liquidator and the Settlement may draw insurance.",
    "insurance/nothing-requested": "No withdrawal has been asked for.",
    "insurance/out-of-gas": "Too little gas to tell a refusing token from a lack of gas; send more.",
    "insurance/request-expired": "The withdrawal was not made in time; ask for it again.",
    "insurance/too-many-shares": "You hold fewer shares of the fund than that.",
    "insurance/transfer-failed": "The token refused the transfer: the payer lacks the tokens or the allowance.",
    "insurance/unknown-market": "There is no such market.",
    "insurance/zero-amount": "The amount is zero.",
    "insurance/zero-shares": "The amount is too small for a share of the fund.",
    # legs
    "leg/duplicate-series": "A series is named twice.",
    "leg/quantity-range": "The quantity is too large.",
    "leg/strike-kind": "Options have a strike, futures and cash have none.",
    "leg/strike-range": "The strike is out of range.",
    "leg/unknown-kind": "There is no such kind of leg; there are call, put, future and cash.",
    "leg/wrong-cell": "A leg belongs to another market or expiry than the rest.",
    "leg/zero-quantity": "A leg has no quantity.",
    # Lens
    "lens/insufficient-balance": "The vault would hold less than nothing after that.",
    "lens/no-price": "There is no price to look from, or the vault's expiry has passed.",
    "lens/not-greeks": "Only the margin of a GREEKS vault is a sum of terms.",
    "lens/too-many-legs": "A vault holds at most 16 legs.",
    "lens/wrong-cell": "The vault holds legs of another expiry.",
    "lens/no-answer": "A contract refused without a word, as arithmetic beyond its range does.",
    # TradeLimits
    "limits/delta-cap": "The maker's cap on filled delta is used up until it raises its counter.",
    "limits/key-day-loss": "The session key has cost the vault 5 % of its equity today; the owner must trade now.",
    "limits/key-fill-loss": "The price is worse for the vault than a session key may trade at: 1 % off mark.",
    "limits/key-needs-price": "A session key trades only at a fresh price; the owner may still close.",
    "limits/only-exchange": "Only the Exchange may do that.",
    "limits/out-of-range": "That number is out of range.",
    "limits/vega-cap": "The maker's cap on filled vega is used up until it raises its counter.",
    # Liquidator
    "liquidator/already-flagged": "The vault is flagged already.",
    "liquidator/expired": "The vault's expiry has passed; it is settled instead.",
    "liquidator/healthy": "The vault is not liquidatable: its equity covers its maintenance margin, or its collateral "
    "its worst case.",
    "liquidator/length": "The lists have different lengths.",
    "liquidator/limits": "The take-over is outside the limits given: the price, the bonus or the share has moved.",
    "liquidator/no-legs": "The vault has no legs.",
    "liquidator/not-authorized": "Only RiskParameters may do that.",
    "liquidator/not-flagged": "The vault is not flagged.",
    "liquidator/not-owner": "The vault to take into is not yours.",
    "liquidator/nothing-moves": "The share is so small that no leg would move.",
    "liquidator/out-of-gas": "A take-over failed for want of gas; send the batch with more.",
    "liquidator/past-deadline": "The take-over's deadline has passed.",
    "liquidator/price-not-active": "The oracle's price is stale, disputed or in its grace period: nothing is "
    "liquidated.",
    "liquidator/still-unhealthy": "The vault is still below its maintenance margin.",
    "liquidator/unknown-vault": "There is no such vault, or it has been closed.",
    "liquidator/zero-fraction": "The share to take is zero.",
    # MakerVault and QuoteBoard
    "board/one-signature-each": "Every order on the board needs its signature.",
    "maker/above-cap": "The maker vault takes no more deposits than its cap.",
    "maker/not-a-desk": "That vault is not a desk of the maker.",
    "maker/not-authorized": "Only the maker vault's owner, or its quoter for some things, may do that.",
    "maker/not-liquid": "The maker's tokens stand behind its open positions; less can be redeemed now.",
    "maker/not-priceable": "Shares have no price now: no active price, an unsettled expiry, or a take's callback.",
    "maker/out-of-bounds": "Edge is 5 to 2,000 bps, a quote lives an hour at most.",
    "maker/shares-locked": "Shares are locked until the end of the clock hour after the one they were bought in.",
    "maker/too-many-desks": "A maker vault has at most 16 desks.",
    "maker/transfer-failed": "The token refused the transfer, or took a fee of it.",
    "maker/unknown-market": "There is no such market.",
    "maker/zero-shares": "That is too little for a share.",
    # MarginGate
    "margin/adds-risk": "The vault is below its initial margin and this would not make it safer.",
    "margin/below-initial": "The vault's equity would be below its initial margin.",
    "margin/deposit-not-full": "The vault's tokens would not cover its liquidation deposit; deposit first.",
    "margin/expired": "The vault's expiry has passed: settle it first.",
    "margin/flagged": "The vault is flagged for liquidation: deposit, or trade its risk down.",
    "margin/price-not-active": "The oracle's price is stale, disputed or in its grace period: no new risk, and no "
    "withdrawal beyond full collateral.",
    "margin/stale-close-price": "No price is active, and the close gives away too much at the last undisputed one.",
    "margin/taker-below-initial": "The taker's vault would be below its initial margin; deposit more or take less.",
    # Operators
    "operators/bad-signature": "The grant was not signed by the vault's owner, or has been used or revoked.",
    "operators/expiry-range": "That is no moment in time.",
    "operators/not-owner": "Only the owner of the vault may grant.",
    "operators/signature-expired": "The signed grant was to be handed in earlier.",
    "operators/unknown-permission": "There are three permissions: 1 trade, 2 withdraw, 4 manage.",
    "operators/unknown-vault": "There is no such vault, or it has been closed.",
    # ExpiryPrices
    "expiry/before-window": "The settlement window of that expiry has not begun.",
    "expiry/only-oracle": "Only OracleAdapter may do that.",
    # OracleAdapter
    "oracle/already-listed": "The market's feeds are listed already.",
    "oracle/bounds": "A feed's bounds are wider than allowed, or its price is not between them.",
    "oracle/feed-decimals": "A feed has more decimals than the adapter can scale.",
    "oracle/fallback-exists": "The market has a fallback feed; drop it first.",
    "oracle/feed-kind": "There is no such kind of feed.",
    "oracle/feeds-apart": "The new fallback does not agree with the primary.",
    "oracle/first-vol": "The vol that a market starts from is below sigma's floor or above 300 %.",
    "oracle/gas": "Too little gas for a fair attempt at reading the feed; send more.",
    "oracle/heartbeat": "A feed's heartbeat is out of range.",
    "oracle/no-fallback": "The market has no fallback feed.",
    "oracle/no-feed": "A market needs a feed.",
    "oracle/no-history": "The feed keeps no rounds: list it behind a RoundRecorder.",
    "oracle/no-price": "The feed shows no usable price.",
    "oracle/only-parameters": "Only RiskParameters may do that.",
    "oracle/only-surface": "Only VolSurface may do that.",
    "oracle/parameters": "The oracle parameters are out of range.",
    "oracle/primary-not-dead": "The primary is neither fresh nor stale for 7 days.",
    "oracle/same-feed": "The fallback feed is the primary feed.",
    "oracle/threshold": "A feed's update threshold is above 10 %.",
    "oracle/unlisted-market": "There is no such market.",
    # the form of an order
    "order/bad-series": "A series id of the order is malformed.",
    "order/legs-unsorted": "The legs of an order are named in ascending order of series, each once.",
    "order/no-legs": "An order has one to four legs.",
    "order/only-cash": "An order needs a leg that is not cash.",
    "order/out-of-range": "A number of the order is out of range.",
    "order/wrong-cell": "The legs of an order share one market and one expiry.",
    # RiskParameters
    "parameters/backstop-exists": "The market has its backstop pool already.",
    "parameters/clock-order": "The auction's second time must be at least twice its first.",
    "parameters/empty-owner": "The parameters need an owner.",
    "parameters/engine-no-code": "There is no contract at a margin engine's address.",
    "parameters/feed-no-code": "There is no contract at a feed's address.",
    "parameters/heartbeat-range": "A feed's heartbeat is out of range.",
    "parameters/in-callback": "Not while a taker's callback runs.",
    "parameters/kappa-order": "IM/MM in stress must be at least IM/MM in calm.",
    "parameters/lot-range": "The lot is out of range.",
    "parameters/market-exists": "A market with that index is listed already.",
    "parameters/market-range": "A market's index is below 65536.",
    "parameters/no-engine": "A market needs at least one margin engine.",
    "parameters/no-ramp": "No change of that parameter is on its way.",
    "parameters/not-a-pool": "That is no backstop pool of this market.",
    "parameters/not-guardian": "Only the guardian may do that.",
    "parameters/not-owner": "Only the owner of the parameters may do that.",
    "parameters/not-paused": "Opening is not paused in this market.",
    "parameters/pause-days": "A pause of opening is for 1 to 14 days.",
    "parameters/pause-too-soon": "The guardian may pause opening for at most 14 days in any 28.",
    "parameters/price-not-active": "The market's price is unusable or in grace: ramps stand still.",
    "parameters/stray-bits": "A parameter word has bits that mean nothing.",
    "parameters/token-decimals": "The quote token must have 6 to 18 decimals.",
    "parameters/token-no-code": "There is no contract at the token's address.",
    "parameters/too-large": "The parameter is above its upper bound.",
    "parameters/too-many-markets": "There is no room for another market.",
    "parameters/too-small": "The parameter is below its lower bound.",
    "parameters/too-soon": "No step of the ramp is due yet.",
    "parameters/unknown-market": "There is no such market.",
    "parameters/unknown-name": "There is no such parameter.",
    # Settlement
    "settlement/cell-open": "Not every vault of this expiry has been settled yet.",
    "settlement/claims-open": "Some claims of this expiry are still open.",
    "settlement/no-claim": "The vault has no open claim.",
    "settlement/no-debt": "The vault owes nothing.",
    "settlement/no-legs": "The vault has no legs to settle.",
    "settlement/not-authorized": "Only RiskParameters may do that.",
    "settlement/nothing-due": "The claim has been paid as far as the cell's recovery ratio goes.",
    "settlement/nothing-to-insure": "No insurance is due to this expiry.",
    "settlement/nothing-to-sweep": "There is nothing left over in this expiry's account.",
    "settlement/out-of-gas": "Too little gas to tell an unknown vault from a lack of gas; send more.",
    "settlement/price-not-fixed": "The expiry price is not final yet.",
    "settlement/transfer-refused": "The token refused the transfer; it can be tried again.",
    "settlement/unknown-vault": "There is no such vault, or it has been closed.",
    # Timelock
    "timelock/delay-range": "A timelock's delay is between 8 and 30 days.",
    "timelock/empty-proposer": "A proposer must not be the empty address.",
    "timelock/lapsed": "The proposal was due more than 14 days ago; cancel it and propose it again.",
    "timelock/length": "The lists of a batch are not of one length.",
    "timelock/no-proposer": "A timelock needs a proposer.",
    # Vault and VaultToken
    "vault/only-controller": "A custody account obeys its controller only.",
    "vault/transfer-refused": "The token refused the transfer.",
    "vault/zero-controller": "A custody account needs a controller.",
    "vault-token/not-approved": "You are neither the owner of the vault nor approved for it.",
    "vault-token/not-authorized": "Only the Clearinghouse may do that.",
    "vault-token/not-owner": "Only the owner of the vault may do that.",
    "vault-token/other-contents": "The vault is not what was agreed upon: legs, flags, claim or epoch have changed.",
    "vault-token/receiver-refused": "The receiving contract does not take vaults.",
    "vault-token/too-few-tokens": "The vault holds fewer tokens than were agreed upon.",
    "vault-token/unknown-vault": "There is no such vault, or it has been closed.",
    "vault-token/zero-owner": "The empty address owns no vaults.",
    # the test token
    "token/allowance": "The allowance of the token is too small; approve more.",
    "token/balance": "The account holds fewer tokens than that.",
    "token/empty-receiver": "Tokens cannot go to the empty address.",
    "token/permit-expired": "The permit has expired.",
    "token/permit-signature": "The permit's signature is not the owner's.",
    # PythAdapter
    "pyth/fee": "The update costs more than was sent: ask Pyth for its fee.",
    "pyth/no-such-sample": "The message does not hold the first price of that minute.",
    "pyth/no-code": "There is no contract at the address given for Pyth.",
    "pyth/width-range": "The widest confidence interval must be between 0.01 % and 10 %.",
    # brought prices
    "pull/lengths": "There must be one message for each minute.",
    "pull/no-round": "The feed has no such round.",
    "pull/not-a-minute": "Samples are of whole minutes.",
    "pull/sample-known": "That sample is known already, signed by as many.",
    "pull/too-early": "That minute has not come yet.",
    "pull/too-late": "A sample may be brought until 90 minutes after its minute.",
    "pull/unsure": "The price is unusable, or its half-width beyond the bound.",
    # RoundRecorder
    "recorder/gas": "Too little gas to ask the source: send more.",
    "recorder/no-round": "The recorder has no such round.",
    # RedStoneAdapter
    "redstone/another-minute": "The packages are not stamped with that minute.",
    "redstone/from-the-future": "The packages are stamped later than the chain's time.",
    "redstone/malformed": "These bytes hold no RedStone payload of one feed's values.",
    "redstone/marker": "The bytes do not end with RedStone's marker.",
    "redstone/no-fee": "An update costs nothing: send no native tokens.",
    "redstone/no-such-feed": "A package holds no value of this adapter's feed.",
    "redstone/not-a-signer": "A package is not signed by one of the named signers, or has been changed.",
    "redstone/signed-twice": "Two packages of the payload are of one signer.",
    "redstone/signer-order": "Signers are given in ascending order, each once.",
    "redstone/threshold": "The threshold must be between one and the number of signers.",
    "redstone/timestamps-differ": "All packages of a payload must have one timestamp.",
    "redstone/too-few-signers": "The payload holds fewer packages than signers are needed.",
    "redstone/too-old": "The packages are older than a minute.",
    "redstone/width-range": "The widest spread must be between 0.01 % and 10 %.",
    # VolSurface
    "surface/butterfly": "A smile would give a butterfly a negative price at a checked strike.",
    "surface/calendar": "A smile's total variance is below the one of the expiry before it.",
    "surface/cap-range": "The cap on change is out of range.",
    "surface/expiry-dropped": "An expiry of the surface in force is missing.",
    "surface/expiry-order": "Expiries must ascend, the first at least half an hour ahead.",
    "surface/from-the-future": "The surface says it was made later than now.",
    "surface/heartbeat-range": "The heartbeat is out of range.",
    "surface/negative-variance": "A smile's total variance is negative somewhere.",
    "surface/no-publishers": "Nobody may publish a surface for that market.",
    "surface/no-slices": "The surface has no expiry.",
    "surface/nonce": "The publication's number is not the next one: another one came first.",
    "surface/not-a-publisher": "A signature is not of a publisher.",
    "surface/not-newer": "The surface is not newer than the one in force.",
    "surface/not-owner": "Only the owner of RiskParameters names publishers.",
    "surface/publisher-order": "Publishers must be distinct, in the ascending order of their addresses.",
    "surface/signer-order": "Signatures must be of distinct accounts, in the ascending order of their addresses.",
    "surface/slice-range": "A number of a smile is out of range.",
    "surface/stray-expiry": "There are more expiries than smiles.",
    "surface/threshold": "The threshold does not fit the number of publishers.",
    "surface/too-few-signatures": "Too few publishers signed.",
    "surface/too-fast": "A vol moves by more than the cap allows since the surface in force.",
    "surface/too-long": "The last expiry is too far ahead.",
    "surface/too-old": "The surface was made more than ten minutes ago.",
    "surface/too-short": "The last expiry is less than a week ahead.",
    "surface/vol-range": "A vol at a checked strike is below 5 % or above 500 %.",
}


def decode(data: bytes) -> str:
    """Reason in the data of a revert, or "" when there is none."""
    if data[:4] == ERROR_SELECTOR:
        try:
            (reason,) = abi_decode(["string"], data[4:])
        except (DecodingError, UnicodeDecodeError, OverflowError):
            return ""
        return str(reason)
    if data[:4] == PANIC_SELECTOR and len(data) >= 36:
        return f"panic/{int.from_bytes(data[4:36], 'big'):#x}"
    return ""


def from_message(message: str) -> str:
    """Reason out of a node's error text, for nodes that send no data."""
    match = re.search(r"\b([a-z0-9]+(?:-[a-z0-9]+)*/[a-z0-9-]+)", message)
    return match.group(1) if match else ""


def sentence(reason: str) -> str:
    """What a reason means for the one who sent the transaction."""
    if reason in SENTENCES:
        return f"{SENTENCES[reason]} ({reason})"
    if reason.startswith("panic/"):
        return f"The contract stopped at an arithmetic or bounds check ({reason})."
    if reason:
        return f"The contract refused: {reason}."
    return "The contract refused without a reason, which it does only where an invariant would break or gas ran out."
