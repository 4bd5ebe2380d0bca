import { explain } from '@bulkhead/sdk'
import { useConnect, useConnection, useConnectors, useDisconnect, useSwitchChain } from 'wagmi'
import { useSetting } from '../state/context'
import { shortAddress } from './words'

/** Wallets that announce themselves, and on a local chain its own accounts. */
export function Wallet() {
  const { chain } = useSetting()
  const { address, connector, chainId, isConnected } = useConnection()
  const connectors = useConnectors()
  const connect = useConnect()
  const disconnect = useDisconnect()
  const change = useSwitchChain()
  if (isConnected && address) {
    return (
      <span className="wallet num">
        {chainId !== chain.id && (
          <button type="button" className="warn" onClick={() => change.mutate({ chainId: chain.id })}>
            Switch to {chain.name}
          </button>
        )}
        <span title={address}>
          {connector?.name} {shortAddress(address)}
        </span>
        <button type="button" onClick={() => disconnect.mutate({})}>
          Disconnect
        </button>
      </span>
    )
  }
  return (
    <details className="menu">
      <summary>Connect</summary>
      <div>
        {connectors.length === 0 && <p>No wallet is installed in this browser.</p>}
        {connectors.map((one) => (
          <button key={one.uid} type="button" onClick={() => connect.mutate({ connector: one, chainId: chain.id })}>
            {one.name}
            {one.id.startsWith('local-') && <small className="soft"> this chain’s own account</small>}
          </button>
        ))}
        {connect.error && <p role="alert">{explain(connect.error)}</p>}
      </div>
    </details>
  )
}
