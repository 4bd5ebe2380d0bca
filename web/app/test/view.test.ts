import { type VaultState, MIN_INT256, WAD } from '@bulkhead/sdk'
import { describe, expect, it } from 'vitest'
import { readAmount } from '../src/parts/amount-field'
import { marksOf } from '../src/parts/collateral-slider'
import { place, ticks } from '../src/parts/hull-row'
import { strategyName } from '../src/parts/naming'
import { healthText, legText, priceText, span, strikeText } from '../src/parts/words'
import { isCovered, presetLegs, toggled, withCollateral } from '../src/state/ticket'

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
  ])('%s', (name, legs) => expect(strategyName(legs)).toBe(name))
})

describe('words', () => {
  it('write no more digits than matter, and a true minus', () => {
    expect([0.1234567, 12.3456, 123.456, 12345.6, -5].map(priceText)).toStrictEqual(['0.1235', '12.35', '123.5', '12,346', '−5.00'])
    expect(legText(leg(-2, 'put', 1900))).toBe('−2 put 1,900.0')
    expect(strikeText(190n * 10n ** 8n)).toBe('190')
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
    const one = toggled([], call)
    expect(one).toStrictEqual([{ ...call, ratio: 1 }])
    expect(toggled(one, { ...call, buy: false })).toStrictEqual([{ ...call, buy: false, ratio: 1 }])
    expect(toggled(one, call)).toStrictEqual([])
    const full = [1n, 2n, 3n, 4n].map((strike) => ({ ...call, strike, ratio: 1 }))
    expect(toggled(full, { ...call, strike: 5n })).toHaveLength(4)
  })

  it('puts a preset around spot, or says that strikes do not reach', () => {
    const strikes = [80n, 90n, 100n, 110n, 120n].map((one) => one * 10n ** 8n)
    expect(presetLegs('Straddle', strikes, 101n * WAD)?.map((one) => one.strike)).toStrictEqual([100n * 10n ** 8n, 100n * 10n ** 8n])
    expect(presetLegs('Iron condor', strikes, 101n * WAD)).toBeUndefined()
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

describe('a field', () => {
  it('keeps what was typed and says what is wrong', () => {
    expect(readAmount('', 6)).toStrictEqual({ text: '', value: undefined, error: '' })
    expect(readAmount('5', 6, 4n)).toMatchObject({ text: '5', value: undefined, error: 'That is more than there is.' })
    expect(readAmount('-1', 6).error).toBe('That is below zero.')
    expect(readAmount('1.1234567', 6).error).toMatch(/6 decimals at most/)
  })
})
