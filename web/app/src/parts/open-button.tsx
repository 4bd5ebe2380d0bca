// Approve, open, fill: what the ticket sends, with quotes looked at anew just before.
import { type Call, type LegState, type MarketEntry, type MarketState, type Model, type Permit, type Position, type VaultState, abis, addressOf, callsOf } from '@bulkhead/sdk'
import { type TransactionReceipt, parseEventLogs } from 'viem'
import { useRef } from 'react'
import { useConnection } from 'wagmi'
import type { After } from '../state/after'
import { usePlace } from '../state/context'
import { type Quotes, bestQuote } from '../state/quotes'
import { type Exits, anyExit, useExits } from '../state/exits'
import { usePermit } from '../state/permit'
import { go } from '../state/route'
import { type Step, useSend } from '../state/send'
import { type PricedLeg, costOf, fillOf, inOrder, toleratedDeficit } from '../state/ticket'
import type { Amount } from './amount-field'
import { approval } from './manage'
import { SendLine } from './send-line'
import { amountText, digitsOf, legName, priceState, shownPrice, snapshotState } from './words'

/** One of several vaults that a ticket opens. */
export interface Part extends After {
  leg: PricedLeg
  /** [native] */
  deposit: bigint
}

/** What both buttons of a ticket know: the market, the vault as it is and as it would be, and what was typed. */
export interface TicketState {
  entry: MarketEntry
  expiry: bigint
  market: MarketState | undefined
  model: Model
  vault: Position | undefined
  size: bigint | undefined
  deposit: Amount
  after: VaultState | undefined
  covered: boolean
  token: { symbol: string; decimals: number } | undefined
  account: { balance: bigint; allowance: bigint } | undefined
}

interface Props extends TicketState {
  legs: readonly PricedLeg[]
  quotes: Quotes
  marks: ReadonlyMap<string, LegState>
  exits: Exits
  /** a vault for each leg, undefined: one for all */
  parts: readonly Part[] | undefined
  onOpened: () => void
}

/** A price may move so far between the look and the signature [1e-3]. */
const DRIFT = 10n

/** The vault that a receipt says was opened. */
export function openedIn(receipts: readonly TransactionReceipt[]): bigint {
  const logs = receipts.flatMap((receipt) => parseEventLogs({ abi: abis.clearinghouseAbi, eventName: 'VaultOpened', logs: receipt.logs }))
  const id = logs.at(-1)?.args.vault_id
  if (id === undefined) throw new Error('The receipt names no new vault.')
  return id
}

/** What a ticket is refused by, whether it takes quotes or waits for somebody. */
type Sendable = Pick<Props, 'market' | 'size' | 'deposit' | 'after' | 'covered' | 'token' | 'account'> & { parts?: Props['parts'] }

/**
 * Why the ticket cannot be sent, "" when it can.
 * @param unpriced what its price lacks, "" when it has one
 */
export function refusalOf(props: Sendable, connected: boolean, unpriced: string): string {
  const { market, size, deposit, after, covered, token, account } = props
  if (!connected) return 'Connect a wallet'
  if (!market || !token) return 'The market is unknown'
  const state = snapshotState(market.snapshot)
  if (state !== 'active') return `Opening waits: ${priceState(state)}`
  if (size === undefined || size === 0n) return 'Type a size'
  if (unpriced) return unpriced
  if (deposit.error) return deposit.error
  if (!account) return 'Your wallet’s balance is unknown'
  if (deposit.value !== undefined && deposit.value > account.balance) return `Your wallet holds ${amountText(account.balance, token.decimals, market.units)} ${token.symbol}`
  const vaults = props.parts ?? [{ state: after, covered }]
  let lacks = 0n
  for (const one of vaults) {
    if (!one.state) return 'Looking at what it would be…'
    const short = one.covered ? 0n : one.state.initial_margin - one.state.equity
    // halves are alike: what the needier lacks is put in for each
    if (short * BigInt(vaults.length) > lacks) lacks = short * BigInt(vaults.length)
  }
  if (lacks > 0n) return `Needs ${amountText(lacks + 10n ** BigInt(18 - digitsOf(market.units)), 18, market.units)} ${token.symbol} more`
  return ''
}

export function OpenButton(props: Props) {
  const { entry, expiry, market, model, vault, legs, size, deposit, quotes, marks, token, account, exits, parts, onOpened } = props
  const { deployment } = usePlace()
  const { address } = useConnection()
  const { progress, send } = useSend()
  const waiting = useExits()
  const signPermit = usePermit()
  const latest = useRef(quotes)
  latest.current = quotes
  const refusal = refusalOf(props, address !== undefined, legs.some((leg) => !leg.quote) ? 'A leg has no quote of that size' : '')
  const calls = callsOf(deployment)
  const amount = deposit.value ?? 0n

  /** The fills at quotes of this moment, refused when they have become worse than what was looked at. */
  const fills = (vaultId: bigint, of = legs) => {
    if (!market || !token || !size) throw new Error('The market is unknown.')
    return inOrder(of).map((leg) => {
      const packages = size * BigInt(leg.ratio)
      const quote = bestQuote(latest.current, { market: entry.index, expiry, ...leg }, packages)
      const seen = leg.quote?.price ?? 0n
      if (!quote) throw new Error(`The quote of the ${leg.kind} is gone; wait for the next.`)
      const worse = leg.buy ? quote.price - seen : seen - quote.price
      if (worse * 1000n > seen * DRIFT) throw new Error(`The ${legName({ ...leg, strike: leg.strike * 10n ** 10n }, market.units)} moved from ${shownPrice(seen, leg, market.units)} to ${shownPrice(quote.price, leg, market.units)}: look again.`)
      const cost = costOf([{ ...leg, ratio: 1, quote }], packages, { market, decimals: token.decimals, marks })
      return fillOf(quote, packages, { vaultId, fee: cost?.fee ?? 0n, maxDeficit: toleratedDeficit(market, cost?.legs ?? []) })
    })
  }
  const fillAll = (vaultId: bigint): Call => {
    const several = fills(vaultId)
    const [only] = several
    return several.length === 1 && only ? calls.fill(only) : calls.fillMany(several, model, 0n, 0n)
  }

  const steps = (permit: Permit | undefined): Step[] => {
    const approved = approval(calls, { token: entry.token, spender: addressOf(deployment, 'Clearinghouse'), allowance: account?.allowance ?? 0n, amount, symbol: token?.symbol ?? '' })
    if (vault) {
      const adding: Step[] = amount ? [...approved, { label: 'Add collateral', call: () => calls.deposit(vault.vault_id, vault.owner, amount) }] : []
      return [...adding, { label: 'Trade', call: () => fillAll(vault.vault_id) }]
    }
    if (parts) {
      const openOne = (part: Part) => { const [only] = fills(0n, [part.leg]); if (!only) throw new Error('No leg.'); return calls.openAndFill(only, model, part.deposit) }
      return [...approved, ...parts.map((part, i) => ({ label: `Open vault ${i + 1} of ${parts.length}`, call: () => openOne(part) }))]
    }
    if (legs.length === 1) {
      const openWith = (permit?: Permit) => { const [only] = fills(0n); if (!only) throw new Error('No leg.'); return calls.openAndFill(only, model, amount, permit) }
      return permit ? [{ label: 'Open and trade', call: () => openWith(permit) }] : [...approved, { label: 'Open and trade', call: () => openWith() }]
    }
    return [
      ...approved,
      { label: 'Open the vault', call: () => calls.open(entry.index, model, address ?? '0x', amount) },
      { label: 'Trade all legs', call: (receipts) => fillAll(openedIn(receipts)) },
    ]
  }

  const open = async () => {
    const signs = !vault && legs.length === 1 && account !== undefined && amount > account.allowance && address !== undefined
    let permit: Permit | undefined
    // who declines to sign an approval may send one instead
    if (signs) permit = await signPermit({ token: entry.token, owner: address, spender: addressOf(deployment, 'Clearinghouse'), amount }).catch(() => undefined)
    const receipts = await send(steps(permit), vault ? `Traded in vault #${vault.vault_id}.` : parts ? 'Opened, each in a vault of its own.' : 'Opened.')
    if (!receipts) return
    if (parts) {
      onOpened()
      go('positions')
      return
    }
    const id = vault ? vault.vault_id : openedIn(receipts)
    // what is not signed now waits in the vault's own panel: the position stands
    if (anyExit(exits)) await waiting.sign(id, exits)
    onOpened()
    go('vault', id)
  }

  return (
    <>
      <button type="button" className="go" disabled={refusal !== '' || progress.status === 'working' || waiting.progress.status === 'working'} onClick={() => void open()}>
        {refusal || (vault ? `Trade in vault #${vault.vault_id}` : parts ? `Open ${parts.length} vaults` : account && amount > account.allowance ? 'Approve and open' : 'Open')}
      </button>
      <SendLine progress={progress} />
      {waiting.progress.status !== 'idle' && <SendLine progress={waiting.progress} />}
    </>
  )
}
