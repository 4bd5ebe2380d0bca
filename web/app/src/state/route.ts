import { useSyncExternalStore } from 'react'

const subscribe = (changed: () => void) => {
  addEventListener('hashchange', changed)
  return () => removeEventListener('hashchange', changed)
}

/** The parts of the hash route: `#/vault/12` gives ["vault", "12"]. */
export function useRoute(): string[] {
  const hash = useSyncExternalStore(subscribe, () => location.hash)
  return hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent)
}

export const go = (...parts: (string | number | bigint)[]): void => {
  location.hash = `/${parts.map((part) => encodeURIComponent(String(part))).join('/')}`
}
