import { type Units, type VaultState, MIN_INT256, divUp, format, toNumber } from '@bulkhead/sdk'
import { amountText } from './words'

const STEPS = 400
/** Room beyond the last mark. */
const BEYOND = 1.15

/** Deposits at which something changes, in tokens of the wallet [native, never below 0]. */
export function marksOf(after: VaultState, deposit: bigint, decimals: number): { name: string; at: bigint }[] {
  const unit = 10n ** BigInt(18 - decimals)
  const lacks = (needed: bigint) => {
    const at = deposit + divUp(needed, unit)
    return at > 0n ? at : 0n
  }
  const found = [
    { name: 'MM', at: lacks(after.maintenance_margin - after.equity) },
    { name: 'IM', at: lacks(after.initial_margin - after.equity) },
  ]
  if (after.v_min !== MIN_INT256) found.push({ name: 'fully paid', at: lacks(-after.v_min - after.collateral) })
  return found
}

/** Collateral by hand, with the marks that matter under it. */
export function CollateralSlider({ after, deposit, decimals, units, onDeposit }: { after: VaultState; deposit: bigint; decimals: number; units: Units; onDeposit: (value: bigint) => void }) {
  const marks = marksOf(after, deposit, decimals)
  const furthest = Math.max(...marks.map(({ name, at }) => toNumber(at, decimals) * (name === 'IM' ? 3 : 1)), units.inverse ? 0.01 : 1) * BEYOND
  const share = (value: bigint) => Math.min(1, toNumber(value, decimals) / furthest)
  const set = (step: number) => onDeposit((BigInt(Math.round(((furthest * step) / STEPS) * 1e4)) * 10n ** BigInt(decimals)) / 10n ** 4n)
  const shown = marks.filter((mark, i) => !marks.slice(i + 1).some((later) => Math.abs(share(later.at) - share(mark.at)) < 0.02))
  return (
    <div className="slider">
      <input type="range" aria-label="Collateral by hand" min="0" max={STEPS} value={Math.round(share(deposit) * STEPS)} aria-valuetext={amountText(deposit, decimals, units)} onChange={(event) => set(Number(event.target.value))} />
      <div className="marks">
        {shown.map(({ name, at }, i) => (
          <button key={name} type="button" style={{ top: `${(i % 2) * 16}px`, left: `${share(at) * 100}%`, transform: `translateX(${-share(at) * 100}%)` }} onClick={() => onDeposit(at)}>
            {name} {format(at, decimals, units.inverse ? 3 : 0)}
          </button>
        ))}
      </div>
    </div>
  )
}
