// The ticket: the consequence moves with the hand. What is missing is said on the button.
import { type LegState, type MarketEntry, type MarketState, type Model, LINEAR, MICRO, WAD, divUp, exact, explain, format, models, toNumber, unpackLeg } from '@bulkhead/sdk'
import { useEffect, useRef, useState } from 'react'
import { useConnection } from 'wagmi'
import { type Quotes, bestQuote } from '../state/quotes'
import { useAfter, useLargest } from '../state/after'
import { useAccountOf, usePositions, useToken } from '../state/reads'
import { type PricedLeg, type TicketLeg, COVERED_CALL, MOST_LEGS, costOf, isTurned, legKey, presetLegs, presetNames, restingCost, restingTerms } from '../state/ticket'
import { NO_EXITS, anyExit } from '../state/exits'
import { AmountField, readAmount, readPrice } from './amount-field'
import { AskMakers } from './ask-makers'
import { CollateralSlider, marksOf } from './collateral-slider'
import { vaultName } from './naming'
import { EXIT_WORDS, ExitFields } from './exit-fields'
import { TimeInForce, NOW } from './time-in-force'
import { type Part, OpenButton } from './open-button'
import { RestButton } from './rest-button'
import { TicketNumbers } from './ticket-numbers'
import { PayoffChart } from './payoff-chart'
import { PartsTable, TicketLegs } from './ticket-legs'
import { amountText } from './words'

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

/** Up to a hundredth of a token, which is what people type. */
function roundedUp(amount: bigint, decimals: number): bigint {
  const step = 10n ** BigInt(decimals) / 100n
  return divUp(amount, step) * step
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
  const [exits, setExits] = useState(NO_EXITS)
  const [apart, setApart] = useState(false)
  const [force, setForce] = useState(NOW)
  const covering = useRef(false)
  const decimals = token.data?.decimals ?? 6
  const symbol = token.data?.symbol ?? ''
  const spot = market?.snapshot.spot ?? 0n
  const units = market?.units ?? LINEAR
  const packages = readAmount(size, 6)
  const deposit = readAmount(collateral, decimals, symbol)
  const usable = (positions.data ?? []).filter((one) => one.market === entry.index && (one.expiry === expiry || one.state === 'empty') && one.state !== 'flagged')
  const vault = usable.find((one) => String(one.vault_id) === into)

  const priced: PricedLeg[] = legs.map((leg) => ({ ...leg, quote: bestQuote(quotes, { market: entry.index, expiry, ...leg }, (packages.value ?? MICRO) * BigInt(leg.ratio)) }))
  // futures of a coin market are sized in quote
  const ofQuote = legs.some((leg) => isTurned(leg, units))
  // its price turned round stands in no order: such a package takes quotes
  const resting = force.waits && !ofQuote
  const price = readPrice(force.limit, symbol)
  const terms = resting && packages.value && price.value !== undefined ? restingTerms(legs, { market: entry.index, expiry, units, price: price.value, size: packages.value }) : undefined
  const priceOf = market && packages.value && spot ? { market, decimals, marks } : undefined
  const cost = priceOf && packages.value ? (resting ? terms && restingCost(terms, priceOf) : costOf(priced, packages.value, priceOf)) : undefined
  const given = deposit.value ?? 0n
  const of = { entry, expiry, market, model, decimals }
  const { state: after, covered, hull, error } = useAfter({ ...of, vault, cost, deposit: given })
  const largest = useLargest({ quote: priced.length === 1 ? priced[0]?.quote : undefined, vault, model, deposit: given, size: packages.value ?? 0n })
  const splits = apart && !resting && !vault && priced.length === 2 && market !== undefined && packages.value !== undefined && spot !== 0n
  // half of the collateral each
  const halves = [given / 2n, given - given / 2n] as const
  const costs = [0, 1].map((i) => (splits && priced[i] ? costOf([priced[i]], packages.value ?? 0n, { market, decimals, marks }) : undefined))
  const first = useAfter({ ...of, vault: undefined, cost: costs[0], deposit: halves[0] })
  const second = useAfter({ ...of, vault: undefined, cost: costs[1], deposit: halves[1] })
  const parts: Part[] | undefined = splits ? [first, second].map((one, i) => ({ ...one, leg: priced[i] as PricedLeg, deposit: halves[i] ?? 0n })) : undefined
  const drawnLegs = (after?.legs ?? []).map((word) => {
    const leg = unpackLeg(word)
    return { kind: leg.kind, strike: toNumber(leg.strike, 8), quantity: toNumber(leg.quantity, 6), vol: toNumber(marks.get(legKey(leg))?.iv ?? 0n) }
  })
  const paid = vault ? toNumber(vault.value) + (cost ? toNumber(cost.fee - cost.cash, decimals) : 0) : cost ? toNumber(cost.fee - cost.cash, decimals) : 0

  useEffect(() => setSize(ofQuote ? '100' : '1'), [ofQuote])
  // a covered call is one by its collateral: the coin behind it
  useEffect(() => {
    const full = after && marksOf(after, given, decimals).find(({ name }) => name === 'fully paid')
    if (!covering.current || !full) return
    covering.current = false
    setCollateral(exact(roundedUp(full.at, decimals), decimals))
  })
  const choose = (name: string) => {
    const found = spot ? presetLegs(name, strikes, spot, units) : undefined
    if (!found) return
    covering.current = name === COVERED_CALL
    onLegs(found)
  }

  return (
    <section aria-labelledby="ticket">
      <h2 id="ticket">Ticket{legs.length ? `: ${vaultName({ legs: legs.map((leg) => ({ ...leg, quantity: (leg.buy ? WAD : -WAD) * BigInt(leg.ratio) })), units, covered })}` : ''}</h2>
      <div className="presets" role="group" aria-label="Strategies">
        {presetNames(units).map((name) => (
          <button key={name} type="button" disabled={!spot || !presetLegs(name, strikes, spot, units)} onClick={() => choose(name)}>{name}</button>
        ))}
        {legs.length > 0 && <button type="button" onClick={() => onLegs([])}>Clear</button>}
      </div>
      {legs.length === 0 ? (
        <p className="empty">Choose a strategy, or tap a bid or an ask: up to {MOST_LEGS} legs in one compartment.</p>
      ) : (
        <>
          <TicketLegs legs={priced} marks={marks} units={units} onLegs={onLegs} />
          <div className="row">
            <AmountField label="Size" unit={ofQuote ? 'quote' : 'contracts'} amount={packages} onTyped={setSize} most={largest && { label: `largest ${format(largest.size, 6, 2)} by ${largest.by}`, text: exact(largest.size, 6) }} />
          </div>
          <div className="row">
            <label>
              Vault
              <select value={vault ? into : '0'} onChange={(event) => setInto(event.target.value)}>
                <option value="0">a new one</option>
                {usable.map((one) => <option key={String(one.vault_id)} value={String(one.vault_id)}>#{String(one.vault_id)} {vaultName(one)}</option>)}
              </select>
            </label>
            <label>
              Margin model
              <select value={vault?.model ?? model} disabled={vault !== undefined} onChange={(event) => setModel(event.target.value as Model)}>
                {models.map((one) => <option key={one}>{one}</option>)}
              </select>
            </label>
          </div>
          {!ofQuote && <TimeInForce force={force} onForce={setForce} legs={legs} symbol={symbol} />}
          {!vault && !resting && legs.length === 2 && (
            <label className="check small">
              <input type="checkbox" checked={apart} onChange={(event) => setApart(event.target.checked)} /> Each leg in a vault of its own, half of the collateral each: neither can drag the other down, and both need their own margin.
            </label>
          )}
          <AmountField label={vault ? 'Collateral to add' : 'Collateral'} unit={symbol} amount={deposit} onTyped={setCollateral} />
          {after && <CollateralSlider after={after} deposit={deposit.value ?? 0n} decimals={decimals} units={units} onDeposit={(value) => setCollateral(exact(value, decimals))} />}
          {spot > 0n && drawnLegs.length > 0 && (
            <PayoffChart legs={drawnLegs} paid={paid} spot={toNumber(spot)} years={Number(market?.snapshot.seconds ?? 0n) / YEAR} safe={covered ? [{ from: 0, to: Number.POSITIVE_INFINITY }] : hull?.intervals} units={units} symbol={symbol} />
          )}
          <TicketNumbers after={after} covered={covered} cost={cost} hull={hull} decimals={decimals} symbol={symbol} legs={drawnLegs} paid={paid} spot={toNumber(spot)} units={units} />
          {parts && <PartsTable parts={parts} units={units} />}
          {error && <p className="said" role="alert">The preview is unknown. {explain(error)}</p>}
          {!resting && (
            <details className="exit">
              <summary>Stop and take profit{anyExit(exits) ? ': signed after the trade' : ''}</summary>
              <ExitFields exits={exits} onExits={setExits} symbol={symbol} />
              <p className="small soft">Signed right after the trade. {EXIT_WORDS}</p>
            </details>
          )}
          {market && token.data && packages.value !== undefined && packages.value > 0n && (
            <AskMakers entry={entry} expiry={expiry} market={market} legs={legs} size={packages.value} deposit={deposit.value ?? 0n} model={model} vault={vault} token={token.data} account={account.data} elsewhere={quotes.elsewhere} />
          )}
          {resting ? (
            <RestButton
              entry={entry} expiry={expiry} market={market} model={model} vault={vault} terms={terms} cost={cost} lasts={force.lasts} size={packages.value} deposit={deposit}
              after={after} covered={covered} token={token.data} account={account.data}
              onVault={(id) => { setInto(String(id)); setCollateral('') }} onWaiting={() => { onLegs([]); setForce(NOW) }}
            />
          ) : (
            <OpenButton
              entry={entry} expiry={expiry} market={market} model={model} vault={vault} legs={priced} size={packages.value} deposit={deposit}
              after={after} covered={covered} quotes={quotes} marks={marks} token={token.data} account={account.data}
              exits={exits} parts={parts}
              onOpened={() => { onLegs([]); setCollateral(''); setExits(NO_EXITS) }}
            />
          )}
          <p className="small soft">Wallet: {account.data && token.data ? `${amountText(account.data.balance, decimals, units)} ${symbol}` : 'unknown'}.</p>
        </>
      )}
    </section>
  )
}
