// One deployment: which contract lives where, as deployments/<network>/addresses.json says.
import { type Address, type Client, getAddress, isAddress } from 'viem'
import { getChainId, getCode } from 'viem/actions'
import { digests } from './generated/abis'

export interface MarketEntry {
  index: bigint
  symbol: string
  token: Address
  feeds: readonly string[]
  backstop: string
  maker: string
}

export interface Deployment {
  network: string
  chainId: number
  block: bigint
  contracts: Readonly<Record<string, { address: Address; contract: string; abi_sha256: string }>>
  markets: readonly MarketEntry[]
}

/** A deployment that cannot be used; `message` says why in a sentence. */
export class DeploymentError extends Error {}

interface Raw {
  network: string
  chain_id: number
  block: number
  contracts: Record<string, { address: string; contract: string; abi_sha256: string }>
  markets: Record<string, Omit<MarketEntry, 'index' | 'token'> & { index: number; token: string }>
}

function address(value: unknown, what: string): Address {
  if (typeof value !== 'string' || !isAddress(value, { strict: false })) {
    throw new DeploymentError(`The deployment's address of ${what} is none: ${String(value)}.`)
  }
  return getAddress(value)
}

/** From the content of addresses.json. */
export function parseDeployment(content: unknown): Deployment {
  const raw = content as Raw
  if (typeof raw?.chain_id !== 'number' || typeof raw.contracts !== 'object' || typeof raw.markets !== 'object') {
    throw new DeploymentError('That is no deployment: it names no chain, contracts and markets.')
  }
  const contracts = Object.entries(raw.contracts).map(
    ([name, one]) => [name, { ...one, address: address(one.address, name) }] as const,
  )
  const markets = Object.values(raw.markets).map((one) => ({
    ...one,
    index: BigInt(one.index),
    token: address(one.token, `the token of ${one.symbol}`),
  }))
  return {
    network: raw.network,
    chainId: raw.chain_id,
    block: BigInt(raw.block),
    contracts: Object.fromEntries(contracts),
    markets,
  }
}

export function addressOf(deployment: Deployment, name: string): Address {
  const found = deployment.contracts[name]
  if (!found) throw new DeploymentError(`The deployment on ${deployment.network} has no ${name}.`)
  return found.address
}

/** Contracts whose ABI differs from the one that this package was built for. */
export function strangers(deployment: Deployment): string[] {
  return Object.entries(deployment.contracts)
    .filter(([, one]) => one.abi_sha256 && digests[one.contract] !== undefined && digests[one.contract] !== one.abi_sha256)
    .map(([name]) => name)
}

/** Why this deployment cannot be used on that node, "" when it can. */
export async function deploymentRefusal(client: Client, deployment: Deployment): Promise<string> {
  const other = strangers(deployment)
  if (other.length) return `This page was built for another version of ${other.join(', ')} than the one deployed.`
  const [chainId, code] = await Promise.all([
    getChainId(client),
    getCode(client, { address: addressOf(deployment, 'Clearinghouse') }),
  ])
  if (chainId !== deployment.chainId) {
    return `The node serves chain ${chainId}, and this deployment is on chain ${deployment.chainId}.`
  }
  if (!code) {
    return 'The node knows nothing of this deployment: a local chain that was started anew forgets it. Start it with make app.'
  }
  return ''
}
