import { type Kind, type LegState, type Leg, CONTRACT, LINEAR, deltaKind, expiries, readLegs, toNumber, unpackTrading } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { zeroAddress } from 'viem'
import { Chain } from '../parts/chain'
import { MakersField } from '../parts/makers-field'
import { OrderBook } from '../parts/order-book'
import { Candles } from '../parts/candles'
import { PriceSeries } from '../parts/price-series'
import { Smile } from '../parts/smile'
import { Ticket } from '../parts/ticket'
import { day, priceState, snapshotState, span } from '../parts/words'
import { usePlace } from '../state/context'
import { type Quotes, useQuotes } from '../state/quotes'
import { useHead, useMarket, useToken } from '../state/reads'
import { go } from '../state/route'
import { lastOfSame } from '../state/same'
import { type TicketLeg, legKey, toggled } from '../state/ticket'

/** Strikes on either side of spot where nobody quotes more. */
const SIDE = 6
const DAY = 86_400

/** Strikes of the chain: those quoted, and round ones about 5 % of spot apart. */
export function strikesOf(spot: bigint, tick: bigint, quoted: readonly bigint[]): bigint[] {
  if (spot === 0n || tick === 0n) return []
  const found = new Set(quoted)
  if (!found.size) {
    const rough = toNumber(spot) * 0.05
    const power = 10 ** Math.floor(Math.log10(rough))
    const step = BigInt(Math.round(Math.max(...[1, 2, 5].map((one) => one * power).filter((one) => one <= rough)) * 1e8))
    const even = step < tick ? tick : (step / tick) * tick
    const middle = (spot / 10n ** 10n / even) * even
    for (let i = -SIDE; i <= SIDE; i++) found.add(middle + BigInt(i) * even)
  }
  return [...found].filter((strike) => strike > 0n).sort((a, b) => (a < b ? -1 : 1))
}

/** The second Friday of the quoted ones would do as well: the first expiry at least two days away. */
function firstExpiry(now: number): number | undefined {
  return expiries(now).find((at) => at - now > 2 * DAY && new Date(at * 1000).getUTCDay() === 5)
}

function quotedStrikes(quotes: Quotes): bigint[] {
  return [...quotes.books.values()].flatMap(({ bids, asks }) => [...bids, ...asks].map((one) => one.series.strike)).filter((strike) => strike > 0n)
}

function useMarks(market: bigint, expiry: bigint, strikes: readonly bigint[]) {
  const place = usePlace()
  const state = useMarket(market, expiry)
  const snapshot = state.data?.snapshot
  const units = state.data?.units ?? LINEAR
  const legs: Leg[] = [
    { kind: deltaKind(units), strike: 0n, quantity: CONTRACT },
    ...strikes.flatMap((strike) => (['call', 'put'] as Kind[]).map((kind) => ({ kind, strike, quantity: CONTRACT }))),
  ]
  const queryKey = ['marks', String(market), String(expiry), String(snapshot?.spot), String(snapshot?.surface_near), strikes.join()]
  return useQuery({
    queryKey,
    enabled: snapshot !== undefined && snapshot.spot !== 0n && snapshot.seconds !== 0n,
    placeholderData: lastOfSame(queryKey, 3),
    retry: false,
    queryFn: async (): Promise<ReadonlyMap<string, LegState>> => {
      if (!snapshot) return new Map()
      const found = await readLegs(place, legs, snapshot, units)
      return new Map(found.flatMap((one, i) => (legs[i] ? [[legKey(legs[i]), one] as const] : [])))
    },
  })
}

const NO_MARKS: ReadonlyMap<string, LegState> = new Map()

export default function MarketScreen({ symbol, expiry: wanted }: { symbol: string | undefined; expiry: string | undefined }) {
  const { deployment } = usePlace()
  const head = useHead()
  const entry = deployment.markets.find((one) => one.symbol === symbol) ?? deployment.markets[0]
  const dates = useMemo(() => (head.timestamp === undefined ? [] : expiries(Math.floor(head.timestamp / 60) * 60)), [Math.floor((head.timestamp ?? 0) / 60)])
  const named = Number(wanted)
  const expiry = BigInt(dates.includes(named) ? named : head.timestamp === undefined ? 0 : (firstExpiry(head.timestamp) ?? 0))
  const index = entry?.index ?? 0n
  const market = useMarket(index, expiry)
  const quotes = useQuotes(index, expiry)
  const token = useToken(entry?.token ?? zeroAddress)
  const [legs, setLegs] = useState<TicketLeg[]>([])
  const snapshot = market.data?.snapshot
  const spot = snapshot?.spot ?? 0n
  const trading = market.data && unpackTrading(market.data.trading)
  const strikes = strikesOf(spot, trading?.tick ?? 0n, quotedStrikes(quotes))
  const marks = useMarks(index, expiry, strikes)
  const lastLeg = legs.at(-1)
  if (!entry) return <p className="empty">This deployment has no market.</p>
  const pick = (leg: Omit<TicketLeg, 'ratio'>) => market.data && setLegs((held) => toggled(held, leg, market.data.units))
  return (
    <>
      <h1 className="hidden">Market</h1>
      <div className="row pickers">
        <label>
          Market
          <select value={entry.symbol} onChange={(event) => { setLegs([]); go('market', event.target.value) }}>
            {deployment.markets.map((one) => <option key={one.symbol}>{one.symbol}</option>)}
          </select>
        </label>
        <label>
          Expiry
          <select value={String(expiry)} onChange={(event) => { setLegs([]); go('market', entry.symbol, event.target.value) }}>
            {dates.map((at) => <option key={at} value={at}>{day(at)}, {span(at - (head.timestamp ?? at))}</option>)}
          </select>
        </label>
      </div>
      <div className="two market">
        <div className="quotes">
          <section aria-labelledby="chain">
            <h2 id="chain">{entry.symbol}, {expiry ? day(expiry) : '…'} {token.data && <span className="soft">[{token.data.symbol}]</span>}</h2>
            <p className="lead">
              Bid and ask are signed quotes that would fill now; mark and vol come from the surface in force.{' '}
              {snapshot && snapshotState(snapshot) !== 'active' && <b className="near">{priceState(snapshotState(snapshot))}.</b>} {quotes.trouble && <b className="near">{quotes.trouble}</b>}
            </p>
            {strikes.length ? (
              <Chain units={market.data?.units ?? LINEAR} market={index} expiry={expiry} symbol={entry.symbol} spot={spot} strikes={strikes} marks={marks.data ?? NO_MARKS} quotes={quotes} picked={legs} onPick={pick} />
            ) : (
              <p className="empty">{head.trouble || (market.data && spot === 0n) ? 'The price is unknown, and so is the chain.' : 'Reading the market…'}</p>
            )}
          </section>
        </div>
        <div className="series">
          {lastLeg && <OrderBook leg={lastLeg} market={index} expiry={expiry} quotes={quotes} units={market.data?.units ?? LINEAR} mark={marks.data?.get(legKey(lastLeg))} />}
          <MakersField />
          <Smile strikes={strikes} marks={marks.data ?? NO_MARKS} spot={toNumber(spot)} />
          <Candles entry={entry} />
          <PriceSeries entry={entry} now={head.timestamp ?? 0} />
        </div>
        <div className="trade">
        <Ticket entry={entry} expiry={expiry} market={market.data} marks={marks.data ?? NO_MARKS} quotes={quotes} strikes={strikes} legs={legs} onLegs={setLegs} />
        </div>
      </div>
    </>
  )
}
