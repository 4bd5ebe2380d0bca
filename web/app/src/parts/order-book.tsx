// Both sides of the leg that was picked last: every living quote, the best first.
import { type LegState, type Units, format, seriesKey } from '@bulkhead/sdk'
import type { LiveQuote, Quotes } from '../state/quotes'
import { type TicketLeg, isTurned } from '../state/ticket'
import { percent, shownPrice, tradedName } from './words'

const SHOWN = 5

/** A quote's price, what of it would fill, and whose it is; blank where there is none. */
function Cells({ quote, leg, units, mirrored }: { quote: LiveQuote | undefined; leg: TicketLeg; units: Units; mirrored: boolean }) {
  if (!quote) return <><td /><td /><td /></>
  const desk = <td key="desk" className={`soft ${mirrored ? 'l' : ''}`}>#{String(quote.signed.order.maker_vault)}</td>
  const size = <td key="size">{format(quote.fillable ?? quote.size, 6, 2)}{quote.fillable === undefined && <span className="soft" title="the chain has not been asked yet"> ?</span>}</td>
  const price = <td key="price" className={leg.kind === 'put' ? 'put' : 'call'}>{shownPrice(quote.price, leg, units)}</td>
  return <>{mirrored ? [price, size, desk] : [desk, size, price]}</>
}

export function OrderBook({ leg, market, expiry, quotes, units, mark }: { leg: TicketLeg; market: bigint; expiry: bigint; quotes: Quotes; units: Units; mark: LegState | undefined }) {
  const book = quotes.books.get(seriesKey({ market, expiry, ...leg }))
  const turned = isTurned(leg, units)
  // who bids for the future of a coin market offers its cash
  const [bids, asks] = turned ? [book?.asks, book?.bids] : [book?.bids, book?.asks]
  const rows = Math.min(SHOWN, Math.max(bids?.length ?? 0, asks?.length ?? 0))
  const name = tradedName(leg)
  return (
    <section aria-labelledby="book">
      <h2 id="book">Order book: {name}</h2>
      {mark && (
        <p className="small soft num">
          mark {shownPrice(mark.mark, leg, units)}{mark.iv > 0n && `, IV ${percent(mark.iv)}`}; of one contract: Δ {format(mark.delta, 18, 3)}, Γ {format(mark.gamma, 18, 5)}, vega a point {format(mark.vega / 100n, 18, 3)}, theta a day {format(mark.theta / 365n, 18, 3)}
        </p>
      )}
      {rows === 0 ? <p className="soft">No living quote of this series.</p> : (
        <div className="scroll" tabIndex={0} role="region" aria-label="Bids and asks">
          <table className="num">
            <thead>
              <tr>{['desk', turned ? 'quote' : 'contracts', 'bid', 'ask', turned ? 'quote' : 'contracts', 'desk'].map((title, i) => <th key={i} scope="col" className={i === 5 ? 'l' : undefined}>{title}</th>)}</tr>
            </thead>
            <tbody>
              {Array.from({ length: rows }, (_, i) => (
                <tr key={i}>
                  <Cells quote={bids?.[i]} leg={leg} units={units} mirrored={false} />
                  <Cells quote={asks?.[i]} leg={leg} units={units} mirrored />
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows > 0 && <p className="small soft">A desk is the vault that trades. {(bids?.length ?? 0) + (asks?.length ?? 0)} quotes live.</p>}
    </section>
  )
}
