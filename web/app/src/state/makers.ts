// Maker servers: those that the deployment names, and those that the user does.
import { serverOf } from '@bulkhead/sdk'
import { useMemo, useSyncExternalStore } from 'react'
import { useSetting } from './context'

const KEY = 'bulkhead.makers'
const MOST = 8
const listeners = new Set<() => void>()
let kept: readonly string[] | undefined

function named(): readonly string[] {
  if (kept) return kept
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    kept = Array.isArray(found) ? found.filter((one): one is string => typeof one === 'string' && !refusalOf(one)).slice(0, MOST) : []
  } catch {
    kept = []
  }
  return kept
}

function keep(urls: readonly string[]): void {
  kept = urls
  try {
    localStorage.setItem(KEY, JSON.stringify(urls))
  } catch {
    // it lasts as long as the page then
  }
  for (const tell of listeners) tell()
}

/** Why a URL is no maker server's, "" when it may be one. */
export function refusalOf(url: string): string {
  try {
    return /^https?:$/.test(new URL(url).protocol) ? '' : 'An address of a maker server begins with http:// or https://.'
  } catch {
    return 'That is no address of a maker server: it begins with http:// or https://.'
  }
}

export interface Makers {
  /** roots of all servers */
  servers: readonly string[]
  /** those that the user named */
  named: readonly string[]
  /** adds one; the sentence why not */
  add: (url: string) => string
  remove: (server: string) => void
}

export function useMakers(): Makers {
  const { quotes } = useSetting()
  const own = useSyncExternalStore((tell) => (listeners.add(tell), () => listeners.delete(tell)), named)
  return useMemo(
    () => ({
      servers: [...new Set([...quotes.map(serverOf), ...own])],
      named: own,
      add: (url) => {
        const text = url.trim()
        const refusal = refusalOf(text) || (own.length >= MOST ? `At most ${MOST} servers are asked.` : '')
        if (!refusal && !own.includes(serverOf(text))) keep([...own, serverOf(text)])
        return refusal
      },
      remove: (server) => keep(own.filter((one) => one !== server)),
    }),
    [quotes, own],
  )
}
