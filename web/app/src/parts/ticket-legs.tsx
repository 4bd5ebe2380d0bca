import { type LegState, type Units } from '@bulkhead/sdk'
import { type PricedLeg, type TicketLeg, isTurned, legKey } from '../state/ticket'
import type { Part } from './open-button'
import { UNKNOWN, healthText, money, percent, priceText, shownPrice, tradedName } from './words'

/** The package, leg by leg: turned round by its side, taken off by its cross. */
export function TicketLegs({ legs, marks, units, onLegs }: { legs: readonly PricedLeg[]; units: Units; marks: ReadonlyMap<string, LegState>; onLegs: (legs: TicketLeg[]) => void }) {
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
              <button type="button" title="Turn round" onClick={() => change(i, { buy: !leg.buy })}>{leg.buy !== isTurned(leg, units) ? 'buy' : 'sell'}</button> {tradedName(leg)}
            </td>
            <td>
              <select aria-label="Ratio" value={leg.ratio} onChange={(event) => change(i, { ratio: Number(event.target.value) })}>
                {[1, 2, 3, 4, 5].map((ratio) => <option key={ratio}>{ratio}</option>)}
              </select>
            </td>
            <td>{leg.quote ? shownPrice(leg.quote.price, leg, units) : <span className="near">no quote</span>}</td>
            <td className="soft">{marks.get(legKey(leg))?.iv ? percent(marks.get(legKey(leg))?.iv ?? 0n) : '–'}</td>
            <td><button type="button" aria-label={`Remove ${tradedName(leg)}`} onClick={() => onLegs(bare.filter((_, at) => at !== i))}>×</button></td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** What each of several vaults would be. */
export function PartsTable({ parts, units }: { parts: readonly Part[]; units: Units }) {
  return (
    <table className="num">
      <thead>
        <tr>{['a vault of its own', 'initial margin', 'health', 'liquidated'].map((title, i) => <th key={title} scope="col" className={i ? undefined : 'l'}>{title}</th>)}</tr>
      </thead>
      <tbody>
        {parts.map(({ leg, state, covered, hull }) => (
          <tr key={legKey(leg)}>
            <td className="l">{leg.buy !== isTurned(leg, units) ? 'long' : 'short'} {tradedName(leg)}</td>
            <td>{state ? money(state.initial_margin, units) : UNKNOWN}</td>
            <td>{state ? (covered ? 'fully paid' : healthText(state.health)) : UNKNOWN}</td>
            <td>{covered ? 'never' : hull ? [hull.below && `below ${priceText(hull.below)}`, hull.above && `above ${priceText(hull.above)}`].filter(Boolean).join(', ') || 'none near' : UNKNOWN}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
