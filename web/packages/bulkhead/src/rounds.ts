// Where a price has been: rounds of its feed, and the vols that the oracle adapter has recorded from them.
import { getContractEvents, getBlock, readContract } from 'viem/actions'
import { type Address } from 'viem'
import { type MarketEntry, addressOf } from './deployment'
import { mockAggregatorAbi, oracleAdapterAbi } from './generated/abis'
import { PAST_BLOCKS, type Place } from './reads'

/** A value at a time. */
export interface SeriesPoint {
  /** unix seconds */
  at: number
  value: number
}

const MOST_ROUNDS = 96

/** The newest rounds of a market's main feed, oldest first. A round that the feed has forgotten ends it. */
export async function readRounds(place: Place, entry: MarketEntry, most = MOST_ROUNDS): Promise<SeriesPoint[]> {
  const feed = { address: entry.feeds[0] as Address, abi: mockAggregatorAbi } as const
  const [[newest], decimals] = await Promise.all([
    readContract(place.client, { ...feed, functionName: 'latestRoundData' }),
    readContract(place.client, { ...feed, functionName: 'decimals' }),
  ])
  // a proxy of feeds keeps its phase in the bits above: rounds of an older one are left alone
  const last = BigInt.asUintN(64, newest)
  const ids = Array.from({ length: Math.min(most, Number(last)) }, (_, i) => newest - BigInt(i))
  const told = await Promise.allSettled(ids.map((id) => readContract(place.client, { ...feed, functionName: 'getRoundData', args: [id] })))
  const found: SeriesPoint[] = []
  for (const one of told) {
    if (one.status === 'rejected' || one.value[1] <= 0n || one.value[3] === 0n) break
    found.push({ at: Number(one.value[3]), value: Number(one.value[1]) / 10 ** Number(decimals) })
  }
  return found.reverse()
}

/** Realised vols that were recorded of a market, oldest first [1 = 100 %]: its own, or those of its price market. */
export async function readVols(place: Place, entry: MarketEntry): Promise<SeriesPoint[]> {
  const { client, deployment } = place
  const oracle = { address: addressOf(deployment, 'OracleAdapter'), abi: oracleAdapterAbi } as const
  const market = await readContract(client, { ...oracle, functionName: 'price_market', args: [entry.index] })
  const { number, timestamp } = await getBlock(client, { blockTag: 'latest' })
  const first = number > PAST_BLOCKS + deployment.block ? number - PAST_BLOCKS : deployment.block
  const logs = await getContractEvents(client, { ...oracle, eventName: 'VolUpdated', args: { market }, fromBlock: first, strict: true })
  const told = logs as readonly { blockNumber: bigint; blockTimestamp?: bigint | null; args: { sigma: bigint } }[]
  // nodes that give logs no time: the block's distance from the newest, at twelve seconds each
  return told.map((log) => ({ at: Number(log.blockTimestamp ?? timestamp - 12n * (number - log.blockNumber)), value: Number(log.args.sigma) / 1e18 }))
}
