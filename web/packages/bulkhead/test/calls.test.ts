// Stops, requests for quotes, mandates and exact edges: what needs no chain.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type MandateTerms,
  type QuoteRequest,
  LINEAR,
  MICRO,
  NO_PERMIT,
  WAD,
  bracketsOf,
  leftOf,
  mandateRefusal,
  orderOfAnswer,
  packSeries,
  parseSignedOrder,
  permitOf,
  plainQuotes,
  safeIntervals,
  sellable,
  serverOf,
  withEdges,
} from '../src'

const vectors: { vectors: { order: Record<string, unknown>; signature: string }[] } = JSON.parse(
  readFileSync(new URL('../../../../tests/vectors/orders.json', import.meta.url), 'utf8'),
)
const EXPIRY = 1_800_000_000n
const ALICE = '0x00000000000000000000000000000000000000A1' as const
const MALLORY = '0x00000000000000000000000000000000000000b2' as const

describe('what a vault holds as a package', () => {
  const leg = (kind: 'call' | 'put' | 'future' | 'cash', strike: bigint, quantity: bigint) => ({ kind, strike, quantity })

  it('is its legs by their greatest common size, cash aside', () => {
    const found = sellable([leg('call', 2000n, 4n * MICRO), leg('put', 1800n, -6n * MICRO), leg('cash', 0n, 7n)], 1n, EXPIRY, LINEAR)
    expect(found.packages).toBe(2n * MICRO)
    expect(found.legs.map(({ ratio }) => ratio)).toStrictEqual([2n, -3n])
    expect(found.legs[0]?.series).toBe(packSeries({ market: 1n, expiry: EXPIRY, kind: 'call', strike: 2000n }))
    expect(found.held[1]?.quantity).toBe(-3n * MICRO)
  })

  it('is none without legs, and none of more than four', () => {
    expect(() => sellable([leg('cash', 0n, 5n)], 1n, EXPIRY, LINEAR)).toThrow(/holds no option/)
    expect(() => sellable([1n, 2n, 3n, 4n, 5n].map((strike) => leg('call', strike, MICRO)), 1n, EXPIRY, LINEAR)).toThrow(/split it first/)
  })
})

describe('an answer of a maker', () => {
  const request: QuoteRequest = {
    market: 1n,
    legs: [{ series: packSeries({ market: 1n, expiry: EXPIRY, kind: 'put', strike: 180n * 10n ** 8n }), ratio: 2n }],
    size: 3n * MICRO,
    side: 'buy',
    style: 0,
    taker: ALICE,
    vaultId: 0n,
  }
  const told = { ...(vectors.vectors[0]?.order ?? {}), maker_vault: '9', price: '77', taker: MALLORY, size: '1', is_bid: true, premium_style: '1', flags: '1', legs: [] }

  it('is read by the maker’s fields alone: everything else is what was asked', () => {
    const order = orderOfAnswer(request, told)
    expect([order.maker_vault, order.price]).toStrictEqual([9n, 77n])
    expect([order.taker, order.size, order.is_bid, order.premium_style, order.flags]).toStrictEqual([ALICE, 3n * MICRO, false, 0, 0])
    expect(order.legs).toStrictEqual(request.legs)
  })

  it('without fields is one that nobody has signed, and nonsense is refused', () => {
    expect(orderOfAnswer(request, {}).salt).toBe(0n)
    expect(() => orderOfAnswer(request, { price: 1.5 })).toThrow(/price/)
  })

  it.each([
    ['http://127.0.0.1:8650/quotes', 'http://127.0.0.1:8650'],
    ['https://maker.example/', 'https://maker.example'],
    ['https://maker.example/eth/quotes/', 'https://maker.example/eth'],
  ])('the server of %s is %s', (url, server) => expect(serverOf(url)).toBe(server))
})

describe('orders of the board', () => {
  const signed = parseSignedOrder({ chain_id: 1, exchange: ALICE, order: vectors.vectors[0]?.order, signature: vectors.vectors[0]?.signature })
  const plain = { ...signed, order: { ...signed.order, iv: 0n, slip: 0n, patience: 0n, flags: 0, taker: '0x0000000000000000000000000000000000000000' as const, legs: [{ series: packSeries({ market: 1n, expiry: EXPIRY, kind: 'future', strike: 0n }), ratio: 1n }] } }

  it('are quotes only at a price of their own, of one leg, for everybody', () => {
    const changed = (changes: object) => ({ ...plain, order: { ...plain.order, ...changes } })
    expect(plainQuotes([plain])).toHaveLength(1)
    expect(plainQuotes([changed({ slip: 1n }), changed({ iv: 1n }), changed({ flags: 2 }), changed({ taker: ALICE }), changed({ legs: [...plain.order.legs, ...plain.order.legs] })])).toStrictEqual([])
  })
})

describe('a mandate', () => {
  const terms: MandateTerms = { trigger: (11n * WAD) / 10n, target: (13n * WAD) / 10n, most_per_day: 1_100n, most_in_all: 5_000n, tip: 100n, expires_at: 50n }
  it.each<[Partial<MandateTerms>, RegExp]>([
    [{ trigger: WAD - 1n }, /at least 1/],
    [{ target: (11n * WAD) / 10n + WAD / 20n - 1n }, /0\.05/],
    [{ target: 100n * WAD + 1n }, /at most 100/],
    [{ most_per_day: 0n }, /limit a day/],
    [{ most_in_all: 0n }, /one in all/],
    [{ tip: 101n }, /a tenth/],
    [{ expires_at: 10n }, /before it begins/],
  ])('of %o is refused in words', (changes, said) => expect(mandateRefusal({ ...terms, ...changes }, 10n)).toMatch(said))
  it('of good terms is not', () => expect(mandateRefusal(terms, 10n)).toBe(''))

  it('leaves what it has not spent, to its own owner in its own epoch, until its end', () => {
    const record = { owner: ALICE, epoch: 3n, mandate: terms, day: 0n, spent_that_day: 0n, spent_in_all: 4_000n }
    expect(leftOf(record, { owner: ALICE, epoch: 3n, now: 49n })).toBe(1_000n)
    for (const other of [{ owner: MALLORY }, { epoch: 4n }, { now: 50n }]) expect(leftOf(record, { owner: ALICE, epoch: 3n, now: 49n, ...other })).toBe(0n)
  })
})

describe('edges of a hull', () => {
  const points = [100n, 110n, 120n, 130n].map((spot) => ({ spot: spot * WAD, volShift: 0n }))
  const level = (slack: bigint) => ({ equity: slack * WAD, maintenance_margin: 0n })
  const levels = [-1n, 1n, 1n, -1n].map(level)

  it('are bracketed, the nearest first, and lie where the chain says', () => {
    const rough = bracketsOf(points, levels, 118n * WAD)
    expect(rough).toStrictEqual([
      { safe: 110n * WAD, liquidatable: 100n * WAD },
      { safe: 120n * WAD, liquidatable: 130n * WAD },
    ].sort((a, b) => Math.abs(Number(a.safe / WAD) - 118) - Math.abs(Number(b.safe / WAD) - 118)))
    const exact = rough.map(({ safe }) => (safe === 110n * WAD ? { safe: 103n * WAD, liquidatable: 102n * WAD } : { safe: 128n * WAD, liquidatable: 129n * WAD }))
    expect(safeIntervals(points, levels)).toStrictEqual([{ from: 105, to: 125 }])
    expect(withEdges(safeIntervals(points, levels), rough, exact)).toStrictEqual([{ from: 103, to: 128 }])
    expect(withEdges([{ from: 0, to: Infinity }], rough, exact)).toStrictEqual([{ from: 0, to: Infinity }])
  })
})

describe('a permit', () => {
  const message = { value: 5n, deadline: 9n }
  it('is the signature of a key in parts', () => {
    const [r, s] = ['11'.repeat(32), '22'.repeat(32)]
    expect(permitOf(message, `0x${r}${s}1c`)).toStrictEqual({ amount: 5n, deadline: 9n, v: 28, r: `0x${r}`, s: `0x${s}` })
  })
  it('of a contract is none: the allowance decides', () => expect(permitOf(message, '0x1234')).toBe(NO_PERMIT))
})
