import { type MarketEntry, type Units, addressOf, callsOf, readInsurance, readMakerVault, readPool } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { type Address, zeroAddress } from 'viem'
import { useConnection } from 'wagmi'
import { AmountField, readAmount } from '../parts/amount-field'
import { approval } from '../parts/manage'
import { SendLine } from '../parts/send-line'
import { UNKNOWN, amountText, day } from '../parts/words'
import { usePlace } from '../state/context'
import { useAccountOf, useHead, useToken, useUnits } from '../state/reads'
import { lastOfSame } from '../state/same'
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
  /** what leaving is called, and what is said when it is done */
  leaving: { button: string; said: string }
}

const ANNOUNCED = { button: 'Announce', said: 'Announced.' } as const

function StakeCard({ entry, stake, symbol, decimals, units }: { entry: MarketEntry; stake: Stake; symbol: string; decimals: number; units: Units }) {
  const { deployment } = usePlace()
  const account = useAccountOf(entry.token)
  const { isConnected } = useConnection()
  const { progress, send } = useSend()
  const [add, setAdd] = useState('')
  const [leave, setLeave] = useState('')
  const adding = readAmount(add, decimals, symbol, account.data?.balance)
  const leaving = readAmount(leave, stake.shareDecimals, 'shares', stake.mine)
  const busy = progress.status === 'working' || !isConnected
  const full = stake.room === 0n
  const deposit = (amount: bigint) => {
    const approved = approval(callsOf(deployment), { token: entry.token, spender: stake.spender, allowance: stake.allowance, amount, symbol })
    return send([...approved, stake.deposit(amount)], `Deposited ${amountText(amount, decimals, units)} ${symbol}.`)
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
        <form onSubmit={(event) => { event.preventDefault(); if (leaving.value) void send([stake.leave(leaving.value)], stake.leaving.said).then((done) => done && setLeave('')) }}>
          <AmountField label={`Leave, up to ${amountText(stake.mine, stake.shareDecimals, units)} shares`} unit="shares" amount={leaving} onTyped={setLeave} />
          <button type="submit" className="go" disabled={busy || !leaving.value}>{stake.leaving.button}</button>
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
  const units = useUnits(entry.index).data
  const calls = callsOf(place.deployment)
  const perBlock = (...of: string[]) => {
    const queryKey = [...of, String(head.number)]
    return { queryKey, enabled: head.number !== undefined, placeholderData: lastOfSame(queryKey), retry: false, gcTime: 30_000 } as const
  }
  const insurance = useQuery({ ...perBlock('insurance', entry.symbol, address), queryFn: () => readInsurance(place, entry.index, entry.token, address) })
  const pool = useQuery({ ...perBlock('pool', entry.symbol, address), enabled: head.number !== undefined && entry.backstop !== '', queryFn: () => readPool(place, entry.backstop as Address, entry.token, address) })
  const maker = useQuery({ ...perBlock('maker', entry.symbol, address), enabled: head.number !== undefined && entry.maker !== '', queryFn: () => readMakerVault(place, entry.maker as Address, entry.token, address) })
  if (!token.data || !insurance.data || !units) return <p className="empty">{head.trouble ? 'Unknown while the node does not answer.' : `Reading ${entry.symbol}…`}</p>
  const { decimals, symbol } = token.data
  const amount = (value: bigint | undefined) => (value === undefined ? UNKNOWN : `${amountText(value, decimals, units)} ${symbol}`)
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
      note: requested.shares ? `Announced: ${amountText(requested.shares, decimals, units)} shares, to be taken from ${day(requested.ready_at)} on, for two days.` : 'Leaving is announced seven days before, and open for two days then. Until it is paid out your money insures on.',
      finish: ready ? { label: 'Withdraw', call: () => calls.insurance('withdraw', entry.index, address) } : undefined,
      leaving: ANNOUNCED,
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
      leaving: ANNOUNCED,
    })
  }
  if (maker.data) {
    const { assets, worth: value, free, redeemable, desks, room } = maker.data
    const vault = entry.maker as Address
    stakes.push({
      title: 'Maker vault',
      risk: 'A vault that quotes both sides of this market, in the hands of its owner within bounds that it cannot widen. Its shares gain the spread and lose what better informed traders win.',
      rows: [['worth', amount(assets)], ['your shares bring', amount(value)], ['desks', String(desks)], ['shares that can leave now', amountText(free < redeemable ? free : redeemable, maker.data.decimals, units)]],
      mine: free,
      shareDecimals: maker.data.decimals,
      spender: vault,
      allowance: maker.data.allowance,
      room,
      deposit: (given) => ({ label: 'Deposit', call: () => calls.makerVault(vault, 'deposit', given, address) }),
      leave: (shares) => ({ label: 'Redeem', call: () => calls.makerVault(vault, 'redeem', shares, address, address) }),
      note: 'Shares leave at mark less a haircut, from tokens at hand and what the desks’ margin can spare; those bought in this hour of the market’s clock and the last stay that long.',
      finish: undefined,
      leaving: { button: 'Redeem', said: 'Redeemed.' },
    })
  }
  return <div className="two">{stakes.map((stake) => <StakeCard key={stake.title} entry={entry} stake={stake} symbol={symbol} decimals={decimals} units={units} />)}</div>
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
