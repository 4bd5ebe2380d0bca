// The mandate of a vault: who lets it be topped up, from when on, and how far.
import { type MandateTerms, type Position, WARN_TRIGGER, addressOf, callsOf, exact, leftOf, mandateRefusal, readLeftOfMandates, readMandate, readTopUpAllowance, sentence } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useConnection } from 'wagmi'
import { usePlace } from '../state/context'
import { useAccountOf, useHead, usePositions } from '../state/reads'
import { type Step, useSend } from '../state/send'
import { AmountField, readAmount } from './amount-field'
import { SendLine } from './send-line'
import { amountText, day, healthText } from './words'

const ZERO = '0x0000000000000000000000000000000000000000'

export function MandatePanel({ position }: { position: Position }) {
  const place = usePlace()
  const head = useHead()
  const { address } = useConnection()
  const account = useAccountOf(position.token)
  const positions = usePositions(address)
  const { progress, send } = useSend()
  const decimals = Number(position.decimals)
  const found = useQuery({
    queryKey: ['mandate', String(position.vault_id), String(head.number)],
    retry: false,
    queryFn: () => readMandate(place, position.vault_id),
  })
  const [typed, setTyped] = useState({ trigger: '1.1', target: '1.3', day: '', all: '', tip: position.units.inverse ? '0.001' : '1' })
  const now = BigInt(head.timestamp ?? 0)
  const read = { trigger: readAmount(typed.trigger, 18), target: readAmount(typed.target, 18), day: readAmount(typed.day, decimals, position.symbol), all: readAmount(typed.all, decimals, position.symbol), tip: readAmount(typed.tip, decimals, position.symbol) }
  const terms: MandateTerms = {
    trigger: read.trigger.value ?? 0n,
    target: read.target.value ?? 0n,
    most_per_day: read.day.value ?? 0n,
    most_in_all: read.all.value ?? 0n,
    tip: read.tip.value ?? 0n,
    expires_at: position.expiry,
  }
  const complete = Object.values(read).every((one) => one.value !== undefined)
  const refusal = !position.legs.length ? 'The vault has no legs, so a mandate has no end by itself.' : complete ? mandateRefusal(terms, now) : ''
  const calls = callsOf(place.deployment)
  const record = found.data?.record
  const holds = record !== undefined && record.owner !== ZERO && leftOf(record, { owner: position.owner, epoch: position.epoch, now }) > 0n
  const give = () => {
    const steps: Step[] = [{ label: 'Give the mandate', call: () => calls.setMandate(position.vault_id, terms) }]
    // the allowance is what all mandates of this wallet leave, and no more
    steps.unshift({
      label: `Let AutoTopUp spend ${position.symbol}`,
      call: async () => {
        if (!address) throw new Error('Connect a wallet.')
        const others = (positions.data ?? []).filter((one) => one.token === position.token && one.vault_id !== position.vault_id)
        const left = await readLeftOfMandates(place, address, others, now)
        return calls.approve(position.token, addressOf(place.deployment, 'AutoTopUp'), left + terms.most_in_all)
      },
    })
    void send(steps, `Vault #${position.vault_id} may be topped up from your wallet until ${day(position.expiry)}.`)
  }
  const allowance = useQuery({
    enabled: holds && address !== undefined,
    queryKey: ['top-up-allowance', address, position.token, String(head.number)],
    retry: false,
    queryFn: () => readTopUpAllowance(place, address ?? ZERO, position.token),
  })
  const said = (amount: bigint) => `${amountText(amount, decimals, position.units)} ${position.symbol}`
  const field = (name: keyof typeof typed, label: string, unit: string) => <AmountField label={label} unit={unit} amount={read[name]} onTyped={(text) => setTyped({ ...typed, [name]: text })} />
  const busy = progress.status === 'working'
  return (
    <>
      {found.isError && <p className="said">The mandate of this vault is unknown.</p>}
      {holds && record && found.data && (
        <>
          <p className="num">
            Below a health of {healthText(record.mandate.trigger)} anyone may bring it to {healthText(record.mandate.target)} from your wallet, for at most {said(record.mandate.most_per_day)} a day and{' '}
            {said(record.mandate.most_in_all)} in all ({said(record.spent_in_all)} spent), tip {said(record.mandate.tip)}, until {day(record.mandate.expires_at)}.{' '}
            {found.data.due.reason ? `Now: ${sentence(found.data.due.reason)}` : `A call would add ${said(found.data.due.amount)} now.`}
          </p>
          {allowance.data !== undefined && account.data && allowance.data < record.mandate.most_in_all - record.spent_in_all && <p className="said">AutoTopUp may spend {said(allowance.data)} only: give the mandate again to allow more.</p>}
          <button type="button" disabled={busy} onClick={() => void send([{ label: 'End the mandate', call: () => calls.endMandate(position.vault_id) }], 'The mandate is ended.')}>End it</button>
        </>
      )}
      {!holds && found.data && <p className="soft">Nobody may top this vault up. With a mandate anyone may, from your wallet, within limits, for a tip; the vault is not liquidated while you sleep.</p>}
      <form onSubmit={(event) => { event.preventDefault(); if (complete && !refusal) give() }}>
        <div className="row">
          {field('trigger', 'Below a health of', '×')}
          {field('target', 'Up to a health of', '×')}
        </div>
        <div className="row">
          {field('day', 'A day at most', position.symbol)}
          {field('all', 'In all at most', position.symbol)}
          {field('tip', 'Tip at most', position.symbol)}
        </div>
        {terms.trigger >= WARN_TRIGGER && <p className="said">With this trigger a fill, a session key or a withdrawal can start a top-up: initial margin is a health of about 1.25.</p>}
        {account.data && terms.most_in_all > account.data.balance && <p className="said">Your wallet holds {exact(account.data.balance, decimals)} {position.symbol}: a top-up gives what is there if that reaches the trigger.</p>}
        {refusal && <p className="said">{refusal}</p>}
        <button type="submit" className="go" disabled={busy || !complete || refusal !== ''}>{holds ? 'Replace the mandate' : 'Give the mandate'}</button>
      </form>
      <SendLine progress={progress} />
    </>
  )
}
