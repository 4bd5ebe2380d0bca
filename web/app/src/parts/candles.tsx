// Candles of a market with what was filled in them, where a history service is named.
import { type Candle, type CandleSeries, type MarketEntry } from '@bulkhead/sdk'
import { useState } from 'react'
import { useSetting } from '../state/context'
import { useCandles } from '../state/reads'
import { useWidth } from './use-width'
import { minute, priceText, span } from './words'

const HEIGHT = 170
const VOLUME = 34
const FOOT = 18
const SIDE = 52

const SERIES: Readonly<Record<CandleSeries, string>> = { spot: 'Spot', iv: 'Implied vol', sigma: 'Realised vol' }
const LENGTHS = [300, 3_600, 86_400]

function Drawn({ candles, seconds, name, text }: { candles: readonly Candle[]; seconds: number; name: string; text: (value: number) => string }) {
  const [box, width] = useWidth()
  const [first, last] = [candles[0], candles.at(-1)]
  if (!first || !last) return null
  const [low, high] = [Math.min(...candles.map((one) => one.low)), Math.max(...candles.map((one) => one.high))]
  const room = (high - low) * 0.05 || Math.abs(high) * 0.02 || 1
  const most = Math.max(...candles.map((one) => one.volume))
  const slots = (last.at - first.at) / seconds + 1
  const wide = (width - SIDE) / slots
  const body = Math.min(24, Math.max(1, wide * 0.6))
  const x = (at: number) => SIDE + ((at - first.at) / seconds + 0.5) * wide
  const floor = HEIGHT - FOOT - (most > 0 ? VOLUME : 0)
  const y = (value: number) => ((high + room - value) / (high - low + 2 * room)) * floor
  return (
    <div ref={box}>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-label={`${name} from ${minute(first.at)}: between ${text(low)} and ${text(high)}, last ${text(last.close)}.`}>
        {candles.map((one) => {
          const tone = one.close < one.open ? 'var(--lost)' : 'var(--safe)'
          const top = y(Math.max(one.open, one.close))
          return (
            <g key={one.at}>
              <title>{`${minute(one.at)}: ${[one.open, one.low, one.high, one.close].map(text).join(' ')}${one.volume ? `, ${one.volume} contracts` : ''}`}</title>
              <line x1={x(one.at)} x2={x(one.at)} y1={y(one.high)} y2={y(one.low)} stroke={tone} />
              <rect x={x(one.at) - body / 2} width={body} y={top} height={Math.max(1, y(Math.min(one.open, one.close)) - top)} fill={tone} />
              {one.volume > 0 && <rect x={x(one.at) - body / 2} width={body} y={HEIGHT - FOOT - (one.volume / most) * (VOLUME - 4)} height={(one.volume / most) * (VOLUME - 4)} fill="var(--line)" />}
            </g>
          )
        })}
        <text x={SIDE - 6} y={y(high) + 4} textAnchor="end">{text(high)}</text>
        {high > low && <text x={SIDE - 6} y={y(low) + 4} textAnchor="end">{text(low)}</text>}
        <text x={SIDE} y={HEIGHT - 4}>{minute(first.at)}</text>
        <text x={width} y={HEIGHT - 4} textAnchor="end">{minute(last.at)}</text>
      </svg>
    </div>
  )
}

export function Candles({ entry }: { entry: MarketEntry }) {
  const { history } = useSetting()
  const [of, setOf] = useState<CandleSeries>('spot')
  const [seconds, setSeconds] = useState(3_600)
  const found = useCandles(entry.index, of, seconds)
  if (history === '') return null
  const text = of === 'spot' ? (value: number) => priceText(value) : (value: number) => `${(value * 100).toFixed(1)} %`
  return (
    <section aria-labelledby="candles">
      <h2 id="candles">Candles</h2>
      <div className="row">
        <label>
          Of
          <select value={of} onChange={(event) => setOf(event.target.value as CandleSeries)}>
            {Object.entries(SERIES).map(([key, name]) => <option key={key} value={key}>{name}</option>)}
          </select>
        </label>
        <label>
          Each
          <select value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
            {LENGTHS.map((one) => <option key={one} value={one}>{span(one)}</option>)}
          </select>
        </label>
      </div>
      {found.isError && <p className="soft">The candles are unknown: {(found.error as Error).message}</p>}
      {!found.isError && !found.data && <p className="soft">Reading the history…</p>}
      {found.data && (found.data.length ? <Drawn candles={found.data} seconds={seconds} name={SERIES[of]} text={text} /> : <p className="soft">Nothing was recorded in that time.</p>)}
    </section>
  )
}
