// Orders that wait for a vault: what was signed here or posted, with what the chain says of each, and new exits.
import { type Order, type Position, type Units, MAX_UINT256, callsOf, format, orderHash, readKeyOf, readOrderStates, sentence, toNumber } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { usePlace } from '../state/context'
import { NO_EXITS, anyExit, unsigned, useExits } from '../state/exits'
import { useBoard } from '../state/quotes'
import { useHead } from '../state/reads'
import { lastOfSame } from '../state/same'
import { signedHere } from '../state/waiting-orders'
import { useSend } from '../state/send'
import { EXIT_WORDS, ExitFields } from './exit-fields'
import { SendLine } from './send-line'
import { digitsOf, priceText, span } from './words'

const OVER = new Set([0n, 4n, 5n, 6n])
const STATUS = ['invalid', 'can be filled', 'closing only', 'waits', 'filled', 'cancelled', 'expired']

/** What an order is, in words. */
function nameOf(order: Order, units: Units): string {
  const price = priceText(toNumber(order.price), digitsOf(units))
  const size = format(order.size, 6, 2)
  if (order.slip && order.spot_max !== MAX_UINT256) return `stop below ${format(order.spot_max, 18, 2)}, ${size}`
  if (order.slip && order.spot_min) return `stop above ${format(order.spot_min, 18, 2)}, ${size}`
  if (order.flags & 2) return `take profit at ${price}, ${size}`
  return `${order.is_bid ? 'buy' : 'sell'} ${size} at ${price}`
}

function useOrdersOf(position: Position) {
  const place = usePlace()
  const head = useHead()
  const { orders: board } = useBoard()
  const queryKey = ['orders', String(position.vault_id), String(head.number), String(board.length)]
  return useQuery({
    queryKey,
    placeholderData: lastOfSame(queryKey, 2),
    retry: false,
    queryFn: async () => {
      const mine = [...signedHere(), ...board].filter((one) => one.order.maker_vault === position.vault_id && one.exchange === place.deployment.contracts.Exchange?.address)
      const unique = [...new Map(mine.map((one) => [orderHash(one), one])).values()]
      const states = await readOrderStates(place, unique)
      return unique.flatMap((signed, i) => {
        const state = states[i]
        return state && !OVER.has(state.status) ? [{ signed, state }] : []
      })
    },
  })
}

export function OrdersPanel({ position }: { position: Position }) {
  const place = usePlace()
  const orders = useOrdersOf(position)
  const now = useHead().timestamp
  const { unread } = useBoard()
  const { progress, sign } = useExits()
  const cancelling = useSend()
  const [exits, setExits] = useState(() => unsigned.get(position.vault_id)?.exits ?? NO_EXITS)
  const cancel = (i: number) => {
    const signed = orders.data?.[i]?.signed
    if (!signed) return
    void cancelling.send([{ label: 'Cancel', call: async () => callsOf(place.deployment).cancel([await readKeyOf(place, signed.order)]) }], 'Cancelled, with all orders that were signed together with it.')
  }
  return (
    <>
      {orders.data?.length ? (
        <ul className="orders num">
          {orders.data.map(({ signed, state }, i) => (
            <li key={signed.signature}>
              <span>{nameOf(signed.order, position.units)}</span>
              <span className="soft" title={state.reason ? sentence(state.reason) : undefined}>{STATUS[Number(state.status)]}{now === undefined ? '' : `, for ${span(Number(signed.order.expiry) - now)}`}</span>
              <button type="button" onClick={() => cancel(i)} disabled={cancelling.progress.status === 'working'}>Cancel</button>
            </li>
          ))}
        </ul>
      ) : (
        <p className="soft">{orders.isError ? 'The orders of this vault are unknown.' : 'No order waits for this vault that was signed here or posted on the QuoteBoard.'}</p>
      )}
      {unread && <p className="said">The QuoteBoard could not be read: there may be more.</p>}
      <SendLine progress={cancelling.progress} />
      {position.legs.length > 0 && (
        <form onSubmit={(event) => { event.preventDefault(); void sign(position.vault_id, exits).then((done) => done && setExits(NO_EXITS)) }}>
          {progress.status === 'idle' && unsigned.has(position.vault_id) && <p className="said" role="alert">Not signed yet: {unsigned.get(position.vault_id)?.why}</p>}
          <ExitFields exits={exits} onExits={setExits} symbol={position.symbol} />
          <p className="soft small">{EXIT_WORDS}</p>
          <button type="submit" className="go" disabled={!anyExit(exits) || progress.status === 'working'}>Sign</button>
          <SendLine progress={progress} />
        </form>
      )}
    </>
  )
}
