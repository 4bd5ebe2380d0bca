import { MOST_PATIENCE, PATIENCE } from '@bulkhead/sdk'
import { type Exits } from '../state/exits'
import { AmountField, readPrice } from './amount-field'
import { TimeField } from './time-field'

const PATIENCES: readonly { name: string; seconds: bigint }[] = [
  { name: '5 minutes', seconds: 300n },
  { name: 'half an hour', seconds: PATIENCE },
  { name: 'an hour', seconds: MOST_PATIENCE },
]

/** Prices at which a position closes by itself, for how long, and how fast a stop gives way. */
export function ExitFields({ exits, onExits, symbol }: { exits: Exits; onExits: (exits: Exits) => void; symbol: string }) {
  const field = (name: 'below' | 'above' | 'profit', label: string, unit: string, counted = '') => (
    <AmountField label={label} unit={unit} amount={readPrice(exits[name], counted)} onTyped={(text) => onExits({ ...exits, [name]: text })} />
  )
  return (
    <>
      <div className="row exits">
        {field('below', 'Stop below', 'spot')}
        {field('above', 'Stop above', 'spot')}
        {field('profit', 'Take profit at', symbol, symbol)}
      </div>
      <div className="row exits">
        <TimeField label="They stand for" lasts={exits.lasts} onLasts={(lasts) => onExits({ ...exits, lasts })} />
        <label>
          Slip grows in
          <select value={String(exits.patience)} onChange={(event) => onExits({ ...exits, patience: BigInt(event.target.value) })}>
            {PATIENCES.map(({ name, seconds }) => <option key={name} value={String(seconds)}>{name}</option>)}
          </select>
        </label>
      </div>
    </>
  )
}

export const EXIT_WORDS =
  'Makers fill a stop when its distance from mark, which grows from nothing to 3 % of spot in that time, pays them; nobody must. The orders of one position never close more than it is.'
