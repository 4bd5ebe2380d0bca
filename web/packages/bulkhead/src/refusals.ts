// Why something was refused, as a sentence for the one who asked.
import {
  BaseError,
  ContractFunctionRevertedError,
  HttpRequestError,
  TimeoutError,
  UserRejectedRequestError,
  decodeErrorResult,
  isHex,
} from 'viem'
import { AmountError } from './amounts'
import generated from './generated/sentences.json'

const sentences: Readonly<Record<string, string>> = generated
const REASON = /\b([a-z0-9]+(?:-[a-z0-9]+)*\/[a-z0-9-]+)/
// written out: a parser of signatures would be 4 kB of script
const errorAbi = [
  { type: 'error', name: 'Error', inputs: [{ name: 'reason', type: 'string' }] },
  { type: 'error', name: 'Panic', inputs: [{ name: 'code', type: 'uint256' }] },
] as const

/** What a reason means, for the one who sent the transaction; the same sentences as bulkhead/chain/reasons.py. */
export function sentence(reason: string): string {
  const known = sentences[reason]
  if (known !== undefined) return `${known} (${reason})`
  if (reason.startsWith('panic/')) return `The contract stopped at an arithmetic or bounds check (${reason}).`
  if (reason) return `The contract refused: ${reason}.`
  return 'The contract refused without a reason, which it does only where an invariant would break or gas ran out.'
}

/** The reason in an error of viem or of a wallet, "" when there is none. */
export function reasonOf(error: unknown): string {
  if (error instanceof BaseError) {
    const reverted = error.walk((one) => one instanceof ContractFunctionRevertedError)
    if (reverted instanceof ContractFunctionRevertedError && reverted.reason) return firstReason(reverted.reason)
    let found = ''
    error.walk((one) => {
      const data: unknown = (one as { data?: unknown } | null)?.data
      if (!found && isHex(data) && data.length > 10) found = decoded(data)
      return false
    })
    if (found) return found
  }
  return firstReason(String((error as { details?: unknown } | null)?.details ?? (error as Error | null)?.message ?? ''))
}

function firstReason(text: string): string {
  for (const found of text.matchAll(new RegExp(REASON, 'g'))) {
    const reason = found[1] ?? ''
    if (reason in sentences) return reason
  }
  return ''
}

function decoded(data: `0x${string}`): string {
  try {
    const { errorName, args } = decodeErrorResult({ abi: errorAbi, data })
    return errorName === 'Error' ? args[0] : `panic/0x${args[0].toString(16)}`
  } catch {
    return ''
  }
}

/** One sentence for whatever went wrong. */
export function explain(error: unknown): string {
  if (error instanceof AmountError) return error.message
  if (error instanceof BaseError) {
    if (error.walk((one) => one instanceof UserRejectedRequestError)) return 'You declined in your wallet; nothing was sent.'
    if (error.walk((one) => one instanceof HttpRequestError || one instanceof TimeoutError)) {
      return 'The node does not answer. What you typed is still here; try again when it is back.'
    }
  }
  const reason = reasonOf(error)
  if (reason) return sentence(reason)
  const message = error instanceof BaseError ? error.details || error.shortMessage : error instanceof Error ? error.message : String(error)
  if (/insufficient funds/i.test(message)) return 'The account has too little of the native coin to pay for gas.'
  return message
}
