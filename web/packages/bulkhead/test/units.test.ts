// Both kinds of market against the vectors that Python writes (tests/vectors/make_fills.py).
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type Kind,
  type Leg,
  type Prices,
  type Trading,
  type Units,
  LINEAR,
  deltaKind,
  drawn,
  isDelta,
  isMoney,
  legValue,
  legsOf,
  moneyKind,
  notionalOf,
  parseOrder,
  payoff,
  sellable,
  settling,
  shapeOf,
  taken,
  toNumber,
  unpackUnits,
} from '../src'

interface ToldLeg {
  kind: Kind
  strike: string
  quantity: string
}
interface Document {
  fees: Record<'taker_bps' | 'maker_bps' | 'cap_bps', string>
  kinds: Record<string, { token_word: string; decimals: number; inverse: boolean; unit: string }>
  moments: Record<string, Record<keyof Prices | 'settling', string>>
  fills: { name: string; counts: string; moment: string; order: unknown; mark: string; notional: string; taker: { legs: ToldLeg[]; cash: string; fee: string } }[]
  payoffs: { name: string; counts: string; legs: ToldLeg[]; worst: string | null; pays: Record<string, string> }[]
}
const document: Document = JSON.parse(readFileSync(new URL('../../../../tests/vectors/fills.json', import.meta.url), 'utf8'))

const unitsOf = (counts: string): Units => unpackUnits(BigInt(document.kinds[counts]?.token_word ?? 0))
const COINS = unitsOf('coins')
const legOf = (leg: ToldLeg): Leg => ({ kind: leg.kind, strike: BigInt(leg.strike), quantity: BigInt(leg.quantity) })
const sorted = (legs: readonly Leg[]) => [...legs].sort((a, b) => (a.kind + a.strike < b.kind + b.strike ? -1 : 1))
function pricesAt(moment: string): Prices {
  const told = document.moments[moment]
  if (!told) throw new Error(moment)
  return { spot: BigInt(told.spot), forward: BigInt(told.forward), window_share: BigInt(told.window_share), window_average: BigInt(told.window_average) }
}
const trading: Trading = {
  takerBps: BigInt(document.fees.taker_bps), makerBps: BigInt(document.fees.maker_bps), feeCapBps: BigInt(document.fees.cap_bps),
  tick: 1n, noOpenSeconds: 0n, openInterestCap: 0n, pausedUntil: 0n,
}

describe('what a market counts in', () => {
  it.each(Object.entries(document.kinds))('%s: out of its token word', (_, told) => {
    expect(unpackUnits(BigInt(told.token_word))).toStrictEqual({ inverse: told.inverse, unit: BigInt(told.unit) })
  })

  it('tells money from future', () => {
    expect([moneyKind(LINEAR), deltaKind(LINEAR), moneyKind(COINS), deltaKind(COINS)]).toStrictEqual(['cash', 'future', 'future', 'cash'])
    expect([isMoney({ kind: 'cash' }, COINS), isDelta({ kind: 'cash' }, COINS), isMoney({ kind: 'call' }, COINS)]).toStrictEqual([false, true, false])
  })

  it.each(Object.entries(document.moments))('%s: the price it settles at', (name, told) => {
    expect(settling(pricesAt(name))).toBe(BigInt(told.settling))
  })
})

describe('a fill', () => {
  it.each(document.fills.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const order = parseOrder(vector.order)
    const units = unitsOf(vector.counts)
    const prices = pricesAt(vector.moment)
    const found = taken(order, order.size, { trading, decimals: document.kinds[vector.counts]?.decimals ?? 0, mark: BigInt(vector.mark), prices, units })
    expect(notionalOf(legsOf(order, order.size), prices, units)).toBe(BigInt(vector.notional))
    expect({ cash: found.cash, fee: found.fee }).toStrictEqual({ cash: BigInt(vector.taker.cash), fee: BigInt(vector.taker.fee) })
    expect(sorted(found.legs)).toStrictEqual(sorted(vector.taker.legs.map(legOf)))
  })
})

describe('what legs pay', () => {
  it.each(document.payoffs.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const units = unitsOf(vector.counts)
    const legs = vector.legs.map((leg) => drawn(legOf(leg)))
    for (const [price, paid] of Object.entries(vector.pays)) expect(payoff(legs, Number(price) / 1e8, units)).toBeCloseTo(toNumber(BigInt(paid)), 9)
    const { worst } = shapeOf(legs, 0, units)
    if (vector.worst === null) expect(worst).toBeNull()
    else expect(worst).toBeCloseTo(toNumber(BigInt(vector.worst)), 9)
  })

  it('breaks even in coins where what was paid is worth what it pays', () => {
    const call = [{ kind: 'call', strike: 2000, quantity: 1 }] as const
    // max(P - 2000, 0)/P = 0.05
    const bought = shapeOf(call, 0.05, COINS)
    expect(bought).toMatchObject({ worst: -0.05, best: 0.95 })
    expect(bought.breakevens).toStrictEqual([expect.closeTo(2000 / 0.95, 9)])
    const put = shapeOf([{ kind: 'put', strike: 2000, quantity: 1 }], 0.05, COINS)
    expect(put).toMatchObject({ worst: -0.05, best: null })
    expect(put.breakevens).toStrictEqual([expect.closeTo(2000 / 1.05, 9)])
    // ten coins of a long future at 5,000 quote: money lost without bound as the price falls
    const future = shapeOf([{ kind: 'cash', strike: 0, quantity: -5000 }, { kind: 'future', strike: 0, quantity: 2.5 }], 0, COINS)
    expect(future).toStrictEqual({ worst: null, best: 2.5, breakevens: [2000] })
  })

  it('is worth in coins what it is worth in quote, over the forward', () => {
    const leg = { kind: 'call', strike: 2000, quantity: 2 } as const
    expect(legValue(leg, 1900, 0.1, 0.6, COINS) * 1900).toBeCloseTo(legValue(leg, 1900, 0.1, 0.6, LINEAR), 9)
  })
})

describe('what a vault of coins holds as a package', () => {
  const leg = (kind: Kind, strike: bigint, quantity: bigint): Leg => ({ kind, strike, quantity })

  it('is its options and its cash: the future beside them is money', () => {
    const found = sellable([leg('call', 2000n, -2_000_000n), leg('future', 0n, 9n)], 3n, 1n, COINS)
    expect([found.packages, found.held.map((one) => one.kind)]).toStrictEqual([2_000_000n, ['call']])
    const future = sellable([leg('cash', 0n, -1_946_000_000n), leg('future', 0n, 9n)], 3n, 1n, COINS)
    expect([future.packages, future.legs[0]?.ratio]).toStrictEqual([1_946_000_000n, -1n])
    expect(() => sellable([leg('future', 0n, 9n)], 3n, 1n, COINS)).toThrow(/holds no option/)
  })
})
