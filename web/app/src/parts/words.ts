// Numbers and states as people read them. What is unknown is said to be.
import { type MarketState, type Units, format, isDelta, isMoney, toNumber } from '@bulkhead/sdk'

export const UNKNOWN = 'unknown'
const MAX_UINT = 2n ** 256n - 1n

/** Digits behind the point of amounts in a market's token: a coin is worth hundreds of quote. */
export const digitsOf = ({ inverse }: Units): number => (inverse ? 4 : 2)

/** A wad in a market's token, with no more digits than matter. */
export function money(wad: bigint, units: Units): string {
  const size = Math.abs(toNumber(wad))
  if (units.inverse) return format(wad, 18, size >= 1_000 ? 2 : 4)
  return format(wad, 18, size >= 10_000 ? 0 : size >= 1 || size < 0.000_05 ? 2 : 4)
}

/** Native units of a market's token. */
export const amountText = (native: bigint, decimals: number, units: Units): string => format(native, decimals, digitsOf(units))

/** A price drawn with as many digits as its size asks. */
export function priceText(value: number, least = 0): string {
  const size = Math.abs(value)
  const digits = Math.max(least, size >= 10_000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4)
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace('-', '−')
}

export const quantityText = (wad: bigint): string => format(wad, 18, 6).replace(/\.?0+$/, '')

export const percent = (wad: bigint, digits = 1): string => `${format(wad * 100n, 18, digits)} %`

export function healthText(health: bigint): string {
  return health === MAX_UINT ? 'no margin' : `${format(health, 18, 2)}×`
}

/** A price of a leg as it is quoted: the future of a coin market, priced in coins a quote, in quote a coin. */
export function shownPrice(price: bigint, leg: { kind: string }, units: Units): string {
  const value = toNumber(price)
  return priceText(units.inverse && isDelta(leg, units) && value !== 0 ? 1 / value : value, isDelta(leg, units) ? 2 : digitsOf(units))
}

const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })

export const day = (seconds: number | bigint): string => dayFormat.format(Number(seconds) * 1000)

/** A moment to the minute, UTC. */
export const minute = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('T', ' ').slice(0, 16)

/** A stretch of time in its two largest units. */
export function span(seconds: number | bigint): string {
  const all = Math.max(0, Math.floor(Number(seconds)))
  const days = Math.floor(all / 86_400)
  const hours = Math.floor((all % 86_400) / 3600)
  const minutes = Math.floor((all % 3600) / 60)
  if (days) return hours && days < 10 ? `${days} d ${hours} h` : `${days} d`
  if (hours) return minutes ? `${hours} h ${minutes} min` : `${hours} h`
  return minutes ? `${minutes} min` : `${all} s`
}

const PRICE_STATES: Readonly<Record<string, string>> = {
  active: 'price active',
  none: 'no price: nothing can be opened; adding collateral always works',
  expired: 'expired',
  apart: 'two feeds disagree: opening waits until they agree or an hour has passed',
  'sequencer-down': 'the chain’s sequencer was down: opening waits',
  grace: 'prices are back; opening waits out the grace period',
  waiting: 'the main feed is silent: opening waits an hour before the other one counts',
  'window-open': 'the settlement window is open and a price of it is missing',
  stale: 'price is stale: nothing can be opened; adding collateral always works',
  'feed-failed': 'the feed does not answer: nothing can be opened; adding collateral always works',
}

/** A price state of the lens in words. */
export const priceState = (state: string): string => PRICE_STATES[state] ?? state

const ACTIVE = 2n
const FRESH = 1n
const NO_PRICE = 128n
/** Why a price is not active (contracts/oracle/feeds.vy). */
const REASONS: Readonly<Record<number, string>> = {
  5: 'stale', 6: 'apart', 7: 'sequencer-down', 8: 'grace', 9: 'waiting', 10: 'window-open',
}

/** State of a snapshot, in the names of the lens where its bits tell them. */
export function snapshotState(snapshot: MarketState['snapshot']): string {
  if ((snapshot.status & NO_PRICE) !== 0n || snapshot.spot === 0n) return 'none'
  if ((snapshot.status & ACTIVE) !== 0n) return 'active'
  const reason = REASONS[Number((snapshot.status >> 8n) & 15n)]
  return reason ?? ((snapshot.status & FRESH) !== 0n ? 'grace' : 'feed-failed')
}

const STATES: Readonly<Record<string, { word: string; tone: Tone }>> = {
  empty: { word: 'empty', tone: 'soft' },
  healthy: { word: 'healthy', tone: 'safe' },
  covered: { word: 'fully collateralised', tone: 'safe' },
  'margin-call': { word: 'margin call', tone: 'near' },
  liquidatable: { word: 'liquidatable', tone: 'lost' },
  flagged: { word: 'flagged', tone: 'lost' },
  unknown: { word: 'price unknown', tone: 'soft' },
  expired: { word: 'expired', tone: 'near' },
  debt: { word: 'owes its expiry', tone: 'lost' },
  claim: { word: 'claim open', tone: 'near' },
}

export type Tone = 'safe' | 'near' | 'lost' | 'soft'

export const vaultState = (state: string): { word: string; tone: Tone } => STATES[state] ?? { word: state, tone: 'soft' }

/** What a leg is, as traders say it. The future of a coin market is its cash leg, sold: so many quote of it. */
export function legName(leg: { kind: string; strike: bigint }, units: Units): string {
  if (isMoney(leg, units)) return units.inverse ? 'coins' : 'cash'
  if (isDelta(leg, units)) return units.inverse ? 'quote of future' : 'future'
  return `${leg.kind} ${priceText(toNumber(leg.strike))}`
}

/** How much of it, long above zero: who has sold the cash of a coin market is long its future. */
export const longOf = (leg: { kind: string; quantity: bigint }, units: Units): bigint => (units.inverse && isDelta(leg, units) ? -leg.quantity : leg.quantity)

/** One leg as traders write it. */
export function legText(leg: { kind: string; strike: bigint; quantity: bigint }, units: Units): string {
  const long = longOf(leg, units)
  return `${long < 0n ? '−' : '+'}${quantityText(long < 0n ? -long : long)} ${legName(leg, units)}`
}

export const shortAddress = (address: string): string => `${address.slice(0, 6)}…${address.slice(-4)}`

/** Digits of a strike, as few as it has. */
export const strikeText = (strike: bigint): string => format(strike, 8, 8).replace(/\.?0+$/, '')

/** An option by kind and strike, or the future, as orders name what they trade. */
export const tradedName = (leg: { kind: string; strike: bigint }): string => (leg.strike ? `${leg.kind} ${strikeText(leg.strike)}` : 'future')
