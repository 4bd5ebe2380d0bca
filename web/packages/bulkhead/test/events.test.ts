// Logs of a vault, from a node that answers to topics as nodes do.
import { type Hex, createClient, custom, encodeAbiParameters, encodeEventTopics } from 'viem'
import { describe, expect, it } from 'vitest'
import { abis, parseDeployment, readEvents } from '../src'

const HOUSE = '0x00000000000000000000000000000000000000a1'
const SETTLEMENT = '0x00000000000000000000000000000000000000B2'
const OWNER = '0x00000000000000000000000000000000000000c3'
const deployment = parseDeployment({
  network: 'test', chain_id: 31337, block: 0, markets: {},
  contracts: { Clearinghouse: { address: HOUSE, contract: 'Clearinghouse', abi_sha256: '' }, Settlement: { address: SETTLEMENT, contract: 'Settlement', abi_sha256: '' } },
})

const log = (index: number, address: string, topics: readonly unknown[], data: Hex) => ({ address, topics, data, blockNumber: '0x7', blockTimestamp: '0x64', logIndex: `0x${index}`, transactionHash: '0x01' })
const numbers = (...values: bigint[]) => encodeAbiParameters(values.map(() => ({ type: 'int256' as const })), values)
const LOGS = [
  log(0, HOUSE, encodeEventTopics({ abi: abis.clearinghouseAbi, eventName: 'Deposited', args: { vault_id: 1n, payer: OWNER } }), numbers(5n, 5n)),
  // of vault 9, in market 1
  log(1, SETTLEMENT, encodeEventTopics({ abi: abis.settlementAbi, eventName: 'VaultSettled', args: { vault_id: 9n, market: 1n, expiry: 2n } }), numbers(3n, 0n, 0n, 0n)),
  log(2, SETTLEMENT, encodeEventTopics({ abi: abis.settlementAbi, eventName: 'VaultSettled', args: { vault_id: 1n, market: 1n, expiry: 2n } }), numbers(-4n, 0n, 0n, 0n)),
  log(3, HOUSE, ['0x1234000000000000000000000000000000000000000000000000000000000000', encodeAbiParameters([{ type: 'uint256' }], [1n])], '0x'),
]

const client = createClient({
  transport: custom({
    request: async ({ method, params }: { method: string; params?: [{ topics: (Hex | null)[] }] }) => {
      if (method === 'eth_getBlockByNumber') return { number: '0x9', timestamp: '0x65', hash: '0x', transactions: [] }
      const wanted = params?.[0].topics ?? []
      return LOGS.filter((one) => wanted.every((topic, i) => topic === null || one.topics[i] === topic))
    },
  }),
})

describe('events of a vault', () => {
  it('are its own, the newest first; what names a market of that number, or cannot be read, is left out', async () => {
    const found = await readEvents({ client, deployment }, 1n)
    expect(found.map(({ name, args, at }) => [name, args.vault_id, at])).toStrictEqual([['VaultSettled', 1n, 100], ['Deposited', 1n, 100]])
    expect((await readEvents({ client, deployment }, 9n)).map(({ name }) => name)).toStrictEqual(['VaultSettled'])
  })
})
