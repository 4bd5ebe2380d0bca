// One transaction after another: explained before it is signed, followed until it is in a block.
import { type Call, explain } from '@bulkhead/sdk'
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import type { TransactionReceipt } from 'viem'
import { estimateContractGas, simulateContract, waitForTransactionReceipt } from 'viem/actions'
import { useConfig } from 'wagmi'
import { switchChain, writeContract } from 'wagmi/actions'
import { useSetting } from './context'

/** A transaction with the words that go with it; it may depend on the receipts before it. */
export interface Step {
  label: string
  call: (receipts: readonly TransactionReceipt[]) => Call | Promise<Call>
}

export interface Progress {
  status: 'idle' | 'working' | 'done' | 'failed'
  /** what is going on, or went wrong, in a sentence */
  message: string
}

/** Gas beyond the node's estimate: state moves between estimate and inclusion [share, as bulkhead/chain/sender.py]. */
const GAS_TENTHS = 13n

const IDLE: Progress = { status: 'idle', message: '' }

export function useSend() {
  const config = useConfig()
  const { chain, place } = useSetting()
  const queries = useQueryClient()
  const [progress, setProgress] = useState<Progress>(IDLE)

  const send = useCallback(
    async (steps: readonly Step[], said: string): Promise<readonly TransactionReceipt[] | undefined> => {
      const receipts: TransactionReceipt[] = []
      const count = (i: number) => (steps.length > 1 ? `${i + 1} of ${steps.length}: ` : '')
      try {
        if (config.state.connections.get(config.state.current ?? '')?.chainId !== chain.id) {
          setProgress({ status: 'working', message: `Switch your wallet to ${chain.name}.` })
          await switchChain(config, { chainId: chain.id })
        }
        for (const [i, step] of steps.entries()) {
          setProgress({ status: 'working', message: `${count(i)}${step.label}: confirm in your wallet.` })
          const call = await step.call(receipts)
          const [account] = config.state.connections.get(config.state.current ?? '')?.accounts ?? []
          if (!account) throw new Error('Connect a wallet.')
          // a refusal shows here, before anybody signs
          const look = () => simulateContract(place.client, { ...call, account })
          const [gas] = await Promise.all([estimateContractGas(place.client, { ...call, account }), look()])
          const hash = await writeContract(config, { ...call, chainId: chain.id, gas: (gas * GAS_TENTHS) / 10n })
          setProgress({ status: 'working', message: `${count(i)}${step.label}: sent, waiting for a block.` })
          let fate = ''
          const receipt = await waitForTransactionReceipt(place.client, { hash, onReplaced: ({ reason }) => (fate = reason) })
          if (fate === 'cancelled' || fate === 'replaced') {
            throw new Error('Your wallet sent another transaction in its place; nothing of this one happened.')
          }
          if (receipt.status === 'reverted') {
            await look()
            throw new Error('The transaction was refused on chain: the state moved on before its block. Nothing changed; try again.')
          }
          receipts.push(receipt)
        }
        await queries.invalidateQueries()
        setProgress({ status: 'done', message: said })
        return receipts
      } catch (error) {
        const before = receipts.length ? ` Done before: ${steps.slice(0, receipts.length).map((step) => step.label).join(', ')}.` : ''
        setProgress({ status: 'failed', message: explain(error) + before })
        await queries.invalidateQueries()
        return undefined
      }
    },
    [config, chain, place, queries],
  )
  return { progress, send, forget: useCallback(() => setProgress(IDLE), []) }
}
