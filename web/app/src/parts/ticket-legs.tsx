import { type LegState, format } from '@bulkhead/sdk'
import { type PricedLeg, type TicketLeg, legKey } from '../state/ticket'
import { percent, strikeText } from './words'

/** The package, leg by leg: turned round by its side, taken off by its cross. */
export function TicketLegs({ legs, marks, onLegs }: { legs: readonly PricedLeg[]; marks: ReadonlyMap<string, LegState>; onLegs: (legs: TicketLeg[]) => void }) {
  const bare = legs.map(({ quote: _, ...leg }) => leg)
  const change = (i: number, changed: Partial<TicketLeg>) => onLegs(bare.map((leg, at) => (at === i ? { ...leg, ...changed } : leg)))
  return (
    <table className="num legs-table">
      <thead>
        <tr><th className="l" scope="col">leg</th><th scope="col">ratio</th><th scope="col">price</th><th scope="col">IV</th><th scope="col"><span className="hidden">remove</span></th></tr>
      </thead>
      <tbody>
        {legs.map((leg, i) => (
          <tr key={legKey(leg)}>
            <td className={`l ${leg.kind === 'put' ? 'put' : 'call'}`}>
              <button type="button" title="Turn round" onClick={() => change(i, { buy: !leg.buy })}>{leg.buy ? 'buy' : 'sell'}</button> {leg.kind}{leg.strike > 0n && ` ${strikeText(leg.strike)}`}
            </td>
            <td>
              <select aria-label="Ratio" value={leg.ratio} onChange={(event) => change(i, { ratio: Number(event.target.value) })}>
                {[1, 2, 3, 4, 5].map((ratio) => <option key={ratio}>{ratio}</option>)}
              </select>
            </td>
            <td>{leg.quote ? format(leg.quote.price, 18, 2) : <span className="near">no quote</span>}</td>
            <td className="soft">{marks.get(legKey(leg))?.iv ? percent(marks.get(legKey(leg))?.iv ?? 0n) : '–'}</td>
            <td><button type="button" aria-label={`Remove ${leg.kind} ${strikeText(leg.strike)}`} onClick={() => onLegs(bare.filter((_, at) => at !== i))}>×</button></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
