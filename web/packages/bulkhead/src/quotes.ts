// Quotes of makers: from their servers, checked before anybody looks at them.
import { recoverTypedDataAddress, zeroAddress } from 'viem'
import { type Deployment, addressOf } from './deployment'
import { type SignedOrder, orderDocument, parseSignedOrder } from './orders'
import { type Series, unpackSeries } from './series'

/** A firm quote of one series. */
export interface Quote {
  series: Series
  /** the maker buys */
  isBid: boolean
  /** per contract [wad] */
  price: bigint
  /** packages [1e-6] */
  size: bigint
  signed: SignedOrder
}

/** The quotes of a maker server's answer that are single legs for everybody; what cannot be read is left out. */
export function parseQuotes(answer: unknown): Quote[] {
  const list = (answer as { quotes?: unknown } | null)?.quotes
  if (!Array.isArray(list)) throw new Error('The maker server answered something else than quotes.')
  return list.flatMap((entry: { signed?: unknown }) => {
    try {
      return [quoteOf(parseSignedOrder(entry.signed))]
    } catch {
      return []
    }
  })
}

/** Orders of the QuoteBoard that are quotes of single legs for everybody, at a price that they name. */
export function plainQuotes(orders: readonly SignedOrder[]): Quote[] {
  return orders.flatMap((signed) => {
    const { iv, slip, taker, flags } = signed.order
    try {
      return iv || slip || flags || taker !== zeroAddress ? [] : [quoteOf(signed)]
    } catch {
      return []
    }
  })
}

function quoteOf(signed: SignedOrder): Quote {
  const [leg, more] = signed.order.legs
  if (!leg || more || leg.ratio !== 1n) throw new Error('no single leg')
  const { is_bid: isBid, price, size } = signed.order
  return { series: unpackSeries(leg.series), isBid, price, size, signed }
}

/** What a quote is held against. */
export interface Moment {
  deployment: Deployment
  /** unix seconds */
  now: number
  /** [wad], of a market; 0 when it is unknown */
  spotOf: (market: bigint) => bigint
  /** the least living counter of a desk; undefined when it has not been asked */
  epochOf: (vaultId: bigint) => bigint | undefined
}

/** Why a quote is dead, "" when nothing that can be told without the chain speaks against it. */
export function quoteRefusal({ signed, series }: Quote, moment: Moment): string {
  const { order, chainId, exchange } = signed
  if (chainId !== moment.deployment.chainId || exchange !== addressOf(moment.deployment, 'Exchange')) return 'of another exchange'
  if (order.expiry < BigInt(moment.now)) return 'expired'
  const spot = moment.spotOf(series.market)
  if (spot === 0n) return 'no price'
  if (spot < order.spot_min || spot > order.spot_max) return 'outside its band'
  const epoch = moment.epochOf(order.maker_vault)
  if (epoch !== undefined && order.epoch < epoch) return 'withdrawn'
  return ''
}

/** Whether a quote was signed by whom it names; contracts that sign are asked by the order lens. */
export async function isSigned({ signed }: Pick<Quote, 'signed'>): Promise<boolean> {
  try {
    const signer = await recoverTypedDataAddress({
      ...orderDocument(signed.order, signed.chainId, signed.exchange),
      signature: signed.signature,
    })
    return signer === signed.order.signer
  } catch {
    return false
  }
}

export const seriesKey = (series: Series): string => `${series.market}:${series.expiry}:${series.kind}:${series.strike}`

/** Bids and asks of one series, the best for a taker first. */
export interface Book {
  bids: Quote[]
  asks: Quote[]
}

export function books(quotes: readonly Quote[]): Map<string, Book> {
  const found = new Map<string, Book>()
  for (const quote of quotes) {
    const key = seriesKey(quote.series)
    const book = found.get(key) ?? { bids: [], asks: [] }
    ;(quote.isBid ? book.bids : book.asks).push(quote)
    found.set(key, book)
  }
  for (const { bids, asks } of found.values()) {
    bids.sort((a, b) => (a.price > b.price ? -1 : 1))
    asks.sort((a, b) => (a.price < b.price ? -1 : 1))
  }
  return found
}
