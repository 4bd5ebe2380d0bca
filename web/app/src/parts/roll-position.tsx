// Rolling: the leg is closed and opened again at another expiry in one transaction, with all that the close frees.
import { type Position, CONTRACT, MAX_UINT256, callsOf, expiries, isMoney, legOfState, readLegs } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { usePlace } from '../state/context'
import { bestQuote, useQuotes } from '../state/quotes'
import { useHead, useMarket, useToken } from '../state/reads'
import { useSend } from '../state/send'
import { costOf, fillOf, legKey, toleratedDeficit } from '../state/ticket'
import { SendLine } from './send-line'
import { day, shownPrice } from './words'

export function RollPosition({ position }: { position: Position }) {
  const place = usePlace()
  const head = useHead()
  const [into, setInto] = useState('')
  const to = into ? BigInt(into) : position.expiry
  const markets = { from: useMarket(position.market, position.expiry).data, to: useMarket(position.market, to).data }
  const quotes = { from: useQuotes(position.market, position.expiry), to: useQuotes(position.market, to) }
  const token = useToken(position.token)
  const { progress, send } = useSend()
  const [state] = position.legs
  const leg = state && legOfState(state)
  const marks = useQuery({
    enabled: leg !== undefined && markets.to !== undefined && markets.to.snapshot.spot !== 0n,
    queryKey: ['roll-marks', String(position.vault_id), into, String(markets.to?.snapshot.spot)],
    queryFn: async () => {
      const one = leg && { ...leg, quantity: CONTRACT }
      const [found] = one && markets.to ? await readLegs(place, [one], markets.to.snapshot, position.units) : []
      return new Map(one && found ? [[legKey(one), found] as const] : [])
    },
  })
  if (!leg || isMoney(leg, position.units) || position.legs.length !== 1 || !token.data) return null
  const { kind, strike } = leg
  const size = leg.quantity < 0n ? -leg.quantity : leg.quantity
  const fill = (side: 'from' | 'to') => {
    const buy = (leg.quantity < 0n) === (side === 'from')
    const expiry = side === 'from' ? position.expiry : to
    const found = markets[side]
    const quote = bestQuote(quotes[side], { market: position.market, expiry, kind, strike, buy }, size)
    if (!quote || !found || !token.data) return undefined
    const cost = costOf([{ kind, strike, buy, ratio: 1, quote }], size, { market: found, decimals: token.data.decimals, marks: marks.data ?? new Map() })
    return { quote, cost, fill: fillOf(quote, size, { vaultId: side === 'from' ? position.vault_id : 0n, fee: cost?.fee ?? 0n, maxDeficit: toleratedDeficit(found, [leg]) }) }
  }
  const [close, open] = [fill('from'), into ? fill('to') : undefined]
  const why = !into ? '' : !close ? 'No maker takes it off you in that size now.' : !open ? 'No maker quotes it at that expiry now.' : ''
  const roll = () => {
    if (!close || !open) return
    void send(
      [{ label: 'Roll', call: () => callsOf(place.deployment).fillMany([close.fill, open.fill], position.model as 'ES', MAX_UINT256, position.vault_id) }],
      `Rolled to ${day(to)}, into a vault of its own; vault #${position.vault_id} is empty.`,
    )
  }
  return (
    <div className="reshape">
      <div className="row">
        <label>
          Or roll it to
          <select value={into} onChange={(event) => setInto(event.target.value)}>
            <option value="">choose an expiry</option>
            {expiries(head.timestamp ?? 0).filter((at) => BigInt(at) !== position.expiry).map((at) => <option key={at} value={at}>{day(at)}</option>)}
          </select>
        </label>
        <button type="button" disabled={!close || !open || progress.status === 'working'} onClick={roll}>Roll</button>
      </div>
      <p className="said">{why}</p>
      {close && open && <p className="num soft">Closed at {shownPrice(close.quote.price, leg, position.units)}, opened at {shownPrice(open.quote.price, leg, position.units)}; its collateral goes along.</p>}
      <SendLine progress={progress} />
    </div>
  )
}
