import { type MarketState, type Units, type VaultEvent, type VaultState, LINEAR, MIN_INT256, WAD, packLeg } from '@bulkhead/sdk'
import { describe, expect, it } from 'vitest'
import { readAmount, readPrice } from '../src/parts/amount-field'
import { marksOf } from '../src/parts/collateral-slider'
import { eventText } from '../src/parts/events'
import { place, ticks } from '../src/parts/hull-row'
import { strategyName, vaultName } from '../src/parts/naming'
import { amountText, healthText, legText, money, priceText, shownPrice, span, strikeText } from '../src/parts/words'
import { lastOfSame } from '../src/state/same'
import { isCovered, presetLegs, presetNames, restingCost, restingTerms, toggled, withCollateral } from '../src/state/ticket'

const COINS: Units = { inverse: true, unit: WAD / 1000n }
const leg = (quantity: number, kind: string, strike: number) => ({ kind, strike: BigInt(strike) * WAD, quantity: BigInt(quantity) * WAD })

describe('names of strategies', () => {
  it.each([
    ['Long call', [leg(1, 'call', 100)]],
    ['Short straddle', [leg(-1, 'call', 100), leg(-1, 'put', 100)]],
    ['Long strangle', [leg(1, 'put', 90), leg(1, 'call', 110)]],
    ['Call bull spread', [leg(1, 'call', 100), leg(-1, 'call', 110)]],
    ['Put bull spread', [leg(-1, 'put', 100), leg(1, 'put', 90)]],
    ['Put bear spread', [leg(1, 'put', 100), leg(-1, 'put', 90)]],
    ['Iron condor', [leg(1, 'put', 80), leg(-1, 'put', 90), leg(-1, 'call', 110), leg(1, 'call', 120)]],
    ['Reverse iron condor', [leg(-1, 'put', 80), leg(1, 'put', 90), leg(1, 'call', 110), leg(-1, 'call', 120)]],
    ['Long butterfly', [leg(1, 'call', 90), leg(-2, 'call', 100), leg(1, 'call', 110)]],
    ['Long future', [leg(1, 'future', 0), leg(-100, 'cash', 0)]],
    ['2 legs', [leg(1, 'call', 100), leg(-2, 'call', 110)]],
    ['Empty', []],
  ])('%s', (name, legs) => expect(strategyName(legs, LINEAR)).toBe(name))

  it.each([
    ['Long future', [leg(10, 'future', 0), leg(-1946, 'cash', 0)]],
    ['Short future', [leg(1946, 'cash', 0)]],
    ['Coins', [leg(1, 'future', 0)]],
    ['Short call', [leg(-1, 'call', 100), leg(1, 'future', 0)]],
  ])('in coins: %s', (name, legs) => expect(strategyName(legs, COINS)).toBe(name))

  it('say of a call that its coin covers it, where there is one', () => {
    const legs = [leg(-1, 'call', 100)]
    expect([vaultName({ legs, units: COINS, covered: true }), vaultName({ legs, units: COINS, covered: false }), vaultName({ legs, units: LINEAR, covered: true })]).toStrictEqual(['Covered call', 'Short call', 'Short call'])
  })
})

describe('words', () => {
  it('write no more digits than matter, and a true minus', () => {
    expect([0.1234567, 12.3456, 123.456, 12345.6, -5].map((one) => priceText(one))).toStrictEqual(['0.1235', '12.35', '123.5', '12,346', '−5.00'])
    expect(legText(leg(-2, 'put', 1900), LINEAR)).toBe('−2 put 1,900.0')
    expect(strikeText(190n * 10n ** 8n)).toBe('190')
    expect([legText(leg(-1946, 'cash', 0), COINS), legText(leg(10, 'future', 0), COINS), legText(leg(3, 'cash', 0), LINEAR)]).toStrictEqual(['+1,946 quote of future', '+10 coins', '+3 cash'])
    expect([money(25n * WAD / 10n, LINEAR), money(25n * WAD / 10n, COINS), money(1n, LINEAR), money(1234n * WAD, COINS)]).toStrictEqual(['2.50', '2.5000', '0.00', '1,234.00'])
    expect([amountText(5n * WAD / 1000n, 18, COINS), amountText(5_000_000n, 6, LINEAR)]).toStrictEqual(['0.0050', '5.00'])
    expect([shownPrice(WAD / 200n, { kind: 'cash' }, COINS), shownPrice(WAD / 200n, { kind: 'call' }, COINS), shownPrice(0n, { kind: 'cash' }, COINS)]).toStrictEqual(['200.00', '0.0050', '0.0000'])
    expect(healthText(2n ** 256n - 1n)).toBe('no margin')
  })

  it('tell time in its two largest units', () => {
    expect([5, 65, 3600, 90_000, 30 * 86_400, -1].map(span)).toStrictEqual(['5 s', '1 min', '1 h', '1 d 1 h', '30 d', '0 s'])
  })
})

describe('the axis', () => {
  it('has spot in its middle and stops at its ends', () => {
    expect(place(100, 100)).toBe(0.5)
    expect([place(0, 100), place(1, 100), place(1e9, 100)]).toStrictEqual([0, 0, 1])
    expect(ticks(194.6)).toStrictEqual([150, 200, 250])
  })
})

describe('the ticket', () => {
  const call = { kind: 'call', strike: 100n, buy: true } as const

  it('adds, turns round and takes off legs, four at most', () => {
    const one = toggled([], call, LINEAR)
    expect(one).toStrictEqual([{ ...call, ratio: 1 }])
    expect(toggled(one, { ...call, buy: false }, LINEAR)).toStrictEqual([{ ...call, buy: false, ratio: 1 }])
    expect(toggled(one, call, LINEAR)).toStrictEqual([])
    const full = [1n, 2n, 3n, 4n].map((strike) => ({ ...call, strike, ratio: 1 }))
    expect(toggled(full, { ...call, strike: 5n }, LINEAR)).toHaveLength(4)
  })

  it('puts a preset around spot, or says that strikes do not reach', () => {
    const strikes = [80n, 90n, 100n, 110n, 120n].map((one) => one * 10n ** 8n)
    expect(presetLegs('Straddle', strikes, 101n * WAD, LINEAR)?.map((one) => one.strike)).toStrictEqual([100n * 10n ** 8n, 100n * 10n ** 8n])
    expect(presetLegs('Iron condor', strikes, 101n * WAD, LINEAR)).toBeUndefined()
  })

  it('has the future and the covered call of a coin market as legs of it', () => {
    const strikes = [90n, 100n, 110n].map((one) => one * 10n ** 8n)
    expect([presetNames(COINS)[0], presetNames(LINEAR).includes('Covered call')]).toStrictEqual(['Covered call', false])
    expect(presetLegs('Covered call', strikes, 101n * WAD, COINS)).toStrictEqual([{ kind: 'call', strike: strikes[2], buy: false, ratio: 1 }])
    const future = presetLegs('Future', strikes, 101n * WAD, COINS) ?? []
    expect(future).toStrictEqual([{ kind: 'cash', strike: 0n, buy: false, ratio: 1 }])
    expect(presetLegs('Future', strikes, 101n * WAD, LINEAR)?.[0]).toMatchObject({ kind: 'future', buy: true })
    // quote and contracts have no round ratio: one or the other
    expect(toggled(future, call, COINS)).toStrictEqual([{ ...call, ratio: 1 }])
    expect(toggled(future, call, LINEAR)).toHaveLength(2)
  })

  const after = { equity: 10n * WAD, collateral: 8n * WAD, maintenance_margin: 4n * WAD, initial_margin: 5n * WAD, health: 0n, v_min: -20n * WAD } as unknown as VaultState

  it('knows what other collateral would change, and where the marks are', () => {
    const less = withCollateral(after, -2n * WAD)
    expect([less.equity, less.health, less.maintenance_margin]).toStrictEqual([8n * WAD, 2n * WAD, 4n * WAD])
    expect([isCovered(after), isCovered(withCollateral(after, 12n * WAD)), isCovered({ ...after, v_min: MIN_INT256 })]).toStrictEqual([false, true, false])
    expect(marksOf(after, 9_000_000n, 6)).toStrictEqual([
      { name: 'MM', at: 3_000_000n },
      { name: 'IM', at: 4_000_000n },
      { name: 'fully paid', at: 21_000_000n },
    ])
  })
})

describe('a package that waits', () => {
  const call = { kind: 'call', strike: 100n * 10n ** 8n, ratio: 1 } as const
  const of = { market: 1n, expiry: 1_000_000n, units: LINEAR, size: 2_000_000n }
  const market = { units: LINEAR, trading: 3n, snapshot: { spot: 100n * WAD, forward: 100n * WAD, window_share: 0n, window_average: 0n } } as unknown as MarketState

  it('is bid for with what it sells below zero, and offered where it only sells', () => {
    const spread = restingTerms([{ ...call, buy: true }, { ...call, strike: 120n * 10n ** 8n, buy: false, ratio: 2 }], { ...of, price: -5n * WAD })
    expect([spread.is_bid, spread.price, spread.legs.map((leg) => leg.ratio)]).toStrictEqual([true, -5n * WAD, [1n, -2n]])
    const sale = restingTerms([{ ...call, buy: false }], { ...of, price: 5n * WAD })
    expect([sale.is_bid, sale.legs.map((leg) => leg.ratio), sale.premium_style]).toStrictEqual([false, [1n], 0])
    expect(restingTerms([{ kind: 'future', strike: 0n, buy: true, ratio: 1 }], { ...of, price: WAD }).premium_style).toBe(1)
  })

  it('costs what its price says, and the fee of makers', () => {
    const bought = restingCost(restingTerms([{ ...call, buy: true }], { ...of, price: 5n * WAD }), { market, decimals: 6, marks: new Map() })
    expect([bought.cash, bought.fee, bought.legs[0]?.quantity]).toStrictEqual([-10_000_000n, 0n, 2_000_000n])
    const sold = restingCost(restingTerms([{ ...call, buy: false }], { ...of, price: 5n * WAD }), { market, decimals: 6, marks: new Map() })
    expect([sold.cash, sold.legs[0]?.quantity]).toStrictEqual([10_000_000n, -2_000_000n])
  })

  it('has a price of either sign', () => {
    expect([readPrice('-1.5').value, readPrice('−2').value, readPrice('3 USDC', 'USDC').value, readPrice('').value]).toStrictEqual([-15n * 10n ** 17n, -2n * WAD, 3n * WAD, undefined])
    expect(readPrice('-x').error).not.toBe('')
  })
})

describe('a field', () => {
  it('keeps what was typed and says what is wrong', () => {
    expect(readAmount('', 6)).toStrictEqual({ text: '', value: undefined, error: '' })
    expect(readAmount('5', 6, '', 4n)).toMatchObject({ text: '5', value: undefined, error: 'That is more than there is.' })
    expect(readAmount('-1', 6).error).toBe('That is below zero.')
    expect(readAmount('1.1234567', 6).error).toMatch(/6 decimals at most/)
    expect(readAmount('2.5 WETH', 18, 'WETH').value).toBe(25n * 10n ** 17n)
    expect([readAmount('$5', 6, 'USDC').error, readAmount('5 usdc', 6, 'USDC').error]).toStrictEqual(['', ''])
    for (const text of ['2.5 USDC', '$2', '2 €', '3 BTC']) expect(readAmount(text, 18, 'WETH').error).toMatch(/^This is counted in WETH, not in /)
  })
})

describe('what happened to a vault', () => {
  const position = { vault_id: 7n, units: LINEAR, symbol: 'USDC', decimals: 6n }
  const event = (name: string, args: Record<string, unknown>): VaultEvent => ({ name, args, block: 1n, at: 1, index: 0, hash: '0x' })
  const legs = [packLeg({ kind: 'put', strike: 190n * 10n ** 8n, quantity: -2_000_000n })]
  const owner = '0x00000000000000000000000000000000000000A1'

  it.each([
    ['12.50 USDC added by 0x0000…00A1', event('Deposited', { vault_id: 7n, payer: owner, amount: 12_500_000n })],
    ['−2 put 190.0, 5.00 USDC received, with vault #3', event('Novated', { from_id: 3n, to_id: 7n, legs, cash: 5_000_000n })],
    ['+2 put 190.0, 5.00 USDC paid, with vault #3', event('Novated', { from_id: 7n, to_id: 3n, legs, cash: 5_000_000n })],
    ['−2 put 190.0, 5.00 USDC paid, with vault #3', event('Novated', { from_id: 3n, to_id: 7n, legs, cash: -5_000_000n })],
    ['Tokens only, with vault #3', event('Novated', { from_id: 7n, to_id: 3n, legs: [], cash: 0n })],
    ['Flagged by 0x0000…00A1: equity −1.50 USDC of MM 9.00 USDC', event('VaultFlagged', { flagger: owner, equity: (-3n * WAD) / 2n, margin: 9n * WAD })],
    ['25.0 % taken over by vault #9 at a bonus of 10.0 %', event('VaultTaken', { vault_id: 7n, into_id: 9n, fraction: WAD / 4n, bonus_share: WAD / 10n })],
    ['Took 25.0 % of vault #2', event('VaultTaken', { vault_id: 2n, into_id: 7n, fraction: WAD / 4n, bonus_share: WAD / 10n })],
    ['Settled: −3.00 USDC', event('VaultSettled', { net: -3_000_000n })],
    ['', event('VaultUpdated', {})],
  ])('%s', (text, one) => expect(eventText(one, position)).toBe(text))

  it('is told in the market’s token', () => {
    expect(eventText(event('Withdrawn', { amount: 5n * 10n ** 15n, receiver: owner }), { ...position, units: COINS, symbol: 'WETH', decimals: 18n })).toBe('0.0050 WETH taken out to 0x0000…00A1')
  })
})

describe('what is shown until the next answer', () => {
  const asked = (...queryKey: string[]) => ({ queryKey })

  it('is the last one to the same question, never another market’s', () => {
    const last = lastOfSame(['marks', '3', 'block 9'])
    expect([last(1, asked('marks', '3', 'block 8')), last(1, asked('marks', '1', 'block 8')), last(1, asked('marks', '3')), last(1, undefined)]).toStrictEqual([1, undefined, undefined, undefined])
    expect(lastOfSame(['hull', '7', '100', '5'], 2)(1, asked('hull', '7', '90', '4'))).toBe(1)
  })
})
