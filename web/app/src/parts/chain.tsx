// The option chain: calls, strike, puts; bid and ask are firm quotes, mark and vol come from the surface in force.
import { type LegState, type Units, deltaKind, format, seriesKey, toNumber } from '@bulkhead/sdk'
import { useState } from 'react'
import type { LiveQuote, Quotes } from '../state/quotes'
import { type TicketLeg, isTurned, legKey } from '../state/ticket'
import { percent, priceText, shownPrice, strikeText, tradedName } from './words'

interface ChainProps {
  market: bigint
  expiry: bigint
  symbol: string
  units: Units
  spot: bigint
  strikes: readonly bigint[]
  marks: ReadonlyMap<string, LegState>
  quotes: Quotes
  picked: readonly TicketLeg[]
  onPick: (leg: Omit<TicketLeg, 'ratio'>) => void
}

function QuoteButton({ quote, leg, units, picked, onPick }: { quote: LiveQuote | undefined; leg: Omit<TicketLeg, 'ratio'>; units: Units; picked: boolean; onPick: ChainProps['onPick'] }) {
  if (!quote) return <span className="soft" aria-label="no quote">–</span>
  const turned = isTurned(leg, units)
  const price = shownPrice(quote.price, leg, units)
  const name = `${leg.buy !== turned ? 'Buy' : 'Sell'} ${tradedName(leg)} at ${price}`
  return (
    <button type="button" className={leg.kind === 'put' ? 'put' : 'call'} aria-pressed={picked} aria-label={name} title={`${format(quote.fillable ?? quote.size, 6, 2)} ${turned ? 'quote' : 'contracts'}${quote.fillable === undefined ? ', not yet asked of the chain' : ' would fill now'}`} onClick={() => onPick(leg)}>
      {price}
    </button>
  )
}

function Side(props: ChainProps & { kind: 'call' | 'put'; strike: bigint; mirrored: boolean }) {
  const { kind, strike, mirrored, market, expiry, quotes, marks, picked, onPick, spot, units } = props
  const book = quotes.books.get(seriesKey({ market, expiry, kind, strike }))
  const mark = marks.get(legKey({ kind, strike }))
  const inMoney = kind === 'call' ? strike * 10n ** 10n < spot : strike * 10n ** 10n > spot
  const tone = inMoney ? 'in' : undefined
  const held = (buy: boolean) => picked.some((one) => one.kind === kind && one.strike === strike && one.buy === buy)
  const cells = [
    <td key="delta" className="soft wide">{mark ? format(mark.delta, 18, 2) : '–'}</td>,
    <td key="iv" className="soft">{mark ? percent(mark.iv) : '–'}</td>,
    <td key="mark" className={tone}>{mark ? priceText(toNumber(mark.mark)) : '–'}</td>,
    <td key="bid" className={tone}><QuoteButton quote={book?.bids[0]} leg={{ kind, strike, buy: false }} picked={held(false)} units={units} onPick={onPick} /></td>,
    <td key="ask" className={tone}><QuoteButton quote={book?.asks[0]} leg={{ kind, strike, buy: true }} picked={held(true)} units={units} onPick={onPick} /></td>,
  ]
  return mirrored ? [cells[3], cells[4], cells[2], cells[1], cells[0]] : cells
}

const HEADS = ['Δ', 'IV', 'mark', 'bid', 'ask']

export function Chain(props: ChainProps) {
  const { strikes, spot, quotes, market, expiry, picked, onPick, marks, symbol, units } = props
  const [shown, setShown] = useState<'both' | 'call' | 'put'>(() => (matchMedia('(max-width: 700px)').matches ? 'call' : 'both'))
  const above = strikes.findIndex((strike) => strike * 10n ** 10n >= spot)
  const delta = { kind: deltaKind(units), strike: 0n }
  const future = quotes.books.get(seriesKey({ market, expiry, ...delta }))
  // who sells the future of a coin market buys its cash, at an ask
  const [selling, buying] = units.inverse ? [future?.asks[0], future?.bids[0]] : [future?.bids[0], future?.asks[0]]
  const mark = marks.get(legKey(delta))
  const calls = shown !== 'put'
  const puts = shown !== 'call'
  const held = (buy: boolean) => picked.some((one) => one.kind === delta.kind && one.buy === (buy !== units.inverse))
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
          {symbol} future: bid <QuoteButton quote={selling} leg={{ ...delta, buy: units.inverse }} units={units} picked={held(false)} onPick={onPick} /> ask{' '}
          <QuoteButton quote={buying} leg={{ ...delta, buy: !units.inverse }} units={units} picked={held(true)} onPick={onPick} />{' '}
          <span className="soft">mark {mark ? shownPrice(mark.mark, delta, units) : '–'}</span>
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
