// Stops and takes of profit: reduce-only orders that sell what a vault holds (protocol 12, bulkhead/client/stops.py).
import type { Address } from 'viem'
import { MAX_UINT256, MICRO } from './amounts'
import { type Order, buildOrder, flags } from './orders'
import { readProfileOf } from './profile'
import type { Model, Place } from './reads'
import { type Leg, packSeries } from './series'
import { type Prices, type Units, isDelta, isMoney, notionalOf } from './units'

/** Slip [bps of spot per contract] and the time in which it grows to that [s], unless somebody says otherwise. */
export const SLIP_BPS = 300n
export const PATIENCE = 1_800n
/** The longest time in which a slip may grow [s]. */
export const MOST_PATIENCE = 3_600n
const BPS = 10_000n
/** The outermost price is right for a gap of half the trigger. */
const GAP = 2n
const MOST_LEGS = 4

/** What a vault holds, as a package that can be sold. */
export interface Sellable {
  market: bigint
  expiry: bigint
  units: Units
  /** as the vault holds them, of one package */
  legs: { series: bigint; ratio: bigint }[]
  /** of one package */
  held: Leg[]
  /** packages [1e-6] */
  packages: bigint
}

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b))
const abs = (value: bigint) => (value < 0n ? -value : value)

/** Options and futures of a vault as one package, its money leg aside. Throws an Error that says why there is none. */
export function sellable(all: readonly Leg[], market: bigint, expiry: bigint, units: Units): Sellable {
  const held = all.filter((leg) => !isMoney(leg, units))
  if (!held.length) throw new Error('The vault holds no option and no future that an order could close.')
  if (held.length > MOST_LEGS) throw new Error(`The vault holds ${held.length} legs and an order has at most ${MOST_LEGS}: split it first.`)
  const packages = held.reduce((found, leg) => gcd(found, abs(leg.quantity)), 0n)
  const ratios = held.map((leg) => ({ ...leg, ratio: leg.quantity / packages }))
  return {
    market,
    expiry,
    units,
    packages,
    legs: ratios.map(({ ratio, ...leg }) => ({ series: packSeries({ market, expiry, kind: leg.kind, strike: leg.strike }), ratio })),
    held: ratios.map(({ ratio, ...leg }) => ({ kind: leg.kind, strike: leg.strike, quantity: ratio * MICRO })),
  }
}

/** What an order that closes needs beside the package. */
export interface Signer {
  vaultId: bigint
  signer: Address
  epoch: bigint
  /** unix seconds */
  now: bigint
  maxDeficit: bigint
  /** orders of one position share it: they take from one another */
  salt: bigint
  /** the order stands for so long [s]; undefined: to the expiry of its legs */
  lasts?: bigint | undefined
}

/** The end of an order: so many seconds from now, and a second before its legs expire at the latest. */
export function endOf(expiry: bigint, now: bigint, lasts?: bigint): bigint {
  const last = expiry - 1n
  return lasts === undefined || now + lasts > last ? last : now + lasts
}

function closing(package_: Sellable, by: Signer, rest: Partial<Order> & { price: bigint }): Order {
  const deferred = package_.held.some((leg) => isDelta(leg, package_.units))
  return buildOrder({
    maker_vault: by.vaultId,
    signer: by.signer,
    legs: package_.legs,
    is_bid: false,
    size: package_.packages,
    expiry: endOf(package_.expiry, by.now, by.lasts),
    epoch: by.epoch,
    since: by.now,
    max_deficit: by.maxDeficit,
    salt: by.salt,
    premium_style: deferred ? 1 : 0,
    flags: flags.reduceOnly | flags.together,
    ...rest,
  })
}

/** What one package is worth to its holder at spots [wad]. */
export async function packageValues(place: Place, package_: Sellable, model: Model, spots: readonly bigint[]): Promise<bigint[]> {
  const thought = { market: package_.market, expiry: package_.expiry, model, legs: package_.held, collateral: 0n }
  const levels = await readProfileOf(place, thought, spots.map((spot) => ({ spot, volShift: 0n })))
  return levels.map((level) => level.equity)
}

/** A stop from a trigger on. Throws an Error in a sentence where it would close at once, or where the position gains. */
export async function stopOrder(
  place: Place,
  package_: Sellable,
  by: Signer,
  of: { trigger: bigint; below: boolean; prices: Prices; model: Model; patience?: bigint },
): Promise<Order> {
  const { trigger, below, prices, model, patience = PATIENCE } = of
  const { spot } = prices
  if (trigger <= 0n) throw new Error('A stop has a trigger above 0.')
  if (patience < 0n || patience > MOST_PATIENCE) throw new Error('The slip of a stop grows to its full size within an hour.')
  if (below ? trigger >= spot : trigger <= spot) throw new Error('Spot is already in the band of that stop: it would close at once.')
  const far = below ? trigger / GAP : trigger + trigger / GAP
  const [now = 0n, then = 0n, worst = 0n] = await packageValues(place, package_, model, [spot, trigger, far])
  if (then >= now) throw new Error('At that price the position is worth more than now: that is the wrong side for a stop.')
  const forward = spot === 0n ? 0n : (prices.forward * far) / spot
  const slip = (notionalOf(package_.held, { ...prices, spot: far, forward }, package_.units) * SLIP_BPS) / (BPS * MICRO)
  return closing(package_, by, {
    price: worst - slip,
    slip: SLIP_BPS,
    patience,
    spot_min: below ? 0n : trigger,
    spot_max: below ? trigger : MAX_UINT256,
  })
}

/** A take of profit at a price of the package [wad]. Throws an Error where it is worth that already. */
export async function takeProfitOrder(
  place: Place,
  package_: Sellable,
  by: Signer,
  of: { price: bigint; spot: bigint; model: Model },
): Promise<Order> {
  const [now = 0n] = await packageValues(place, package_, of.model, [of.spot])
  if (of.price <= now) throw new Error('The position is worth that now: a take of profit stands above it.')
  return closing(package_, by, { price: of.price })
}
