// Stops and takes of profit of a vault, signed together.
import { type Order, PATIENCE, legOfState, parseAmount, readEpochFor, readHead, readMarket, readPositions, sellable, stopOrder, takeProfitOrder } from '@bulkhead/sdk'
import { useCallback } from 'react'
import { usePlace } from './context'
import { toleratedDeficit } from './ticket'
import { useWaitingOrders } from './waiting-orders'

/** What somebody typed: spots from which on a position is closed, and a price of its package. */
export interface Exits {
  below: string
  above: string
  profit: string
  /** they stand for so long [s]; undefined: to the expiry */
  lasts: bigint | undefined
  /** the slip of a stop grows to its full size in this time [s] */
  patience: bigint
}

export const NO_EXITS: Exits = { below: '', above: '', profit: '', lasts: undefined, patience: PATIENCE }
export const anyExit = ({ below, above, profit }: Exits): boolean => [below, above, profit].some((text) => text.trim() !== '')

/** Exits that were typed with an opening and are not signed yet, by vault: nothing typed is lost. */
export const unsigned = new Map<bigint, { exits: Exits; why: string }>()

/** Signs exits of a vault and gives them to those who may fill them. */
export function useExits() {
  const place = usePlace()
  const { progress, give } = useWaitingOrders()

  const build = useCallback(
    async (vaultId: bigint, exits: Exits): Promise<Order[]> => {
      const [position] = (await readPositions(place, [vaultId])).positions
      if (!position) throw new Error('The vault is unknown.')
      const market = await readMarket(place, position.market, position.expiry)
      const spot = market.snapshot.spot
      if (spot === 0n) throw new Error('The price is unknown, so no trigger can be set beside it.')
      const package_ = sellable(position.legs.map(legOfState), position.market, position.expiry, position.units)
      const [salt = 1n] = crypto.getRandomValues(new BigUint64Array(1))
      const by = {
        vaultId,
        signer: position.owner,
        epoch: await readEpochFor(place, vaultId, package_.legs.map((leg) => leg.series)),
        now: BigInt((await readHead(place)).timestamp),
        maxDeficit: toleratedDeficit(market, position.legs.map(legOfState)),
        salt: salt || 1n,
        lasts: exits.lasts,
      }
      const model = position.model as Parameters<typeof stopOrder>[3]['model']
      const orders: Order[] = []
      for (const below of [true, false]) {
        const text = below ? exits.below : exits.above
        if (text.trim()) orders.push(await stopOrder(place, package_, by, { trigger: parseAmount(text, 18), below, prices: market.snapshot, model, patience: exits.patience }))
      }
      if (exits.profit.trim()) orders.push(await takeProfitOrder(place, package_, by, { price: parseAmount(exits.profit, 18, position.symbol), spot, model }))
      if (!orders.length) throw new Error('Type a price to close at.')
      return orders
    },
    [place],
  )

  const sign = useCallback(
    async (vaultId: bigint, exits: Exits): Promise<boolean> => {
      const { signed, waits, why } = await give(() => build(vaultId, exits))
      if (signed) unsigned.delete(vaultId)
      else unsigned.set(vaultId, { exits, why })
      return waits
    },
    [build, give],
  )
  return { progress, sign }
}
