// Amounts between what people type and the chain's integers. No floating point enters an amount.

export const WAD = 10n ** 18n
export const MICRO = 10n ** 6n
export const MAX_UINT256 = 2n ** 256n - 1n
export const MIN_INT256 = -(2n ** 255n)

/** What was typed is no amount; `message` says why in a sentence. */
export class AmountError extends Error {}

const UNIT = /\s*([A-Za-z$€]+\.?[A-Za-z]*)$/
const SIGN = /^([$€])\s*/

/** Refuses an amount that names another unit than the one it is counted in: a coin is worth hundreds of dollars. */
function checkUnit(text: string, unit: string): void {
  const named = /\d/.test(text) ? (UNIT.exec(text)?.[1] ?? SIGN.exec(text)?.[1]) : undefined
  const fits = !named || named.toLowerCase() === unit.toLowerCase() || (named === '$' && /usd/i.test(unit))
  if (!fits) throw new AmountError(`This is counted in ${unit}, not in ${named}.`)
}

/**
 * An amount as typed: thousands separated by commas, spaces or apostrophes, a unit behind it, are all understood.
 * @param unit what it is counted in; another one in the text is refused
 * @throws AmountError when it is no number, has more digits than the token or names another unit.
 */
export function parseAmount(text: string, decimals: number, unit = ''): bigint {
  if (unit) checkUnit(text.trim(), unit)
  const cleaned = text
    .trim()
    .replace(UNIT, '')
    .replace(SIGN, '')
    .replace(/(?<=\d)[\s,'’_](?=\d{3}(\D|$))/g, '')
  if (cleaned === '') throw new AmountError(text.trim() ? `“${text}” is not a number.` : 'Type an amount.')
  const found = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(cleaned)
  if (!found || (found[2] === '' && !found[3])) {
    throw new AmountError(
      cleaned.includes(',') ? `“${text}” is not clear: use a point for decimals.` : `“${text}” is not a number.`,
    )
  }
  const fraction = (found[3] ?? '').replace(/0+$/, '')
  if (fraction.length > decimals) throw new AmountError(`There are ${decimals} decimals at most; this has ${fraction.length}.`)
  const whole = found[2] ?? ''
  if (whole.length > 40) throw new AmountError('That is more than there can be.')
  const value = BigInt(whole + fraction.padEnd(decimals, '0') || '0')
  return found[1] === '-' ? -value : value
}

/** Division of integers rounded up, for what must cover something. */
export function divUp(a: bigint, b: bigint): bigint {
  return a >= 0n ? (a + b - 1n) / b : -(-a / b)
}

/** Exact text of an amount, without trailing zeros: what a field is filled with. */
export function exact(value: bigint, decimals: number): string {
  const sign = value < 0n ? '-' : ''
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = decimals ? digits.slice(-decimals).replace(/0+$/, '') : ''
  return sign + whole + (fraction && `.${fraction}`)
}

/** An amount to be read: rounded half away from zero, thousands separated, a true minus sign. */
export function format(value: bigint, decimals: number, digits = 2): string {
  const negative = value < 0n
  let scaled = negative ? -value : value
  if (digits < decimals) {
    const unit = 10n ** BigInt(decimals - digits)
    scaled = (scaled + unit / 2n) / unit
  } else {
    scaled *= 10n ** BigInt(digits - decimals)
  }
  const text = scaled.toString().padStart(digits + 1, '0')
  const whole = text.slice(0, text.length - digits).replace(/\B(?=(\d{3})+$)/g, ',')
  return (negative && scaled !== 0n ? '−' : '') + whole + (digits ? `.${text.slice(-digits)}` : '')
}

/** A wad as a number, for drawing only. */
export function toNumber(value: bigint, decimals = 18): number {
  return Number(exact(value, decimals))
}

/** A number of a drawing as a wad, to 9 digits behind the point. */
export function fromNumber(value: number): bigint {
  return BigInt(Math.round(value * 1e9)) * 10n ** 9n
}
