// Quotes of maker servers that would fill now: checked here first, and the best of each side by the chain.
import { type Quote, type SignedOrder, books, isSigned, parseQuotes, plainQuotes, quoteRefusal, readBoard, readEpochFor, readOrderStates, seriesKey } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { usePlace } from './context'
import { useMakers } from './makers'
import { useHead, useMarket } from './reads'
import { lastOfSame } from './same'

/** Milliseconds between looks at the servers. */
const REFRESH = 2_500
/** Orders that the chain is asked about at a time. */
const ASKED = 16
const OPEN = 1n

/** A quote with what the chain says of it. */
export interface LiveQuote extends Quote {
  /** packages that would fill [1e-6]; undefined while the chain has not been asked */
  fillable?: bigint
}

export interface LiveBook {
  bids: LiveQuote[]
  asks: LiveQuote[]
}

export interface Quotes {
  /** servers that quote other markets only: they are not asked for packages of this one */
  elsewhere: ReadonlySet<string>
  books: ReadonlyMap<string, LiveBook>
  /** servers that did not answer, in a sentence */
  trouble: string
}

const signatures = new Map<string, boolean>()
const MOST_REMEMBERED = 2_000

async function signedBy(quote: Quote): Promise<boolean> {
  const known = signatures.get(quote.signed.signature)
  if (known !== undefined) return known
  if (signatures.size > MOST_REMEMBERED) signatures.clear()
  const found = await isSigned(quote)
  signatures.set(quote.signed.signature, found)
  return found
}

async function ask(servers: readonly string[], market: bigint): Promise<{ quotes: Quote[]; silent: number; elsewhere: ReadonlySet<string> }> {
  const answers = await Promise.allSettled(
    servers.map(async (server) => {
      const answer = await fetch(`${server}/quotes`, { signal: AbortSignal.timeout(4_000) })
      return parseQuotes(await answer.json())
    }),
  )
  const told = answers.map((one) => (one.status === 'fulfilled' ? one.value : []))
  return {
    quotes: told.flat(),
    silent: answers.filter((one) => one.status === 'rejected').length,
    elsewhere: new Set(servers.filter((_, i) => told[i]?.length && told[i].every(({ series }) => series.market !== market))),
  }
}

/** Milliseconds between looks at the QuoteBoard. */
const BOARD_REFRESH = 15_000
const NOTHING: readonly SignedOrder[] = []
const NOWHERE: ReadonlySet<string> = new Set()

/** Orders of the QuoteBoard of about the last day, and whether it could be read. */
export function useBoard(): { orders: readonly SignedOrder[]; unread: boolean } {
  const place = usePlace()
  const found = useQuery({ queryKey: ['board'], queryFn: () => readBoard(place), refetchInterval: BOARD_REFRESH, retry: false })
  return { orders: found.data ?? NOTHING, unread: found.isError }
}

/** The living quotes of one cell, by series. */
export function useQuotes(market: bigint, expiry: bigint): Quotes {
  const { servers } = useMakers()
  const { orders: board, unread } = useBoard()
  const place = usePlace()
  const head = useHead()
  const state = useMarket(market, expiry)
  const spot = state.data?.snapshot.spot ?? 0n
  const queryKey = ['quotes', String(market), String(expiry), servers.join(), String(board.length)]
  const found = useQuery({
    queryKey,
    enabled: spot !== 0n && head.timestamp !== undefined,
    refetchInterval: REFRESH,
    placeholderData: lastOfSame(queryKey, 2),
    retry: false,
    queryFn: async (): Promise<Quotes> => {
      const { quotes, silent, elsewhere } = await ask(servers, market)
      const mine = [...quotes, ...plainQuotes(board)].filter(({ series }) => series.market === market && series.expiry === expiry)
      const desks = [...new Set(mine.map((one) => one.signed.order.maker_vault))]
      const epochs = new Map(await Promise.all(desks.map(async (desk) => [desk, await readEpochFor(place, desk)] as const)))
      const moment = {
        deployment: place.deployment,
        now: head.timestamp ?? 0,
        spotOf: () => spot,
        epochOf: (desk: bigint) => epochs.get(desk),
      }
      const alive: Quote[] = []
      for (const quote of mine) if (!quoteRefusal(quote, moment) && (await signedBy(quote))) alive.push(quote)
      const ordered = books(alive)
      const best = [...ordered.values()].flatMap(({ bids, asks }) => [...bids.slice(0, 1), ...asks.slice(0, 1)])
      const near = best.sort((a, b) => distance(a, spot) - distance(b, spot)).slice(0, ASKED)
      const states = await readOrderStates(place, near.map((one) => one.signed))
      const fillable = new Map(near.map((one, i) => [one.signed.signature, states[i]] as const))
      const live = (quote: Quote): LiveQuote[] => {
        const known = fillable.get(quote.signed.signature)
        if (!known) return [quote]
        return known.status === OPEN && known.fillable > 0n ? [{ ...quote, fillable: known.fillable }] : []
      }
      return {
        elsewhere,
        books: new Map([...ordered].map(([key, { bids, asks }]) => [key, { bids: bids.flatMap(live), asks: asks.flatMap(live) }])),
        trouble: silent ? `${silent} of ${servers.length} maker servers did not answer.` : '',
      }
    },
  })
  const told = found.data ?? { elsewhere: NOWHERE, books: new Map(), trouble: servers.length || board.length ? '' : 'No maker server is named and the QuoteBoard is empty, so there are no quotes.' }
  return unread ? { ...told, trouble: `${told.trouble} The QuoteBoard could not be read.`.trim() } : told
}

function distance({ series }: Quote, spot: bigint): number {
  return series.strike === 0n ? 0 : Math.abs(Number(series.strike * 10n ** 10n - spot))
}

/** The best living quote against which a side can be taken, for so many packages at least. */
export function bestQuote(
  quotes: Quotes,
  leg: { market: bigint; expiry: bigint; kind: Quote['series']['kind']; strike: bigint; buy: boolean },
  size: bigint,
): LiveQuote | undefined {
  const book = quotes.books.get(seriesKey(leg))
  const side = leg.buy ? book?.asks : book?.bids
  return side?.find((one) => (one.fillable ?? one.size) >= size)
}
