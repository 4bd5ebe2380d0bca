// The trading word of a market, and what a fill costs (contracts/exchange/order_pricing.vy).
import { MICRO, WAD, divUp } from './amounts'
import type { Order } from './orders'
import { type Leg, net, unpackSeries } from './series'
import { type Prices, type Units, moneyKind, notionalOf } from './units'

/** Parameters of trading, out of the packed word of `Lens.market` (contracts/exchange/trading_word.vy). */
export interface Trading {
  takerBps: bigint
  makerBps: bigint
  feeCapBps: bigint
  /** step of strikes [1e-8 quote] */
  tick: bigint
  /** nothing is opened for so long before an expiry */
  noOpenSeconds: bigint
  /** largest open interest [1e-6 contracts, CASH of an inverse market at 1/F], 0 for none */
  openInterestCap: bigint
  /** unix seconds */
  pausedUntil: bigint
}

export function unpackTrading(word: bigint): Trading {
  const bits = (shift: bigint, width: bigint) => (word >> shift) & (2n ** width - 1n)
  return {
    takerBps: bits(0n, 16n),
    makerBps: bits(16n, 16n),
    feeCapBps: bits(32n, 16n),
    tick: bits(48n, 56n),
    noOpenSeconds: bits(104n, 24n),
    openInterestCap: bits(128n, 80n),
    pausedUntil: bits(208n, 40n),
  }
}

const BPS = 10_000n
/** The taker's fee is at least its full rate over this. */
const LEAST_FEE = 10n

/** What the taker of a fill receives and pays. */
export interface Taken {
  legs: Leg[]
  /** tokens received before the fee, negative when it pays [native] */
  cash: bigint
  /** [native] */
  fee: bigint
}

const abs = (value: bigint) => (value < 0n ? -value : value)

/** The legs that the buyer of so many packages receives. */
export function legsOf(order: Pick<Order, 'legs'>, size: bigint): Leg[] {
  return order.legs.map(({ series, ratio }) => {
    const { kind, strike } = unpackSeries(series)
    return { kind, strike, quantity: ratio * size }
  })
}

/**
 * What a fill at the order's signed price gives its taker. Premium is rounded against the taker, as on chain.
 * @param size packages [1e-6]
 * @param mark of one package [wad token]
 */
export function taken(order: Pick<Order, 'legs' | 'is_bid' | 'price' | 'premium_style'>, size: bigint, terms: { trading: Trading; decimals: number; mark: bigint; prices: Prices; units: Units }): Taken {
  const { trading, decimals, mark, prices, units } = terms
  let bought = legsOf(order, size)
  const notional = notionalOf(bought, prices, units)
  const unit = MICRO * 10n ** BigInt(18 - decimals)
  const upfront = order.premium_style === 0
  const divisor = upfront ? unit : WAD
  const due = order.price * size
  const premium = order.is_bid ? floorDiv(due, divisor) : divUp(due, divisor)
  if (!upfront) bought = net([...bought, { kind: moneyKind(units), strike: 0n, quantity: -premium }])
  const full = notional * trading.takerBps
  const most = (abs(order.price) > abs(mark) ? abs(order.price) : abs(mark)) * size * trading.feeCapBps
  const least = full / LEAST_FEE
  const charged = most > least ? most : least
  const fee = divUp(full < charged ? full : charged, unit * BPS)
  const cash = upfront ? -premium : 0n
  return order.is_bid
    ? { legs: bought.map((leg) => ({ ...leg, quantity: -leg.quantity })), cash: -cash, fee }
    : { legs: bought, cash, fee }
}

function floorDiv(a: bigint, b: bigint): bigint {
  return a >= 0n ? a / b : -divUp(-a, b)
}
