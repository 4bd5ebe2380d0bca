import { type Place } from '@bulkhead/sdk'
import { createContext, useContext } from 'react'
import type { Setting } from './place'

export const SettingContext = createContext<Setting | null>(null)

export function useSetting(): Setting {
  const found = useContext(SettingContext)
  if (!found) throw new Error('no setting around')
  return found
}

export function usePlace(): Place {
  return useSetting().place
}
