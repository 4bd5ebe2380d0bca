import { type Level, type Point, type Position, readProfile } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { usePlace } from '../state/context'
import { lastOfSame } from '../state/same'
import { UNKNOWN, money } from './words'

/** Moves of spot and of every vol [percent]: 32 points, as many as one call takes. */
const MOVES = [-30, -20, -10, -5, 5, 10, 20, 30]
const VOLS = [40, 20, 0, -15]

function pointsAt(spot: bigint): Point[] {
  return VOLS.flatMap((vol) => MOVES.map((move) => ({ spot: (spot * BigInt(100 + move)) / 100n, volShift: BigInt(vol * 100) })))
}

function toneOf(level: Level, covered: boolean): string {
  if (covered || level.equity * 2n >= level.maintenance_margin * 3n) return 'cell-safe'
  return level.equity >= level.maintenance_margin ? 'cell-near' : 'cell-lost'
}

const signed = (percent: number) => `${percent > 0 ? '+' : percent < 0 ? '−' : ''}${Math.abs(percent)} %`

/** Equity after a move of price and vol; what would be liquidated there is marked. */
export function StressGrid({ position }: { position: Position }) {
  const place = usePlace()
  const { spot } = position.price
  const queryKey = ['stress', String(position.vault_id), String(position.collateral), String(position.value), String(spot)]
  const grid = useQuery({
    queryKey,
    enabled: spot !== 0n,
    placeholderData: lastOfSame(queryKey, 3),
    retry: false,
    queryFn: () => readProfile(place, position.vault_id, pointsAt(spot)),
  })
  const level = (row: number, column: number) => grid.data?.[row * MOVES.length + column]
  return (
    <section aria-labelledby="stress">
      <h2 id="stress">If price and vol move</h2>
      <p className="lead">Equity after the move, in {position.symbol}. A cross marks where this compartment would be liquidated, a tilde where it would be in a margin call.</p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Stress grid">
        <table className="num">
          <thead>
            <tr><th scope="col">vol \ price</th>{MOVES.map((move) => <th key={move} scope="col">{signed(move)}</th>)}</tr>
          </thead>
          <tbody>
            {VOLS.map((vol, row) => (
              <tr key={vol}>
                <th scope="row">{signed(vol)}</th>
                {MOVES.map((move, column) => {
                  const found = level(row, column)
                  const tone = found ? toneOf(found, position.covered) : undefined
                  return <td key={move} className={tone}>{found ? money(found.equity, position.units) : UNKNOWN}{tone === 'cell-lost' ? ' ×' : tone === 'cell-near' ? ' ~' : ''}</td>
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
