// What a vault was: its entry, its profit and its tokens block by block, where a history service is named.
import { type HistoryLeg, type Position, type Units, type VaultPoint } from '@bulkhead/sdk'
import { useSetting } from '../state/context'
import { useHead, usePast } from '../state/reads'
import { UNKNOWN, digitsOf, legText, minute } from './words'
import { useWidth } from './use-width'

const HEIGHT = 120
const MARGIN = 18
const SHOWN = 12

const text = (value: number, digits: number) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace('-', '−')
const wad = (value: number) => BigInt(Math.round(value * 1e6)) * 10n ** 12n
const told = (units: Units) => (leg: HistoryLeg) => legText({ kind: leg.kind, strike: wad(leg.strike), quantity: wad(leg.quantity) }, units)

/** Tokens of a vault over time: steps, as nothing happens between two blocks. */
function Tokens({ points, now, digits }: { points: readonly VaultPoint[]; now: number; digits: number }) {
  const number = (value: number) => text(value, digits)
  const [box, width] = useWidth()
  const first = points[0]
  if (!first) return null
  const most = Math.max(...points.map((one) => one.balance), 10 ** -digits)
  const end = Math.max(now, first.at + 1)
  const x = (at: number) => ((at - first.at) / (end - first.at)) * width
  const y = (value: number) => HEIGHT - MARGIN - (value / most) * (HEIGHT - 2 * MARGIN)
  const path = points.map((one, i) => `${i ? `H${x(one.at).toFixed(1)}V` : `M0,`}${y(one.balance).toFixed(1)}`).join('') + `H${width}`
  return (
    <div ref={box}>
      <svg width={width} height={HEIGHT} role="img" aria-label={`Tokens from ${number(first.balance)} at ${minute(first.at)} to ${number(points.at(-1)?.balance ?? 0)} now.`}>
        <path d={path} fill="none" stroke="var(--safe)" strokeWidth="2" />
        <text x="0" y="12">{number(most)}</text>
        <text x="0" y={HEIGHT - 3}>{minute(first.at)}</text>
        <text x={width} y={HEIGHT - 3} textAnchor="end">now</text>
      </svg>
    </div>
  )
}

export function Past({ position }: { position: Position }) {
  const { history } = useSetting()
  const head = useHead()
  const past = usePast(position.vault_id)
  if (history === '') return <p className="small soft">Entry, realised profit and older events need a history service; deployment.js names none.</p>
  const found = past.data
  const digits = digitsOf(position.units)
  const number = (value: number) => text(value, digits)
  const rows: [string, string][] = found
    ? [
        ['paid in', number(found.paidIn)],
        ['profit', found.profit === null ? UNKNOWN : number(found.profit)],
        ['taken out', number(found.takenOut)],
        ['of it realised', found.unknown ? UNKNOWN : number(found.realised)],
        ['fees', number(found.fees)],
        ['entry', found.unknown ? UNKNOWN : found.entry.map((one) => `${one.size < 0 ? '−' : ''}${Math.abs(one.size)} × (${one.legs.map(told(position.units)).join(' ')}) at ${number(one.price)}`).join(', ') || 'none'],
      ]
    : []
  return (
    <section aria-labelledby="past">
      <h2 id="past">What it was <span className="soft">[{position.symbol}]</span></h2>
      {!found && <p className="soft">{past.isError ? `The past of this vault is unknown: ${(past.error as Error).message}` : 'Reading its past…'}</p>}
      {found && (
        <>
          {found.unknown && <p className="said">{found.unknown}</p>}
          <dl className="kv num">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
          <Tokens points={found.states} now={head.timestamp ?? 0} digits={digits} />
          <div className="scroll" tabIndex={0} role="region" aria-label="Blocks that changed it">
            <table className="num">
              <thead><tr>{['block', 'when', 'tokens', 'put in less taken out', 'legs'].map((title, i) => <th key={title} scope="col" className={i === 0 || i === 4 ? 'l' : undefined}>{title}</th>)}</tr></thead>
              <tbody>
                {found.states.slice(-SHOWN).reverse().map((one) => (
                  <tr key={one.block}><td className="l">{one.block}</td><td>{minute(one.at)}</td><td>{number(one.balance)}</td><td>{number(one.net)}</td><td className="l">{one.legs.map(told(position.units)).join(' ') || 'none'}</td></tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  )
}
