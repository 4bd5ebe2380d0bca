// Whether a package takes the quotes of now or waits at a price, and for how long.
import { type TicketLeg, onlySells } from '../state/ticket'
import { AmountField, readPrice } from './amount-field'
import { TimeField } from './time-field'

export interface Force {
  waits: boolean
  /** the price as typed */
  limit: string
  /** [s]; undefined: to the expiry */
  lasts: bigint | undefined
}

export const NOW: Force = { waits: false, limit: '', lasts: 3_600n }

export function TimeInForce({ force, onForce, legs, symbol }: { force: Force; onForce: (force: Force) => void; legs: readonly TicketLeg[]; symbol: string }) {
  const sells = onlySells(legs)
  return (
    <>
      <div className="row">
        <label>
          In force
          <select value={force.waits ? 'waits' : 'now'} onChange={(event) => onForce({ ...force, waits: event.target.value === 'waits' })}>
            <option value="now">now or not at all</option>
            <option value="waits">until it fills</option>
          </select>
        </label>
        {force.waits && <TimeField label="For" lasts={force.lasts} onLasts={(lasts) => onForce({ ...force, lasts })} />}
      </div>
      {force.waits && (
        <>
          <AmountField label={sells ? 'Receive at least, a contract' : 'Pay at most, a contract'} unit={symbol} amount={readPrice(force.limit, symbol)} onTyped={(limit) => onForce({ ...force, limit })} />
          <p className="small soft">
            It waits at makers and fills, in parts too, when its price pays one; nobody must. {sells ? '' : 'Below zero the package pays you. '}Its collateral stays yours in the vault.
          </p>
        </>
      )}
    </>
  )
}
