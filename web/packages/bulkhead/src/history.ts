// What the history service tells of a vault (`bulkhead serve`, docs/history.md). It is asked only where one is named.
import type { Deployment } from './deployment'

const PATIENCE = 4_000

export interface HistoryLeg {
  kind: string
  strike: number
  quantity: number
}

/** A vault's entry and profit; null where the service cannot tell. */
export interface VaultPast {
  paidIn: number
  takenOut: number
  fees: number
  realised: number
  profit: number | null
  /** packages it holds, as they were traded */
  entry: { legs: HistoryLeg[]; size: number; price: number }[]
  /** why entry and profit cannot be told, "" when they can */
  unknown: string
  states: VaultPoint[]
}

/** What a vault was at the end of a block that changed it, oldest first. */
export interface VaultPoint {
  block: number
  /** unix seconds */
  at: number
  balance: number
  legs: HistoryLeg[]
  /** put in less taken out until then */
  net: number
}

type Fields = Record<string, unknown>

async function ask(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(PATIENCE), credentials: 'omit' })
  if (!answer.ok) throw new Error(`The history service answers ${answer.status}.`)
  return answer.json()
}

const number = (value: unknown): number => {
  const found = Number(value)
  if ((typeof value !== 'string' && typeof value !== 'number') || !Number.isFinite(found)) throw new Error('The history service answered no number.')
  return found
}
const list = (value: unknown): Fields[] => {
  if (!Array.isArray(value)) throw new Error('The history service answered no list.')
  return value as Fields[]
}
const legsOf = (value: unknown): HistoryLeg[] => list(value).map((leg) => ({ kind: String(leg.kind).toLowerCase(), strike: number(leg.strike), quantity: number(leg.quantity) }))

/** Under which number a service knows a deployment. Throws an Error when it does not. */
export async function readHistoryId(service: string, deployment: Deployment): Promise<number> {
  const house = deployment.contracts.Clearinghouse?.address.toLowerCase()
  const found = list(await ask(`${service}/v1/deployments`)).find((one) => one.chain_id === deployment.chainId && String(one.clearinghouse).toLowerCase() === house)
  if (!found) throw new Error('The history service does not know this deployment.')
  return number(found.id)
}

/** Prices of a stretch of time, and what was filled in it [contracts]. */
export interface Candle {
  /** unix seconds */
  at: number
  open: number
  high: number
  low: number
  close: number
  volume: number
}

/** What candles may be of: spot, the vol behind margins, the vol of surfaces at the money. */
export type CandleSeries = 'spot' | 'sigma' | 'iv'

/** The last hundred candles of a market, oldest first. Throws an Error when the service does not tell them. */
export async function readCandles(service: string, id: number, of: { market: bigint; series: CandleSeries; seconds: number }): Promise<Candle[]> {
  const found = await ask(`${service}/v1/${id}/candles?market=${of.market}&of=${of.series}&seconds=${of.seconds}`)
  return list(found).map((one) => ({ at: number(one.at), open: number(one.open), high: number(one.high), low: number(one.low), close: number(one.close), volume: number(one.volume) }))
}

/** The past of a vault. Throws an Error when the service does not tell it. */
export async function readPast(service: string, id: number, vaultId: bigint): Promise<VaultPast> {
  const base = `${service}/v1/${id}/vaults/${vaultId}`
  const [vault, page] = (await Promise.all([ask(base), ask(`${base}/history`)])) as [Fields, Fields]
  return {
    paidIn: number(vault.paid_in),
    takenOut: number(vault.taken_out),
    fees: number(vault.fees),
    realised: number(vault.realised),
    profit: vault.profit === null ? null : number(vault.profit),
    entry: list(vault.entry).map((one) => ({ legs: legsOf(one.legs), size: number(one.size), price: number(one.price) })),
    unknown: String(vault.unknown ?? ''),
    states: list(page.items)
      .map((one) => ({ block: number(one.block), at: number(one.at), balance: number(one.balance), legs: legsOf(one.legs), net: number(one.paid_in) - number(one.taken_out) }))
      .reverse(),
  }
}
