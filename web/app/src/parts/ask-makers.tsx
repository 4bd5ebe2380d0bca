// Requests for quotes: makers are asked for the whole package, their answers stand side by side, one of them is taken.
import { type Call, type MakerAnswer, type MarketEntry, type MarketState, type Model, type Position, type QuoteRequest, abis, addressOf, askMakers, callsOf, isDelta, packSeries } from '@bulkhead/sdk'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { parseEventLogs } from 'viem'
import { useConnection } from 'wagmi'
import { usePlace } from '../state/context'
import { useMakers } from '../state/makers'
import { useHead } from '../state/reads'
import { go } from '../state/route'
import { useSend } from '../state/send'
import { type TicketLeg, feeCap, toleratedDeficit } from '../state/ticket'
import { approval } from './manage'
import { SendLine } from './send-line'
import { UNKNOWN, amountText, money, percent } from './words'

interface Props {
  entry: MarketEntry
  expiry: bigint
  market: MarketState
  legs: readonly TicketLeg[]
  size: bigint
  deposit: bigint
  model: Model
  vault: Position | undefined
  token: { symbol: string; decimals: number }
  account: { balance: bigint; allowance: bigint } | undefined
  elsewhere: ReadonlySet<string>
}

/** How much worse than shown an answer may be at its fill [1e-3 of its price]. */
const TOLERANCE = 5n

export function AskMakers(props: Props) {
  const { entry, expiry, market, legs, size, deposit, model, vault, token, account, elsewhere } = props
  const { units } = market
  const place = usePlace()
  const head = useHead()
  const servers = useMakers().servers.filter((server) => !elsewhere.has(server))
  const { address } = useConnection()
  const { progress, send } = useSend()
  const [deferred, setDeferred] = useState(false)
  const request: QuoteRequest | undefined = address && {
    market: entry.index,
    legs: legs.map((leg) => ({ series: packSeries({ market: entry.index, expiry, kind: leg.kind, strike: leg.strike }), ratio: BigInt(leg.buy ? leg.ratio : -leg.ratio) })),
    size,
    side: 'buy',
    style: deferred || legs.some((leg) => isDelta(leg, units)) ? 1 : 0,
    taker: address,
    vaultId: vault?.vault_id ?? 0n,
  }
  const asking = useMutation({
    mutationFn: async (asked: QuoteRequest) => ({
      // of another package, or another size, an answer means nothing
      of: JSON.stringify(asked, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
      answers: await askMakers(place, servers, asked, { market, decimals: token.decimals, now: head.timestamp ?? 0 }),
    }),
  })
  const key = JSON.stringify(request, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
  const answers = asking.data?.of === key ? asking.data.answers : []

  const take = async (answer: MakerAnswer) => {
    const { signed, price } = answer
    if (!signed || price === undefined) return
    const calls = callsOf(place.deployment)
    const slack = ((price < 0n ? -price : price) * TOLERANCE) / 1000n
    const held = legs.map((leg) => ({ kind: leg.kind, strike: leg.strike, quantity: size * BigInt(leg.ratio) }))
    const fill = { signed, vaultId: vault?.vault_id ?? 0n, size, limitPrice: price + slack, maxFee: feeCap(answer.fee ?? 0n), maxDeficit: toleratedDeficit(market, held) }
    const approved = approval(calls, { token: entry.token, spender: addressOf(place.deployment, 'Clearinghouse'), allowance: account?.allowance ?? 0n, amount: deposit, symbol: token.symbol })
    const call = (): Call => (vault ? calls.fill(fill) : calls.openAndFill(fill, model, deposit))
    const adding = vault && deposit ? [{ label: 'Add collateral', call: () => calls.deposit(vault.vault_id, vault.owner, deposit) }] : []
    const receipts = await send([...approved, ...adding, { label: 'Take the answer', call }], 'Taken.')
    if (!receipts) return
    const opened = parseEventLogs({ abi: abis.clearinghouseAbi, eventName: 'VaultOpened', logs: receipts.flatMap((one) => one.logs) }).at(-1)?.args.vault_id
    const id = vault?.vault_id ?? opened
    if (id !== undefined) go('vault', id)
  }

  if (!servers.length) return null
  return (
    <div className="ask">
      <label className="check"><input type="checkbox" checked={deferred} onChange={(event) => setDeferred(event.target.checked)} /> Premium due at expiry, as {units.inverse ? 'coins' : 'cash'} in the vault</label>
      <button type="button" disabled={!request || asking.isPending} onClick={() => request && asking.mutate(request)}>
        {asking.isPending ? 'Asking…' : `Ask ${servers.length === 1 ? 'the maker' : `${servers.length} makers`} for the whole package`}
      </button>
      {asking.isError && <p className="said" role="alert">The makers could not be asked: the node does not answer.</p>}
      {answers.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Answers of makers">
          <table className="num answers">
            <thead>
              <tr>{['maker', 'price', 'IV', 'in all', ''].map((title, i) => <th key={title} scope="col" className={i ? undefined : 'l'}>{title || <span className="hidden">take</span>}</th>)}</tr>
            </thead>
            <tbody>
              {answers.map((one, i) => (
                <tr key={`${one.source}${i}`}>
                  <td className="l free">
                    {one.source.replace(/^https?:\/\//, '')}
                    {one.price !== undefined && <><br /><span className="small soft">mark {one.mark === undefined ? UNKNOWN : money(one.mark, units)}, fee {one.fee === undefined ? UNKNOWN : amountText(one.fee, token.decimals, units)}{one.signed ? `, good for ${one.seconds} s` : `: ${one.remark}`}</span></>}
                  </td>
                  {one.price === undefined ? <td colSpan={3} className="l soft">{one.remark}</td> : (
                    <>
                      <td>{money(one.price, units)}</td>
                      <td className="soft">{one.iv ? percent(one.iv) : '–'}</td>
                      <td>{one.total === undefined ? '–' : amountText(one.total, token.decimals, units)}</td>
                    </>
                  )}
                  <td>{one.signed && <button type="button" disabled={progress.status === 'working'} onClick={() => void take(one)}>Take</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <SendLine progress={progress} />
    </div>
  )
}
