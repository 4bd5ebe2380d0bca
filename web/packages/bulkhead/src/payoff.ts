// What legs pay at expiry: for drawing, and for the worst, best and break-even of a package. In an inverse market a leg
// that pays X quote at the price P pays X/P coins.
import { WAD, toNumber } from './amounts'
import type { Kind, Leg } from './series'
import { type Units, isOption } from './units'

/** A leg in numbers, for drawing only. */
export interface DrawnLeg {
  kind: Kind
  strike: number
  quantity: number
}

export function drawn(leg: Leg): DrawnLeg {
  return { kind: leg.kind, strike: toNumber(leg.strike, 8), quantity: toNumber(leg.quantity, 6) }
}

/** Payoff of one leg at a settlement price [quote]. */
export function legPayoff({ kind, strike, quantity }: DrawnLeg, price: number): number {
  if (kind === 'call') return quantity * Math.max(price - strike, 0)
  if (kind === 'put') return quantity * Math.max(strike - price, 0)
  return kind === 'future' ? quantity * price : quantity
}

const quotePayoff = (legs: readonly DrawnLeg[], price: number): number => legs.reduce((sum, leg) => sum + legPayoff(leg, price), 0)

/** Payoff of legs at a settlement price above 0, in the market's token. */
export function payoff(legs: readonly DrawnLeg[], price: number, units: Units): number {
  return units.inverse ? quotePayoff(legs, price) / price : quotePayoff(legs, price)
}

/** Shape of a package: its extremes (unbounded: null) and where it breaks even. */
export interface Shape {
  worst: number | null
  best: number | null
  breakevens: number[]
}

/** @param paid what the legs cost, fee included; negative when they brought something [token] */
export function shapeOf(legs: readonly DrawnLeg[], paid: number, units: Units): Shape {
  const strikes = [...new Set(legs.filter((leg) => leg.strike > 0).map((leg) => leg.strike))].sort((a, b) => a - b)
  const corners = [0, ...strikes]
  const slope = legs.reduce((sum, leg) => (leg.kind === 'call' || leg.kind === 'future' ? sum + leg.quantity : sum), 0)
  // profit in quote is linear between corners: in coins what was paid is worth paid * P
  const profit = (price: number) => quotePayoff(legs, price) - (units.inverse ? paid * price : paid)
  const last = units.inverse ? slope - paid : slope
  const breakevens: number[] = []
  corners.forEach((left, i) => {
    const from = profit(left)
    const right = corners[i + 1]
    if (right !== undefined) {
      const to = profit(right)
      const at = left + ((right - left) * from) / (from - to)
      if (from !== to && from * to <= 0 && !(from === 0 && i > 0) && at > 0) breakevens.push(at)
    } else if (last !== 0 && -from / last > 0) {
      breakevens.push(left - from / last)
    }
  })
  if (units.inverse) return { ...coinExtremes(legs, strikes, slope, paid), breakevens }
  const values = corners.map(profit)
  return {
    worst: slope < -NOTHING ? null : Math.min(...values),
    best: slope > NOTHING ? null : Math.max(...values),
    breakevens,
  }
}

const NOTHING = 1e-12

/** Extremes in coins: at a strike, far up (the slope) or near zero, as contracts/math/payoff.vy takes its worst. */
function coinExtremes(legs: readonly DrawnLeg[], strikes: readonly number[], slope: number, paid: number): Pick<Shape, 'worst' | 'best'> {
  const atZero = quotePayoff(legs, 0)
  const first = slope - legs.reduce((sum, leg) => (isOption(leg) ? sum + leg.quantity : sum), 0)
  const near = Math.abs(atZero) < NOTHING ? [first] : []
  const values = [slope, ...near, ...strikes.map((strike) => quotePayoff(legs, strike) / strike)].map((value) => value - paid)
  return { worst: atZero < -NOTHING ? null : Math.min(...values), best: atZero > NOTHING ? null : Math.max(...values) }
}

const cdf = (x: number): number => {
  // Abramowitz and Stegun 26.2.17: 7.5e-8, enough for a line
  const t = 1 / (1 + 0.2316419 * Math.abs(x))
  const tail =
    Math.exp((-x * x) / 2) *
    0.3989422804014327 *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return x > 0 ? 1 - tail : tail
}

/** Undiscounted Black-76 of one leg in the market's token, for a dashed line: margins never come from here. */
export function legValue(leg: DrawnLeg, forward: number, years: number, vol: number, units: Units): number {
  const value = quoteValue(leg, forward, years, vol)
  return units.inverse ? value / forward : value
}

function quoteValue(leg: DrawnLeg, forward: number, years: number, vol: number): number {
  const deviation = vol * Math.sqrt(years)
  if (leg.kind === 'future' || leg.kind === 'cash' || deviation <= 0 || forward <= 0) return legPayoff(leg, forward)
  const d1 = Math.log(forward / leg.strike) / deviation + deviation / 2
  const call = forward * cdf(d1) - leg.strike * cdf(d1 - deviation)
  return leg.quantity * (leg.kind === 'call' ? call : call - forward + leg.strike)
}

/** Strikes and quantities of the position lens as legs of a drawing. */
export function drawnState(leg: { kind: string; strike: bigint; quantity: bigint }): DrawnLeg {
  return { kind: leg.kind as Kind, strike: toNumber(leg.strike), quantity: toNumber(leg.quantity) }
}

/** Legs of the position lens in the chain's units. */
export function legOfState(leg: { kind: string; strike: bigint; quantity: bigint }): Leg {
  return { kind: leg.kind as Kind, strike: (leg.strike * 10n ** 8n) / WAD, quantity: (leg.quantity * 10n ** 6n) / WAD }
}
