// What the ticket holds, and what it comes to: all view code, no reading.
import {
  type Fill,
  type Kind,
  type Leg,
  type LegState,
  type MarketState,
  type Order,
  type Quote,
  type Units,
  type VaultState,
  MIN_INT256,
  WAD,
  deltaKind,
  isDelta,
  net,
  notionalOf,
  packSeries,
  taken,
  unpackTrading,
} from '@bulkhead/sdk'

/** One leg of the package as it is put together. */
export interface TicketLeg {
  /** an option, or the market's delta leg */
  kind: Kind
  /** 1e-8 quote, 0 for a future */
  strike: bigint
  buy: boolean
  ratio: number
}

/** A leg with the quote it would be taken from. */
export interface PricedLeg extends TicketLeg {
  quote: Quote | undefined
}

/** What a package costs and brings. */
export interface Cost {
  legs: Leg[]
  /** tokens received before fees, negative when it pays [native] */
  cash: bigint
  /** [native] */
  fee: bigint
}

export const MOST_LEGS = 4

/** Whether a leg is the future of a coin market: sold where people buy, priced in coins a quote, sized in quote. */
export const isTurned = (leg: { kind: string }, units: Units): boolean => units.inverse && isDelta(leg, units)

/** Adds a leg, turns it round when it is there on the other side, takes it off when it is there on this one. */
export function toggled(all: readonly TicketLeg[], leg: Omit<TicketLeg, 'ratio'>, units: Units): TicketLeg[] {
  // the future of a coin market counts quote and its options contracts: no ratio of the two is round
  const legs = all.filter((one) => isTurned(one, units) === isTurned(leg, units))
  const same = (one: TicketLeg) => one.kind === leg.kind && one.strike === leg.strike
  const held = legs.find(same)
  if (held?.buy === leg.buy) return legs.filter((one) => !same(one))
  if (held) return legs.map((one) => (same(one) ? { ...one, buy: leg.buy } : one))
  return legs.length < MOST_LEGS ? [...legs, { ...leg, ratio: 1 }] : [...legs]
}

/** What a fill is priced by. */
export interface Terms {
  market: MarketState
  decimals: number
  marks: ReadonlyMap<string, LegState>
}

/** What taking every quote gives; undefined while a leg has none. */
export function costOf(legs: readonly PricedLeg[], size: bigint, { market, decimals, marks }: Terms): Cost | undefined {
  const { units, snapshot: prices } = market
  const terms = { trading: unpackTrading(market.trading), decimals, prices, units }
  let cost: Cost = { legs: [], cash: 0n, fee: 0n }
  for (const leg of legs) {
    if (!leg.quote) return undefined
    const mark = marks.get(legKey(leg))?.mark ?? 0n
    const part = taken(leg.quote.signed.order, size * BigInt(leg.ratio), { ...terms, mark })
    cost = { legs: [...cost.legs, ...part.legs], cash: cost.cash + part.cash, fee: cost.fee + part.fee }
  }
  return { ...cost, legs: net(cost.legs) }
}

/** What a package that waits at a price is, as its order says it. */
export type RestingTerms = Pick<Order, 'legs' | 'is_bid' | 'price' | 'size' | 'premium_style'>

/** @param price of one package: paid at most, below zero received at least; of what is only sold, received at least [wad] */
export function restingTerms(legs: readonly TicketLeg[], of: { market: bigint; expiry: bigint; units: Units; price: bigint; size: bigint }): RestingTerms {
  const { market, expiry, units, price, size } = of
  const sells = onlySells(legs)
  return {
    legs: legs.map(({ kind, strike, buy, ratio }) => ({ series: packSeries({ market, expiry, kind, strike }), ratio: BigInt(sells || buy ? ratio : -ratio) })),
    is_bid: !sells,
    price,
    size,
    premium_style: legs.some((leg) => isDelta(leg, units)) ? 1 : 0,
  }
}

/** Whether every leg is sold: such a package is offered at a price instead of bid for at one below zero. */
export const onlySells = (legs: readonly TicketLeg[]): boolean => legs.every((leg) => !leg.buy)

/** What a package that waits brings its maker when it is filled whole at its price. */
export function restingCost(order: RestingTerms, { market, decimals }: Terms): Cost {
  const trading = unpackTrading(market.trading)
  const makers = { ...trading, takerBps: trading.makerBps }
  const other = taken(order, order.size, { trading: makers, decimals, mark: 0n, prices: market.snapshot, units: market.units })
  return { legs: net(other.legs.map((leg) => ({ ...leg, quantity: -leg.quantity }))), cash: -other.cash, fee: other.fee }
}

export const legKey = (leg: { kind: string; strike: bigint }): string => `${leg.kind}:${leg.strike}`

/** Long legs first: what is bought covers what is sold, at every step of the way. */
export function inOrder<T extends TicketLeg>(legs: readonly T[]): T[] {
  return [...legs].sort((a, b) => Number(b.buy) - Number(a.buy))
}

const NOTIONAL_SHARE = 1_000n
const LEAST = 100n
const SLACK = 20n

/** What known losses of a cell a fill still trades into: the same rule as bulkhead/client/deficits.py. */
export function toleratedDeficit(market: MarketState, legs: readonly Leg[]): bigint {
  const share = notionalOf(legs, market.snapshot, market.units) / 10n ** 6n / NOTIONAL_SHARE
  const least = LEAST * market.units.unit
  return market.insured + (share > least ? share : least)
}

/** A fee's cap: what is expected and a twentieth more. */
export const feeCap = (fee: bigint): bigint => fee + fee / SLACK + 1n

export function fillOf(quote: Quote, size: bigint, into: { vaultId: bigint; fee: bigint; maxDeficit: bigint }): Fill {
  return {
    signed: quote.signed,
    vaultId: into.vaultId,
    size,
    limitPrice: quote.price,
    maxFee: feeCap(into.fee),
    maxDeficit: into.maxDeficit,
  }
}

/** Strategies by name: legs as steps between strikes from the one nearest to spot. */
const PRESETS: Readonly<Record<string, readonly { kind: 'call' | 'put'; step: number; buy: boolean; ratio?: number }[]>> = {
  'Long call': [{ kind: 'call', step: 1, buy: true }],
  'Short put': [{ kind: 'put', step: -1, buy: false }],
  'Call spread': [
    { kind: 'call', step: 1, buy: true },
    { kind: 'call', step: 2, buy: false },
  ],
  'Put spread': [
    { kind: 'put', step: -2, buy: true },
    { kind: 'put', step: -1, buy: false },
  ],
  Straddle: [
    { kind: 'call', step: 0, buy: false },
    { kind: 'put', step: 0, buy: false },
  ],
  Strangle: [
    { kind: 'put', step: -1, buy: false },
    { kind: 'call', step: 1, buy: false },
  ],
  Butterfly: [
    { kind: 'call', step: 0, buy: true },
    { kind: 'call', step: 1, buy: false, ratio: 2 },
    { kind: 'call', step: 2, buy: true },
  ],
  'Iron condor': [
    { kind: 'put', step: -3, buy: true },
    { kind: 'put', step: -2, buy: false },
    { kind: 'call', step: 2, buy: false },
    { kind: 'call', step: 3, buy: true },
  ],
}

/** A short call behind a coin for each: only where the token is the coin. */
export const COVERED_CALL = 'Covered call'
const FUTURE = 'Future'

export const presetNames = (units: Units): string[] => [...(units.inverse ? [COVERED_CALL] : []), ...Object.keys(PRESETS), FUTURE]

/** A preset at the strikes there are; undefined when they do not reach. */
export function presetLegs(name: string, strikes: readonly bigint[], spot: bigint, units: Units): TicketLeg[] | undefined {
  if (name === FUTURE) return [{ kind: deltaKind(units), strike: 0n, buy: !units.inverse, ratio: 1 }]
  if (name === COVERED_CALL) return presetLegs('Long call', strikes, spot, units)?.map((leg) => ({ ...leg, buy: false }))
  const gap = (strike: bigint) => Math.abs(Number(strike * 10n ** 10n - spot))
  const centre = strikes.reduce((best, strike, i) => (gap(strike) < gap(strikes[best] ?? 0n) ? i : best), 0)
  const found: TicketLeg[] = []
  for (const { kind, step, buy, ratio = 1 } of PRESETS[name] ?? []) {
    const strike = strikes[centre + step]
    if (strike === undefined) return undefined
    found.push({ kind, strike, buy, ratio })
  }
  return found
}

/** A previewed state with other collateral [wad]: nothing but what stands beside the margin changes. */
export function withCollateral(after: VaultState, by: bigint): VaultState {
  const equity = after.equity + by
  const mm = after.maintenance_margin
  const health = mm === 0n ? after.health : equity > 0n ? (equity * WAD) / mm : 0n
  return { ...after, collateral: after.collateral + by, equity, health }
}

/** Whether a state's collateral covers its worst settlement. */
export const isCovered = (after: VaultState): boolean => after.v_min !== MIN_INT256 && after.collateral >= -after.v_min
