// One row of the hull: where the price can go before this vault, and no other, is liquidated.
import { type Position, format, toNumber } from '@bulkhead/sdk'
import { useSetting } from '../state/context'
import { useHull, useMarket, usePast, useThought } from '../state/reads'
import { amountText, digitsOf, legText, money, priceText, span, vaultState, healthText } from './words'

const WIDTH = 1000
const HEIGHT = 46
const TOP = 8
const BAND = 30
/** The axis reaches from spot over this to spot times this. */
export const REACH = 1.5

/** Where a price lies on the axis, as a share of its length. */
export function place(price: number, spot: number): number {
  if (price <= 0) return 0
  return Math.min(1, Math.max(0, 0.5 + Math.log(price / spot) / Math.log(REACH) / 2))
}

/** Prices for ticks of the axis: round, about five. */
export function ticks(spot: number): number[] {
  const rough = (spot * (REACH - 1 / REACH)) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((one) => one >= rough) ?? rough
  const found: number[] = []
  for (let at = Math.ceil(spot / REACH / step) * step; at <= spot * REACH; at += step) found.push(at)
  return found
}

function Edge({ at, spot, side }: { at: number; spot: number; side: 'below' | 'above' }) {
  const share = place(at, spot)
  if (share <= 0 || share >= 1) return null
  // a label sits inside its band, but outside where the band is too narrow for two
  const inside = Math.abs(share - 0.5) > 0.16
  const left = side === 'below' ? inside : !inside
  return (
    <span className="edge num" style={left ? { left: `calc(${share * 100}% + 4px)` } : { right: `calc(${(1 - share) * 100}% + 4px)` }}>
      {priceText(at)}
    </span>
  )
}

export function Band({ position }: { position: Position }) {
  const market = useMarket(position.market, position.expiry)
  const thought = useThought(position)
  const safe = position.covered
  const hull = useHull(safe ? undefined : market.data, safe ? undefined : thought, position.vault_id)
  const spot = toNumber(position.price.spot)
  const { tone } = vaultState(position.state)
  if (position.price.spot === 0n || spot === 0) return <div className="track unknown">price unknown</div>
  const intervals = safe ? [{ from: 0, to: Number.POSITIVE_INFINITY }] : (hull.data?.intervals ?? null)
  if (!intervals) return <div className="track unknown">{hull.isError ? 'band unknown: the node does not tell it' : 'measuring…'}</div>
  const { below, above } = safe ? {} : (hull.data ?? {})
  const said = safe
    ? 'Fully collateralised: cannot be liquidated at any price.'
    : intervals.length === 0
      ? 'Liquidatable at every price looked at.'
      : `Liquidated ${[below && `below ${priceText(below)}`, above && `above ${priceText(above)}`].filter(Boolean).join(' and ') || 'nowhere within half to double of spot'}.`
  return (
    <div className="track">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={said}>
        <rect x="0" y={TOP} width={WIDTH} height={BAND} className="fill-lost" />
        {intervals.map(({ from, to }) => {
          const left = place(from, spot) * WIDTH
          return <rect key={from} x={left} y={TOP} width={(to === Number.POSITIVE_INFINITY ? WIDTH : place(to, spot) * WIDTH) - left} height={BAND} className={`band fill-${tone === 'soft' ? 'safe' : tone}`} />
        })}
        {intervals.flatMap(({ from, to }) => [from, to]).map((at) => {
          const share = place(at, spot)
          return share > 0 && share < 1 ? <line key={at} x1={share * WIDTH} x2={share * WIDTH} y1={TOP - 4} y2={TOP + BAND + 4} className="stroke-lost" /> : null
        })}
        <line x1={WIDTH / 2} x2={WIDTH / 2} y1="0" y2={HEIGHT} className="stroke-spot" />
      </svg>
      {safe ? <span className="edge safe covered">cannot be liquidated</span> : <>{below !== undefined && <Edge at={below} spot={spot} side="below" />}{above !== undefined && <Edge at={above} spot={spot} side="above" />}</>}
    </div>
  )
}

/** What a vault has, needs and lacks. */
function Standing({ position, symbol }: { position: Position; symbol: string }) {
  const { history } = useSetting()
  const { word, tone } = vaultState(position.state)
  const known = position.price.spot !== 0n || position.legs.length === 0
  const health = toNumber(position.health > 10n ** 20n ? 10n ** 20n : position.health)
  const full = position.covered ? 100 : Math.max(0, Math.min(100, ((health - 1) / 1.5) * 100))
  const flagged = position.auction.flagged_at !== 0n
  return (
    <div className="standing num">
      <span>
        equity {known ? money(position.equity, position.units) : 'unknown'}
        {known && position.maintenance_margin !== 0n && <span className="soft"> of MM {money(position.maintenance_margin, position.units)}</span>}
      </span>
      <span className="bar"><i className={`fill-strong-${tone}`} style={{ width: `${full}%` }} /></span>
      <span className="small">
        <b className={tone}>{word}</b>
        {known && !position.covered && <> {healthText(position.health)}</>}
        {position.legs.length > 0 && position.price.seconds !== 0n && <> · {span(position.price.seconds)}</>}
        {history !== '' && <Profit position={position} />}
        {flagged && <> · bonus {toNumber(position.auction.bonus_share * 100n).toFixed(1)} %, next {toNumber(position.auction.bonus_next * 100n).toFixed(1)} % · deposit {amountText(position.missing.to_end_flag, Number(position.decimals), position.units)} {symbol} ends it</>}
      </span>
    </div>
  )
}

/** Of the whole vault, in quote in both kinds of market. */
function Greeks({ position: { legs } }: { position: Position }) {
  const sum = (of: 'delta' | 'vega' | 'theta') => legs.reduce((total, leg) => total + leg[of], 0n)
  return <span className="legs" title="delta in contracts, vega of one point, theta of one day">Δ {format(sum('delta'), 18, 3)} · vega {format(sum('vega') / 100n, 18)} · theta {format(sum('theta') / 365n, 18)}</span>
}

/** Profit since it was opened, where a history service tells it. */
function Profit({ position }: { position: Position }) {
  const past = usePast(position.vault_id)
  if (past.data === undefined || past.data.profit === null) return null
  const [entry] = past.data.entry
  return <> · profit {priceText(past.data.profit, digitsOf(position.units))}{past.data.entry.length === 1 && entry && `, entry ${priceText(entry.price, digitsOf(position.units))}`}</>
}

export function HullRow({ position, title }: { position: Position; title: string }) {
  return (
    <>
      <div className="who">
        <a className="name" href={`#/vault/${position.vault_id}`}>#{String(position.vault_id)} {title}</a>
        <span className="legs">{position.legs.length ? position.legs.map((leg) => legText(leg, position.units)).join(' · ') : 'no legs'}</span>
        {position.legs.length > 0 && position.price.spot !== 0n && <Greeks position={position} />}
      </div>
      {position.legs.length ? <Band position={position} /> : <div className="track nothing soft">holds collateral only</div>}
      <Standing position={position} symbol={position.symbol} />
    </>
  )
}
