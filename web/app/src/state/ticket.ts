// What the ticket holds, and what it comes to: all view code, no reading.
import {
  type Fill,
  type Kind,
  type Leg,
  type LegState,
  type MarketState,
  type Quote,
  type Trading,
  type VaultState,
  MIN_INT256,
  WAD,
  contractsOf,
  net,
  taken,
} from '@bulkhead/sdk'

/** One leg of the package as it is put together. */
export interface TicketLeg {
  kind: Exclude<Kind, 'cash'>
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

/** Adds a leg, turns it round when it is there on the other side, takes it off when it is there on this one. */
export function toggled(legs: readonly TicketLeg[], leg: Omit<TicketLeg, 'ratio'>): TicketLeg[] {
  const same = (one: TicketLeg) => one.kind === leg.kind && one.strike === leg.strike
  const held = legs.find(same)
  if (held?.buy === leg.buy) return legs.filter((one) => !same(one))
  if (held) return legs.map((one) => (same(one) ? { ...one, buy: leg.buy } : one))
  return legs.length < MOST_LEGS ? [...legs, { ...leg, ratio: 1 }] : [...legs]
}

/** What taking every quote gives; undefined while a leg has none. */
export function costOf(legs: readonly PricedLeg[], size: bigint, terms: { trading: Trading; decimals: number; spot: bigint; marks: ReadonlyMap<string, LegState> }): Cost | undefined {
  let cost: Cost = { legs: [], cash: 0n, fee: 0n }
  for (const leg of legs) {
    if (!leg.quote) return undefined
    const mark = terms.marks.get(legKey(leg))?.mark ?? 0n
    const part = taken(leg.quote.signed.order, size * BigInt(leg.ratio), { ...terms, mark })
    cost = { legs: [...cost.legs, ...part.legs], cash: cost.cash + part.cash, fee: cost.fee + part.fee }
  }
  return { ...cost, legs: net(cost.legs) }
}

export const legKey = (leg: { kind: string; strike: bigint }): string => `${leg.kind}:${leg.strike}`

/** Long legs first: what is bought covers what is sold, at every step of the way. */
export function inOrder<T extends TicketLeg>(legs: readonly T[]): T[] {
  return [...legs].sort((a, b) => Number(b.buy) - Number(a.buy))
}

const NOTIONAL_SHARE = 1_000n
const LEAST = 100n * WAD
const SLACK = 20n

/** What known losses of a cell a fill still trades into: the same rule as bulkhead/client/deficits.py. */
export function toleratedDeficit(market: MarketState, legs: readonly Leg[]): bigint {
  const share = (contractsOf(legs) * market.snapshot.spot) / 10n ** 6n / NOTIONAL_SHARE
  return market.insured + (share > LEAST ? share : LEAST)
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
export const PRESETS: Readonly<Record<string, readonly { kind: TicketLeg['kind']; step: number; buy: boolean; ratio?: number }[]>> = {
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
  Future: [{ kind: 'future', step: 0, buy: true }],
}

/** A preset at the strikes there are; undefined when they do not reach. */
export function presetLegs(name: string, strikes: readonly bigint[], spot: bigint): TicketLeg[] | undefined {
  const gap = (strike: bigint) => Math.abs(Number(strike * 10n ** 10n - spot))
  const centre = strikes.reduce((best, strike, i) => (gap(strike) < gap(strikes[best] ?? 0n) ? i : best), 0)
  const found: TicketLeg[] = []
  for (const { kind, step, buy, ratio = 1 } of PRESETS[name] ?? []) {
    const strike = kind === 'future' ? 0n : strikes[centre + step]
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
