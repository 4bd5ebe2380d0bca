// What the page reads, each once a block.
import {
  type CandleSeries,
  type MarketState,
  type Position,
  type Thought,
  bracketsOf,
  edgesAround,
  expiries,
  hullPoints,
  legOfState,
  readAccount,
  readCandles,
  readHead,
  readHistoryId,
  readMarket,
  readNextId,
  readPast,
  readPositions,
  readPositionsOf,
  readEdges,
  readExplanation,
  readProfile,
  readProfileOf,
  readToken,
  readUnits,
  safeIntervals,
  toNumber,
  withEdges,
} from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import type { Address } from 'viem'
import { useConnection } from 'wagmi'
import { usePlace, useSetting } from './context'
import { POLL, POLL_LOCAL } from './place'
import { lastOfSame } from './same'

export interface Head {
  /** newest block seen; undefined before the first answer */
  number?: bigint
  timestamp?: number
  /** the node does not answer, or its newest block is old */
  trouble: string
}

/** A chain whose newest block is older by the clock is behind [seconds]. Local chains run on a clock of their own. */
const BEHIND = 120

export function useHead(): Head {
  const { place, isLocal } = useSetting()
  const head = useQuery({
    queryKey: ['head'],
    queryFn: () => readHead(place),
    refetchInterval: isLocal ? POLL_LOCAL : POLL,
    refetchIntervalInBackground: false,
    retry: false,
    structuralSharing: false,
  })
  const found = head.data
  const age = found && !isLocal ? Date.now() / 1000 - found.timestamp : 0
  const trouble = head.isError
    ? 'The node does not answer.'
    : age > BEHIND
      ? `The node is behind: its newest block is ${Math.round(age / 60)} minutes old.`
      : ''
  return { ...(found ? { number: found.number, timestamp: found.timestamp } : {}), trouble }
}

/** Options of a read that is of a block: what is shown stays until the next answer, and shows as old when none comes. */
function perBlock({ number }: { number?: bigint | undefined }, ...of: readonly string[]) {
  const queryKey = [...of, String(number)]
  return { queryKey, enabled: number !== undefined, placeholderData: lastOfSame(queryKey), gcTime: 30_000, retry: false } as const
}

/**
 * Every position of an owner, fifty a call.
 * @param held keep what is shown: nothing is read anew while somebody scrolls, as hundreds of positions take a while
 */
export function usePositions(owner: Address | undefined, held = false) {
  const place = usePlace()
  const head = useHead()
  const block = useRef(head.number)
  if (!held) block.current = head.number
  return useQuery({
    ...perBlock({ number: block.current }, 'positions', String(owner)),
    enabled: block.current !== undefined && owner !== undefined,
    queryFn: async () => {
      const found: Position[] = []
      for (let next = 1n; next !== 0n && owner; ) {
        const page = await readPositionsOf(place, owner, next)
        found.push(...page.positions)
        next = page.next
      }
      return found
    },
  })
}

export function usePosition(id: bigint) {
  const place = usePlace()
  const head = useHead()
  return useQuery({
    ...perBlock(head, 'position', String(id)),
    queryFn: async () => (await readPositions(place, [id])).positions[0],
  })
}

/** Every vault there is, for those who liquidate. */
export function useAllPositions() {
  const place = usePlace()
  const head = useHead()
  return useQuery({
    ...perBlock(head, 'all-positions'),
    queryFn: async () => {
      const end = await readNextId(place)
      const found: Position[] = []
      for (let first = 1n; first < end; first += 50n) {
        const ids = Array.from({ length: 50 }, (_, i) => first + BigInt(i)).filter((id) => id < end)
        found.push(...(await readPositions(place, ids)).positions)
      }
      return found.filter((one) => one.custody !== '0x0000000000000000000000000000000000000000')
    },
  })
}

export function useMarket(index: bigint, expiry: bigint) {
  const place = usePlace()
  const head = useHead()
  return useQuery({
    ...perBlock(head, 'market', String(index), String(expiry)),
    queryFn: () => readMarket(place, index, expiry),
  })
}

/** Every market at its nearest expiry: spot, age and state for the strip. */
export function useMarkets() {
  const place = usePlace()
  const head = useHead()
  const nearest = head.timestamp === undefined ? undefined : expiries(head.timestamp)[0]
  return useQuery({
    ...perBlock(head, 'markets'),
    enabled: nearest !== undefined,
    queryFn: () => Promise.all(place.deployment.markets.map((entry) => readMarket(place, entry.index, BigInt(nearest ?? 0)))),
  })
}

export function useToken(token: Address) {
  const place = usePlace()
  return useQuery({
    queryKey: ['token', token],
    queryFn: () => readToken(place, token),
    staleTime: Number.POSITIVE_INFINITY,
    retry: true,
    retryDelay: 2_000,
  })
}

const PAST_FRESH = 10_000

/** What a history service tells of a vault; nothing is asked where none is named. */
export function usePast(vaultId: bigint) {
  const { history, place } = useSetting()
  return useQuery({
    enabled: history !== '',
    queryKey: ['past', history, String(vaultId)],
    refetchInterval: PAST_FRESH,
    staleTime: PAST_FRESH,
    retry: false,
    queryFn: async () => readPast(history, await readHistoryId(history, place.deployment), vaultId),
  })
}

/** Candles of a market, where a history service is named. */
export function useCandles(market: bigint, series: CandleSeries, seconds: number) {
  const { history, place } = useSetting()
  return useQuery({
    enabled: history !== '',
    queryKey: ['candles', history, String(market), series, seconds],
    refetchInterval: PAST_FRESH,
    staleTime: PAST_FRESH,
    retry: false,
    queryFn: async () => readCandles(history, await readHistoryId(history, place.deployment), { market, series, seconds }),
  })
}

/** What a market counts in; undefined until it is read. */
export function useUnits(market: bigint) {
  const place = usePlace()
  return useQuery({ queryKey: ['units', String(market)], queryFn: () => readUnits(place, market), staleTime: Number.POSITIVE_INFINITY, retry: true, retryDelay: 2_000 })
}

export function useAccountOf(token: Address) {
  const place = usePlace()
  const head = useHead()
  const { address } = useConnection()
  return useQuery({
    ...perBlock(head, 'account', String(address), token),
    enabled: address !== undefined && head.number !== undefined,
    queryFn: () => readAccount(place, address as Address, token),
  })
}

/** A price in steps of about half a percent: what is drawn from it is asked again when the step changes. */
function stepOf(spot: bigint): number {
  return spot === 0n ? 0 : Math.round(Math.log(toNumber(spot)) * 200)
}

export interface Hull {
  intervals: { from: number; to: number }[]
  below?: number
  above?: number
}

/** Where the price can go before legs, or those of a vault, are liquidated; asked again when they or the price have moved. */
export function useHull(market: MarketState | undefined, thought: Thought | undefined, vaultId = 0n) {
  const place = usePlace()
  const spot = market?.snapshot.spot ?? 0n
  const legs = thought?.legs ?? []
  const key = legs.map((leg) => `${leg.kind}${leg.strike}:${leg.quantity}`).join()
  const queryKey = ['hull', String(vaultId), String(market?.market), String(thought?.model), key, String(thought?.collateral), String(stepOf(spot))]
  return useQuery({
    enabled: spot !== 0n && legs.length > 0,
    // the band follows collateral and price; that of other legs is never shown
    placeholderData: lastOfSame(queryKey, 2),
    retry: false,
    queryKey,
    queryFn: async (): Promise<Hull | null> => {
      if (!market || !thought) return null
      const points = hullPoints(spot, legs.map((leg) => leg.strike))
      const levels = await (vaultId ? readProfile(place, vaultId, points) : readProfileOf(place, thought, points))
      const rough = safeIntervals(points, levels)
      // a vault's edges are the chain's own; of what is only thought of a line between two points does
      const brackets = vaultId ? bracketsOf(points, levels, spot) : []
      const intervals = brackets.length ? withEdges(rough, brackets, await readEdges(place, vaultId, brackets)) : rough
      return { intervals, ...edgesAround(intervals, toNumber(spot)) }
    },
  })
}

/** What a position is for the hull. */
export function useThought(position: Position): Thought {
  return useMemo(
    () => ({
      market: position.market,
      expiry: position.expiry,
      model: position.model as Thought['model'],
      legs: position.legs.map(legOfState),
      collateral: position.collateral,
    }),
    [position],
  )
}

/** The margin of a vault term by term, at this block. */
export function useExplanation(position: Position) {
  const place = usePlace()
  const head = useHead()
  return useQuery({
    ...perBlock(head, 'explanation', String(position.vault_id)),
    enabled: head.number !== undefined && position.legs.length > 0 && position.price.spot !== 0n && position.price.seconds !== 0n,
    queryFn: () => readExplanation(place, position.vault_id),
  })
}
