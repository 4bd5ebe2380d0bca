// Where others' risk is borne for pay: a market's insurance, its backstop pool and its maker vault.
import type { Address } from 'viem'
import { readContract } from 'viem/actions'
import { addressOf } from './deployment'
import { backstopPoolAbi, insuranceFundAbi, makerVaultAbi, mockERC20Abi } from './generated/abis'
import type { Place } from './reads'

export interface Insurance {
  /** tokens in the pot [native] */
  assets: bigint
  shares: bigint
  /** of the account */
  mine: bigint
  /** announced to be withdrawn: shares, and from when on [unix seconds] */
  requested: { shares: bigint; ready_at: bigint }
  /** what the insurance fund may take of the account's tokens [native] */
  allowance: bigint
}

/** A market's insurance, and what of it an account has. */
export async function readInsurance(place: Place, market: bigint, token: Address, owner: Address): Promise<Insurance> {
  const fund = { address: addressOf(place.deployment, 'InsuranceFund'), abi: insuranceFundAbi } as const
  const pot = await readContract(place.client, { ...fund, functionName: 'pot', args: [market] })
  const [assets, shares, mine, requested, allowance] = await Promise.all([
    readContract(place.client, { address: token, abi: mockERC20Abi, functionName: 'balanceOf', args: [pot] }),
    readContract(place.client, { ...fund, functionName: 'total_shares', args: [market] }),
    readContract(place.client, { ...fund, functionName: 'shares', args: [market, owner] }),
    readContract(place.client, { ...fund, functionName: 'request_of', args: [market, owner] }),
    readContract(place.client, { address: token, abi: mockERC20Abi, functionName: 'allowance', args: [owner, fund.address] }),
  ])
  return { assets, shares, mine, requested, allowance }
}

export interface Pool {
  /** undefined while shares have no price */
  assets: bigint | undefined
  shares: bigint
  mine: bigint
  /** what the account's shares would bring now; undefined while they have no price [native] */
  worth: bigint | undefined
  room: bigint
  idle: bigint
  vaults: readonly bigint[]
  allowance: bigint
  /** of shares */
  decimals: number
}

/** A backstop pool, and what of it an account has. */
export async function readPool(place: Place, address: Address, token: Address, owner: Address): Promise<Pool> {
  const pool = { address, abi: backstopPoolAbi } as const
  const priced = <T>(answer: Promise<T>): Promise<T | undefined> => answer.catch(() => undefined)
  const [assets, shares, mine, room, idle, vaults, allowance, decimals] = await Promise.all([
    priced(readContract(place.client, { ...pool, functionName: 'totalAssets' })),
    readContract(place.client, { ...pool, functionName: 'totalSupply' }),
    readContract(place.client, { ...pool, functionName: 'balanceOf', args: [owner] }),
    readContract(place.client, { ...pool, functionName: 'maxDeposit', args: [owner] }),
    readContract(place.client, { ...pool, functionName: 'idle' }),
    readContract(place.client, { ...pool, functionName: 'vaults' }),
    readContract(place.client, { address: token, abi: mockERC20Abi, functionName: 'allowance', args: [owner, address] }),
    readContract(place.client, { ...pool, functionName: 'decimals' }),
  ])
  const worth = await priced(readContract(place.client, { ...pool, functionName: 'previewRedeem', args: [mine] }))
  return { assets, shares, mine, worth, room, idle, vaults, allowance, decimals: Number(decimals) }
}

export interface MakerVaultState {
  /** undefined while shares have no price */
  assets: bigint | undefined
  mine: bigint
  /** shares of the account that can leave now: bought before this hour of the clock and the last */
  free: bigint
  /** shares that tokens at hand pay for now */
  redeemable: bigint
  /** what the account's shares would bring now; undefined while they have no price [native] */
  worth: bigint | undefined
  room: bigint
  /** vaults that trade for it */
  desks: number
  allowance: bigint
  /** of shares */
  decimals: number
}

/** A maker vault, and what of it an account has. */
export async function readMakerVault(place: Place, address: Address, token: Address, owner: Address): Promise<MakerVaultState> {
  const maker = { address, abi: makerVaultAbi } as const
  const priced = <T>(answer: Promise<T>): Promise<T | undefined> => answer.catch(() => undefined)
  const [assets, mine, free, redeemable, room, desks, allowance, decimals] = await Promise.all([
    priced(readContract(place.client, { ...maker, functionName: 'totalAssets' })),
    readContract(place.client, { ...maker, functionName: 'balanceOf', args: [owner] }),
    readContract(place.client, { ...maker, functionName: 'free_shares', args: [owner] }),
    readContract(place.client, { ...maker, functionName: 'maxRedeem', args: [owner] }),
    readContract(place.client, { ...maker, functionName: 'maxDeposit', args: [owner] }),
    readContract(place.client, { ...maker, functionName: 'desks' }),
    readContract(place.client, { address: token, abi: mockERC20Abi, functionName: 'allowance', args: [owner, address] }),
    readContract(place.client, { ...maker, functionName: 'decimals' }),
  ])
  const worth = await priced(readContract(place.client, { ...maker, functionName: 'previewRedeem', args: [mine] }))
  return { assets, mine, free, redeemable, worth, room, desks: desks.length, allowance, decimals: Number(decimals) }
}
