// Series and leg words (contracts/vaults/leg.vy), and the grid of expiries (contracts/vaults/series.vy).
import { MICRO } from './amounts'

export const kinds = ['call', 'put', 'future', 'cash'] as const
export type Kind = (typeof kinds)[number]

/** A signed quantity of one series of a cell. Which of future and cash is money depends on the market: see units.ts. */
export interface Leg {
  kind: Kind
  /** 1e-8 quote, 0 for future and cash */
  strike: bigint
  /** 1e-6 contracts, cash: 1e-6 quote */
  quantity: bigint
}

export interface Series {
  market: bigint
  kind: Kind
  /** unix seconds */
  expiry: bigint
  /** 1e-8 quote */
  strike: bigint
}

const kindNumber = (kind: Kind): bigint => BigInt(kinds.indexOf(kind))

function kindOf(number: bigint): Kind {
  const kind = kinds[Number(number)]
  if (kind === undefined) throw new RangeError('leg/unknown-kind')
  return kind
}

export function packSeries(series: Series): bigint {
  return (series.market << 112n) | (kindNumber(series.kind) << 104n) | (series.expiry << 64n) | series.strike
}

export function unpackSeries(word: bigint): Series {
  return {
    market: word >> 112n,
    kind: kindOf((word >> 104n) & 255n),
    expiry: (word >> 64n) & (2n ** 40n - 1n),
    strike: word & (2n ** 64n - 1n),
  }
}

export function packLeg(leg: Leg): bigint {
  return (((kindNumber(leg.kind) << 62n) | leg.strike) << 64n) | BigInt.asUintN(64, leg.quantity)
}

export function unpackLeg(word: bigint): Leg {
  return {
    kind: kindOf(word >> 126n),
    strike: (word >> 64n) & (2n ** 62n - 1n),
    quantity: BigInt.asIntN(64, word),
  }
}

/** Legs of one cell added up: each series once, none of zero. */
export function net(legs: readonly Leg[]): Leg[] {
  const found = new Map<string, Leg>()
  for (const leg of legs) {
    const key = `${leg.kind}:${leg.strike}`
    found.set(key, { ...leg, quantity: leg.quantity + (found.get(key)?.quantity ?? 0n) })
  }
  return [...found.values()].filter((leg) => leg.quantity !== 0n)
}

const DAY = 86_400
const WEEKLY_DAYS = 56
const YEAR_DAYS = 366

/** Whether an expiry lies on the grid: 08:00 UTC, daily for a week, Fridays for eight, a month's last Friday for a year. */
export function onGrid(expiry: number, now: number): boolean {
  if (expiry <= now || expiry % DAY !== 8 * 3600) return false
  const ahead = expiry - now
  if (ahead <= 7 * DAY) return true
  const day = new Date(expiry * 1000)
  if (ahead > YEAR_DAYS * DAY || day.getUTCDay() !== 5) return false
  return ahead <= WEEKLY_DAYS * DAY || new Date((expiry + 7 * DAY) * 1000).getUTCMonth() !== day.getUTCMonth()
}

/** Every expiry that can gain positions, nearest first [unix seconds]. */
export function expiries(now: number): number[] {
  const first = Math.floor(now / DAY) * DAY + 8 * 3600
  return Array.from({ length: YEAR_DAYS + 2 }, (_, day) => first + day * DAY).filter((at) => onGrid(at, now))
}

/** One contract in units of a quantity. */
export const CONTRACT = MICRO
