import { type Place, explain, expiries, faucet, goBack, movePrice, readNextId, remember, settleCell, warp } from '@bulkhead/sdk'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useConnection } from 'wagmi'
import { useSetting } from '../state/context'
import { useHead, useToken } from '../state/reads'

const FAUCET = 10_000n
const HOUR = 3600
const REMEMBERED = 'bulkhead.snapshot'

async function settleAll(place: Place, expiry: bigint): Promise<void> {
  const end = await readNextId(place)
  const ids = Array.from({ length: Number(end) - 1 }, (_, i) => BigInt(i + 1))
  for (const { index } of place.deployment.markets) {
    for (let first = 0; first < ids.length; first += 64) await settleCell(place, index, expiry, ids.slice(first, first + 64))
  }
}

/** Remembers the chain the first time it is touched, so that it can start over. */
async function rememberOnce(place: Place): Promise<void> {
  if (!sessionStorage.getItem(REMEMBERED)) sessionStorage.setItem(REMEMBERED, await remember(place.client))
}

async function startOver(place: Place): Promise<void> {
  const snapshot = sessionStorage.getItem(REMEMBERED)
  if (!snapshot) throw new Error('Nothing has been moved from here yet.')
  if (!(await goBack(place.client, snapshot))) throw new Error('The chain has forgotten its beginning: start it anew with make app.')
  sessionStorage.setItem(REMEMBERED, await remember(place.client))
}

/** Prices and time by hand, on a chain of one's own only. */
export function DemoBar() {
  const { place } = useSetting()
  const { markets } = place.deployment
  const queries = useQueryClient()
  const head = useHead()
  const { address } = useConnection()
  const [symbol, setSymbol] = useState(markets[0]?.symbol ?? '')
  const [said, setSaid] = useState('')
  const [busy, setBusy] = useState(false)
  const market = markets.find((one) => one.symbol === symbol) ?? markets[0]
  const token = useToken(market?.token ?? '0x')
  if (!market) return null
  const next = head.timestamp === undefined ? undefined : expiries(head.timestamp)[0]

  const run = (doing: string, act: () => Promise<void>, remembers = true) => async () => {
    setBusy(true)
    setSaid(`${doing}…`)
    try {
      if (remembers) await rememberOnce(place)
      await act()
      setSaid(`${doing}: done.`)
    } catch (error) {
      setSaid(explain(error))
    }
    setBusy(false)
    await queries.invalidateQueries()
  }
  const move = (percent: number) => run(`Moving ${market.symbol} by ${percent} %`, () => movePrice(place, market, percent))
  const leap = (name: string, seconds: number, silent = false) => run(name, () => warp(place, seconds, silent))

  return (
    <footer className="demo" aria-label="Demo">
      <b>Demo</b>
      <label>
        <span className="soft">market </span>
        <select value={market.symbol} onChange={(event) => setSymbol(event.target.value)}>
          {markets.map((one) => (
            <option key={one.symbol}>{one.symbol}</option>
          ))}
        </select>
      </label>
      <fieldset disabled={busy}>
        <legend className="hidden">Move the chain</legend>
        <button type="button" disabled={!address || !token.data} onClick={run('Faucet', () => faucet(place, market.token, address ?? '0x', FAUCET * 10n ** BigInt(token.data?.decimals ?? 0)), false)}>
          Faucet 10,000
        </button>
        {[-5, -1, 1, 5].map((by) => (
          <button key={by} type="button" onClick={move(by)}>
            {by > 0 ? '+' : '−'}{Math.abs(by)} %
          </button>
        ))}
        <button type="button" onClick={move(-30)}>Crash −30 %</button>
        <button type="button" onClick={leap('One hour on', HOUR)}>+1 h</button>
        <button type="button" onClick={leap('One day on', 24 * HOUR)}>+1 day</button>
        <button type="button" onClick={leap('Feeds fall silent for two hours', 2 * HOUR, true)}>Feeds silent</button>
        <button
          type="button"
          disabled={next === undefined}
          onClick={run('Going past the next expiry and settling', async () => {
            const expiry = next ?? 0
            await warp(place, expiry - (head.timestamp ?? 0) + HOUR)
            await settleAll(place, BigInt(expiry))
          })}
        >
          Settle next expiry
        </button>
        <button type="button" onClick={run('Starting over', () => startOver(place), false)}>Start over</button>
      </fieldset>
      <output className="soft">{said}</output>
    </footer>
  )
}
