// What traders call a set of legs.
import { type Units, isDelta, isMoney } from '@bulkhead/sdk'
import { longOf } from './words'

interface Held {
  kind: string
  strike: bigint
  quantity: bigint
}

/** The name of what a vault holds. A call sold behind its coin has a name of its own. */
export function vaultName({ legs, units, covered }: { legs: readonly Held[]; units: Units; covered: boolean }): string {
  const name = strategyName(legs, units)
  return units.inverse && covered && name === 'Short call' ? 'Covered call' : name
}

/** The name of a strategy, by its legs; the number of legs where it has none. */
export function strategyName(all: readonly Held[], units: Units): string {
  const legs = all.filter((leg) => !isMoney(leg, units)).sort((a, b) => (a.strike < b.strike ? -1 : a.strike > b.strike ? 1 : 0))
  const [first, second, third, fourth] = legs
  if (!first) return all.length ? (units.inverse ? 'Coins' : 'Cash') : 'Empty'
  const long = (leg: Held) => longOf(leg, units) > 0n
  if (!second) return `${long(first) ? 'Long' : 'Short'} ${isDelta(first, units) ? 'future' : first.kind}`
  const kinds = legs.map((leg) => leg.kind).join()
  const even = new Set(legs.map((leg) => (leg.quantity < 0n ? -leg.quantity : leg.quantity))).size === 1
  if (!third) {
    const sameSide = long(first) === long(second)
    if (first.kind === second.kind && !sameSide && even) return `${first.kind === 'call' ? 'Call' : 'Put'} ${long(first) ? 'bull' : 'bear'} spread`
    if (first.kind !== second.kind && sameSide && !legs.some((leg) => isDelta(leg, units))) {
      return `${long(first) ? 'Long' : 'Short'} ${first.strike === second.strike ? 'straddle' : 'strangle'}`
    }
    if (legs.some((leg) => isDelta(leg, units))) return 'Future and option'
  } else if (!fourth) {
    if (new Set(legs.map((leg) => leg.kind)).size === 1 && long(first) === long(third) && long(first) !== long(second)) return `${long(first) ? 'Long' : 'Short'} butterfly`
  } else if (legs.length === 4 && even) {
    if (kinds === 'put,put,call,call' && long(first) !== long(second) && long(second) === long(third)) return `${long(first) ? 'Iron' : 'Reverse iron'} condor`
    if (new Set(legs.map((leg) => leg.kind)).size === 1 && long(first) === long(fourth)) return `${long(first) ? 'Long' : 'Short'} condor`
  }
  return `${legs.length} legs`
}
