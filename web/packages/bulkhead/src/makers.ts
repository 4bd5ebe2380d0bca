// Maker servers: requests for quotes, and orders handed over to wait for a price (bulkhead/client/quote_requests.py).
import type { Address } from 'viem'
import { parseAmount } from './amounts'
import { type Order, type SignedOrder, buildOrder, parseOrder, signedOrderToJson } from './orders'
import { addressOf } from './deployment'
import { isSigned } from './quotes'
import { type MarketState, type Place, readLegs, readOrderStates } from './reads'
import { sentence } from './refusals'
import { type Trading, legsOf, taken, unpackTrading } from './trading'
import { CONTRACT } from './series'

/** A server that has not answered by then is left out [ms]. */
export const MAKER_PATIENCE = 800
const MOST_ANSWERS = 4
const SURFACE_SVI = 64n
const OPEN = 1n
const WAD_PER_MICRO = 10n ** 6n

/** Fields of an order that are the maker's to choose; all others are the asker's. */
const MAKERS_OWN = ['maker_vault', 'signer', 'price', 'iv', 'max_fee', 'spot_min', 'spot_max', 'max_deficit', 'epoch', 'since', 'salt', 'expiry'] as const

export interface QuoteRequest {
  market: bigint
  /** what the buyer of one package receives */
  legs: readonly { series: bigint; ratio: bigint }[]
  /** packages [1e-6] */
  size: bigint
  /** what the asker would do */
  side: 'buy' | 'sell'
  /** 0 upfront, 1 deferred */
  style: number
  /** who will send the fill */
  taker: Address
  /** own vault to fill into; 0 for a new one */
  vaultId: bigint
}

/** One answer; without `signed` it cannot be taken, and `remark` says why. */
export interface MakerAnswer {
  source: string
  remark: string
  /** per package now [wad] */
  price?: bigint
  mark?: bigint
  /** 0 where the price is fixed */
  iv?: bigint
  /** of the whole fill [native] */
  fee?: bigint
  /** what the asker pays in all, below zero what he gets [native] */
  total?: bigint
  /** how long it is good */
  seconds?: number
  signed?: SignedOrder
}

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The root of a server whose quotes are at this address. */
export const serverOf = (url: string): string => url.replace(/\/+(quotes)?\/*$/, '')

/** Posts JSON; the answer, or the sentence why there is none. */
async function post(url: string, body: unknown): Promise<Fields | string> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(MAKER_PATIENCE),
      credentials: 'omit',
      redirect: 'error',
    })
    const said: unknown = await answer.json()
    if (answer.ok && isFields(said)) return said
    return isFields(said) && typeof said.error === 'string' ? said.error.slice(0, 300) : `HTTP ${answer.status}`
  } catch (error) {
    return (error as Error | null)?.name === 'TimeoutError' ? `no answer within ${MAKER_PATIENCE} ms` : 'cannot be reached'
  }
}

/** The order that an answer must have signed: the maker's fields from it, everything else from what was asked. */
export function orderOfAnswer(request: QuoteRequest, told: Fields): Order {
  const asked = buildOrder({
    maker_vault: 1n, signer: request.taker, taker: request.taker, legs: request.legs, is_bid: request.side === 'sell',
    price: 0n, size: request.size, expiry: 0n, epoch: 0n, premium_style: request.style, salt: 0n,
  })
  const own = Object.fromEntries(MAKERS_OWN.filter((name) => name in told).map((name) => [name, told[name]]))
  const blank = signedOrderToJson({ order: asked, signature: '0x', chainId: 0, exchange: request.taker }) as { order: Fields }
  const order: Fields = { ...blank.order, ...own, salt: own.salt ?? '0' }
  return parseOrder(order)
}

/** Price and mark of an answer that is not signed, where they can be read. */
function told(one: Fields): { price?: bigint; mark?: bigint } {
  try {
    return { price: parseAmount(String(one.price), 18), mark: parseAmount(String(one.mark), 18) }
  } catch {
    return {}
  }
}

async function readAnswer(place: Place, request: QuoteRequest, source: string, one: unknown): Promise<MakerAnswer | undefined> {
  if (!isFields(one) || one.side !== request.side) return undefined
  const { signed } = one
  if (!isFields(signed)) return { source, ...told(one), remark: typeof one.unsigned === 'string' ? one.unsigned.slice(0, 300) : 'not signed' }
  try {
    const order = orderOfAnswer(request, isFields(signed.order) ? signed.order : {})
    const made: SignedOrder = { order, signature: String(signed.signature) as `0x${string}`, chainId: place.deployment.chainId, exchange: addressOf(place.deployment, 'Exchange') }
    // a contract's signature is looked at by the order lens
    const remark = (await isSigned({ signed: made })) ? '' : 'another question was answered, or its signature is none'
    return remark ? { source, remark } : { source, remark, signed: made }
  } catch {
    return { source, remark: 'the answer cannot be read' }
  }
}

/** Asks makers for a package and ranks what came by what it costs in all; what cannot be taken comes last. */
export async function askMakers(place: Place, servers: readonly string[], request: QuoteRequest, of: { market: MarketState; decimals: number; now: number }): Promise<MakerAnswer[]> {
  const body = {
    legs: [...request.legs].sort((a, b) => (a.series < b.series ? -1 : 1)).map(({ series, ratio }) => ({ series: String(series), ratio: String(ratio) })),
    size: String(request.size),
    side: request.side,
    premium_style: String(request.style),
    taker: request.taker,
  }
  const found = await Promise.all(
    servers.map(async (server): Promise<MakerAnswer[]> => {
      const said = await post(`${server}/rfq`, body)
      if (typeof said === 'string') return [{ source: server, remark: said }]
      const list = Array.isArray(said.answers) ? said.answers.slice(0, MOST_ANSWERS) : []
      const read = (await Promise.all(list.map((one) => readAnswer(place, request, server, one)))).filter((one) => one !== undefined)
      return read.length ? read : [{ source: server, remark: 'no answer to what was asked' }]
    }),
  )
  const all = found.flat()
  const firm = all.filter((one): one is MakerAnswer & { signed: SignedOrder } => one.signed !== undefined)
  const states = await readOrderStates(place, firm.map((one) => one.signed), request.taker, request.vaultId)
  const trading = unpackTrading(of.market.trading)
  const priced = await Promise.all(
    firm.map(async (one, i): Promise<MakerAnswer> => {
      const state = states[i]
      const cost = await costOfAnswer(place, one.signed.order, request, { ...of, trading })
      const fills = state?.status === OPEN && state.fillable >= request.size
      const { signed, ...told } = { ...one, ...cost, seconds: Math.max(Number(one.signed.order.expiry) - of.now, 0) }
      return fills ? { ...told, signed } : { ...told, remark: state?.reason ? sentence(state.reason) : 'it is not good for the whole size now' }
    }),
  )
  const rank = (one: MakerAnswer) => (one.signed && one.total !== undefined ? one.total : 2n ** 255n)
  return [...priced, ...all.filter((one) => !one.signed)].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0))
}

async function costOfAnswer(place: Place, order: Order, request: QuoteRequest, of: { market: MarketState; decimals: number; trading: Trading }) {
  const { snapshot, units } = of.market
  const legs = legsOf(order, CONTRACT)
  const worth = async (at: typeof snapshot) => (await readLegs(place, legs.map((leg) => ({ ...leg, quantity: CONTRACT })), at, units)).reduce((sum, state, i) => sum + (state.mark * (legs[i]?.quantity ?? 0n)) / WAD_PER_MICRO, 0n)
  const mark = await worth(snapshot)
  let { price } = order
  if (order.iv) {
    const flat = { ...snapshot, surface_near: order.iv, surface_far: 0n, surface_weight: 0n, status: snapshot.status & ~SURFACE_SVI }
    const byVol = await worth(flat)
    // the better for its maker of the vol and the signed price
    price = order.is_bid ? (byVol < price ? byVol : price) : byVol > price ? byVol : price
  }
  const fill = taken({ ...order, price }, request.size, { trading: of.trading, decimals: of.decimals, mark, prices: snapshot, units })
  return { price, mark, iv: order.iv, fee: fill.fee, total: fill.fee - fill.cash }
}

/** Hands an order that waits for a price to maker servers: by server "" where it waits, or the sentence why not. */
export async function handOver(servers: readonly string[], signed: SignedOrder): Promise<Map<string, string>> {
  const answers = await Promise.all(
    servers.map(async (server) => {
      const said = await post(`${server}/orders`, signedOrderToJson(signed))
      return [server, typeof said === 'string' ? said : ''] as const
    }),
  )
  return new Map(answers)
}
