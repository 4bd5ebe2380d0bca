// Transactions, as what viem's `simulateContract` and `writeContract` take.
import type { Abi, Address, Hex } from 'viem'
import { MAX_UINT256 } from './amounts'
import { type Deployment, addressOf } from './deployment'
import {
  autoTopUpAbi,
  backstopPoolAbi,
  clearinghouseAbi,
  exchangeAbi,
  insuranceFundAbi,
  liquidatorAbi,
  makerVaultAbi,
  mockERC20Abi,
  quoteBoardAbi,
  settlementAbi,
  vaultTokenAbi,
} from './generated/abis'
import type { MandateTerms } from './mandates'
import type { SignedOrder } from './orders'
import { type Permit, NO_PERMIT } from './permits'
import { type Model, models } from './reads'

/** One call of a contract. */
export interface Call {
  address: Address
  abi: Abi
  functionName: string
  args: readonly unknown[]
}

/** One fill as the Exchange takes it. */
export interface Fill {
  signed: SignedOrder
  vaultId: bigint
  /** packages [1e-6] */
  size: bigint
  /** worst price per package [wad] */
  limitPrice: bigint
  /** largest fee [native] */
  maxFee: bigint
  /** largest recorded deficit of the cell [wad] */
  maxDeficit: bigint
}

/** What the taker of a flagged vault accepts. */
export interface TakeLimits {
  /** tokens received at least, negative: paid at most [native] */
  min_received: bigint
  /** share of MM [wad] */
  min_bonus: bigint
  /** share of the vault [wad] */
  max_fraction: bigint
  /** [wad] */
  min_spot: bigint
  max_spot: bigint
}

function asked(fill: Fill) {
  return {
    order: fill.signed.order,
    signature: fill.signed.signature,
    taker_vault: fill.vaultId,
    size: fill.size,
    limit_price: fill.limitPrice,
    max_fee: fill.maxFee,
    max_deficit: fill.maxDeficit,
    round_id: 0n,
  }
}

const modelNumber = (model: Model) => BigInt(models.indexOf(model))

/** Every transaction of the page, by name. */
export function callsOf(deployment: Deployment) {
  const call = (name: string, abi: Abi) => (functionName: string, ...args: unknown[]): Call => ({
    address: addressOf(deployment, name),
    abi,
    functionName,
    args,
  })
  const house = call('Clearinghouse', clearinghouseAbi as Abi)
  const exchange = call('Exchange', exchangeAbi as Abi)
  const liquidator = call('Liquidator', liquidatorAbi as Abi)
  const settlement = call('Settlement', settlementAbi as Abi)
  const topUp = call('AutoTopUp', autoTopUpAbi as Abi)
  return {
    approve: (token: Address, spender: Address, amount: bigint = MAX_UINT256): Call => ({
      address: token,
      abi: mockERC20Abi as Abi,
      functionName: 'approve',
      args: [spender, amount],
    }),
    open: (market: bigint, model: Model, owner: Address, amount: bigint) => house('open', market, modelNumber(model), owner, amount),
    deposit: (vaultId: bigint, owner: Address, amount: bigint) => house('deposit', vaultId, owner, amount),
    withdraw: (vaultId: bigint, amount: bigint, receiver: Address) => house('withdraw', vaultId, amount, receiver),
    close: (vaultId: bigint, receiver: Address) => house('close', vaultId, receiver),
    setModel: (vaultId: bigint, model: Model) => house('set_model', vaultId, modelNumber(model)),
    transferLegs: (from: bigint, to: bigint, legs: readonly bigint[], cash: bigint) => house('transfer_legs', from, to, legs, cash),
    fill: (fill: Fill) => exchange('fill', asked(fill)),
    openAndFill: (fill: Fill, model: Model, deposit: bigint, permit: Permit = NO_PERMIT) =>
      exchange('open_and_fill', asked(fill), modelNumber(model), deposit, permit),
    fillMany: (fills: readonly Fill[], model: Model, amount: bigint, flat: bigint) =>
      exchange('fill_many', fills.map(asked), modelNumber(model), amount, flat),
    bumpEpoch: (vaultId: bigint, minimum: bigint) => exchange('bump_epoch', vaultId, minimum),
    cancel: (hashes: readonly Hex[]) => exchange('cancel', hashes),
    post: (orders: readonly SignedOrder[]) =>
      call('QuoteBoard', quoteBoardAbi as Abi)('post', orders.map((one) => one.order), orders.map((one) => one.signature)),
    setMandate: (vaultId: bigint, terms: MandateTerms) => topUp('set_mandate', vaultId, terms, NO_PERMIT),
    endMandate: (vaultId: bigint) => topUp('end_mandate', vaultId),
    transfer: (vaultId: bigint, owner: Address, receiver: Address) =>
      call('VaultToken', vaultTokenAbi as Abi)('transferFrom', owner, receiver, vaultId),
    flag: (vaultId: bigint) => liquidator('flag', vaultId),
    take: (vaultId: bigint, fraction: bigint, into: bigint, limits: TakeLimits, deadline: bigint) =>
      liquidator('take', vaultId, fraction, into, limits, deadline, '0x'),
    fix: (market: bigint, expiry: bigint) => settlement('fix', market, expiry, []),
    settle: (vaultIds: readonly bigint[]) => settlement('settle_many', vaultIds),
    claim: (vaultId: bigint) => settlement('claim', vaultId),
    repay: (vaultId: bigint) => settlement('repay', vaultId),
    insurance: call('InsuranceFund', insuranceFundAbi as Abi),
    makerVault: (maker: Address, functionName: string, ...args: unknown[]): Call => ({ address: maker, abi: makerVaultAbi as Abi, functionName, args }),
    pool: (pool: Address, functionName: string, ...args: unknown[]): Call => ({ address: pool, abi: backstopPoolAbi as Abi, functionName, args }),
  }
}

export type Calls = ReturnType<typeof callsOf>
