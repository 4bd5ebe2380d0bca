import { type DrawnLeg, type VaultState, format, shapeOf, toNumber } from '@bulkhead/sdk'
import type { Hull } from '../state/reads'
import { type Cost, feeCap } from '../state/ticket'
import { UNKNOWN, healthText, money, priceText } from './words'

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
}

const bound = (value: number | null) => (value === null ? 'unbounded' : priceText(value))

/** Everything after the fill, before anything is signed. */
export function TicketNumbers({ after, covered, cost, hull, decimals, symbol, legs, paid, spot }: Props) {
  const shape = legs.length ? shapeOf(legs, paid) : undefined
  const due = cost && cost.cash - cost.fee
  const tone = !after ? 'soft' : covered || after.equity * 2n >= after.maintenance_margin * 3n ? 'safe' : after.equity >= after.initial_margin ? 'near' : 'lost'
  const exposure = after ? Math.abs(toNumber(after.delta)) * spot : 0
  const equity = after ? toNumber(after.equity) : 0
  const edge = (at: number | undefined) => (covered ? 'never' : hull ? (at === undefined ? 'not within 1.5×' : priceText(at)) : UNKNOWN)
  const rows: [string, React.ReactNode][] = [
    [due !== undefined && due < 0n ? 'you pay' : 'you receive', due === undefined ? UNKNOWN : format(due < 0n ? -due : due, decimals)],
    ['health after', <b key="h" className={tone}>{after ? (covered ? 'fully paid' : healthText(after.health)) : UNKNOWN}</b>],
    ['worst loss', shape ? bound(shape.worst) : UNKNOWN],
    ['IM / MM', after ? `${money(after.initial_margin)} / ${money(after.maintenance_margin)}` : UNKNOWN],
    ['best gain', shape ? bound(shape.best) : UNKNOWN],
    ['liquidated below', edge(hull?.below)],
    ['break-even', shape ? shape.breakevens.map(priceText).join(', ') || 'none' : UNKNOWN],
    ['liquidated above', edge(hull?.above)],
    ['fee, at most', cost ? `${format(cost.fee, decimals)}, ${format(feeCap(cost.fee), decimals)}` : UNKNOWN],
    ['leverage', after && equity > 0 ? `${(exposure / equity).toFixed(1)}×` : UNKNOWN],
    ['losses of the cell', after ? money(after.deficit) : UNKNOWN],
    ['most it can cost', after ? money(after.at_risk) : UNKNOWN],
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
