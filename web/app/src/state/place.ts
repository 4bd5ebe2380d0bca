// Where the page reads and trades: `deployment.js` beside it says so.
import { type Deployment, type MarketEntry, type Place, LOCAL_CHAIN_ID, DeploymentError, isLoopback, parseDeployment } from '@bulkhead/sdk'
import { type Address, type Chain, createClient, defineChain, http } from 'viem'
import { type CreateConnectorFn, createConfig } from 'wagmi'
import { mock } from 'wagmi/connectors/mock'

interface Told {
  deployment: unknown
  rpc: string
  quotes?: string[]
  history?: string
  accounts?: { name: string; address: Address }[]
}

declare global {
  // eslint-disable-next-line no-var
  var BULKHEAD: Told | undefined
}

/** Everything the page knows before it has asked anybody. */
export interface Setting {
  place: Place
  chain: Chain
  rpc: string
  quotes: readonly string[]
  /** root of a history service, "" for none */
  history: string
  isLocal: boolean
  /** names of accounts that a local node signs for */
  accounts: readonly { name: string; address: Address }[]
}

/** Milliseconds between looks at the newest block: a local chain is looked at more often. */
export const POLL_LOCAL = 1_000
export const POLL = 4_000
/** Calls that go out in one post. */
const BATCH = 200

export function readSetting(told: Told | undefined = globalThis.BULKHEAD): Setting {
  if (!told) throw new DeploymentError('No deployment is named: `make app` starts a chain and writes deployment.js beside this page.')
  const deployment = parseDeployment(told.deployment)
  const isLocal = deployment.chainId === LOCAL_CHAIN_ID && isLoopback(told.rpc)
  const chain = defineChain({
    id: deployment.chainId,
    name: isLocal ? 'Anvil' : deployment.network,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [told.rpc] } },
  })
  const client = createClient({
    chain,
    transport: transport(told.rpc),
    ccipRead: false,
    pollingInterval: isLocal ? POLL_LOCAL : POLL,
  })
  return {
    place: { client, deployment },
    chain,
    rpc: told.rpc,
    quotes: told.quotes ?? [],
    history: (told.history ?? '').replace(/\/+$/, ''),
    isLocal,
    accounts: isLocal ? (told.accounts ?? []) : [],
  }
}

const transport = (url: string) => http(url, { batch: { batchSize: BATCH, wait: 0 }, retryCount: 1, timeout: 8_000 })

const RECENT = 'wagmi.recentConnectorId'

function recentConnector(): string | null {
  try {
    return localStorage.getItem(RECENT)
  } catch {
    return null
  }
}

/** A connector of an account that the local node signs for: no key is in the page. */
function local({ name, address }: { name: string; address: Address }): CreateConnectorFn {
  const id = `local-${name.toLowerCase()}`
  const make = mock({
    accounts: [address],
    features: { reconnect: true, defaultConnected: recentConnector() === JSON.stringify(id) },
  })
  return (config) => ({ ...make(config), id, name })
}

export function wagmiConfig({ chain, rpc, accounts, isLocal }: Setting) {
  return createConfig({
    chains: [chain],
    connectors: accounts.map(local),
    transports: { [chain.id]: transport(rpc) },
    ccipRead: false,
    pollingInterval: isLocal ? POLL_LOCAL : POLL,
    ssr: false,
  })
}

export function marketOf(deployment: Deployment, index: bigint): MarketEntry | undefined {
  return deployment.markets.find((entry) => entry.index === index)
}
