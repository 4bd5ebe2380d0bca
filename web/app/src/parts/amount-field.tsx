import { AmountError, parseAmount } from '@bulkhead/sdk'
import { useId } from 'react'

export interface Amount {
  text: string
  /** undefined while it is none */
  value: bigint | undefined
  error: string
}

/** @param unit what it is counted in: an amount that names another one is none */
export function readAmount(text: string, decimals: number, unit = '', most?: bigint): Amount {
  if (text.trim() === '') return { text, value: undefined, error: '' }
  try {
    const value = parseAmount(text, decimals, unit)
    if (value < 0n) return { text, value: undefined, error: 'That is below zero.' }
    if (most !== undefined && value > most) return { text, value: undefined, error: 'That is more than there is.' }
    return { text, value, error: '' }
  } catch (error) {
    if (!(error instanceof AmountError)) throw error
    return { text, value: undefined, error: error.message }
  }
}

/** A price of a package [wad]: below zero it pays its owner. */
export function readPrice(text: string, unit = ''): Amount {
  const below = /^\s*[-−]/.test(text)
  const found = readAmount(text.replace(/^\s*[-−]/, ''), 18, unit)
  return { ...found, text, value: below && found.value !== undefined ? -found.value : found.value }
}

/** A field for an amount; what was typed stays, whatever it was. */
export function AmountField(props: {
  label: string
  unit: string
  amount: Amount
  onTyped: (text: string) => void
  most?: { label: string; text: string } | undefined
}) {
  const id = useId()
  const { label, unit, amount, onTyped, most } = props
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="input">
        <input
          id={id}
          className="num"
          inputMode="decimal"
          autoComplete="off"
          value={amount.text}
          onChange={(event) => onTyped(event.target.value)}
          aria-invalid={amount.error !== ''}
          aria-describedby={`${id}-said`}
        />
        <span className="soft">{unit}</span>
        {most && (
          <button type="button" onClick={() => onTyped(most.text)}>
            {most.label}
          </button>
        )}
      </div>
      <p id={`${id}-said`} className="said">{amount.error}</p>
    </div>
  )
}
