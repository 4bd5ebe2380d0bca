// Stops and takes of profit of a vault: signed together, given to those who may fill them, and kept to be shown.
import {
  type SignedOrder,
  addressOf,
  callsOf,
  explain,
  handOver,
  legOfState,
  orderDocument,
  parseAmount,
  parseSignedOrder,
  readEpochFor,
  readHead,
  readMarket,
  readPositions,
  sellable,
  signedOrderToJson,
  stopOrder,
  takeProfitOrder,
} from '@bulkhead/sdk'
import { useCallback, useState } from 'react'
import { useConfig } from 'wagmi'
import { signTypedData } from 'wagmi/actions'
import { usePlace } from './context'
import { useMakers } from './makers'
import { type Progress, useSend } from './send'
import { toleratedDeficit } from './ticket'

/** What somebody typed: spots from which on a position is closed, and a price of its package. */
export interface Exits {
  below: string
  above: string
  profit: string
}

export const NO_EXITS: Exits = { below: '', above: '', profit: '' }
export const anyExit = (exits: Exits): boolean => Object.values(exits).some((text) => text.trim() !== '')

/** Exits that were typed with an opening and are not signed yet, by vault: nothing typed is lost. */
export const unsigned = new Map<bigint, { exits: Exits; why: string }>()

const KEY = 'bulkhead.orders'
const MOST = 200

/** Orders that were signed here, the newest first. */
export function signedHere(): SignedOrder[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(found) ? found.map(parseSignedOrder) : []
  } catch {
    return []
  }
}

function remember(signed: readonly SignedOrder[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...signed, ...signedHere()].slice(0, MOST).map(signedOrderToJson)))
  } catch {
    // makers and the board have them all the same
  }
}

const IDLE: Progress = { status: 'idle', message: '' }

/** Signs exits of a vault and hands them to maker servers; where none takes them, they go on the QuoteBoard. */
export function useExits() {
  const config = useConfig()
  const place = usePlace()
  const { servers } = useMakers()
  const { send } = useSend()
  const [progress, setProgress] = useState<Progress>(IDLE)

  const sign = useCallback(
    async (vaultId: bigint, exits: Exits): Promise<boolean> => {
      try {
        setProgress({ status: 'working', message: 'Looking at the position…' })
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
        }
        const model = position.model as Parameters<typeof stopOrder>[3]['model']
        const orders = []
        for (const below of [true, false]) {
          const text = below ? exits.below : exits.above
          if (text.trim()) orders.push(await stopOrder(place, package_, by, { trigger: parseAmount(text, 18), below, prices: market.snapshot, model }))
        }
        if (exits.profit.trim()) orders.push(await takeProfitOrder(place, package_, by, { price: parseAmount(exits.profit, 18, position.symbol), spot, model }))
        if (!orders.length) throw new Error('Type a price to close at.')
        const { chainId } = place.deployment
        const exchange = addressOf(place.deployment, 'Exchange')
        const signed: SignedOrder[] = []
        for (const [i, order] of orders.entries()) {
          setProgress({ status: 'working', message: `${i + 1} of ${orders.length}: sign in your wallet; it costs nothing.` })
          signed.push({ order, chainId, exchange, signature: await signTypedData(config, orderDocument(order, chainId, exchange)) })
        }
        remember(signed)
        unsigned.delete(vaultId)
        const heard = new Set<string>()
        for (const one of signed) for (const [server, refusal] of await handOver(servers, one)) if (!refusal) heard.add(server)
        const count = `${signed.length === 1 ? 'One order waits' : `${signed.length} orders wait`}`
        if (heard.size) {
          setProgress({ status: 'done', message: `${count} at ${heard.size} maker server${heard.size > 1 ? 's' : ''}. No price is promised.` })
          return true
        }
        setProgress({ status: 'working', message: 'No maker server takes them: confirm to leave them on the QuoteBoard.' })
        const posted = await send([{ label: 'Post on the QuoteBoard', call: () => callsOf(place.deployment).post(signed) }], '')
        setProgress(posted ? { status: 'done', message: `${count} on the QuoteBoard. No price is promised.` } : { status: 'failed', message: 'The orders are signed and nobody has them: no maker server took them, and they were not posted.' })
        return posted !== undefined
      } catch (error) {
        unsigned.set(vaultId, { exits, why: explain(error) })
        setProgress({ status: 'failed', message: explain(error) })
        return false
      }
    },
    [config, place, servers, send],
  )
  return { progress, sign }
}
