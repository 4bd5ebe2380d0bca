// Mandates for automatic top-ups (AutoTopUp): what an owner lets anyone move from the wallet into one vault.
import type { Address, ContractFunctionReturnType } from 'viem'
import { readContract } from 'viem/actions'
import { WAD } from './amounts'
import { addressOf } from './deployment'
import { autoTopUpAbi, mockERC20Abi } from './generated/abis'
import type { Place } from './reads'

export type MandateRecord = ContractFunctionReturnType<typeof autoTopUpAbi, 'view', 'record'>
export type MandateTerms = MandateRecord['mandate']
export type DueTopUp = ContractFunctionReturnType<typeof autoTopUpAbi, 'view', 'due'>

/** From this trigger on fills, keys and withdrawals can start a top-up: initial margin is a health of about 1.25. */
export const WARN_TRIGGER = (12n * WAD) / 10n
const LEAST_STEP = WAD / 20n
const MOST_TARGET = 100n * WAD
/** A tip is at most a tenth of the deposit, so this part of a limit at most. */
const TIP_SHARE = 11n

const lens = (place: Place) => ({ address: addressOf(place.deployment, 'AutoTopUp'), abi: autoTopUpAbi }) as const

/** The mandate of a vault as it was given, and what a call would do now. */
export async function readMandate(place: Place, vaultId: bigint): Promise<{ record: MandateRecord; due: DueTopUp }> {
  const [record, due] = await Promise.all([
    readContract(place.client, { ...lens(place), functionName: 'record', args: [vaultId] }),
    readContract(place.client, { ...lens(place), functionName: 'due', args: [vaultId] }),
  ])
  return { record, due }
}

/** What a mandate may still spend in all [native]; 0 when it is another owner's or epoch's, or over. */
export function leftOf(record: MandateRecord, of: { owner: Address; epoch: bigint; now: bigint }): bigint {
  const { mandate } = record
  const holds = record.owner === of.owner && record.epoch === of.epoch && mandate.expires_at > of.now
  return holds && mandate.most_in_all > record.spent_in_all ? mandate.most_in_all - record.spent_in_all : 0n
}

/** What an owner's mandates for vaults leave of a token [native]: what AutoTopUp needs to be allowed. */
export async function readLeftOfMandates(
  place: Place,
  owner: Address,
  vaults: readonly { vault_id: bigint; epoch: bigint }[],
  now: bigint,
): Promise<bigint> {
  const records = await Promise.all(
    vaults.map((one) => readContract(place.client, { ...lens(place), functionName: 'record', args: [one.vault_id] })),
  )
  return records.reduce((sum, record, i) => sum + leftOf(record, { owner, epoch: vaults[i]?.epoch ?? -1n, now }), 0n)
}

/** What AutoTopUp may spend of an owner's token now [native]. */
export function readTopUpAllowance(place: Place, owner: Address, token: Address): Promise<bigint> {
  return readContract(place.client, {
    address: token,
    abi: mockERC20Abi,
    functionName: 'allowance',
    args: [owner, addressOf(place.deployment, 'AutoTopUp')],
  })
}

/** Why terms would be refused, "" when they would not. */
export function mandateRefusal(terms: MandateTerms, now: bigint): string {
  if (terms.trigger < WAD) return 'The trigger is a health of at least 1.'
  if (terms.target < terms.trigger + LEAST_STEP) return 'The target is at least the trigger and 0.05.'
  if (terms.target > MOST_TARGET) return 'The target is a health of at most 100.'
  if (terms.most_per_day === 0n || terms.most_in_all === 0n) return 'A mandate needs a limit a day and one in all.'
  const least = terms.most_per_day < terms.most_in_all ? terms.most_per_day : terms.most_in_all
  if (terms.tip * TIP_SHARE > least) return 'The tip is more than the limits can ever pay: it is a tenth of a deposit at most.'
  if (terms.expires_at <= now) return 'The mandate would end before it begins.'
  return ''
}
