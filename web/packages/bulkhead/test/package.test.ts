import { readFileSync } from 'node:fs'
import { BaseError, UserRejectedRequestError, getAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import {
  AmountError,
  DeploymentError,
  LINEAR,
  drawn,
  exact,
  expiries,
  explain,
  format,
  isLoopback,
  net,
  orderDocument,
  orderHash,
  packLeg,
  packSeries,
  parseAmount,
  parseDeployment,
  parseOrder,
  parseSignedOrder,
  payoff,
  reasonOf,
  sentence,
  shapeOf,
  signedOrderToJson,
  strangers,
  unpackLeg,
  unpackSeries,
} from '../src'
import { digests } from '../src/generated/abis'

interface Vectors {
  private_key: `0x${string}`
  address: string
  vectors: { name: string; domain: { chainId: string; verifyingContract: `0x${string}` }; order: unknown; digest: string; signature: string }[]
}
const vectors: Vectors = JSON.parse(readFileSync(new URL('../../../../tests/vectors/orders.json', import.meta.url), 'utf8'))

describe('amounts', () => {
  it.each([
    ['1,234.5', 1_234_500_000n],
    [' 12 USDC', 12_000_000n],
    ['$1 000', 1_000_000_000n],
    ['-0.000001', -1n],
    ['.5', 500_000n],
    ['7.', 7_000_000n],
    ['1.2300000000', 1_230_000n],
  ])('reads %s as people mean it', (text, amount) => expect(parseAmount(text, 6)).toBe(amount))

  it.each(['', 'abc', '1.2.3', '1,5', '1e6', '0x10', '--1', '1.0000001', '9'.repeat(50)])('refuses %s with a sentence', (text) => {
    expect(() => parseAmount(text, 6)).toThrow(AmountError)
    expect(() => parseAmount(text, 6)).toThrow(/\.$/)
  })

  it('writes what it reads', () => {
    for (const amount of [0n, 1n, -1n, 10n ** 24n, -123456789n]) expect(parseAmount(exact(amount, 6), 6)).toBe(amount)
  })

  it('rounds, separates thousands and never shows a minus zero', () => {
    expect(format(1_234_567_895_000n, 6)).toBe('1,234,567.90')
    expect(format(-1_500_000n, 6, 0)).toBe('−2')
    expect(format(-1n, 6)).toBe('0.00')
    expect(format(5n, 0, 2)).toBe('5.00')
  })
})

describe('orders', () => {
  it.each(vectors.vectors.map((vector) => [vector.name, vector] as const))('%s: digest and signature of the shared vector', async (_, vector) => {
    const order = parseOrder(vector.order)
    const chainId = Number(vector.domain.chainId)
    const exchange = getAddress(vector.domain.verifyingContract)
    expect(orderHash({ order, chainId, exchange })).toBe(vector.digest)
    const signature = await privateKeyToAccount(vectors.private_key).signTypedData(orderDocument(order, chainId, exchange))
    expect(signature).toBe(vector.signature)
    const signed = { order, signature, chainId, exchange }
    expect(parseSignedOrder(JSON.parse(JSON.stringify(signedOrderToJson(signed))))).toStrictEqual(signed)
  })

  it('names the field that is missing or wrong', () => {
    const good = vectors.vectors[0]?.order as Record<string, unknown>
    expect(() => parseOrder({ ...good, price: 1.5 })).toThrow(/price/)
    expect(() => parseOrder({ ...good, flags: '256' })).toThrow(/flags/)
    expect(() => parseOrder({ ...good, signer: '0x12' })).toThrow(/signer/)
    expect(() => parseOrder({ ...good, legs: [{ series: '1' }] })).toThrow(/legs/)
    expect(() => parseOrder(null)).toThrow(/no order/)
  })
})

describe('words', () => {
  it('packs and unpacks legs and series', () => {
    const leg = { kind: 'put', strike: 1900n * 10n ** 8n, quantity: -5_000_000n } as const
    expect(unpackLeg(packLeg(leg))).toStrictEqual(leg)
    const series = { market: 2n, kind: 'future', expiry: 1_800_000_000n, strike: 0n } as const
    expect(unpackSeries(packSeries(series))).toStrictEqual(series)
    expect(() => unpackSeries(9n << 104n)).toThrow('leg/unknown-kind')
  })

  it('adds legs of one series and drops what is zero', () => {
    const leg = { kind: 'call', strike: 1n } as const
    expect(net([{ ...leg, quantity: 3n }, { ...leg, quantity: -1n }, { kind: 'put', strike: 1n, quantity: 2n }, { kind: 'put', strike: 1n, quantity: -2n }])).toStrictEqual([
      { ...leg, quantity: 2n },
    ])
  })

  it('knows the grid: seven days, then Fridays, then a month’s last Friday, at 08:00', () => {
    const now = Date.UTC(2026, 10, 28, 12) / 1000
    const days = expiries(now).map((at) => new Date(at * 1000).toISOString().slice(0, 13))
    expect(days.slice(0, 9)).toStrictEqual([
      '2026-11-29T08', '2026-11-30T08', '2026-12-01T08', '2026-12-02T08', '2026-12-03T08', '2026-12-04T08', '2026-12-05T08', '2026-12-11T08', '2026-12-18T08',
    ])
    expect(days.at(-1)).toBe('2027-11-26T08')
    expect(days).toContain('2027-02-26T08')
    expect(days).not.toContain('2027-02-19T08')
  })
})

describe('payoffs', () => {
  const condor = [
    { kind: 'put', strike: 1600n * 10n ** 8n, quantity: 1_000_000n },
    { kind: 'put', strike: 1800n * 10n ** 8n, quantity: -1_000_000n },
    { kind: 'call', strike: 2300n * 10n ** 8n, quantity: -1_000_000n },
    { kind: 'call', strike: 2500n * 10n ** 8n, quantity: 1_000_000n },
  ] as const

  it('tells worst, best and break-evens', () => {
    const legs = condor.map(drawn)
    expect(payoff(legs, 1700, LINEAR)).toBe(-100)
    expect(shapeOf(legs, -50, LINEAR)).toStrictEqual({ worst: -150, best: 50, breakevens: [1750, 2350] })
  })

  it('does not give a bound where there is none', () => {
    expect(shapeOf([{ kind: 'call', strike: 100, quantity: -1 }], -5, LINEAR)).toStrictEqual({ worst: null, best: 5, breakevens: [105] })
    expect(shapeOf([{ kind: 'call', strike: 100, quantity: 1 }], 5, LINEAR)).toStrictEqual({ worst: -5, best: null, breakevens: [105] })
    expect(shapeOf([{ kind: 'future', strike: 0, quantity: 1 }, { kind: 'cash', strike: 0, quantity: -100 }], 0, LINEAR)).toStrictEqual({
      worst: -100, best: null, breakevens: [100],
    })
  })
})

describe('refusals', () => {
  it('finds the reason in a revert’s data and says it in words', () => {
    const data = '0x08c379a000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000014' + Buffer.from('margin/below-initial').toString('hex').padEnd(64, '0')
    const error = new BaseError('call failed', { cause: Object.assign(new Error('execution reverted'), { data }) })
    expect(reasonOf(error)).toBe('margin/below-initial')
    expect(explain(error)).toBe(sentence('margin/below-initial'))
  })

  it('finds it in the text of nodes that send no data, and takes no path for a reason', () => {
    expect(reasonOf(new Error('execution reverted: exchange/order-expired'))).toBe('exchange/order-expired')
    expect(reasonOf(new Error('see docs/contract for contract/write'))).toBe('')
  })

  it('says that nothing was sent when the wallet declined', () => {
    expect(explain(new BaseError('x', { cause: new UserRejectedRequestError(new Error('denied')) }))).toMatch(/declined/)
  })
})

describe('deployments', () => {
  const raw = {
    network: 'local', chain_id: 31337, block: 1,
    contracts: { Lens: { address: '0x' + '11'.repeat(20), contract: 'Lens', abi_sha256: digests.Lens } },
    markets: { ETH: { index: 1, symbol: 'ETH', token: '0x' + '22'.repeat(20), feeds: [], backstop: '', maker: '' } },
  }

  it('is read, and one of another version is told', () => {
    expect(strangers(parseDeployment(raw))).toStrictEqual([])
    const other = { ...raw, contracts: { Lens: { ...raw.contracts.Lens, abi_sha256: '00' } } }
    expect(strangers(parseDeployment(other))).toStrictEqual(['Lens'])
  })

  it('refuses an address that is none', () => {
    const bad = { ...raw, contracts: { Lens: { ...raw.contracts.Lens, address: '0x123' } } }
    expect(() => parseDeployment(bad)).toThrow(DeploymentError)
    expect(() => parseDeployment({})).toThrow(DeploymentError)
  })

  it('takes only this machine for loopback', () => {
    expect(['http://127.0.0.1:8545', 'http://localhost:1', 'http://[::1]:1'].every(isLoopback)).toBe(true)
    expect(['http://127.0.0.1.example.com', 'https://example.com', 'rubbish', 'http://10.0.0.1'].some(isLoopback)).toBe(false)
  })
})
