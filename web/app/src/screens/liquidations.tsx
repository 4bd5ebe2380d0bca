import { type Position, WAD, callsOf, toNumber } from '@bulkhead/sdk'
import { useMemo, useState } from 'react'
import type { Address } from 'viem'
import { useConnection } from 'wagmi'
import { vaultName } from '../parts/naming'
import { SendLine } from '../parts/send-line'
import { amountText, healthText, legText, money, percent, span, vaultState } from '../parts/words'
import { usePlace } from '../state/context'
import { useAllPositions, useHead, usePositions } from '../state/reads'
import { useSend } from '../state/send'

/** A vault is near below this health. */
const NEAR = (15n * WAD) / 10n
/** Least bonus that a take by hand accepts: four fifths of what is shown [share]. */
const KEEP = 4n
const OF = 5n
const DEADLINE = 300n

/** Vaults in trouble, the deepest first: flagged, liquidatable, then by health. */
export function inTrouble(positions: readonly Position[]): Position[] {
  const rank = (one: Position) => (one.state === 'flagged' ? 0 : one.state === 'liquidatable' ? 1 : 2)
  return positions
    .filter((one) => one.state === 'flagged' || one.state === 'liquidatable' || (!one.covered && one.legs.length > 0 && one.price.spot > 0n && one.health < NEAR))
    .sort((a, b) => rank(a) - rank(b) || (a.health < b.health ? -1 : 1))
}

/** Tokens that a take must bring at least: what is shown, less a fiftieth of it. */
function leastReceived({ auction }: Position): bigint {
  const shown = (auction.price * auction.fraction) / WAD
  return shown - (shown < 0n ? -shown : shown) / 50n - 1n
}

function Actions({ position, mine }: { position: Position; mine: readonly Position[] }) {
  const { deployment } = usePlace()
  const head = useHead()
  const { address } = useConnection()
  const { progress, send } = useSend()
  const [into, setInto] = useState('')
  const calls = callsOf(deployment)
  const entry = deployment.markets.find((one) => one.index === position.market)
  const ready = mine.filter((one) => one.market === position.market && one.vault_id !== position.vault_id && one.state !== 'flagged' && (one.legs.length === 0 || one.expiry === position.expiry))
  const chosen = ready.find((one) => String(one.vault_id) === into) ?? ready[0]
  const busy = progress.status === 'working' || !address
  const { spot } = position.price
  const take = () =>
    chosen &&
    send(
      [
        {
          label: 'Take',
          call: () =>
            calls.take(position.vault_id, WAD, chosen.vault_id, {
              min_received: leastReceived(position),
              min_bonus: (position.auction.bonus_share * KEEP) / OF,
              max_fraction: WAD,
              min_spot: (spot * 99n) / 100n,
              max_spot: (spot * 101n) / 100n,
            }, BigInt(head.timestamp ?? 0) + DEADLINE),
        },
      ],
      `Took a share of vault #${position.vault_id} into #${chosen.vault_id}.`,
    )
  return (
    <div className="actions">
      {position.state === 'liquidatable' && (
        <button type="button" disabled={busy} onClick={() => void send([{ label: 'Flag', call: () => calls.flag(position.vault_id) }], `Vault #${position.vault_id} is flagged: its auction runs.`)}>
          Flag
        </button>
      )}
      {position.state === 'flagged' && (
        <>
          <label>
            <span className="soft small">take into </span>
            <select value={chosen ? String(chosen.vault_id) : ''} onChange={(event) => setInto(event.target.value)}>
              {ready.length === 0 && <option value="">no vault of yours fits</option>}
              {ready.map((one) => <option key={String(one.vault_id)} value={String(one.vault_id)}>#{String(one.vault_id)}</option>)}
            </select>
          </label>
          <button type="button" disabled={busy || !chosen} onClick={() => void take()}>Take {percent(position.auction.fraction, 0)}</button>
        </>
      )}
      {entry?.backstop && (position.state === 'flagged' || position.state === 'liquidatable') && (
        <button type="button" disabled={busy} onClick={() => void send([{ label: 'Absorb', call: () => calls.pool(entry.backstop as Address, 'absorb', position.vault_id) }], 'The backstop pool took its share.')}>
          Let the backstop absorb
        </button>
      )}
      {progress.message && <SendLine progress={progress} />}
    </div>
  )
}

export default function LiquidationsScreen() {
  const { address } = useConnection()
  const all = useAllPositions()
  const mine = usePositions(address)
  const head = useHead()
  const found = useMemo(() => inTrouble(all.data ?? []), [all.data])
  return (
    <section aria-labelledby="liquidations">
      <h1 id="liquidations">Liquidations</h1>
      <p className="lead">
        Vaults below their maintenance margin can be flagged by anyone. A flag starts an auction: the bonus for taking over grows with time, and only as much is
        taken as brings the vault back. A deposit ends it.
      </p>
      {!all.data && <p className="empty">{head.trouble ? 'Unknown while the node does not answer.' : 'Reading all vaults…'}</p>}
      {all.data && found.length === 0 && <p className="empty">No vault is flagged or near its margin. {all.data.length} vaults looked at.</p>}
      {found.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Vaults in trouble">
          <table className="num trouble">
            <thead>
              <tr>{['vault', 'state', 'health', 'equity', 'MM', 'bonus now, next', 'elapsed', 'moves', 'do'].map((name, i) => <th key={name} scope="col" className={i < 2 ? 'l' : undefined}>{name}</th>)}</tr>
            </thead>
            <tbody>
              {found.map((one) => {
                const { word, tone } = vaultState(one.state)
                const flagged = one.state === 'flagged'
                return (
                  <tr key={String(one.vault_id)}>
                    <td className="l"><a href={`#/vault/${one.vault_id}`}>#{String(one.vault_id)} {vaultName(one)}</a><br /><span className="small soft">{one.legs.map((leg) => legText(leg, one.units)).join(' · ')}</span></td>
                    <td className={`l ${tone}`}>{word}</td>
                    <td>{healthText(one.health)}</td>
                    <td>{money(one.equity, one.units)} <span className="soft">{one.symbol}</span></td>
                    <td>{money(one.maintenance_margin, one.units)}</td>
                    <td>{flagged ? `${percent(one.auction.bonus_share)}, ${percent(one.auction.bonus_next)}` : '–'}</td>
                    <td>{flagged ? span(one.auction.elapsed) : '–'}</td>
                    <td>{flagged ? `${percent(one.auction.fraction, 0)} for ${amountText(one.auction.price, Number(one.decimals), one.units)}` : '–'}</td>
                    <td><Actions position={one} mine={mine.data ?? []} /></td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
      {found.some((one) => one.state === 'flagged') && <Auctions positions={found.filter((one) => one.state === 'flagged')} />}
    </section>
  )
}

/** Bonus of each auction as a bar: how far it has come to the whole margin. */
function Auctions({ positions }: { positions: readonly Position[] }) {
  return (
    <dl className="why num">
      {positions.map((one) => (
        <div key={String(one.vault_id)} className="contents">
          <dt>bonus of #{String(one.vault_id)}</dt>
          <dd><i className="fill-strong-near" style={{ width: `${Math.min(100, toNumber(one.auction.bonus_share) * 100)}%` }} /></dd>
          <dd className="r">{percent(one.auction.bonus_share)}</dd>
        </div>
      ))}
    </dl>
  )
}
