// A chain of one's own: prices and time moved by command, as bulkhead/chain/local.py does. Only on an Anvil at loopback.
import { type Address, type Client, type Hex, encodeFunctionData, numberToHex } from 'viem'
import { getBlock, readContract } from 'viem/actions'
import { type MarketEntry, addressOf } from './deployment'
import { mockAggregatorAbi, mockERC20Abi, settlementAbi } from './generated/abis'
import type { Place } from './reads'

export const LOCAL_CHAIN_ID = 31337
/** Rounds on the way, so that prices stay fresh and settlement windows are covered [seconds]. */
const ROUND_SECONDS = 1_200
const MOST_ROUNDS = 100
const ROUND_GAS = 80_000
const SETTLE_GAS = 20_000_000

/** Whether a URL points at this machine. */
export function isLoopback(url: string): boolean {
  try {
    const { hostname } = new URL(url)
    return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
  } catch {
    return false
  }
}

const raw = (client: Client, method: string, ...params: unknown[]): Promise<unknown> =>
  (client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>)({ method, params })

/** Whether the node is an Anvil, whose time and accounts are one's own. */
export async function isAnvil(client: Client): Promise<boolean> {
  try {
    await raw(client, 'anvil_nodeInfo')
    return true
  } catch {
    return false
  }
}

const feedsOf = (entry: MarketEntry): Address[] => entry.feeds.slice(0, 2).filter(Boolean) as Address[]

async function answerOf(client: Client, feed: Address): Promise<bigint> {
  const [, answer] = await readContract(client, { address: feed, abi: mockAggregatorAbi, functionName: 'latestRoundData' })
  return answer
}

async function timeOf(client: Client): Promise<number> {
  return Number((await getBlock(client, { blockTag: 'latest' })).timestamp)
}

interface Round {
  answer: bigint
  at: number
}

async function write(place: Place, rounds: ReadonlyMap<Address, readonly Round[]>, at: number): Promise<void> {
  const { client } = place
  const interval = (await raw(client, 'anvil_getIntervalMining')) as number | null
  const automine = await raw(client, 'anvil_getAutomine')
  const [writer] = (await raw(client, 'eth_accounts')) as Address[]
  // nothing else is mined between a round and its block
  await raw(client, 'evm_setIntervalMining', 0)
  await raw(client, 'evm_setAutomine', false)
  try {
    for (const [feed, several] of rounds) {
      const data = encodeFunctionData({
        abi: mockAggregatorAbi,
        functionName: 'push_many',
        args: [several.map((one) => one.answer), several.map((one) => BigInt(one.at))],
      })
      const gas = numberToHex(ROUND_GAS * (1 + several.length))
      await raw(client, 'eth_sendTransaction', { from: writer, to: feed, data, gas })
      await raw(client, 'evm_setNextBlockTimestamp', Math.max(at, (await timeOf(client)) + 1))
      await raw(client, 'evm_mine')
    }
  } finally {
    await raw(client, 'evm_setAutomine', automine)
    if (interval) await raw(client, 'evm_setIntervalMining', interval)
  }
}

/** Moves every price feed of a market by a share of its price. */
export async function movePrice(place: Place, entry: MarketEntry, percent: number): Promise<void> {
  const at = (await timeOf(place.client)) + 1
  const rounds = new Map<Address, Round[]>()
  for (const feed of feedsOf(entry)) {
    const answer = await answerOf(place.client, feed)
    const moved = (answer * BigInt(Math.round((100 + percent) * 100))) / 10_000n
    rounds.set(feed, [{ answer: moved > 0n ? moved : 1n, at }])
  }
  await write(place, rounds, at)
}

/** Moves the chain's time on; feeds repeat their price on the way, as living ones do, or fall silent. */
export async function warp(place: Place, seconds: number, silent = false): Promise<void> {
  const { client, deployment } = place
  const now = await timeOf(client)
  const until = now + seconds
  if (silent) {
    await raw(client, 'evm_setNextBlockTimestamp', until)
    await raw(client, 'evm_mine')
    return
  }
  const stamps: number[] = []
  for (let at = now + ROUND_SECONDS; at < until; at += ROUND_SECONDS) stamps.push(at)
  stamps.push(until)
  const feeds = [...new Set(deployment.markets.flatMap(feedsOf))]
  const answers = await Promise.all(feeds.map((feed) => answerOf(client, feed)))
  for (let first = 0; first < stamps.length; first += MOST_ROUNDS) {
    const part = stamps.slice(first, first + MOST_ROUNDS)
    const rounds = new Map(feeds.map((feed, i) => [feed, part.map((at) => ({ answer: answers[i] ?? 0n, at }))]))
    await write(place, rounds, part.at(-1) ?? until)
  }
}

async function sendFrom(place: Place, from: Address, to: Address, data: Hex, gas: number): Promise<void> {
  await raw(place.client, 'eth_sendTransaction', { from, to, data, gas: numberToHex(gas) })
  await raw(place.client, 'evm_mine')
}

/** Test tokens and coins for an account. */
export async function faucet(place: Place, token: Address, account: Address, amount: bigint): Promise<void> {
  await raw(place.client, 'anvil_setBalance', account, numberToHex(10n ** 24n))
  const [writer] = (await raw(place.client, 'eth_accounts')) as [Address]
  const data = encodeFunctionData({ abi: mockERC20Abi, functionName: 'mint', args: [account, amount] })
  await sendFrom(place, writer, token, data, 300_000)
}

/** Proves the price of an expiry, settles vaults of it and pays their claims. Open to anyone. */
export async function settleCell(place: Place, market: bigint, expiry: bigint, vaultIds: readonly bigint[]): Promise<void> {
  const [writer] = (await raw(place.client, 'eth_accounts')) as [Address]
  const settlement = addressOf(place.deployment, 'Settlement')
  const encode = (functionName: 'settle_many' | 'claim_many') =>
    encodeFunctionData({ abi: settlementAbi, functionName, args: [vaultIds] })
  const fix = encodeFunctionData({ abi: settlementAbi, functionName: 'fix', args: [market, expiry, []] })
  for (const data of [fix, encode('settle_many'), encode('claim_many')]) {
    await sendFrom(place, writer, settlement, data, SETTLE_GAS)
  }
}

/** Remembers the chain as it is. */
export async function remember(client: Client): Promise<string> {
  return String(await raw(client, 'evm_snapshot'))
}

/**
 * Goes back to what was remembered; false when the node has forgotten it. Anvil does not wait for a block that it is
 * mining and would keep its logs: what waits is dropped and one more block mined before (bulkhead/chain/anvil.py, revert).
 */
export async function goBack(client: Client, snapshot: string): Promise<boolean> {
  const mining = await raw(client, 'anvil_getAutomine')
  await raw(client, 'evm_setAutomine', false)
  await raw(client, 'anvil_dropAllTransactions')
  await raw(client, 'evm_mine')
  await raw(client, 'evm_setAutomine', mining)
  return (await raw(client, 'evm_revert', snapshot)) === true
}
