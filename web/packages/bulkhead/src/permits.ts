// ERC-2612: an approval that is signed instead of sent, where the token knows it. Its failure is ignored on chain: the allowance decides.
import { type Address, type Hex, domainSeparator, parseSignature, zeroHash } from 'viem'
import { readContract } from 'viem/actions'
import { mockERC20Abi } from './generated/abis'
import type { Place } from './reads'

/** As IExchange.Permit; v = 0 for none. */
export interface Permit {
  amount: bigint
  deadline: bigint
  v: number
  r: Hex
  s: Hex
}

export const NO_PERMIT: Permit = { amount: 0n, deadline: 0n, v: 0, r: zeroHash, s: zeroHash }

const permitTypes = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const

/** The document to sign for an approval; undefined where the token knows none, or says of itself what does not fit. */
export async function permitDocument(place: Place, of: { token: Address; owner: Address; spender: Address; amount: bigint; deadline: bigint }) {
  const token = { address: of.token, abi: mockERC20Abi } as const
  try {
    const [[, name, version, chainId, verifyingContract], nonce, separator] = await Promise.all([
      readContract(place.client, { ...token, functionName: 'eip712Domain' }),
      readContract(place.client, { ...token, functionName: 'nonces', args: [of.owner] }),
      readContract(place.client, { ...token, functionName: 'DOMAIN_SEPARATOR' }),
    ])
    const domain = { name, version, chainId: Number(chainId), verifyingContract }
    // a wallet shows this domain to its user: it has to be the token's on this chain
    if (domainSeparator({ domain }) !== separator || domain.chainId !== place.deployment.chainId || verifyingContract !== of.token) return undefined
    const message = { owner: of.owner, spender: of.spender, value: of.amount, nonce, deadline: of.deadline }
    return { domain, types: permitTypes, primaryType: 'Permit', message } as const
  } catch {
    return undefined
  }
}

/** A signed document as the Exchange takes it; none where the signature is no key's. */
export function permitOf(message: { value: bigint; deadline: bigint }, signature: Hex): Permit {
  if (signature.length !== 132) return NO_PERMIT
  const { r, s, v } = parseSignature(signature)
  return { amount: message.value, deadline: message.deadline, v: Number(v), r, s }
}
