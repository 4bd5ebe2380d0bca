// What an owner does to a vault beside trading: margin model, split, merge, another owner.
import { type Model, type Position, callsOf, legOfState, models, packLeg, sentence } from '@bulkhead/sdk'
import { isAddress, parseEventLogs } from 'viem'
import { useState } from 'react'
import { abis } from '@bulkhead/sdk'
import { useConnection } from 'wagmi'
import { usePlace } from '../state/context'
import { usePositions } from '../state/reads'
import { useSend } from '../state/send'
import { AmountField, readAmount } from './amount-field'
import { vaultName } from './naming'
import { SendLine } from './send-line'
import { legText } from './words'

export function Reshape({ position }: { position: Position }) {
  const { deployment } = usePlace()
  const { address } = useConnection()
  const positions = usePositions(address)
  const { progress, send } = useSend()
  const calls = callsOf(deployment)
  const decimals = Number(position.decimals)
  const [model, setModel] = useState(position.model as Model)
  const [moved, setMoved] = useState<readonly number[]>([])
  const [cash, setCash] = useState('')
  const [into, setInto] = useState('')
  const [receiver, setReceiver] = useState('')
  const busy = progress.status === 'working'
  const amount = readAmount(cash, decimals, position.symbol, position.balance)
  const legs = position.legs.map((leg) => packLeg(legOfState(leg)))
  const others = (positions.data ?? []).filter((one) => one.vault_id !== position.vault_id && one.market === position.market && (one.expiry === position.expiry || one.expiry === 0n))
  const id = position.vault_id

  const split = () =>
    void send(
      [
        { label: 'Open a vault', call: () => calls.open(position.market, position.model as Model, address ?? '0x', 0n) },
        {
          label: 'Move legs',
          call: (receipts) => {
            const opened = parseEventLogs({ abi: abis.clearinghouseAbi, eventName: 'VaultOpened', logs: receipts.flatMap((one) => one.logs) }).at(-1)?.args.vault_id
            if (opened === undefined) throw new Error('The receipt names no new vault.')
            return calls.transferLegs(id, opened, moved.flatMap((i) => legs[i] ?? []), amount.value ?? 0n)
          },
        },
      ],
      'Split: the legs are in a compartment of their own.',
    )
  const merge = () => void send([{ label: 'Move everything', call: () => calls.transferLegs(id, BigInt(into), legs, position.balance) }], `All of vault #${id} is in vault #${into} now.`)
  const give = () => void send([{ label: 'Transfer the vault', call: () => calls.transfer(id, position.owner, receiver as `0x${string}`) }], `Vault #${id} belongs to ${receiver} now.`)

  return (
    <div className="reshape">
      <div className="row">
        <label>
          Margin model
          <select value={model} onChange={(event) => setModel(event.target.value as Model)}>{models.map((one) => <option key={one}>{one}</option>)}</select>
        </label>
        <button type="button" disabled={busy || model === position.model} onClick={() => void send([{ label: 'Change the model', call: () => calls.setModel(id, model) }], `Vault #${id} is margined by ${model} now.`)}>Change</button>
      </div>
      {position.legs.length > 1 && (
        <fieldset>
          <legend>Split into a vault of its own</legend>
          {position.legs.map((leg, i) => (
            <label key={`${leg.kind}${leg.strike}`} className="check">
              <input type="checkbox" checked={moved.includes(i)} onChange={() => setMoved(moved.includes(i) ? moved.filter((one) => one !== i) : [...moved, i])} /> {legText(leg, position.units)}
            </label>
          ))}
          <AmountField label="Collateral that goes along" unit={position.symbol} amount={amount} onTyped={setCash} />
          <button type="button" disabled={busy || moved.length === 0 || amount.error !== ''} onClick={split}>Split</button>
        </fieldset>
      )}
      {others.length > 0 && position.legs.length > 0 && (
        <div className="row">
          <label>
            Merge into
            <select value={into} onChange={(event) => setInto(event.target.value)}>
              <option value="">choose a vault</option>
              {others.map((one) => <option key={String(one.vault_id)} value={String(one.vault_id)}>#{String(one.vault_id)} {vaultName(one)}</option>)}
            </select>
          </label>
          <button type="button" disabled={busy || !into} onClick={merge}>Merge</button>
        </div>
      )}
      <div className="row">
        <label className="field">
          Transfer the vault to
          <span className="input"><input value={receiver} placeholder="0x…" onChange={(event) => setReceiver(event.target.value.trim())} aria-invalid={receiver !== '' && !isAddress(receiver)} /></span>
        </label>
        <button type="button" className="warn" disabled={busy || !isAddress(receiver)} onClick={give}>Transfer</button>
      </div>
      <p className="said">{receiver !== '' && !isAddress(receiver) ? 'That is no address.' : position.refusals.transfer ? sentence(position.refusals.transfer) : ''}</p>
      <p className="soft small">Legs, collateral and margin go with a vault; its orders, session keys and mandate end.</p>
      <SendLine progress={progress} />
    </div>
  )
}
