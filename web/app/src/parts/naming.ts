// What traders call a set of legs.
interface Held {
  kind: string
  strike: bigint
  quantity: bigint
}

/** The name of a strategy, by its legs; the number of legs where it has none. */
export function strategyName(all: readonly Held[]): string {
  const legs = all.filter((leg) => leg.kind !== 'cash').sort((a, b) => (a.strike < b.strike ? -1 : a.strike > b.strike ? 1 : 0))
  const [first, second, third, fourth] = legs
  if (!first) return all.length ? 'Cash' : 'Empty'
  const long = (leg: Held) => leg.quantity > 0n
  if (!second) return `${long(first) ? 'Long' : 'Short'} ${first.kind}`
  const kinds = legs.map((leg) => leg.kind).join()
  const even = new Set(legs.map((leg) => (leg.quantity < 0n ? -leg.quantity : leg.quantity))).size === 1
  if (!third) {
    const sameSide = long(first) === long(second)
    if (first.kind === second.kind && !sameSide && even) return `${first.kind === 'call' ? 'Call' : 'Put'} ${long(first) ? 'bull' : 'bear'} spread`
    if (first.kind !== second.kind && sameSide && !kinds.includes('future')) {
      return `${long(first) ? 'Long' : 'Short'} ${first.strike === second.strike ? 'straddle' : 'strangle'}`
    }
    if (kinds.includes('future')) return 'Future and option'
  } else if (!fourth) {
    if (new Set(legs.map((leg) => leg.kind)).size === 1 && long(first) === long(third) && long(first) !== long(second)) return `${long(first) ? 'Long' : 'Short'} butterfly`
  } else if (legs.length === 4 && even) {
    if (kinds === 'put,put,call,call' && long(first) !== long(second) && long(second) === long(third)) return `${long(first) ? 'Iron' : 'Reverse iron'} condor`
    if (new Set(legs.map((leg) => leg.kind)).size === 1 && long(first) === long(fourth)) return `${long(first) ? 'Long' : 'Short'} condor`
  }
  return `${legs.length} legs`
}
