// Closing at the quotes of this moment, all legs or none; what would reopen the position ends with it.
import { type Position, CONTRACT, callsOf, isMoney, legOfState, readLegs } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { usePlace } from '../state/context'
import { bestQuote, useQuotes } from '../state/quotes'
import { useMarket, useToken } from '../state/reads'
import { useSend } from '../state/send'
import { type PricedLeg, costOf, fillOf, inOrder, isTurned, legKey, toleratedDeficit } from '../state/ticket'
import { RollPosition } from './roll-position'
import { SendLine } from './send-line'
import { amountText, legName, legText, shownPrice } from './words'

const MOST_FILLS = 4

export function ClosePosition({ position }: { position: Position }) {
  const place = usePlace()
  const market = useMarket(position.market, position.expiry)
  const quotes = useQuotes(position.market, position.expiry)
  const token = useToken(position.token)
  const { progress, send } = useSend()
  const { units } = position
  const held = position.legs.map(legOfState).filter((leg) => !isMoney(leg, units))
  const snapshot = market.data?.snapshot
  const marks = useQuery({
    queryKey: ['close-marks', String(position.vault_id), String(snapshot?.spot)],
    enabled: snapshot !== undefined && snapshot.spot !== 0n && snapshot.seconds !== 0n,
    queryFn: async () => {
      const legs = held.map((leg) => ({ ...leg, quantity: CONTRACT }))
      const found = snapshot ? await readLegs(place, legs, snapshot, units) : []
      return new Map(found.flatMap((one, i) => (legs[i] ? [[legKey(legs[i]), one] as const] : [])))
    },
  })
  const priced = inOrder(
    held.map((leg): PricedLeg & { size: bigint } => {
      const size = leg.quantity < 0n ? -leg.quantity : leg.quantity
      const side = { kind: leg.kind, strike: leg.strike, buy: leg.quantity < 0n }
      return { ...side, ratio: 1, size, quote: bestQuote(quotes, { market: position.market, expiry: position.expiry, ...side }, size) }
    }),
  )
  const missing = priced.filter((leg) => !leg.quote)
  const refusal = position.refusals.close
  const state = market.data
  if (!state || !token.data) return <p className="soft">Reading the market…</p>
  const { decimals } = token.data
  const terms = { market: state, decimals, marks: marks.data ?? new Map() }
  const named = (leg: PricedLeg & { size: bigint }) => legText({ kind: leg.kind, strike: leg.strike * 10n ** 10n, quantity: leg.size * 10n ** 12n }, units)
  const costs = priced.map((leg) => costOf([leg], leg.size, terms))
  const total = costs.reduce((sum, cost) => sum + (cost ? cost.cash - cost.fee : 0n), 0n)
  const why = refusal
    ? refusal
    : missing.length
      ? `No maker quotes ${missing.map((leg) => legName({ kind: leg.kind, strike: leg.strike * 10n ** 10n }, units)).join(', ')} in that size now.`
      : priced.length > MOST_FILLS
        ? `A transaction closes ${MOST_FILLS} legs; this vault has ${priced.length}.`
        : ''
  const close = () =>
    send(
      [
        {
          label: 'Close',
          call: () =>
            callsOf(place.deployment).fillMany(
              priced.flatMap((leg, i) =>
                leg.quote ? [fillOf(leg.quote, leg.size, { vaultId: position.vault_id, fee: costs[i]?.fee ?? 0n, maxDeficit: toleratedDeficit(state, held) })] : [],
              ),
              'ES',
              0n,
              position.legs.some((leg) => isMoney(leg, units)) ? 0n : position.vault_id,
            ),
        },
      ],
      `Vault #${position.vault_id} is without legs: its collateral is free.`,
    )
  return (
    <>
      <p>
        {priced.map((leg) => `${leg.buy !== isTurned(leg, units) ? 'Buy back' : 'Sell'} ${named(leg).slice(1)}${leg.quote ? ` at ${shownPrice(leg.quote.price, leg, units)}` : ''}`).join(' · ')}
      </p>
      {why ? <p className="said">{why}</p> : <p className="num">{total < 0n ? 'It costs' : 'It brings'} {amountText(total < 0n ? -total : total, decimals, units)} {position.symbol}, fees included. Stops and other orders of this vault end with it.</p>}
      <button type="button" className="go" disabled={why !== '' || progress.status === 'working'} onClick={() => void close()}>Close at these quotes</button>
      <SendLine progress={progress} />
      <RollPosition position={position} />
    </>
  )
}
