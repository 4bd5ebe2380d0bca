import { type MarketEntry, type Position, toNumber } from '@bulkhead/sdk'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { useConnection } from 'wagmi'
import { HullRow, place, ticks } from '../parts/hull-row'
import { Manage } from '../parts/manage'
import { vaultName } from '../parts/naming'
import { priceText } from '../parts/words'
import { usePlace } from '../state/context'
import { useHead, usePositions } from '../state/reads'

type Row = { key: string; entry: MarketEntry; token: string; spot: number } | { key: string; position: Position }

/** Positions grouped by market, each group under its own price axis; the most pressing first. */
export function rowsOf(positions: readonly Position[], markets: readonly MarketEntry[]): Row[] {
  return markets.flatMap((entry): Row[] => {
    const mine = positions.filter((one) => one.market === entry.index)
    if (!mine.length) return []
    const spot = toNumber(mine.find((one) => one.price.spot !== 0n)?.price.spot ?? 0n)
    const pressing = (one: Position) => (one.covered ? 2n ** 256n : one.health)
    const sorted = [...mine].sort((a, b) => (pressing(a) < pressing(b) ? -1 : pressing(a) > pressing(b) ? 1 : Number(a.vault_id - b.vault_id)))
    return [{ key: entry.symbol, entry, token: mine[0]?.symbol ?? '', spot }, ...sorted.map((position) => ({ key: String(position.vault_id), position }))]
  })
}

function Axis({ symbol, token, spot }: { symbol: string; token: string; spot: number }) {
  return (
    <div className="hull axis num">
      <h2 className="who">{symbol}</h2>
      <div className="track" aria-hidden="true">
        {spot > 0 && ticks(spot).map((at) => (
          <span key={at} style={{ left: `${place(at, spot) * 100}%` }}>{priceText(at).replace(/\.0+$/, '')}</span>
        ))}
      </div>
      <div className="standing soft">equity and margin [{token}]</div>
    </div>
  )
}

const PositionRow = memo(function PositionRow({ position }: { position: Position }) {
  const [managed, setManaged] = useState(false)
  return (
    <article aria-label={`Vault ${position.vault_id}`}>
      <div className="hull num">
        <HullRow position={position} title={vaultName(position)} />
        <button type="button" className="more" aria-expanded={managed} onClick={() => setManaged(!managed)}>
          {managed ? 'Less' : 'Manage'}
        </button>
      </div>
      {managed && <Manage position={position} />}
    </article>
  )
})

function Rows({ rows, onScrolling }: { rows: readonly Row[]; onScrolling: (scrolling: boolean) => void }) {
  const list = useRef<HTMLDivElement>(null)
  const [margin, setMargin] = useState(0)
  useLayoutEffect(() => setMargin(list.current?.offsetTop ?? 0), [])
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: (i) => (rows[i] && 'entry' in rows[i] ? 30 : 66),
    getItemKey: (i) => rows[i]?.key ?? i,
    overscan: 6,
    scrollMargin: margin,
    useFlushSync: false,
  })
  useEffect(() => onScrolling(virtual.isScrolling), [virtual.isScrolling, onScrolling])
  return (
    <div ref={list} className="rows" style={{ height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((item) => {
        const row = rows[item.index]
        if (!row) return null
        return (
          <div key={item.key} ref={virtual.measureElement} data-index={item.index} style={{ transform: `translateY(${item.start - margin}px)` }}>
            {'entry' in row ? <Axis symbol={row.entry.symbol} token={row.token} spot={row.spot} /> : <PositionRow position={row.position} />}
          </div>
        )
      })}
    </div>
  )
}

export function PositionsScreen() {
  const { deployment } = usePlace()
  const { address } = useConnection()
  const head = useHead()
  const [scrolling, setScrolling] = useState(false)
  const positions = usePositions(address, scrolling)
  const rows = useMemo(() => rowsOf(positions.data ?? [], deployment.markets), [positions.data, deployment.markets])
  return (
    <section aria-labelledby="positions">
      <h1 id="positions">Positions</h1>
      <p className="lead">
        Each row is a compartment with its own collateral. The coloured part is where the price can go before that compartment, and only that
        one, is liquidated.
      </p>
      {!address && <p className="empty">Connect a wallet to see its positions. Nothing is asked of it but its address.</p>}
      {address && !positions.data && <p className="empty">{head.trouble ? 'Positions are unknown while the node does not answer.' : 'Reading positions…'}</p>}
      {address && positions.data?.length === 0 && (
        <p className="empty">
          No positions yet. <a href="#/market">Open one</a>: what you can lose is what you put into it.
        </p>
      )}
      {rows.length > 0 && <Rows rows={rows} onScrolling={setScrolling} />}
    </section>
  )
}
