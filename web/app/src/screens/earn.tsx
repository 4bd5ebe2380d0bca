import { type MarketEntry, addressOf, callsOf, format, readInsurance, readPool } from '@bulkhead/sdk'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Address, zeroAddress } from 'viem'
import { useConnection } from 'wagmi'
import { AmountField, readAmount } from '../parts/amount-field'
import { approval } from '../parts/manage'
import { SendLine } from '../parts/send-line'
import { UNKNOWN, day } from '../parts/words'
import { usePlace } from '../state/context'
import { useAccountOf, useHead, useToken } from '../state/reads'
import { type Step, useSend } from '../state/send'

interface Stake {
  title: string
  risk: string
  rows: readonly [string, string][]
  /** shares of the account */
  mine: bigint
  shareDecimals: number
  spender: Address
  allowance: bigint
  room: bigint | undefined
  deposit: (amount: bigint) => Step
  leave: (shares: bigint) => Step
  note: string
  finish: Step | undefined
}

function StakeCard({ entry, stake, symbol, decimals }: { entry: MarketEntry; stake: Stake; symbol: string; decimals: number }) {
  const { deployment } = usePlace()
  const account = useAccountOf(entry.token)
  const { isConnected } = useConnection()
  const { progress, send } = useSend()
  const [add, setAdd] = useState('')
  const [leave, setLeave] = useState('')
  const adding = readAmount(add, decimals, account.data?.balance)
  const leaving = readAmount(leave, stake.shareDecimals, stake.mine)
  const busy = progress.status === 'working' || !isConnected
  const full = stake.room === 0n
  const deposit = (amount: bigint) => {
    const approved = approval(callsOf(deployment), { token: entry.token, spender: stake.spender, allowance: stake.allowance, amount, symbol })
    return send([...approved, stake.deposit(amount)], `Deposited ${format(amount, decimals)} ${symbol}.`)
  }
  return (
    <section aria-label={`${stake.title}, ${entry.symbol}`}>
      <h2>{stake.title}, {entry.symbol}</h2>
      <p className="lead">{stake.risk}</p>
      <dl className="kv num">{stake.rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      <div className="two tight">
        <form onSubmit={(event) => { event.preventDefault(); if (adding.value) void deposit(adding.value).then((done) => done && setAdd('')) }}>
          <AmountField label="Deposit" unit={symbol} amount={adding} onTyped={setAdd} />
          <button type="submit" className="go" disabled={busy || !adding.value || full}>{full ? 'Full: no deposits now' : 'Deposit'}</button>
        </form>
        <form onSubmit={(event) => { event.preventDefault(); if (leaving.value) void send([stake.leave(leaving.value)], 'Announced.').then((done) => done && setLeave('')) }}>
          <AmountField label={`Leave, up to ${format(stake.mine, stake.shareDecimals)} shares`} unit="shares" amount={leaving} onTyped={setLeave} />
          <button type="submit" className="go" disabled={busy || !leaving.value}>Announce</button>
        </form>
      </div>
      <p className="small soft">{stake.note}</p>
      {stake.finish && <button type="button" disabled={busy} onClick={() => void send([stake.finish as Step], 'Paid out.')}>Take what is ready</button>}
      <SendLine progress={progress} />
    </section>
  )
}

function MarketStakes({ entry }: { entry: MarketEntry }) {
  const place = usePlace()
  const head = useHead()
  const { address = zeroAddress } = useConnection()
  const token = useToken(entry.token)
  const calls = callsOf(place.deployment)
  const options = { enabled: head.number !== undefined, placeholderData: keepPreviousData, retry: false, gcTime: 30_000 } as const
  const insurance = useQuery({ ...options, queryKey: ['insurance', entry.symbol, address, String(head.number)], queryFn: () => readInsurance(place, entry.index, entry.token, address) })
  const pool = useQuery({ ...options, enabled: options.enabled && entry.backstop !== '', queryKey: ['pool', entry.symbol, address, String(head.number)], queryFn: () => readPool(place, entry.backstop as Address, entry.token, address) })
  if (!token.data || !insurance.data) return <p className="empty">{head.trouble ? 'Unknown while the node does not answer.' : `Reading ${entry.symbol}…`}</p>
  const { decimals, symbol } = token.data
  const amount = (value: bigint | undefined) => (value === undefined ? UNKNOWN : `${format(value, decimals)} ${symbol}`)
  const { requested } = insurance.data
  const worth = insurance.data.shares ? (insurance.data.mine * insurance.data.assets) / insurance.data.shares : 0n
  const ready = requested.shares > 0n && head.timestamp !== undefined && requested.ready_at <= BigInt(head.timestamp)
  const stakes: Stake[] = [
    {
      title: 'Insurance',
      risk: 'First-loss money: it pays what a vault owes beyond its own tokens, before any winner’s claim is cut. You are paid by what liquidations leave to it, and can lose all of it.',
      rows: [['in the pot', amount(insurance.data.assets)], ['your share', amount(worth)]],
      mine: insurance.data.mine - requested.shares,
      shareDecimals: decimals,
      spender: addressOf(place.deployment, 'InsuranceFund'),
      allowance: insurance.data.allowance,
      room: undefined,
      deposit: (value) => ({ label: 'Deposit', call: () => calls.insurance('deposit', entry.index, value) }),
      leave: (shares) => ({ label: 'Announce', call: () => calls.insurance('request', entry.index, shares) }),
      note: requested.shares ? `Announced: ${format(requested.shares, decimals)} shares, to be taken from ${day(requested.ready_at)} on, for two days.` : 'Leaving is announced seven days before, and open for two days then. Until it is paid out your money insures on.',
      finish: ready ? { label: 'Withdraw', call: () => calls.insurance('withdraw', entry.index, address) } : undefined,
    },
  ]
  if (pool.data) {
    const { assets, worth: value, idle, vaults, room } = pool.data
    stakes.push({
      title: 'Backstop',
      risk: 'A pool that takes over what nobody else takes in an auction, at the bonus of that moment. Its shares gain and lose with the positions it has taken over.',
      rows: [['worth', amount(assets)], ['your shares bring', amount(value)], ['at hand', amount(idle)], ['positions held', String(vaults.length)]],
      mine: pool.data.mine,
      shareDecimals: pool.data.decimals,
      spender: entry.backstop as Address,
      allowance: pool.data.allowance,
      room,
      deposit: (given) => ({ label: 'Deposit', call: () => calls.pool(entry.backstop as Address, 'deposit', given, address) }),
      leave: (shares) => ({ label: 'Announce', call: () => calls.pool(entry.backstop as Address, 'request_redeem', shares, 0n) }),
      note: 'Shares leave through a queue, served in order, seven days after the request at the earliest and at the price of that day.',
      finish: undefined,
    })
  }
  return <div className="two">{stakes.map((stake) => <StakeCard key={stake.title} entry={entry} stake={stake} symbol={symbol} decimals={decimals} />)}</div>
}

export default function EarnScreen() {
  const { deployment } = usePlace()
  return (
    <>
      <h1>Earn</h1>
      <p className="lead">You bear risk that others pay to be rid of. Nothing here is audited, and each of these can lose what you put in.</p>
      {deployment.markets.map((entry) => <MarketStakes key={entry.symbol} entry={entry} />)}
    </>
  )
}
