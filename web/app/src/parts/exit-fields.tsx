import { type Exits } from '../state/exits'
import { AmountField, readAmount } from './amount-field'

/** Prices at which a position closes by itself. */
export function ExitFields({ exits, onExits, symbol }: { exits: Exits; onExits: (exits: Exits) => void; symbol: string }) {
  const field = (name: keyof Exits, label: string, unit: string, counted = '') => (
    <AmountField label={label} unit={unit} amount={{ ...readAmount(exits[name].replace(/^[-−]/, ''), 18, counted), text: exits[name] }} onTyped={(text) => onExits({ ...exits, [name]: text })} />
  )
  return (
    <div className="row exits">
      {field('below', 'Stop below', 'spot')}
      {field('above', 'Stop above', 'spot')}
      {field('profit', 'Take profit at', symbol, symbol)}
    </div>
  )
}

export const EXIT_WORDS =
  'Makers fill a stop when its distance from mark, which grows from nothing to 3 % of spot in half an hour, pays them; nobody must. The orders of one position never close more than it is.'
