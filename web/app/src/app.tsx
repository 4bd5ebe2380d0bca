import { deploymentRefusal } from '@bulkhead/sdk'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { useConnection } from 'wagmi'
import { DemoBar } from './parts/demo-bar'
import { PriceStrip } from './parts/price-strip'
import { Wallet } from './parts/wallet'
import { PositionsScreen } from './screens/positions'
import { useSetting } from './state/context'
import { useHead } from './state/reads'
import { useRoute } from './state/route'

const MarketScreen = lazy(() => import('./screens/market'))
const VaultScreen = lazy(() => import('./screens/vault'))
const LiquidationsScreen = lazy(() => import('./screens/liquidations'))
const EarnScreen = lazy(() => import('./screens/earn'))

const SCREENS = [
  ['market', 'Market'],
  ['positions', 'Positions'],
  ['liquidations', 'Liquidations'],
  ['earn', 'Earn'],
] as const

function Screen({ route }: { route: readonly string[] }) {
  const [name = 'positions', ...rest] = route
  if (name === 'market') return <MarketScreen symbol={rest[0]} expiry={rest[1]} />
  if (name === 'vault' && /^\d{1,18}$/.test(rest[0] ?? '')) return <VaultScreen key={rest[0]} id={BigInt(rest[0] ?? 0)} />
  if (name === 'liquidations') return <LiquidationsScreen />
  if (name === 'earn') return <EarnScreen />
  return <PositionsScreen />
}

/** Everything that stands between the page and its chain, one sentence each. */
function Troubles() {
  const { place, chain } = useSetting()
  const head = useHead()
  const { isConnected, chainId } = useConnection()
  const refusal = useQuery({
    queryKey: ['deployment', head.trouble],
    queryFn: () => deploymentRefusal(place.client, place.deployment),
    refetchInterval: 15_000,
    retry: false,
  })
  const troubles = [
    head.trouble && `${head.trouble} Everything shown is of block ${head.number ?? 'unknown'}; the page asks on.`,
    !head.trouble && refusal.data,
    isConnected && chainId !== chain.id && `Your wallet is on chain ${chainId}; this deployment is on ${chain.name} (${chain.id}). It is asked to switch before you sign.`,
    location.protocol === 'https:' && place.deployment.chainId === 31337 && 'Your browser may ask whether this page may reach this machine: the chain runs here, on loopback.',
  ].filter(Boolean)
  return (
    <div className="troubles" aria-live="polite">
      {troubles.map((text) => (
        <p key={String(text)}>{text}</p>
      ))}
    </div>
  )
}

export function App() {
  const route = useRoute()
  const { isLocal, chain } = useSetting()
  const current = route[0] === 'vault' ? 'positions' : (route[0] ?? 'positions')
  return (
    <>
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus() }}>
        To the content
      </a>
      <header>
        <b>Bulkhead</b>
        <nav aria-label="Screens">
          {SCREENS.map(([name, title]) => (
            <a key={name} href={`#/${name}`} aria-current={name === current ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span className="gap" />
        <span className="soft num network">{chain.name} {chain.id}</span>
        <Wallet />
      </header>
      <PriceStrip />
      <Troubles />
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<p className="soft">Loading…</p>}>
          <Screen route={route} />
        </Suspense>
      </main>
      {isLocal && <DemoBar />}
    </>
  )
}
