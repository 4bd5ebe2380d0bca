// An order that waits at a price: collateral first, then a signature that costs nothing.
import { addressOf, callsOf, endOf, readEpochFor, readHead, readMarket, buildOrder } from '@bulkhead/sdk'
import { useConnection } from 'wagmi'
import { usePlace } from '../state/context'
import { go } from '../state/route'
import { useSend } from '../state/send'
import { type Cost, type RestingTerms, toleratedDeficit } from '../state/ticket'
import { useWaitingOrders } from '../state/waiting-orders'
import { approval } from './manage'
import { openedIn, refusalOf, type TicketState } from './open-button'
import { SendLine } from './send-line'

interface Props extends TicketState {
  terms: RestingTerms | undefined
  cost: Cost | undefined
  lasts: bigint | undefined
  /** a vault stands for it with the collateral that was typed: what follows is about that one */
  onVault: (id: bigint) => void
  onWaiting: () => void
}

export function RestButton(props: Props) {
  const { entry, expiry, model, vault, terms, cost, lasts, deposit, token, account, onVault, onWaiting } = props
  const place = usePlace()
  const { address } = useConnection()
  const { progress, send } = useSend()
  const waiting = useWaitingOrders()
  const refusal = refusalOf(props, address !== undefined, terms ? '' : 'Type a price')
  const amount = deposit.value ?? 0n
  const working = [progress, waiting.progress].some(({ status }) => status === 'working')

  /** The vault that signs: there already, or opened with its collateral first. */
  const ready = async (): Promise<bigint | undefined> => {
    const calls = callsOf(place.deployment)
    const approved = approval(calls, { token: entry.token, spender: addressOf(place.deployment, 'Clearinghouse'), allowance: account?.allowance ?? 0n, amount, symbol: token?.symbol ?? '' })
    if (vault) {
      if (!amount) return vault.vault_id
      const added = await send([...approved, { label: 'Add collateral', call: () => calls.deposit(vault.vault_id, vault.owner, amount) }], '')
      return added && vault.vault_id
    }
    const receipts = await send([...approved, { label: 'Open the vault', call: () => calls.open(entry.index, model, address ?? '0x', amount) }], '')
    return receipts && openedIn(receipts)
  }

  const rest = async () => {
    if (!terms || !cost || !address) return
    const id = await ready()
    if (id === undefined) return
    // should the signature be declined, the order is left in that vault next time, whose collateral is there
    onVault(id)
    const { waits } = await waiting.give(async () => {
      const market = await readMarket(place, entry.index, expiry)
      const now = BigInt((await readHead(place)).timestamp)
      const epoch = await readEpochFor(place, id, terms.legs.map((leg) => leg.series))
      return [buildOrder({ ...terms, maker_vault: id, signer: address, epoch, since: now, expiry: endOf(expiry, now, lasts), max_deficit: toleratedDeficit(market, cost.legs) })]
    })
    if (!waits) return
    onWaiting()
    go('vault', id)
  }

  return (
    <>
      <button type="button" className="go" disabled={refusal !== '' || working} onClick={() => void rest()}>
        {refusal || (vault ? `Leave the order in vault #${vault.vault_id}` : 'Open and leave the order')}
      </button>
      <SendLine progress={progress} />
      {waiting.progress.status !== 'idle' && <SendLine progress={waiting.progress} />}
    </>
  )
}
