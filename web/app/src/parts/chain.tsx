// The option chain: calls, strike, puts; bid and ask are firm quotes, mark and vol come from the surface in force.
import { type LegState, format, seriesKey, toNumber } from '@bulkhead/sdk'
import { useState } from 'react'
import type { LiveQuote, Quotes } from '../state/quotes'
import { type TicketLeg, legKey } from '../state/ticket'
import { percent, priceText, strikeText } from './words'

interface ChainProps {
  market: bigint
  expiry: bigint
  symbol: string
  spot: bigint
  strikes: readonly bigint[]
  marks: ReadonlyMap<string, LegState>
  quotes: Quotes
  picked: readonly TicketLeg[]
  onPick: (leg: Omit<TicketLeg, 'ratio'>) => void
}

function QuoteButton({ quote, leg, picked, onPick }: { quote: LiveQuote | undefined; leg: Omit<TicketLeg, 'ratio'>; picked: boolean; onPick: ChainProps['onPick'] }) {
  if (!quote) return <span className="soft" aria-label="no quote">–</span>
  const name = `${leg.buy ? 'Buy' : 'Sell'} ${leg.kind}${leg.strike ? ` ${strikeText(leg.strike)}` : ''} at ${priceText(toNumber(quote.price))}`
  return (
    <button type="button" className={leg.kind === 'put' ? 'put' : 'call'} aria-pressed={picked} aria-label={name} title={`${format(quote.fillable ?? quote.size, 6, 2)} contracts${quote.fillable === undefined ? ', not yet asked of the chain' : ' would fill now'}`} onClick={() => onPick(leg)}>
      {priceText(toNumber(quote.price))}
    </button>
  )
}

function Side(props: ChainProps & { kind: 'call' | 'put'; strike: bigint; mirrored: boolean }) {
  const { kind, strike, mirrored, market, expiry, quotes, marks, picked, onPick, spot } = props
  const book = quotes.books.get(seriesKey({ market, expiry, kind, strike }))
  const mark = marks.get(legKey({ kind, strike }))
  const inMoney = kind === 'call' ? strike * 10n ** 10n < spot : strike * 10n ** 10n > spot
  const tone = inMoney ? 'in' : undefined
  const held = (buy: boolean) => picked.some((one) => one.kind === kind && one.strike === strike && one.buy === buy)
  const cells = [
    <td key="delta" className="soft wide">{mark ? format(mark.delta, 18, 2) : '–'}</td>,
    <td key="iv" className="soft">{mark ? percent(mark.iv) : '–'}</td>,
    <td key="mark" className={tone}>{mark ? priceText(toNumber(mark.mark)) : '–'}</td>,
    <td key="bid" className={tone}><QuoteButton quote={book?.bids[0]} leg={{ kind, strike, buy: false }} picked={held(false)} onPick={onPick} /></td>,
    <td key="ask" className={tone}><QuoteButton quote={book?.asks[0]} leg={{ kind, strike, buy: true }} picked={held(true)} onPick={onPick} /></td>,
  ]
  return mirrored ? [cells[3], cells[4], cells[2], cells[1], cells[0]] : cells
}

const HEADS = ['Δ', 'IV', 'mark', 'bid', 'ask']

export function Chain(props: ChainProps) {
  const { strikes, spot, quotes, market, expiry, picked, onPick, marks, symbol } = props
  const [shown, setShown] = useState<'both' | 'call' | 'put'>(() => (matchMedia('(max-width: 700px)').matches ? 'call' : 'both'))
  const above = strikes.findIndex((strike) => strike * 10n ** 10n >= spot)
  const future = quotes.books.get(seriesKey({ market, expiry, kind: 'future', strike: 0n }))
  const calls = shown !== 'put'
  const puts = shown !== 'call'
  const held = (buy: boolean) => picked.some((one) => one.kind === 'future' && one.buy === buy)
  return (
    <>
      <div className="presets" role="group" aria-label="Sides of the chain">
        {(['both', 'call', 'put'] as const).map((one) => (
          <button key={one} type="button" aria-pressed={shown === one} onClick={() => setShown(one)}>
            {one === 'both' ? 'Calls and puts' : `${one === 'call' ? 'Calls' : 'Puts'}`}
          </button>
        ))}
        <span className="gap" />
        <span className="num">
          {symbol} future: bid <QuoteButton quote={future?.bids[0]} leg={{ kind: 'future', strike: 0n, buy: false }} picked={held(false)} onPick={onPick} /> ask{' '}
          <QuoteButton quote={future?.asks[0]} leg={{ kind: 'future', strike: 0n, buy: true }} picked={held(true)} onPick={onPick} />{' '}
          <span className="soft">mark {marks.get('future:0') ? priceText(toNumber(marks.get('future:0')?.mark ?? 0n)) : '–'}</span>
        </span>
      </div>
      <div className="scroll" tabIndex={0} role="region" aria-label="Option chain">
        <table className="chain num">
          <thead>
            <tr>
              {calls && <th colSpan={5} scope="colgroup" className="call">calls</th>}
              <th><span className="hidden">strike</span></th>
              {puts && <th colSpan={5} scope="colgroup" className="put l">puts</th>}
            </tr>
            <tr>
              {calls && HEADS.map((head) => <th key={head} scope="col" className={head === 'Δ' ? 'wide' : undefined}>{head}</th>)}
              <th scope="col">strike</th>
              {puts && ['bid', 'ask', 'mark', 'IV', 'Δ'].map((head) => <th key={head} scope="col" className={head === 'Δ' ? 'wide' : undefined}>{head}</th>)}
            </tr>
          </thead>
          <tbody>
            {strikes.map((strike, i) => (
              <tr key={String(strike)} className={i === above ? 'at' : undefined}>
                {calls && <Side {...props} kind="call" strike={strike} mirrored={false} />}
                <td className="k">{strikeText(strike)}</td>
                {puts && <Side {...props} kind="put" strike={strike} mirrored />}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}
