// Equity and margin of legs at other prices and vols: what the hull, the ticket and the stress grid draw.
import { type ContractFunctionReturnType } from 'viem'
import { readContract } from 'viem/actions'
import { WAD } from './amounts'
import { addressOf } from './deployment'
import { riskLensAbi } from './generated/abis'
import { type Model, type Place, models } from './reads'
import { type Leg, packLeg } from './series'

/** Legs that nobody needs to hold. */
export interface Thought {
  market: bigint
  expiry: bigint
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

export type Profile = ContractFunctionReturnType<typeof riskLensAbi, 'view', 'profile'>
export type Level = Profile['levels'][number]
export type Explanation = ContractFunctionReturnType<typeof riskLensAbi, 'view', 'explain'>

const lens = (place: Place) => ({ address: addressOf(place.deployment, 'RiskLens'), abi: riskLensAbi }) as const
const words = (points: readonly Point[]) => points.map(({ spot, volShift }) => ({ spot, vol_shift: volShift }))
/** Points in one call. */
const CHUNK = 32

async function inChunks(points: readonly Point[], read: (part: readonly Point[]) => Promise<Profile>): Promise<Level[]> {
  const parts = Array.from({ length: Math.ceil(points.length / CHUNK) }, (_, i) => points.slice(i * CHUNK, (i + 1) * CHUNK))
  return (await Promise.all(parts.map(read))).flatMap((found) => found.levels)
}

/** Equity and MM of legs at each point, whoever holds them. */
export function readProfileOf(place: Place, thought: Thought, points: readonly Point[]): Promise<Level[]> {
  const of = { ...thought, model: BigInt(models.indexOf(thought.model)), legs: thought.legs.map(packLeg) }
  return inChunks(points, (part) => readContract(place.client, { ...lens(place), functionName: 'profile_of', args: [of, words(part)] }))
}

/** The same of a vault, by its own ratios. */
export function readProfile(place: Place, vaultId: bigint, points: readonly Point[]): Promise<Level[]> {
  return inChunks(points, (part) => readContract(place.client, { ...lens(place), functionName: 'profile', args: [vaultId, words(part)] }))
}

/** The margin of a vault, term by term. */
export function readExplanation(place: Place, vaultId: bigint): Promise<Explanation> {
  return readContract(place.client, { ...lens(place), functionName: 'explain', args: [vaultId] })
}

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
export function safeIntervals(points: readonly Point[], levels: readonly Level[]): Interval[] {
  const slack: { spot: number; by: number }[] = []
  for (const [i, point] of points.entries()) {
    const level = levels[i]
    if (!level) throw new RangeError('a level for each point')
    slack.push({ spot: Number(point.spot) / Number(WAD), by: Number(level.equity - level.maintenance_margin) / Number(WAD) })
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

/** A price at which a vault is safe and one at which it is not, with one edge between them. */
export interface Bracket {
  safe: bigint
  liquidatable: bigint
}

/** Edges that one call refines. */
const MOST_BRACKETS = 4

/** Where a profile crosses from safe to liquidatable, nearest to a price first [wad]. */
export function bracketsOf(points: readonly Point[], levels: readonly Level[], spot: bigint): Bracket[] {
  const found: Bracket[] = []
  for (let i = 1; i < points.length; i++) {
    const [left, right] = [points[i - 1], points[i]]
    const [before, after] = [levels[i - 1], levels[i]]
    if (!left || !right || !before || !after) continue
    const safe = [before.equity >= before.maintenance_margin, after.equity >= after.maintenance_margin]
    if (safe[0] !== safe[1]) found.push(safe[0] ? { safe: left.spot, liquidatable: right.spot } : { safe: right.spot, liquidatable: left.spot })
  }
  const far = ({ safe }: Bracket) => (safe > spot ? safe - spot : spot - safe)
  return found.sort((a, b) => (far(a) < far(b) ? -1 : 1)).slice(0, MOST_BRACKETS)
}

/** Brackets of a vault's edges as close as the chain tells them. */
export async function readEdges(place: Place, vaultId: bigint, brackets: readonly Bracket[]): Promise<readonly Bracket[]> {
  if (!brackets.length) return []
  return (await readContract(place.client, { ...lens(place), functionName: 'liquidation_prices', args: [vaultId, brackets] })).brackets
}

/** Intervals whose edges lie where the chain says, not where a line between two points does. */
export function withEdges(intervals: readonly Interval[], rough: readonly Bracket[], exact: readonly Bracket[]): Interval[] {
  const number = (wad: bigint) => Number(wad) / Number(WAD)
  const moved = (at: number): number => {
    const i = rough.findIndex(({ safe, liquidatable }) => at >= number(safe < liquidatable ? safe : liquidatable) && at <= number(safe < liquidatable ? liquidatable : safe))
    const found = exact[i]
    return found && at > 0 && at < Infinity ? number(found.safe) : at
  }
  return intervals.map(({ from, to }) => ({ from: moved(from), to: moved(to) }))
}

/** The edges nearest to a price, undefined where there is none. */
export function edgesAround(intervals: readonly Interval[], spot: number): { below?: number; above?: number } {
  const home = intervals.find(({ from, to }) => from <= spot && spot <= to)
  return {
    ...(home && home.from > 0 ? { below: home.from } : {}),
    ...(home && home.to < Infinity ? { above: home.to } : {}),
  }
}
