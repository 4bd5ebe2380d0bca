// Equity and margin of legs at other prices and vols: what the hull, the ticket and the stress grid draw.
import { readContract } from 'viem/actions'
import { MIN_INT256, WAD } from './amounts'
import { addressOf } from './deployment'
import { esEngineAbi } from './generated/abis'
import { type MarketState, type Model, type Place, type Snapshot, engines } from './reads'
import { type Leg, packLeg } from './series'

/** Legs that nobody needs to hold. */
export interface Thought {
  model: Model
  legs: readonly Leg[]
  /** C [wad] */
  collateral: bigint
}

/** Where equity and margin are looked at. */
export interface Point {
  /** [wad] */
  spot: bigint
  /** of every vol, relative [bps] */
  volShift: bigint
}

export interface Level {
  /** [wad] */
  equity: bigint
  /** [wad] */
  maintenanceMargin: bigint
}

const BPS = 10_000n
const SURFACE_SVI = 64n

/** The snapshot with spot and vol moved; undefined where the page cannot move them: a published smile. */
function moved(snapshot: Snapshot, { spot, volShift }: Point): Snapshot | undefined {
  if (volShift !== 0n && (snapshot.status & SURFACE_SVI) !== 0n) return undefined
  return {
    ...snapshot,
    spot,
    forward: (snapshot.forward * spot) / snapshot.spot,
    surface_near: (snapshot.surface_near * (BPS + volShift)) / BPS,
  }
}

/**
 * Equity and MM at each point; undefined where it is unknown. The engine margins, nothing is computed here but the max-loss
 * cap. STATIC vaults keep ratios of their own, so of them nothing is known here.
 */
export async function readProfile(
  place: Place,
  market: MarketState,
  thought: Thought,
  points: readonly Point[],
): Promise<(Level | undefined)[]> {
  const { snapshot, risk } = market
  if (thought.model === 'STATIC' || snapshot.spot === 0n || snapshot.seconds === 0n) return points.map(() => undefined)
  const legs = thought.legs.map(packLeg)
  const address = addressOf(place.deployment, engines[thought.model])
  return Promise.all(
    points.map(async (point) => {
      const at = moved(snapshot, point)
      if (!at) return undefined
      const found = await readContract(place.client, {
        address,
        abi: esEngineAbi,
        functionName: 'assess',
        args: [legs, at, risk, MIN_INT256],
      })
      const room = found.v_min === MIN_INT256 ? undefined : max(found.value - found.v_min, 0n)
      const maintenanceMargin = room !== undefined && room < found.margin ? room : found.margin
      return { equity: thought.collateral + found.value, maintenanceMargin }
    }),
  )
}

const max = (a: bigint, b: bigint) => (a > b ? a : b)

/** Distances from spot at which a hull is looked at: closer together near it. */
const REACH = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12.5, 15, 20, 25, 30, 40, 50].map((percent) => percent / 100)

/** Points around spot at today's vols, ascending: a twice-fold move either way, and every strike between. */
export function hullPoints(spot: bigint, strikes: readonly bigint[] = []): Point[] {
  const factors = REACH.flatMap((move) => [BigInt(Math.round(1e6 / (1 + move))), BigInt(Math.round(1e6 * (1 + move)))])
  const spots = factors.map((factor) => (spot * factor) / 10n ** 6n)
  const near = strikes.map((strike) => strike * 10n ** 10n).filter((strike) => strike * 3n > spot * 2n && strike * 2n < spot * 3n)
  return [...new Set([...spots, ...near])].sort((a, b) => (a < b ? -1 : 1)).map((at) => ({ spot: at, volShift: 0n }))
}

/** Where the price can be without liquidation, in numbers; an end beyond what was looked at is 0 or Infinity. */
export interface Interval {
  from: number
  to: number
}

/** Safe intervals out of a profile, their edges between two points where E − MM crosses zero. */
export function safeIntervals(points: readonly Point[], levels: readonly (Level | undefined)[]): Interval[] | undefined {
  const slack: { spot: number; by: number }[] = []
  for (const [i, point] of points.entries()) {
    const level = levels[i]
    if (!level) return undefined
    slack.push({ spot: Number(point.spot) / Number(WAD), by: Number(level.equity - level.maintenanceMargin) / Number(WAD) })
  }
  const found: Interval[] = []
  let open: number | undefined
  slack.forEach(({ spot, by }, i) => {
    const before = slack[i - 1]
    const edge = before && before.by !== by ? before.spot + ((spot - before.spot) * before.by) / (before.by - by) : spot
    if (by >= 0 && open === undefined) open = before ? edge : 0
    if (by < 0 && open !== undefined) {
      found.push({ from: open, to: edge })
      open = undefined
    }
  })
  if (open !== undefined) found.push({ from: open, to: Infinity })
  return found
}

/** The edges nearest to a price, undefined where there is none. */
export function edgesAround(intervals: readonly Interval[], spot: number): { below?: number; above?: number } {
  const home = intervals.find(({ from, to }) => from <= spot && spot <= to)
  return {
    ...(home && home.from > 0 ? { below: home.from } : {}),
    ...(home && home.to < Infinity ? { above: home.to } : {}),
  }
}
