// What happened to a vault, block by block, in words: out of the node's logs.
import { type Position, type VaultEvent, readEvents, unpackLeg } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { usePlace } from '../state/context'
import { amountText, legText, money, percent, shortAddress, minute } from './words'

const SHOWN = 20
const REFRESH = 10_000

/** An event in words; "" for one that says nothing that another does not. */
export function eventText({ name, args }: VaultEvent, position: Pick<Position, 'vault_id' | 'units' | 'symbol' | 'decimals'>): string {
  const { units, symbol, vault_id: id } = position
  const native = (field: string) => `${amountText(BigInt(args[field] as bigint), Number(position.decimals), units)} ${symbol}`
  const wad = (field: string) => `${money(BigInt(args[field] as bigint), units)} ${symbol}`
  const who = (field: string) => shortAddress(String(args[field]))
  const legs = () => (args.legs as bigint[]).map(unpackLeg)
  const said: Readonly<Record<string, () => string>> = {
    VaultOpened: () => `Opened by ${who('owner')}`,
    Deposited: () => `${native('amount')} added by ${who('payer')}`,
    Withdrawn: () => `${native('amount')} taken out to ${who('receiver')}`,
    VaultClosed: () => `Closed, ${native('amount')} taken out`,
    VaultTransferred: () => `Given to ${who('receiver')}`,
    VaultFlagged: () => `Flagged by ${who('flagger')}: equity ${wad('equity')} of MM ${wad('margin')}`,
    FlagEnded: () => 'The flag is ended',
    FlagRestarted: () => 'The auction starts anew',
    VaultTaken: () => (args.vault_id === id ? `${percent(args.fraction as bigint)} taken over by vault #${args.into_id} at a bonus of ${percent(args.bonus_share as bigint)}` : `Took ${percent(args.fraction as bigint)} of vault #${args.vault_id}`),
    Novated: () => {
      const gives = args.from_id === id
      const moved = legs().map((leg) => legText({ kind: leg.kind, strike: leg.strike * 10n ** 10n, quantity: (gives ? -leg.quantity : leg.quantity) * 10n ** 12n }, units))
      const cash = BigInt(args.cash as bigint)
      const paid = gives === cash > 0n ? 'paid' : 'received'
      const tokens = cash === 0n ? '' : `, ${amountText(cash < 0n ? -cash : cash, Number(position.decimals), units)} ${symbol} ${paid}`
      return `${moved.join(' · ') || 'Tokens only'}${tokens}, with vault #${gives ? args.to_id : args.from_id}`
    },
    VaultSettled: () => `Settled: ${native('net')}`,
    ClaimPaid: () => `Claim paid: ${native('amount')}`,
    DebtRepaid: () => `Debt repaid: ${native('amount')}`,
    TipPaid: () => `Tip of ${native('amount')} to ${who('receiver')}`,
    DeficitRecorded: () => `A deficit was recorded: ${wad('deficit')}`,
    MandateSet: () => 'A mandate for top-ups is given',
    MandateEnded: () => 'The mandate is ended',
    ToppedUp: () => `Topped up with ${native('amount')} by ${who('caller')}`,
    EpochBumped: () => 'Its orders are cancelled',
    SeriesCancelled: () => 'Its orders of a series are cancelled',
  }
  return said[name]?.() ?? ''
}

export function Events({ position }: { position: Position }) {
  const place = usePlace()
  const events = useQuery({ queryKey: ['events', String(position.vault_id)], queryFn: () => readEvents(place, position.vault_id), refetchInterval: REFRESH, retry: false })
  const rows = (events.data ?? []).flatMap((event) => {
    const text = eventText(event, position)
    return text ? [{ event, text }] : []
  })
  return (
    <section aria-labelledby="events">
      <h2 id="events">What happened to it <span className="soft">[last day]</span></h2>
      {rows.length === 0 ? <p className="soft">{events.isError ? 'The node does not tell its logs.' : events.data ? 'Nothing in the last day of blocks.' : 'Reading…'}</p> : (
        <div className="scroll" tabIndex={0} role="region" aria-label="Events">
          <table className="num">
            <thead><tr>{['block', 'when', 'what'].map((title) => <th key={title} scope="col" className="l">{title}</th>)}</tr></thead>
            <tbody>
              {rows.slice(0, SHOWN).map(({ event, text }) => (
                <tr key={`${event.block}:${event.index}`}><td className="l">{String(event.block)}</td><td className="l">{event.at === undefined ? '–' : minute(event.at)}</td><td className="l free" title={event.hash}>{text}</td></tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
