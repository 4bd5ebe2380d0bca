// Why a margin is what it is: one bar a term, in the order in which they are added.
import { type Explanation, type Position, toNumber } from '@bulkhead/sdk'
import { useExplanation } from '../state/reads'
import { type Tone, money } from './words'

interface Term {
  name: string
  value: bigint
  tone: Tone | 'sum'
}

/** Terms and sums of a margin, those of its model only. */
export function termsOf({ model, terms, margin, maintenance_margin: mm, initial, initial_margin: im, after_action: after }: Explanation): Term[] {
  const part = (name: string, value: bigint, tone: Term['tone'] = 'safe'): Term => ({ name, value, tone })
  const of: Record<string, Term[]> = {
    ES: [
      terms.decay_counts ? part('time decay to the next look', terms.decay) : part('worst 1 % of moves', terms.tail),
      part('floor of short options', terms.floor, 'near'),
    ],
    GREEKS: [
      part('delta of the worst move', terms.delta),
      part('gamma', terms.gamma),
      part('vega', terms.vega),
      part('time decay', terms.decay),
      part('floor of short options', terms.floor, 'near'),
      part('at least 0.7 of ES', terms.es_share, 'soft'),
    ],
    STATIC: [part('short options and futures', terms.shorts), part('value of long options', terms.longs)],
  }
  return [
    ...(of[model] ?? []),
    ...(mm < margin ? [part('most it can lose: cap', mm - margin, 'soft')] : []),
    part('maintenance margin', mm, 'sum'),
    part(initial.kappa ? `buffer, ${toNumber(initial.kappa).toFixed(2)} times` : 'own initial margin', initial.base - margin, 'soft'),
    part('size', initial.concentration, 'soft'),
    ...(im < mm + initial.base - margin + initial.concentration ? [part('most it can lose: cap', im - (mm + initial.base - margin + initial.concentration), 'soft')] : []),
    part('initial margin', im, 'sum'),
    ...(after > im ? [part('asked after a withdrawal', after, 'sum')] : []),
  ].filter((term) => term.value !== 0n || term.tone === 'sum')
}

export function Why({ position }: { position: Position }) {
  const found = useExplanation(position)
  if (!found.data) return null
  const terms = termsOf(found.data)
  const most = Math.max(...terms.map((term) => Math.abs(toNumber(term.value))), 1e-9)
  return (
    <section aria-labelledby="why">
      <h2 id="why">Why its margin is what it is</h2>
      <p className="lead">{position.model}, term by term, in {position.symbol}. Sums are dark.</p>
      <dl className="why num">
        {terms.map(({ name, value, tone }) => (
          <div key={name} className="contents">
            <dt>{name}</dt>
            <dd><i className={`fill-strong-${tone}`} style={{ width: `${(Math.abs(toNumber(value)) / most) * 100}%` }} /></dd>
            <dd className="r">{money(value, position.units)}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
