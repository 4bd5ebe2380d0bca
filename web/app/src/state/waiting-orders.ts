// Orders that wait: signed here, given to those who may fill them, and kept to be shown.
import { type Order, type SignedOrder, addressOf, callsOf, explain, handOver, orderDocument, parseSignedOrder, signedOrderToJson } from '@bulkhead/sdk'
import { useCallback, useState } from 'react'
import { useConfig } from 'wagmi'
import { signTypedData } from 'wagmi/actions'
import { usePlace } from './context'
import { useMakers } from './makers'
import { type Progress, useSend } from './send'

const KEY = 'bulkhead.orders'
const MOST = 200
const IDLE: Progress = { status: 'idle', message: '' }

/** How long an order may stand [s]; undefined: to the expiry of its legs. */
export const TIMES: readonly { name: string; seconds: bigint | undefined }[] = [
  { name: 'an hour', seconds: 3_600n },
  { name: 'a day', seconds: 86_400n },
  { name: 'a week', seconds: 604_800n },
  { name: 'to the expiry', seconds: undefined },
]

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

/** What has become of orders that were to wait. */
export interface Given {
  /** every one is signed */
  signed: boolean
  /** somebody has them */
  waits: boolean
  /** why not, "" otherwise */
  why: string
}

/** Signs orders and hands them to maker servers; where none takes them, they go on the QuoteBoard. */
export function useWaitingOrders() {
  const config = useConfig()
  const place = usePlace()
  const { servers } = useMakers()
  const { send } = useSend()
  const [progress, setProgress] = useState<Progress>(IDLE)

  const give = useCallback(
    async (build: () => Promise<readonly Order[]>): Promise<Given> => {
      const signed: SignedOrder[] = []
      try {
        setProgress({ status: 'working', message: 'Looking at the position…' })
        const orders = await build()
        const { chainId } = place.deployment
        const exchange = addressOf(place.deployment, 'Exchange')
        for (const [i, order] of orders.entries()) {
          setProgress({ status: 'working', message: `${i + 1} of ${orders.length}: sign in your wallet; it costs nothing.` })
          signed.push({ order, chainId, exchange, signature: await signTypedData(config, orderDocument(order, chainId, exchange)) })
        }
      } catch (error) {
        const why = explain(error)
        setProgress({ status: 'failed', message: why })
        return { signed: false, waits: false, why }
      }
      remember(signed)
      try {
        const heard = new Set<string>()
        for (const one of signed) for (const [server, refusal] of await handOver(servers, one)) if (!refusal) heard.add(server)
        const count = `${signed.length === 1 ? 'One order waits' : `${signed.length} orders wait`}`
        if (heard.size) {
          setProgress({ status: 'done', message: `${count} at ${heard.size} maker server${heard.size > 1 ? 's' : ''}. No price is promised.` })
          return { signed: true, waits: true, why: '' }
        }
        setProgress({ status: 'working', message: 'No maker server takes them: confirm to leave them on the QuoteBoard.' })
        const posted = await send([{ label: 'Post on the QuoteBoard', call: () => callsOf(place.deployment).post(signed) }], '')
        if (posted) {
          setProgress({ status: 'done', message: `${count} on the QuoteBoard. No price is promised.` })
          return { signed: true, waits: true, why: '' }
        }
      } catch {
        // said below
      }
      const why = 'The orders are signed and nobody has them: no maker server took them, and they were not posted.'
      setProgress({ status: 'failed', message: why })
      return { signed: true, waits: false, why }
    },
    [config, place, servers, send],
  )
  return { progress, give }
}
