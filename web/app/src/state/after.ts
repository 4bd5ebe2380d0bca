// What a vault would be after a package and a deposit, by the chain's own preview.
import { type Leg, type MarketEntry, type MarketState, type Model, type Position, type Quote, type VaultState, legOfState, net, readLargest, readPreview, readPreviewNew } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useConnection } from 'wagmi'
import { usePlace } from './context'
import { type Hull, useHead, useHull } from './reads'
import { lastOfSame } from './same'
import { type Cost, isCovered, withCollateral } from './ticket'

export interface After {
  /** undefined while it cannot be told */
  state: VaultState | undefined
  covered: boolean
  hull: Hull | undefined
  error: Error | null
}

const nameOf = (legs: readonly Leg[]) => legs.map((leg) => `${leg.kind}${leg.strike}:${leg.quantity}`).join()

/**
 * Asked once a package and block: a deposit changes nothing but what stands beside the margin, so that it moves with the hand.
 * @param of vault undefined: one that is opened; cost undefined: nothing to look at; deposit [native]
 */
export function useAfter(of: { entry: MarketEntry; expiry: bigint; market: MarketState | undefined; model: Model; vault: Position | undefined; cost: Cost | undefined; deposit: bigint; decimals: number }): After {
  const { entry, expiry, market, model, vault, cost, deposit, decimals } = of
  const place = usePlace()
  const head = useHead()
  // the chain previews no vault that pays more than it has: it is asked with as much as the legs cost
  const lacks = cost ? cost.fee - cost.cash - (vault?.balance ?? 0n) : 0n
  const given = lacks > 0n ? lacks : 0n
  const cash = cost ? given + cost.cash - cost.fee : 0n
  // the quoted price moves with spot: what it costs is of a moment, as the block is
  const key = ['preview', String(entry.index), String(expiry), model, String(vault?.vault_id), nameOf(cost?.legs ?? []), String(cash), String(head.number)]
  const preview = useQuery({
    queryKey: key,
    enabled: cost !== undefined && cost.legs.length > 0,
    placeholderData: lastOfSame(key, 2),
    retry: false,
    queryFn: () => {
      const change = { expiry, legs: cost?.legs ?? [], cash }
      return vault ? readPreview(place, vault.vault_id, change) : readPreviewNew(place, entry.index, model, change)
    },
  })
  const state = cost && preview.data && withCollateral(preview.data, (deposit - given) * 10n ** BigInt(18 - decimals))
  const covered = state !== undefined && isCovered(state)
  const legs = useMemo(() => net([...(vault?.legs.map(legOfState) ?? []), ...(cost?.legs ?? [])]), [vault, cost])
  const thought = state && { market: entry.index, expiry, model: (vault?.model as Model | undefined) ?? model, legs, collateral: state.collateral }
  const hull = useHull(covered ? undefined : market, covered ? undefined : thought)
  return { state, covered, hull: hull.data ?? undefined, error: preview.error }
}

/** The largest size of a single leg, by margin, wallet, open interest and the quote itself, and what bounds it. */
export function useLargest(of: { quote: Quote | undefined; vault: Position | undefined; model: Model; deposit: bigint; size: bigint }): { size: bigint; by: string } | undefined {
  const { quote, vault, model, deposit, size } = of
  const place = usePlace()
  const head = useHead()
  const { address } = useConnection()
  const found = useQuery({
    queryKey: ['largest', quote?.signed.signature, String(vault?.vault_id), model, String(deposit), String(size), address, String(head.number)],
    enabled: quote !== undefined && address !== undefined && size > 0n,
    retry: false,
    queryFn: () => (quote && address ? readLargest(place, quote.signed, { account: address, vaultId: vault?.vault_id ?? 0n, model, deposit, size }) : null),
  })
  if (!found.data) return undefined
  const { size: most, margin, wallet, order, open_interest: interest } = found.data
  const [, by] = ([[order, 'the quote'], [margin, 'margin'], [wallet, 'your wallet'], [interest, 'the market’s cap']] as const).reduce((least, one) => (one[0] < least[0] ? one : least))
  return { size: most, by }
}
