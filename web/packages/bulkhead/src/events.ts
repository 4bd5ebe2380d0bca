// What happened to a vault, as the logs of the last day tell: no service is needed for that.
import { type Abi, type Hex, decodeEventLog, getAddress, hexToBigInt, numberToHex, pad } from 'viem'
import { getBlock } from 'viem/actions'
import { addressOf } from './deployment'
import { autoTopUpAbi, clearinghouseAbi, exchangeAbi, liquidatorAbi, settlementAbi } from './generated/abis'
import { PAST_BLOCKS, type Place } from './reads'

const SPEAKERS: Readonly<Record<string, Abi>> = {
  Clearinghouse: clearinghouseAbi as Abi,
  Exchange: exchangeAbi as Abi,
  Liquidator: liquidatorAbi as Abi,
  Settlement: settlementAbi as Abi,
  AutoTopUp: autoTopUpAbi as Abi,
}
/** Under which names events carry a vault: a market or an expiry may be the same number. */
const VAULTS = ['vault_id', 'from_id', 'to_id', 'into_id', 'maker_vault'] as const

/** One event of a vault. */
export interface VaultEvent {
  name: string
  args: Readonly<Record<string, unknown>>
  block: bigint
  /** unix seconds; undefined where the node gives logs no time */
  at: number | undefined
  index: number
  hash: Hex
}

interface RawLog {
  address: string
  topics: [Hex, ...Hex[]]
  data: Hex
  blockNumber: Hex
  blockTimestamp?: Hex
  logIndex: Hex
  transactionHash: Hex
}

/** Events of a vault in the last day of blocks, the newest first. */
export async function readEvents(place: Place, vaultId: bigint): Promise<VaultEvent[]> {
  const { client, deployment } = place
  const { number } = await getBlock(client, { blockTag: 'latest' })
  const first = number > PAST_BLOCKS + deployment.block ? number - PAST_BLOCKS : deployment.block
  const names = Object.keys(SPEAKERS).filter((name) => deployment.contracts[name])
  const speakers = new Map(names.map((name) => [addressOf(deployment, name), SPEAKERS[name] ?? []] as const))
  const word = pad(numberToHex(vaultId))
  const request = client.request as unknown as (call: { method: string; params: unknown[] }) => Promise<RawLog[]>
  // a vault is the first name of most events, and the second of moves and of a maker's fills
  const told = await Promise.all(
    [[null, word], [null, null, word]].map((topics) => request({ method: 'eth_getLogs', params: [{ address: [...speakers.keys()], fromBlock: numberToHex(first), topics }] })),
  )
  const found = new Map<string, VaultEvent>()
  for (const log of told.flat()) {
    const abi = speakers.get(getAddress(log.address))
    try {
      const { eventName = '', args } = decodeEventLog({ abi: abi ?? [], topics: log.topics, data: log.data })
      const named = (args ?? {}) as Record<string, unknown>
      if (!VAULTS.some((name) => named[name] === vaultId)) continue
      const at = log.blockTimestamp === undefined ? undefined : Number(log.blockTimestamp)
      found.set(log.blockNumber + log.logIndex, { name: eventName, args: named, block: hexToBigInt(log.blockNumber), at, index: Number(log.logIndex), hash: log.transactionHash })
    } catch {
      // of another version: what cannot be read is left out
    }
  }
  return [...found.values()].sort((a, b) => (a.block === b.block ? b.index - a.index : a.block < b.block ? 1 : -1))
}
