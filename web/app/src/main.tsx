import { DeploymentError } from '@bulkhead/sdk'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { WagmiProvider } from 'wagmi'
import { App } from './app'
import { SettingContext } from './state/context'
import { readSetting, wagmiConfig } from './state/place'
import './styles.css'

const root = createRoot(document.getElementById('root') as HTMLElement)

try {
  const setting = readSetting()
  root.render(
    <StrictMode>
      <WagmiProvider config={wagmiConfig(setting)}>
        <QueryClientProvider client={new QueryClient()}>
          <SettingContext value={setting}>
            <App />
          </SettingContext>
        </QueryClientProvider>
      </WagmiProvider>
    </StrictMode>,
  )
} catch (error) {
  const message = error instanceof DeploymentError ? error.message : String(error)
  root.render(
    <main>
      <h1>Bulkhead</h1>
      <p role="alert">{message}</p>
    </main>,
  )
}
