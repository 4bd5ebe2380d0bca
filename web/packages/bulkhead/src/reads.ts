// Typed reads: one function a question, one call (or one batch) each. Nothing is decoded by hand.
import { type Address, type Client, type ContractFunctionReturnType, type Hex, zeroAddress } from 'viem'
import { getBalance, getBlock, readContract } from 'viem/actions'
import { type Deployment, addressOf } from './deployment'
import {
  clearinghouseAbi,
  exchangeAbi,
  legLensAbi,
  lensAbi,
  mockERC20Abi,
  orderLensAbi,
  positionLensAbi,
} from './generated/abis'
import type { SignedOrder } from './orders'
import { type Leg, packLeg } from './series'

/** A node and what is deployed there: what every read is asked of. */
export interface Place {
  client: Client
  deployment: Deployment
}

export type Positions = ContractFunctionReturnType<typeof positionLensAbi, 'view', 'positions_of'>
export type Position = Positions['positions'][number]
export type MarketState = ContractFunctionReturnType<typeof lensAbi, 'view', 'market'>
export type Snapshot = MarketState['snapshot']
export type VaultState = ContractFunctionReturnType<typeof lensAbi, 'view', 'preview'>
export type LegState = ContractFunctionReturnType<typeof legLensAbi, 'view', 'describe'>[number]
export type OrderState = ContractFunctionReturnType<typeof orderLensAbi, 'view', 'order_states'>[number]
export type LiquidationPrices = ContractFunctionReturnType<typeof lensAbi, 'view', 'liquidation_prices'>

export const models = ['ES', 'GREEKS', 'STATIC'] as const
export type Model = (typeof models)[number]
export const engines: Readonly<Record<Model, string>> = { ES: 'EsEngine', GREEKS: 'GreeksEngine', STATIC: 'StaticEngine' }

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
export function readPositions(place: Place, ids: readonly bigint[]): Promise<Positions> {
  return readContract(place.client, { ...at(place, 'PositionLens'), abi: positionLensAbi, functionName: 'positions', args: [ids] })
}

/** A page of an owner's positions; `next` is where the next page begins, 0 for none. */
export function readPositionsOf(place: Place, owner: Address, first = 1n, most = PAGE_SIZE): Promise<Positions> {
  return readContract(place.client, {
    ...at(place, 'PositionLens'),
    abi: positionLensAbi,
    functionName: 'positions_of',
    args: [owner, first, BigInt(most)],
  })
}

/** Every vault id is below. */
export function readNextId(place: Place): Promise<bigint> {
  return readContract(place.client, { ...at(place, 'Clearinghouse'), abi: clearinghouseAbi, functionName: 'next_id' })
}

/** Nearest spots at which a vault would be liquidatable; 0 and the largest number where there is none. */
export function readLiquidationPrices(place: Place, vaultId: bigint): Promise<LiquidationPrices> {
  return readContract(place.client, { ...at(place, 'Lens'), abi: lensAbi, functionName: 'liquidation_prices', args: [vaultId] })
}

/** A market and one of its cells. */
export function readMarket(place: Place, market: bigint, expiry: bigint): Promise<MarketState> {
  return readContract(place.client, { ...at(place, 'Lens'), abi: lensAbi, functionName: 'market', args: [market, expiry] })
}

/** Marks, vols and Greeks of any number of legs at a snapshot. */
export async function readLegs(place: Place, legs: readonly Leg[], snapshot: Snapshot): Promise<LegState[]> {
  const answers = await Promise.all(
    chunks(legs).map((part) =>
      readContract(place.client, {
        ...at(place, 'LegLens'),
        abi: legLensAbi,
        functionName: 'describe',
        args: [part.map(packLeg), snapshot],
      }),
    ),
  )
  return answers.flat()
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
export function readPreviewNew(place: Place, market: bigint, model: Model, change: Change): Promise<VaultState> {
  return readContract(place.client, {
    ...at(place, 'Lens'),
    abi: lensAbi,
    functionName: 'preview_new',
    args: [
      market,
      BigInt(models.indexOf(model)),
      addressOf(place.deployment, engines[model]),
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
  const answers = await Promise.all(
    chunks(signed).map((part) =>
      readContract(place.client, {
        ...at(place, 'OrderLens'),
        abi: orderLensAbi,
        functionName: 'order_states',
        args: [part.map((one) => one.order), part.map((one) => one.signature), taker, vaultId],
      }),
    ),
  )
  return answers.flat()
}

/** The least counter with which an order of a vault is alive. */
export function readEpochFor(place: Place, vaultId: bigint, series: readonly bigint[] = []): Promise<bigint> {
  return readContract(place.client, { ...at(place, 'Exchange'), abi: exchangeAbi, functionName: 'epoch_for', args: [vaultId, series] })
}

/** How much of an order is filled, and whether it was cancelled. */
export function readFilled(place: Place, signer: Address, key: Hex) {
  return readContract(place.client, { ...at(place, 'Exchange'), abi: exchangeAbi, functionName: 'filled_of', args: [signer, key] })
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, i) => items.slice(i * CHUNK, (i + 1) * CHUNK))
}
