import { type DrawnLeg, type Units, type VaultState, shapeOf, toNumber } from '@bulkhead/sdk'
import type { Hull } from '../state/reads'
import { type Cost, feeCap } from '../state/ticket'
import { UNKNOWN, amountText, digitsOf, healthText, money, priceText } from './words'

interface Props {
  after: VaultState | undefined
  covered: boolean
  cost: Cost | undefined
  hull: Hull | undefined
  decimals: number
  symbol: string
  legs: readonly DrawnLeg[]
  paid: number
  spot: number
  units: Units
}

const bound = (value: number | null, units: Units) => (value === null ? 'unbounded' : priceText(value, digitsOf(units)))

/** Everything after the fill, before anything is signed. */
export function TicketNumbers({ after, covered, cost, hull, decimals, symbol, legs, paid, spot, units }: Props) {
  const shape = legs.length ? shapeOf(legs, paid, units) : undefined
  const due = cost && cost.cash - cost.fee
  const tone = !after ? 'soft' : covered || after.equity * 2n >= after.maintenance_margin * 3n ? 'safe' : after.equity >= after.initial_margin ? 'near' : 'lost'
  const exposure = after ? Math.abs(toNumber(after.delta)) * (units.inverse ? 1 : spot) : 0
  const equity = after ? toNumber(after.equity) : 0
  const edge = (at: number | undefined) => (covered ? 'never' : hull ? (at === undefined ? 'none near' : priceText(at)) : UNKNOWN)
  const rows: [string, React.ReactNode][] = [
    [due !== undefined && due < 0n ? 'you pay' : 'you receive', due === undefined ? UNKNOWN : amountText(due < 0n ? -due : due, decimals, units)],
    ['health after', <b key="h" className={tone}>{after ? (covered ? 'fully paid' : healthText(after.health)) : UNKNOWN}</b>],
    ['worst loss', shape ? bound(shape.worst, units) : UNKNOWN],
    ['initial margin', after ? money(after.initial_margin, units) : UNKNOWN],
    ['best gain', shape ? bound(shape.best, units) : UNKNOWN],
    ['liquidated below', edge(hull?.below)],
    ['break-even', shape ? shape.breakevens.map((one) => priceText(one)).join(', ') || 'none' : UNKNOWN],
    ['liquidated above', edge(hull?.above)],
    ['fee', cost ? amountText(cost.fee, decimals, units) : UNKNOWN],
    ['maintenance margin', after ? money(after.maintenance_margin, units) : UNKNOWN],
    ['fee at most', cost ? amountText(feeCap(cost.fee), decimals, units) : UNKNOWN],
    ['leverage', after && equity > 0 ? `${(exposure / equity).toFixed(1)}×` : UNKNOWN],
    ['losses of the cell', after ? money(after.deficit, units) : UNKNOWN],
    ['most it can cost', after ? money(after.at_risk, units) : UNKNOWN],
  ]
  return (
    <>
    <h3>After this trade <span className="soft">[{symbol}]</span></h3>
    <dl className="kv num">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
    </>
  )
}
