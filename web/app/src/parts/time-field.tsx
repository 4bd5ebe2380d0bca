import { TIMES } from '../state/waiting-orders'

/** For how long an order stands. */
export function TimeField({ label, lasts, onLasts }: { label: string; lasts: bigint | undefined; onLasts: (lasts: bigint | undefined) => void }) {
  const chosen = TIMES.findIndex(({ seconds }) => seconds === lasts)
  return (
    <label>
      {label}
      <select value={String(chosen)} onChange={(event) => onLasts(TIMES[Number(event.target.value)]?.seconds)}>
        {TIMES.map(({ name }, i) => <option key={name} value={String(i)}>{name}</option>)}
      </select>
    </label>
  )
}
