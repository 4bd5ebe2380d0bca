// Approvals that are signed: one transaction less, where token and wallet know how.
import { type Permit, NO_PERMIT, permitDocument, permitOf, readHead } from '@bulkhead/sdk'
import { useCallback } from 'react'
import type { Address } from 'viem'
import { useConfig } from 'wagmi'
import { signTypedData } from 'wagmi/actions'
import { usePlace } from './context'

const LASTS = 1_800n

/** Signs a permit; undefined where there is none to sign, and an approval has to be sent. */
export function usePermit() {
  const config = useConfig()
  const place = usePlace()
  return useCallback(
    async (of: { token: Address; owner: Address; spender: Address; amount: bigint }): Promise<Permit | undefined> => {
      const { timestamp } = await readHead(place)
      const document = await permitDocument(place, { ...of, deadline: BigInt(timestamp) + LASTS })
      if (!document) return undefined
      const permit = permitOf(document.message, await signTypedData(config, document))
      return permit === NO_PERMIT ? undefined : permit
    },
    [config, place],
  )
}
