// The ticket: the consequence moves with the hand. What is missing is said on the button.
import { type Change, type LegState, type MarketEntry, type MarketState, type Model, type Thought, MICRO, WAD, exact, explain, format, legOfState, models, net, readPreview, readPreviewNew, toNumber, unpackLeg, unpackTrading } from '@bulkhead/sdk'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useConnection } from 'wagmi'
import { usePlace } from '../state/context'
import { type Quotes, bestQuote } from '../state/quotes'
import { useAccountOf, useHead, useHull, usePositions, useToken } from '../state/reads'
import { type PricedLeg, type TicketLeg, MOST_LEGS, PRESETS, costOf, isCovered, legKey, presetLegs, withCollateral } from '../state/ticket'
import { AmountField, readAmount } from './amount-field'
import { CollateralSlider } from './collateral-slider'
import { strategyName } from './naming'
import { OpenButton } from './open-button'
import { TicketNumbers } from './ticket-numbers'
import { PayoffChart } from './payoff-chart'
import { TicketLegs } from './ticket-legs'

const YEAR = 365 * 86_400

export interface TicketProps {
  entry: MarketEntry
  expiry: bigint
  market: MarketState | undefined
  marks: ReadonlyMap<string, LegState>
  quotes: Quotes
  strikes: readonly bigint[]
  legs: readonly TicketLeg[]
  onLegs: (legs: TicketLeg[]) => void
}

/** The state a vault would have; undefined while it cannot be told. */
function usePreview(entry: MarketEntry, expiry: bigint, model: Model, vaultId: bigint, change: Omit<Change, 'expiry'> | undefined) {
  const place = usePlace()
  const head = useHead()
  const key = change?.legs.map((leg) => `${leg.kind}${leg.strike}:${leg.quantity}`).join()
  return useQuery({
    queryKey: ['preview', String(entry.index), String(expiry), model, String(vaultId), key, String(change?.cash), String(head.number)],
    enabled: change !== undefined && change.legs.length > 0,
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: () => {
      const moved = { expiry, legs: change?.legs ?? [], cash: change?.cash ?? 0n }
      return vaultId ? readPreview(place, vaultId, moved) : readPreviewNew(place, entry.index, model, moved)
    },
  })
}

export function Ticket({ entry, expiry, market, marks, quotes, strikes, legs, onLegs }: TicketProps) {
  const { address } = useConnection()
  const token = useToken(entry.token)
  const account = useAccountOf(entry.token)
  const positions = usePositions(address)
  const [size, setSize] = useState('1')
  const [collateral, setCollateral] = useState('')
  const [model, setModel] = useState<Model>('ES')
  const [into, setInto] = useState('0')
  const decimals = token.data?.decimals ?? 6
  const symbol = token.data?.symbol ?? ''
  const spot = market?.snapshot.spot ?? 0n
  const packages = readAmount(size, 6)
  const deposit = readAmount(collateral, decimals)
  const usable = (positions.data ?? []).filter((one) => one.market === entry.index && (one.expiry === expiry || one.state === 'empty') && one.state !== 'flagged')
  const vault = usable.find((one) => String(one.vault_id) === into)
  const vaultId = vault?.vault_id ?? 0n

  const priced: PricedLeg[] = legs.map((leg) => ({ ...leg, quote: bestQuote(quotes, { market: entry.index, expiry, ...leg }, (packages.value ?? MICRO) * BigInt(leg.ratio)) }))
  const trading = market && unpackTrading(market.trading)
  const cost = trading && packages.value && spot ? costOf(priced, packages.value, { trading, decimals, spot, marks }) : undefined
  // the chain previews no vault that pays more than it has: it is asked with as much as the legs cost, and the rest taken off
  const due = cost ? cost.fee - cost.cash - (vault?.balance ?? 0n) : 0n
  const given = deposit.value ?? 0n
  const asked = given > due ? given : due
  const change = cost && { legs: cost.legs, cash: asked + cost.cash - cost.fee }
  const preview = usePreview(entry, expiry, model, vaultId, change)
  const after = change && preview.data && withCollateral(preview.data, (given - asked) * 10n ** BigInt(18 - decimals))
  const heldAfter = useMemo(() => net([...(vault?.legs.map(legOfState) ?? []), ...(cost?.legs ?? [])]), [vault, cost])
  const thought: Thought | undefined = after && { market: entry.index, expiry, model: (vault?.model as Model | undefined) ?? model, legs: heldAfter, collateral: after.collateral }
  const covered = after !== undefined && isCovered(after)
  const hull = useHull(covered ? undefined : market, covered ? undefined : thought)
  const drawnLegs = (after?.legs ?? []).map((word) => {
    const leg = unpackLeg(word)
    return { kind: leg.kind, strike: toNumber(leg.strike, 8), quantity: toNumber(leg.quantity, 6), vol: toNumber(marks.get(legKey(leg))?.iv ?? 0n) }
  })
  const paid = vault ? toNumber(vault.value) + (cost ? toNumber(cost.fee - cost.cash, decimals) : 0) : cost ? toNumber(cost.fee - cost.cash, decimals) : 0

  return (
    <section aria-labelledby="ticket">
      <h2 id="ticket">Ticket{legs.length ? `: ${strategyName(legs.map((leg) => ({ ...leg, strike: leg.strike, quantity: (leg.buy ? WAD : -WAD) * BigInt(leg.ratio) })))}` : ''}</h2>
      <div className="presets" role="group" aria-label="Strategies">
        {Object.keys(PRESETS).map((name) => {
          const found = spot ? presetLegs(name, strikes, spot) : undefined
          return <button key={name} type="button" disabled={!found} onClick={() => found && onLegs(found)}>{name}</button>
        })}
        {legs.length > 0 && <button type="button" onClick={() => onLegs([])}>Clear</button>}
      </div>
      {legs.length === 0 ? (
        <p className="empty">Choose a strategy, or tap a bid or an ask: up to {MOST_LEGS} legs in one compartment.</p>
      ) : (
        <>
          <TicketLegs legs={priced} marks={marks} onLegs={onLegs} />
          <div className="row">
            <AmountField label="Size" unit="contracts" amount={packages} onTyped={setSize} />
          </div>
          <div className="row">
            <label>
              Vault
              <select value={vault ? into : '0'} onChange={(event) => setInto(event.target.value)}>
                <option value="0">a new one</option>
                {usable.map((one) => <option key={String(one.vault_id)} value={String(one.vault_id)}>#{String(one.vault_id)} {strategyName(one.legs)}</option>)}
              </select>
            </label>
            <label>
              Margin model
              <select value={vault?.model ?? model} disabled={vault !== undefined} onChange={(event) => setModel(event.target.value as Model)}>
                {models.map((one) => <option key={one}>{one}</option>)}
              </select>
            </label>
          </div>
          <AmountField label={vaultId ? 'Collateral to add' : 'Collateral'} unit={symbol} amount={deposit} onTyped={setCollateral} />
          {after && <CollateralSlider after={after} deposit={deposit.value ?? 0n} decimals={decimals} onDeposit={(value) => setCollateral(exact(value, decimals))} />}
          {spot > 0n && drawnLegs.length > 0 && (
            <PayoffChart legs={drawnLegs} paid={paid} spot={toNumber(spot)} years={Number(market?.snapshot.seconds ?? 0n) / YEAR} safe={covered ? [{ from: 0, to: Number.POSITIVE_INFINITY }] : hull.data?.intervals} />
          )}
          <TicketNumbers after={after} covered={covered} cost={cost} hull={hull.data ?? undefined} decimals={decimals} symbol={symbol} legs={drawnLegs} paid={paid} spot={toNumber(spot)} />
          {preview.error && <p className="said" role="alert">The preview is unknown. {explain(preview.error)}</p>}
          <OpenButton
            entry={entry}
            expiry={expiry}
            market={market}
            model={model}
            vault={vault}
            legs={priced}
            size={packages.value}
            deposit={deposit}
            after={after}
            covered={covered}
            quotes={quotes}
            marks={marks}
            token={token.data}
            account={account.data}
            onOpened={() => { onLegs([]); setCollateral('') }}
          />
          <p className="small soft">Wallet: {account.data && token.data ? `${format(account.data.balance, decimals)} ${symbol}` : 'unknown'}.</p>
        </>
      )}
    </section>
  )
}
