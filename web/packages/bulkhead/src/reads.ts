// Typed reads: one function a question, one call (or one batch) each. Nothing is decoded by hand.
import { type Address, type Client, type ContractFunctionReturnType, type Hex, zeroAddress } from 'viem'
import { getBalance, getBlock, getContractEvents, readContract } from 'viem/actions'
import { type Deployment, addressOf } from './deployment'
import {
  clearinghouseAbi,
  exchangeAbi,
  legLensAbi,
  lensAbi,
  mockERC20Abi,
  orderLensAbi,
  positionLensAbi,
  quoteBoardAbi,
  tradeLensAbi,
} from './generated/abis'
import type { SignedOrder } from './orders'
import { type Leg, packLeg } from './series'
import { LINEAR, type Units, unpackUnits } from './units'

/** A node and what is deployed there: what every read is asked of. */
export interface Place {
  client: Client
  deployment: Deployment
}

type ToldPositions = ContractFunctionReturnType<typeof positionLensAbi, 'view', 'positions_of'>
/** A vault with what its market counts in; marks of its legs are in the market's token. */
export type Position = ToldPositions['positions'][number] & { units: Units }
export type Positions = Omit<ToldPositions, 'positions'> & { positions: readonly Position[] }
/** A market and one of its cells, and what it counts in. */
export type MarketState = ContractFunctionReturnType<typeof lensAbi, 'view', 'market'> & { units: Units }
export type Snapshot = MarketState['snapshot']
export type VaultState = ContractFunctionReturnType<typeof lensAbi, 'view', 'preview'>
/** A leg with its mark in the market's token; Greeks are in quote in both kinds of market. */
export type LegState = ContractFunctionReturnType<typeof legLensAbi, 'view', 'describe'>[number]
export type OrderState = ContractFunctionReturnType<typeof orderLensAbi, 'view', 'order_states'>[number]
export type LiquidationPrices = ContractFunctionReturnType<typeof lensAbi, 'view', 'liquidation_prices'>

export const models = ['ES', 'GREEKS', 'STATIC'] as const
export type Model = (typeof models)[number]

/** Positions in one call. */
export const PAGE_SIZE = 50
/** Legs in one call of the leg lens, orders in one of the order lens. */
const CHUNK = 16

const at = (place: Place, name: string) => ({ address: addressOf(place.deployment, name) })

/** The newest block. */
export async function readHead(place: Place): Promise<{ number: bigint; timestamp: number }> {
  const block = await getBlock(place.client, { blockTag: 'latest' })
  return { number: block.number, timestamp: Number(block.timestamp) }
}

/** Positions by id; an unknown one comes back with the zero address as owner. */
export async function readPositions(place: Place, ids: readonly bigint[]): Promise<Positions> {
  return withUnits(place, await readContract(place.client, { ...at(place, 'PositionLens'), abi: positionLensAbi, functionName: 'positions', args: [ids] }))
}

async function withUnits(place: Place, told: ToldPositions): Promise<Positions> {
  const markets = [...new Set(told.positions.map((one) => one.market))].filter((market) => market !== 0n)
  const units = new Map(await Promise.all(markets.map(async (market) => [market, await readUnits(place, market)] as const)))
  return { ...told, positions: told.positions.map((one) => ({ ...one, units: units.get(one.market) ?? LINEAR })) }
}

/** A page of an owner's positions; `next` is where the next page begins, 0 for none. */
export async function readPositionsOf(place: Place, owner: Address, first = 1n, most = PAGE_SIZE): Promise<Positions> {
  const args = [owner, first, BigInt(most)] as const
  return withUnits(place, await readContract(place.client, { ...at(place, 'PositionLens'), abi: positionLensAbi, functionName: 'positions_of', args }))
}

/** Every vault id is below. */
export function readNextId(place: Place): Promise<bigint> {
  return readContract(place.client, { ...at(place, 'Clearinghouse'), abi: clearinghouseAbi, functionName: 'next_id' })
}

/** Nearest spots at which a vault would be liquidatable; 0 and the largest number where there is none. */
export function readLiquidationPrices(place: Place, vaultId: bigint): Promise<LiquidationPrices> {
  return readContract(place.client, { ...at(place, 'Lens'), abi: lensAbi, functionName: 'liquidation_prices', args: [vaultId] })
}

const known = new WeakMap<Place, Map<bigint, Units>>()

/** What a market counts in: asked once, it never changes after the listing. */
export async function readUnits(place: Place, market: bigint): Promise<Units> {
  const found = known.get(place)?.get(market)
  if (found) return found
  const { token_word: word } = await readContract(place.client, { ...at(place, 'Clearinghouse'), abi: clearinghouseAbi, functionName: 'market', args: [market] })
  const units = unpackUnits(word)
  known.set(place, (known.get(place) ?? new Map<bigint, Units>()).set(market, units))
  return units
}

/** A market and one of its cells. */
export async function readMarket(place: Place, market: bigint, expiry: bigint): Promise<MarketState> {
  const [state, units] = await Promise.all([
    readContract(place.client, { ...at(place, 'Lens'), abi: lensAbi, functionName: 'market', args: [market, expiry] }),
    readUnits(place, market),
  ])
  return { ...state, units }
}

/** What a call that takes a limited number answers for any number, in their order. */
async function inChunks<Item, Answer>(
  items: readonly Item[],
  read: (part: Item[]) => Promise<readonly Answer[]>,
): Promise<Answer[]> {
  return (await Promise.all(chunks(items).map(read))).flat()
}

/** Marks, vols and Greeks of any number of legs at a snapshot; marks are in what the market counts. */
export async function readLegs(place: Place, legs: readonly Leg[], snapshot: Snapshot, { inverse }: Units): Promise<LegState[]> {
  return inChunks(legs, (part) => {
    const args = [part.map(packLeg), snapshot, inverse] as const
    return readContract(place.client, { ...at(place, 'LegLens'), abi: legLensAbi, functionName: 'describe', args })
  })
}

/** What a vault would be after it received legs and tokens. */
export interface Change {
  expiry: bigint
  legs: readonly Leg[]
  /** tokens received, fee included; negative when it pays [native] */
  cash: bigint
}

export function readPreview(place: Place, vaultId: bigint, change: Change): Promise<VaultState> {
  return readContract(place.client, {
    ...at(place, 'Lens'),
    abi: lensAbi,
    functionName: 'preview',
    args: [vaultId, change.expiry, change.legs.map(packLeg), change.cash],
  })
}

/** The same of a vault still to be opened. */
export async function readPreviewNew(place: Place, market: bigint, model: Model, change: Change): Promise<VaultState> {
  return readContract(place.client, {
    ...at(place, 'Lens'),
    abi: lensAbi,
    functionName: 'preview_new',
    args: [
      market,
      BigInt(models.indexOf(model)),
      change.expiry,
      change.legs.map(packLeg),
      change.cash,
    ],
  })
}

/** What an account holds of a market's token, what of it the Clearinghouse may take, and its native coin. */
export async function readAccount(place: Place, owner: Address, token: Address) {
  const of = { address: token, abi: mockERC20Abi } as const
  const [balance, allowance, coins] = await Promise.all([
    readContract(place.client, { ...of, functionName: 'balanceOf', args: [owner] }),
    readContract(place.client, {
      ...of,
      functionName: 'allowance',
      args: [owner, addressOf(place.deployment, 'Clearinghouse')],
    }),
    getBalance(place.client, { address: owner }),
  ])
  return { balance, allowance, coins }
}

/** What a token calls itself, and its decimals. */
export async function readToken(place: Place, token: Address): Promise<{ symbol: string; decimals: number }> {
  const of = { address: token, abi: mockERC20Abi } as const
  const [symbol, decimals] = await Promise.all([
    readContract(place.client, { ...of, functionName: 'symbol' }),
    readContract(place.client, { ...of, functionName: 'decimals' }),
  ])
  return { symbol, decimals: Number(decimals) }
}

/** What would become of orders, whoever fills them, or for one taker and its vault. */
export async function readOrderStates(
  place: Place,
  signed: readonly SignedOrder[],
  taker: Address = zeroAddress,
  vaultId = 0n,
): Promise<OrderState[]> {
  return inChunks(signed, (part) => {
    const args = [part.map((one) => one.order), part.map((one) => one.signature), taker, vaultId] as const
    return readContract(place.client, { ...at(place, 'OrderLens'), abi: orderLensAbi, functionName: 'order_states', args })
  })
}

/** The largest fill of an order that a side can take, and what bounds it [1e-6 packages]. */
export async function readLargest(place: Place, signed: SignedOrder, side: { account: Address; vaultId: bigint; model: Model; deposit: bigint; size: bigint }) {
  const asked = { order: signed.order, signature: signed.signature, size: side.size, account: side.account, vault_id: side.vaultId, model: BigInt(models.indexOf(side.model)), deposit: side.deposit }
  return (await readContract(place.client, { ...at(place, 'TradeLens'), abi: tradeLensAbi, functionName: 'preview', args: [asked] })).largest
}

/** The least counter with which an order of a vault is alive. */
export function readEpochFor(place: Place, vaultId: bigint, series: readonly bigint[] = []): Promise<bigint> {
  return readContract(place.client, { ...at(place, 'Exchange'), abi: exchangeAbi, functionName: 'epoch_for', args: [vaultId, series] })
}

/** Blocks whose logs are looked through: about a day. */
export const PAST_BLOCKS = 7_200n

/** Orders posted on the QuoteBoard, the newest first; nothing of them is checked. */
export async function readBoard(place: Place): Promise<SignedOrder[]> {
  const { client, deployment } = place
  const { number } = await getBlock(client, { blockTag: 'latest' })
  const first = number > PAST_BLOCKS + deployment.block ? number - PAST_BLOCKS : deployment.block
  const logs = await getContractEvents(client, { ...at(place, 'QuoteBoard'), abi: quoteBoardAbi, eventName: 'QuotePosted', fromBlock: first, strict: true })
  const exchange = addressOf(deployment, 'Exchange')
  return logs.map(({ args }) => ({ order: args.order, signature: args.signature, chainId: deployment.chainId, exchange })).reverse()
}

/** Under which key it is kept how far an order has gone, and by which it is cancelled. */
export function readKeyOf(place: Place, order: SignedOrder['order']): Promise<Hex> {
  return readContract(place.client, { ...at(place, 'OrderLens'), abi: orderLensAbi, functionName: 'key_of', args: [order] })
}

/** How much of an order is filled, and whether it was cancelled. */
export function readFilled(place: Place, signer: Address, key: Hex) {
  return readContract(place.client, { ...at(place, 'Exchange'), abi: exchangeAbi, functionName: 'filled_of', args: [signer, key] })
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, i) => items.slice(i * CHUNK, (i + 1) * CHUNK))
}
