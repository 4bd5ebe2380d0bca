// Adding, withdrawing, closing: what an owner does to a vault, each refused in words before it is signed.
import { type Position, callsOf, exact, sentence } from '@bulkhead/sdk'
import { useId, useState } from 'react'
import { useConnection } from 'wagmi'
import { usePlace } from '../state/context'
import { unsigned } from '../state/exits'
import { useAccountOf } from '../state/reads'
import { type Step, useSend } from '../state/send'
import { AmountField, readAmount } from './amount-field'
import { ClosePosition } from './close-position'
import { MandatePanel } from './mandate'
import { OrdersPanel } from './orders-panel'
import { Reshape } from './reshape'
import { SendLine } from './send-line'
import { amountText } from './words'

/** Steps that approve what a deposit needs, if it needs it. */
export function approval(calls: ReturnType<typeof callsOf>, of: { token: `0x${string}`; spender: `0x${string}`; allowance: bigint; amount: bigint; symbol: string }): Step[] {
  if (of.amount === 0n || of.allowance >= of.amount) return []
  return [{ label: `Approve ${of.symbol}`, call: () => calls.approve(of.token, of.spender, of.amount) }]
}

function useVaultActions(position: Position) {
  const { deployment } = usePlace()
  const { address } = useConnection()
  const calls = callsOf(deployment)
  const account = useAccountOf(position.token)
  const sending = useSend()
  const decimals = Number(position.decimals)
  const spender = deployment.contracts.Clearinghouse?.address ?? '0x'
  const said = (amount: bigint) => `${amountText(amount, decimals, position.units)} ${position.symbol}`
  return {
    account,
    decimals,
    sending,
    deposit: (amount: bigint) =>
      sending.send(
        [
          ...approval(calls, { token: position.token, spender, allowance: account.data?.allowance ?? 0n, amount, symbol: position.symbol }),
          { label: 'Add collateral', call: () => calls.deposit(position.vault_id, position.owner, amount) },
        ],
        `Added ${said(amount)} to vault #${position.vault_id}.`,
      ),
    withdraw: (amount: bigint) =>
      sending.send(
        [{ label: 'Withdraw', call: () => calls.withdraw(position.vault_id, amount, address ?? '0x') }],
        `Withdrew ${said(amount)} from vault #${position.vault_id}.`,
      ),
    closeVault: () =>
      sending.send(
        [{ label: 'Close the vault', call: () => calls.close(position.vault_id, address ?? '0x') }],
        `Vault #${position.vault_id} is closed; its tokens are back in your wallet.`,
      ),
    claim: () => sending.send([{ label: 'Claim', call: () => calls.claim(position.vault_id) }], 'The claim is paid into the vault.'),
    settle: () => sending.send([{ label: 'Settle', call: () => calls.settle([position.vault_id]) }], 'Settled.'),
  }
}

function Collateral({ position }: { position: Position }) {
  const { account, decimals, sending, deposit, withdraw } = useVaultActions(position)
  const [add, setAdd] = useState('')
  const [take, setTake] = useState('')
  const balance = account.data?.balance
  const adding = readAmount(add, decimals, position.symbol, balance)
  const taking = readAmount(take, decimals, position.symbol, position.withdrawable)
  const busy = sending.progress.status === 'working'
  // vol rises on after a crash, and the margin with it: a hundredth more, so that it still is enough in the next block
  const least = position.missing.to_end_flag || position.missing.to_initial
  const need = least + least / 100n
  const refusal = position.refusals.withdraw
  return (
    <>
      <div className="two tight">
        <form onSubmit={(event) => { event.preventDefault(); if (adding.value) void deposit(adding.value).then((done) => done && setAdd('')) }}>
          <AmountField
            label="Add collateral"
            unit={position.symbol}
            amount={balance !== undefined && adding.error === 'That is more than there is.' ? { ...adding, error: `Your wallet holds ${amountText(balance, decimals, position.units)} ${position.symbol}.` } : adding}
            onTyped={setAdd}
            most={need > 0n ? { label: position.missing.to_end_flag ? 'ends the flag' : 'to initial margin', text: exact(need, decimals) } : undefined}
          />
          <button type="submit" className="go" disabled={busy || !adding.value}>Add</button>
        </form>
        <form onSubmit={(event) => { event.preventDefault(); if (taking.value) void withdraw(taking.value).then((done) => done && setTake('')) }}>
          <AmountField
            label={`Withdraw, up to ${amountText(position.withdrawable, decimals, position.units)}`}
            unit={position.symbol}
            amount={taking.error === 'That is more than there is.' ? { ...taking, error: `More than ${amountText(position.withdrawable, decimals, position.units)} would break initial margin.` } : taking}
            onTyped={setTake}
            most={{ label: 'all', text: exact(position.withdrawable, decimals) }}
          />
          <button type="submit" className="go" disabled={busy || !taking.value}>Withdraw</button>
          {refusal && <p className="said">{sentence(refusal)}</p>}
        </form>
      </div>
      <SendLine progress={sending.progress} />
    </>
  )
}

function Ending({ position }: { position: Position }) {
  const { sending, closeVault, claim, settle } = useVaultActions(position)
  const busy = sending.progress.status === 'working'
  const { state, legs } = position
  if (state === 'empty') {
    return (
      <>
        <button type="button" className="go" disabled={busy} onClick={() => void closeVault()}>Close the vault and take its tokens home</button>
        <SendLine progress={sending.progress} />
      </>
    )
  }
  if (state === 'claim' || state === 'expired') {
    return (
      <>
        <p>{state === 'claim' ? 'Its expiry still owes this vault something.' : 'Expired: it waits for the expiry price and is settled then. Anyone may do it, keepers do.'}</p>
        <button type="button" className="go" disabled={busy} onClick={() => void (state === 'claim' ? claim() : settle())}>{state === 'claim' ? 'Claim' : 'Settle'}</button>
        <SendLine progress={sending.progress} />
      </>
    )
  }
  return legs.length ? <ClosePosition position={position} /> : null
}

const TABS = ['Collateral', 'Close', 'Orders', 'Top-ups', 'More'] as const

/** A vault's own panel. */
export function Manage({ position }: { position: Position }) {
  const { address } = useConnection()
  const [tab, setTab] = useState<(typeof TABS)[number]>(() => (unsigned.has(position.vault_id) ? 'Orders' : 'Collateral'))
  const id = useId()
  if (address !== position.owner) {
    return <p className="panel soft">This vault belongs to {position.owner}. Anyone may add collateral to it; nobody else may do more.</p>
  }
  return (
    <div className="panel">
      <div role="tablist" className="presets" aria-label={`Vault ${position.vault_id}`}>
        {TABS.map((one) => (
          <button key={one} type="button" role="tab" id={`${id}-${one}`} aria-selected={one === tab} aria-controls={`${id}-panel`} onClick={() => setTab(one)}>
            {one}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${tab}`}>
        {tab === 'Collateral' && <Collateral position={position} />}
        {tab === 'Close' && <Ending position={position} />}
        {tab === 'Orders' && <OrdersPanel position={position} />}
        {tab === 'Top-ups' && <MandatePanel position={position} />}
        {tab === 'More' && <Reshape position={position} />}
      </div>
    </div>
  )
}
