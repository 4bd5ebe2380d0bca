import { type Position, drawnState, format, toNumber } from '@bulkhead/sdk'
import { Events } from '../parts/events'
import { HullRow } from '../parts/hull-row'
import { Manage } from '../parts/manage'
import { vaultName } from '../parts/naming'
import { Past } from '../parts/past'
import { PayoffChart } from '../parts/payoff-chart'
import { StressGrid } from '../parts/stress-grid'
import { Why } from '../parts/why'
import { UNKNOWN, day, healthText, legName, longOf, money, percent, quantityText, span } from '../parts/words'
import { useHead, useHull, useMarket, usePosition, useThought } from '../state/reads'

const YEAR = 365 * 86_400

function Legs({ position }: { position: Position }) {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Legs">
      <table className="num">
        <thead>
          <tr>{['leg', 'contracts', 'mark', 'IV', 'Δ', 'Γ', 'vega a point', 'theta a day'].map((head, i) => <th key={head} scope="col" className={i ? undefined : 'l'}>{head}</th>)}</tr>
        </thead>
        <tbody>
          {position.legs.map((leg) => (
            <tr key={`${leg.kind}${leg.strike}`}>
              <td className={`l ${leg.kind === 'put' ? 'put' : 'call'}`}>{legName(leg, position.units)}</td>
              <td>{quantityText(longOf(leg, position.units))}</td>
              <td>{money(leg.mark, position.units)}</td>
              <td>{leg.iv ? percent(leg.iv) : '–'}</td>
              <td>{format(leg.delta, 18, 3)}</td>
              <td>{format(leg.gamma, 18, 5)}</td>
              <td>{format(leg.vega / 100n, 18)}</td>
              <td>{format(leg.theta / 365n, 18)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Numbers({ position }: { position: Position }) {
  const known = position.price.spot !== 0n || position.legs.length === 0
  const rows: [string, string][] = [
    ['equity', known ? money(position.equity, position.units) : UNKNOWN],
    ['health', known ? healthText(position.health) : UNKNOWN],
    ['collateral', money(position.collateral, position.units)],
    ['maintenance margin', known ? money(position.maintenance_margin, position.units) : UNKNOWN],
    ['value of its legs', known ? money(position.value, position.units) : UNKNOWN],
    ['initial margin', known ? money(position.initial_margin, position.units) : UNKNOWN],
    ['worst settlement', position.v_min === -(2n ** 255n) ? 'unbounded' : money(position.v_min, position.units)],
    ['model', position.model],
    ['losses of its expiry', money(position.cell.deficit, position.units)],
    ['most they can cost', money(position.cell.at_risk, position.units)],
  ]
  return <dl className="kv num">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
}

export default function VaultScreen({ id }: { id: bigint }) {
  const head = useHead()
  const found = usePosition(id)
  const position = found.data
  if (!position) return <p className="empty">{head.trouble ? 'The vault is unknown while the node does not answer.' : 'Reading the vault…'}</p>
  if (position.custody === '0x0000000000000000000000000000000000000000') return <p className="empty">There is no vault #{String(id)}, or it has been closed.</p>
  return <Vault position={position} />
}

function Vault({ position }: { position: Position }) {
  const market = useMarket(position.market, position.expiry)
  const thought = useThought(position)
  const hull = useHull(position.covered ? undefined : market.data, position.covered ? undefined : thought, position.vault_id)
  const spot = toNumber(position.price.spot)
  const drawn = position.legs.map((leg) => ({ ...drawnState(leg), vol: toNumber(leg.iv) }))
  return (
    <>
      <section aria-labelledby="vault">
        <h1 id="vault">Vault #{String(position.vault_id)}: {vaultName(position)}</h1>
        <p className="lead">
          {position.expiry ? `${day(position.expiry)}, ${span(position.price.seconds)} to go. ` : ''}Its tokens are at <span className="num">{position.custody}</span>, and nowhere else.
        </p>
        <div className="hull num"><HullRow position={position} title={vaultName(position)} /></div>
        <Manage position={position} />
      </section>
      <div className="two">
        <section aria-labelledby="numbers">
          <h2 id="numbers">What it has and needs <span className="soft">[{position.symbol}]</span></h2>
          <Numbers position={position} />
          {position.legs.length > 0 && <Legs position={position} />}
        </section>
        {spot > 0 && position.legs.length > 0 && (
          <section aria-labelledby="payoff">
            <h2 id="payoff">Profit from here</h2>
            <PayoffChart legs={drawn} paid={toNumber(position.value)} spot={spot} years={Number(position.price.seconds) / YEAR} safe={position.covered ? [{ from: 0, to: Number.POSITIVE_INFINITY }] : hull.data?.intervals} units={position.units} symbol={position.symbol} />
          </section>
        )}
      </div>
      {position.legs.length > 0 && <Why position={position} />}
      {position.legs.length > 0 && <StressGrid position={position} />}
      <Past position={position} />
      <Events position={position} />
    </>
  )
}
