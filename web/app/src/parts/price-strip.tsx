import { type MarketState, toNumber } from '@bulkhead/sdk'
import { usePlace } from '../state/context'
import { useHead, useMarkets } from '../state/reads'
import { UNKNOWN, percent, priceState, priceText, snapshotState, span } from './words'

function MarketPrice({ symbol, market, now }: { symbol: string; market: MarketState | undefined; now: number | undefined }) {
  const snapshot = market?.snapshot
  const state = snapshot ? snapshotState(snapshot) : 'none'
  const known = snapshot && snapshot.spot !== 0n
  return (
    <div className="price">
      <a className="spot" href={`#/market/${symbol}`}>
        {symbol} {known ? priceText(toNumber(snapshot.spot)) : UNKNOWN}
      </a>
      <span>
        <i className={`dot ${state === 'active' ? 'is-safe' : 'is-near'}`} aria-hidden="true" />
        {market ? priceState(state) : 'not read yet'}
        {known && now !== undefined && `, ${span(now - Number(snapshot.updated_at))} old`}
      </span>
      {known && <span className="soft wide">realised vol {percent(snapshot.sigma_now, 0)}</span>}
    </div>
  )
}

/** What everything is allowed or refused by: always in sight. */
export function PriceStrip() {
  const { deployment } = usePlace()
  const head = useHead()
  const markets = useMarkets()
  return (
    <div className="strip num" role="region" aria-label="Prices">
      {deployment.markets.map((entry, i) => (
        <MarketPrice key={entry.symbol} symbol={entry.symbol} market={head.trouble ? undefined : markets.data?.[i]} now={head.timestamp} />
      ))}
      <span className="soft wide">block {head.number === undefined ? UNKNOWN : head.number.toLocaleString('en-US')}</span>
    </div>
  )
}
