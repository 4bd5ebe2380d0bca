import { type LegState, toNumber } from '@bulkhead/sdk'
import { legKey } from '../state/ticket'
import { useWidth } from './use-width'
import { strikeText } from './words'

const HEIGHT = 130
const FOOT = 20
const SIDE = 36

/** Implied vol over the strikes of the chain. */
export function Smile({ strikes, marks, spot }: { strikes: readonly bigint[]; marks: ReadonlyMap<string, LegState>; spot: number }) {
  const [box, width] = useWidth()
  const points = strikes.flatMap((strike) => {
    const mark = marks.get(legKey({ kind: 'call', strike }))
    return mark ? [{ strike: toNumber(strike, 8), label: strikeText(strike), vol: toNumber(mark.iv) * 100 }] : []
  })
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last || first === last) return null
  const vols = points.map((point) => point.vol)
  const middle = (Math.min(...vols) + Math.max(...vols)) / 2
  const reach = Math.max((Math.max(...vols) - Math.min(...vols)) / 2, 2) * 1.25
  const x = (strike: number) => SIDE + ((strike - first.strike) / (last.strike - first.strike)) * (width - SIDE * 1.5)
  const y = (vol: number) => ((middle + reach - vol) / (2 * reach)) * (HEIGHT - FOOT)
  const every = Math.ceil(points.length / Math.max(2, Math.floor(width / 70)))
  return (
    <section aria-labelledby="smile">
      <h2 id="smile">Implied vol by strike</h2>
      <div ref={box}>
        <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-label={`Implied vol from ${Math.min(...vols).toFixed(1)} to ${Math.max(...vols).toFixed(1)} percent.`}>
          {spot >= first.strike && spot <= last.strike && <line x1={x(spot)} x2={x(spot)} y1="0" y2={HEIGHT - FOOT} className="stroke-spot" />}
          <polyline fill="none" stroke="var(--safe)" strokeWidth="2" points={points.map(({ strike, vol }) => `${x(strike).toFixed(1)},${y(vol).toFixed(1)}`).join(' ')} />
          {points.map(({ strike, vol, label }, i) => (
            <g key={label}>
              <circle cx={x(strike)} cy={y(vol)} r="2.5" fill="var(--safe)" />
              {i % every === 0 && <text x={x(strike)} y={HEIGHT - 5} textAnchor="middle">{label}</text>}
            </g>
          ))}
          {[middle + reach * 0.8, middle, middle - reach * 0.8].map((vol) => <text key={vol} x="0" y={y(vol) + 4}>{vol.toFixed(0)} %</text>)}
        </svg>
      </div>
    </section>
  )
}
