// Profit at expiry and today over the price, with the zones in which the vault would be liquidated.
import { type DrawnLeg, type Units, legValue, payoff } from '@bulkhead/sdk'
import { place, ticks } from './hull-row'
import { useWidth } from './use-width'
import { priceText } from './words'

const HEIGHT = 170
const FOOT = 20
const POINTS = 121
const REACH = 1.5

export interface DrawnVol extends DrawnLeg {
  /** its implied vol, 0 where none enters */
  vol: number
}

export function PayoffChart(props: { legs: readonly DrawnVol[]; paid: number; spot: number; years: number; safe: readonly { from: number; to: number }[] | undefined; units: Units; symbol: string }) {
  const [box, width] = useWidth()
  const { legs, paid, spot, years, safe, units, symbol } = props
  const prices = Array.from({ length: POINTS }, (_, i) => (spot / REACH) * REACH ** ((2 * i) / (POINTS - 1)))
  const expiry = prices.map((price) => payoff(legs, price, units) - paid)
  const now = prices.map((price) => legs.reduce((sum, leg) => sum + legValue(leg, price, years, leg.vol, units), -paid))
  const all = [...expiry, ...now, 0]
  const room = (Math.max(...all) - Math.min(...all)) * 0.08 || (units.inverse ? 0.01 : 1)
  const [low, high] = [Math.min(...all) - room, Math.max(...all) + room]
  const floor = HEIGHT - FOOT
  const x = (price: number) => place(price, spot) * width
  const y = (profit: number) => floor - ((profit - low) / (high - low)) * floor
  const line = (values: readonly number[]) => values.map((value, i) => `${x(prices[i] ?? spot).toFixed(1)},${y(value).toFixed(1)}`).join(' ')
  const lost = safe && gaps(safe)
  const marks = ticks(spot).filter((at) => Math.abs(x(at) - width / 2) > 40 && x(at) > 20 && x(at) < width - 20)
  return (
    <div ref={box} className="payoff">
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-label={`Profit over the price: from ${priceText(Math.min(...expiry))} to ${priceText(Math.max(...expiry))} at expiry in the range shown.`}>
        {lost?.map(({ from, to }) => (
          <rect key={from} x={x(from)} width={Math.max(0, (to === Number.POSITIVE_INFINITY ? width : x(to)) - x(from))} y="0" height={floor} className="fill-lost" />
        ))}
        <line x1="0" x2={width} y1={y(0)} y2={y(0)} stroke="var(--soft)" strokeWidth="1" />
        <line x1={width / 2} x2={width / 2} y1="0" y2={floor} className="stroke-spot" />
        <polyline fill="none" stroke="var(--soft)" strokeWidth="1.5" strokeDasharray="4 3" points={line(now)} />
        <polyline fill="none" stroke="var(--safe)" strokeWidth="2.5" points={line(expiry)} />
        {marks.map((at) => (
          <text key={at} x={x(at)} y={HEIGHT - 5} textAnchor="middle">{priceText(at).replace(/\.0+$/, '')}</text>
        ))}
        <text x={width / 2} y={HEIGHT - 5} textAnchor="middle" className="ink">{priceText(spot)}</text>
        <text x="4" y="12">{priceText(high - room)}</text>
        <text x="4" y={floor - 4}>{priceText(low + room)}</text>
      </svg>
      <p className="small soft">Profit in {symbol} at expiry (line) and today (dashes){lost?.length ? '; red: liquidated there' : ''}.</p>
    </div>
  )
}

/** What lies between safe intervals. */
function gaps(safe: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = []
  let end = 0
  for (const { from, to } of safe) {
    if (from > end) found.push({ from: end, to: from })
    end = to
  }
  if (end < Number.POSITIVE_INFINITY) found.push({ from: end, to: Number.POSITIVE_INFINITY })
  return found
}
