// What the page reads, each once a block.
import {
  type MarketState,
  type Position,
  type Thought,
  edgesAround,
  expiries,
  hullPoints,
  legOfState,
  readAccount,
  readHead,
  readMarket,
  readNextId,
  readPositions,
  readPositionsOf,
  readExplanation,
  readProfile,
  readProfileOf,
  readToken,
  safeIntervals,
  toNumber,
} from '@bulkhead/sdk'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import type { Address } from 'viem'
import { useConnection } from 'wagmi'
import { usePlace, useSetting } from './context'
import { POLL, POLL_LOCAL } from './place'

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
function perBlock(head: Head) {
  return { enabled: head.number !== undefined, placeholderData: keepPreviousData, gcTime: 30_000, retry: false } as const
}

/** Every position of an owner, fifty a call. */
export function usePositions(owner: Address | undefined) {
  const place = usePlace()
  const head = useHead()
  return useQuery({
    ...perBlock(head),
    enabled: head.number !== undefined && owner !== undefined,
    queryKey: ['positions', owner, String(head.number)],
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
    ...perBlock(head),
    queryKey: ['position', String(id), String(head.number)],
    queryFn: async () => (await readPositions(place, [id])).positions[0],
  })
}

/** Every vault there is, for those who liquidate. */
export function useAllPositions() {
  const place = usePlace()
  const head = useHead()
  return useQuery({
    ...perBlock(head),
    queryKey: ['all-positions', String(head.number)],
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
    ...perBlock(head),
    queryKey: ['market', String(index), String(expiry), String(head.number)],
    queryFn: () => readMarket(place, index, expiry),
  })
}

/** Every market at its nearest expiry: spot, age and state for the strip. */
export function useMarkets() {
  const place = usePlace()
  const head = useHead()
  const nearest = head.timestamp === undefined ? undefined : expiries(head.timestamp)[0]
  return useQuery({
    ...perBlock(head),
    enabled: nearest !== undefined,
    queryKey: ['markets', String(head.number)],
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

export function useAccountOf(token: Address) {
  const place = usePlace()
  const head = useHead()
  const { address } = useConnection()
  return useQuery({
    ...perBlock(head),
    enabled: address !== undefined && head.number !== undefined,
    queryKey: ['account', address, token, String(head.number)],
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
  return useQuery({
    enabled: spot !== 0n && legs.length > 0,
    placeholderData: keepPreviousData,
    retry: false,
    queryKey: ['hull', String(vaultId), String(market?.market), thought?.model, key, String(thought?.collateral), stepOf(spot)],
    queryFn: async (): Promise<Hull | null> => {
      if (!market || !thought) return null
      const points = hullPoints(spot, legs.map((leg) => leg.strike))
      const levels = await (vaultId ? readProfile(place, vaultId, points) : readProfileOf(place, thought, points))
      const intervals = safeIntervals(points, levels)
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
    ...perBlock(head),
    enabled: head.number !== undefined && position.legs.length > 0 && position.price.spot !== 0n && position.price.seconds !== 0n,
    queryKey: ['explanation', String(position.vault_id), String(head.number)],
    queryFn: () => readExplanation(place, position.vault_id),
  })
}
