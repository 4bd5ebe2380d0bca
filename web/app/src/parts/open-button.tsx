// Approve, open, fill: what the ticket sends, with quotes looked at anew just before.
import { type Call, type LegState, type MarketEntry, type MarketState, type Model, type Position, type VaultState, abis, addressOf, callsOf, format, unpackTrading } from '@bulkhead/sdk'
import { type TransactionReceipt, parseEventLogs } from 'viem'
import { useRef } from 'react'
import { useConnection } from 'wagmi'
import { usePlace } from '../state/context'
import { type Quotes, bestQuote } from '../state/quotes'
import { go } from '../state/route'
import { type Step, useSend } from '../state/send'
import { type PricedLeg, costOf, fillOf, inOrder, toleratedDeficit } from '../state/ticket'
import type { Amount } from './amount-field'
import { approval } from './manage'
import { SendLine } from './send-line'
import { snapshotState, priceState } from './words'

interface Props {
  entry: MarketEntry
  expiry: bigint
  market: MarketState | undefined
  model: Model
  vault: Position | undefined
  legs: readonly PricedLeg[]
  size: bigint | undefined
  deposit: Amount
  after: VaultState | undefined
  covered: boolean
  quotes: Quotes
  marks: ReadonlyMap<string, LegState>
  token: { symbol: string; decimals: number } | undefined
  account: { balance: bigint; allowance: bigint } | undefined
  onOpened: () => void
}

/** A price may move so far between the look and the signature [1e-3]. */
const DRIFT = 10n

/** The vault that a receipt says was opened. */
function openedIn(receipts: readonly TransactionReceipt[]): bigint {
  const logs = receipts.flatMap((receipt) => parseEventLogs({ abi: abis.clearinghouseAbi, eventName: 'VaultOpened', logs: receipt.logs }))
  const id = logs.at(-1)?.args.vault_id
  if (id === undefined) throw new Error('The receipt names no new vault.')
  return id
}

/** Why the ticket cannot be sent, "" when it can. */
function refusalOf(props: Props, connected: boolean): string {
  const { market, legs, size, deposit, after, covered, token, account } = props
  if (!connected) return 'Connect a wallet'
  if (!market || !token) return 'The market is unknown'
  const state = snapshotState(market.snapshot)
  if (state !== 'active') return `Opening waits: ${priceState(state)}`
  if (size === undefined || size === 0n) return 'Type a size'
  if (legs.some((leg) => !leg.quote)) return 'A leg has no quote of that size'
  if (deposit.error) return deposit.error
  if (!account) return 'Your wallet’s balance is unknown'
  if (deposit.value !== undefined && deposit.value > account.balance) return `Your wallet holds ${format(account.balance, token.decimals)} ${token.symbol}`
  if (!after) return 'Looking at what it would be…'
  const lacks = after.initial_margin - after.equity
  if (lacks > 0n && !covered) return `Needs ${format(lacks + 10n ** 16n, 18, 2)} ${token.symbol} more`
  return ''
}

export function OpenButton(props: Props) {
  const { entry, expiry, market, model, vault, legs, size, deposit, quotes, marks, token, account, onOpened } = props
  const { deployment } = usePlace()
  const { address } = useConnection()
  const { progress, send } = useSend()
  const latest = useRef(quotes)
  latest.current = quotes
  const refusal = refusalOf(props, address !== undefined)
  const calls = callsOf(deployment)
  const amount = deposit.value ?? 0n

  /** The fills at quotes of this moment, refused when they have become worse than what was looked at. */
  const fills = (vaultId: bigint) => {
    if (!market || !token || !size) throw new Error('The market is unknown.')
    const trading = unpackTrading(market.trading)
    return inOrder(legs).map((leg) => {
      const packages = size * BigInt(leg.ratio)
      const quote = bestQuote(latest.current, { market: entry.index, expiry, ...leg }, packages)
      const seen = leg.quote?.price ?? 0n
      if (!quote) throw new Error(`The quote of the ${leg.kind} is gone; wait for the next.`)
      const worse = leg.buy ? quote.price - seen : seen - quote.price
      if (worse * 1000n > seen * DRIFT) throw new Error(`The ${leg.kind} moved from ${format(seen, 18)} to ${format(quote.price, 18)}: look again.`)
      const cost = costOf([{ ...leg, ratio: 1, quote }], packages, { trading, decimals: token.decimals, spot: market.snapshot.spot, marks })
      return fillOf(quote, packages, { vaultId, fee: cost?.fee ?? 0n, maxDeficit: toleratedDeficit(market, cost?.legs ?? []) })
    })
  }
  const fillAll = (vaultId: bigint): Call => {
    const several = fills(vaultId)
    const [only] = several
    return several.length === 1 && only ? calls.fill(only) : calls.fillMany(several, model, 0n, 0n)
  }

  const steps = (): Step[] => {
    const approved = approval(calls, { token: entry.token, spender: addressOf(deployment, 'Clearinghouse'), allowance: account?.allowance ?? 0n, amount, symbol: token?.symbol ?? '' })
    if (vault) {
      const adding: Step[] = amount ? [...approved, { label: 'Add collateral', call: () => calls.deposit(vault.vault_id, vault.owner, amount) }] : []
      return [...adding, { label: 'Trade', call: () => fillAll(vault.vault_id) }]
    }
    if (legs.length === 1) {
      return [...approved, { label: 'Open and trade', call: () => { const [only] = fills(0n); if (!only) throw new Error('No leg.'); return calls.openAndFill(only, model, amount) } }]
    }
    return [
      ...approved,
      { label: 'Open the vault', call: () => calls.open(entry.index, model, address ?? '0x', amount) },
      { label: 'Trade all legs', call: (receipts) => fillAll(openedIn(receipts)) },
    ]
  }

  const open = async () => {
    const receipts = await send(steps(), vault ? `Traded in vault #${vault.vault_id}.` : 'Opened.')
    if (!receipts) return
    onOpened()
    go('vault', vault ? vault.vault_id : openedIn(receipts))
  }

  return (
    <>
      <button type="button" className="go" disabled={refusal !== '' || progress.status === 'working'} onClick={() => void open()}>
        {refusal || (vault ? `Trade in vault #${vault.vault_id}` : account && amount > account.allowance ? 'Approve and open' : 'Open')}
      </button>
      <SendLine progress={progress} />
    </>
  )
}
