// Where spot and its realised vol have been, as the feed's rounds and the oracle's records say.
import { type MarketEntry, type SeriesPoint, readRounds, readVols } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { usePlace } from '../state/context'
import { useWidth } from './use-width'
import { priceText, span } from './words'

const HEIGHT = 110
const FOOT = 18
const SIDE = 52
const REFRESH = 15_000

/** A series as steps: a value holds until the next. */
function Steps({ points, now, name, text }: { points: readonly SeriesPoint[]; now: number; name: string; text: (value: number) => string }) {
  const [box, width] = useWidth()
  const first = points[0]
  if (!first) return null
  const values = points.map((one) => one.value)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = (high - low) * 0.1 || Math.abs(high) * 0.02 || 1
  const end = Math.max(now, points.at(-1)?.at ?? 0, first.at + 1)
  const x = (at: number) => SIDE + ((at - first.at) / (end - first.at)) * (width - SIDE)
  const y = (value: number) => ((high + room - value) / (high - low + 2 * room)) * (HEIGHT - FOOT)
  const path = points.map((one, i) => `${i ? `H${x(one.at).toFixed(1)}V` : `M${SIDE},`}${y(one.value).toFixed(1)}`).join('') + `H${width}`
  const last = points.at(-1)?.value ?? 0
  return (
    <div ref={box}>
      <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-label={`${name} over ${span(end - first.at)}: from ${text(low)} to ${text(high)}, now ${text(last)}.`}>
        <line x1={SIDE} x2={width} y1={HEIGHT - FOOT} y2={HEIGHT - FOOT} stroke="var(--line)" />
        <path d={path} fill="none" stroke="var(--safe)" strokeWidth="2" />
        {high > low && <text x={SIDE - 6} y={y(high) + 4} textAnchor="end">{text(high)}</text>}
        <text x={SIDE - 6} y={y(low) + 4} textAnchor="end">{text(low)}</text>
        <text x={SIDE} y={HEIGHT - 4}>{span(end - first.at)} ago</text>
        <text x={width} y={HEIGHT - 4} textAnchor="end">now, {text(last)}</text>
      </svg>
    </div>
  )
}

export function PriceSeries({ entry, now }: { entry: MarketEntry; now: number }) {
  const place = usePlace()
  const options = { refetchInterval: REFRESH, retry: false } as const
  const rounds = useQuery({ ...options, queryKey: ['rounds', entry.symbol], queryFn: () => readRounds(place, entry) })
  const vols = useQuery({ ...options, queryKey: ['vols', entry.symbol], queryFn: () => readVols(place, entry) })
  return (
    <section aria-labelledby="series">
      <h2 id="series">Spot and realised vol</h2>
      {rounds.data?.length ? <Steps points={rounds.data} now={now} name="Spot" text={(value) => priceText(value)} /> : <p className="soft">{rounds.isError ? 'The feed does not tell its past rounds.' : 'Reading the feed…'}</p>}
      {vols.data && vols.data.length > 1 ? <Steps points={vols.data} now={now} name="Realised vol" text={(value) => `${(value * 100).toFixed(0)} %`} /> : <p className="small soft">{vols.isError ? 'The node does not tell the vols that were recorded.' : 'Realised vol has no past here: it is recorded when somebody asks the oracle to, as keepers do.'}</p>}
    </section>
  )
}
