// What a market counts in (contracts/vaults/vault_state.vy): quote, or in an inverse market coins of its underlying.
import { WAD } from './amounts'
import type { Kind, Leg } from './series'

/** Fixed at a market's listing. */
export interface Units {
  /** its token is the underlying, so that every amount is in coins */
  inverse: boolean
  /** what its parameters count: one quote, or a power of ten of a coin near it [wad] */
  unit: bigint
}

/** A market that counts quote. */
export const LINEAR: Units = { inverse: false, unit: WAD }

const INVERSE_AT = 169n
const DIGITS_AT = 170n

/** Out of the token word of `Clearinghouse.market`. */
export function unpackUnits(tokenWord: bigint): Units {
  const digits = (tokenWord >> DIGITS_AT) & 31n
  return { inverse: ((tokenWord >> INVERSE_AT) & 1n) === 1n, unit: 10n ** (18n - digits) }
}

/** The money leg: it pays one unit of the market's token whatever the price. */
export const moneyKind = ({ inverse }: Units): Kind => (inverse ? 'future' : 'cash')
/** The delta leg: the future of the market. */
export const deltaKind = ({ inverse }: Units): Kind => (inverse ? 'cash' : 'future')

export const isMoney = (leg: { kind: string }, units: Units): boolean => leg.kind === moneyKind(units)
export const isDelta = (leg: { kind: string }, units: Units): boolean => leg.kind === deltaKind(units)
export const isOption = (leg: { kind: string }): boolean => leg.kind === 'call' || leg.kind === 'put'

/**
 * The way a trader of the future means it: who is long the future of an inverse market has sold its CASH.
 * @returns 1n or -1n
 */
export const deltaSign = ({ inverse }: Units): bigint => (inverse ? -1n : 1n)

/** Prices at which legs are counted. */
export interface Prices {
  spot: bigint
  forward: bigint
  /** elapsed share of the settlement window and average so far [wad] */
  window_share: bigint
  window_average: bigint
}

/** What the settlement price is expected to be [wad]. */
export function settling({ spot, forward, window_share: share, window_average: average }: Prices): bigint {
  return share === 0n ? forward : (share * average) / WAD + ((WAD - share) * spot) / WAD
}

/** Options and delta legs in the market's token: contracts at spot, in coins one a contract and CASH at 1/F [wad * 1e-6]. */
export function notionalOf(legs: readonly Leg[], prices: Prices, units: Units): bigint {
  const forward = settling(prices)
  return legs.reduce((sum, leg) => {
    if (isMoney(leg, units)) return sum
    const size = leg.quantity < 0n ? -leg.quantity : leg.quantity
    if (!units.inverse) return sum + size * prices.spot
    if (isOption(leg)) return sum + size * WAD
    return forward === 0n ? sum : sum + (size * WAD * WAD) / forward
  }, 0n)
}
