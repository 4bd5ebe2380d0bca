// Signed orders: EIP-712 types in the order of interfaces/IExchange.vyi, JSON as bulkhead/orders/order.py writes it.
import { type Address, type Hex, getAddress, hashTypedData, isAddress, isHex, zeroAddress } from 'viem'
import { MAX_UINT256 } from './amounts'

export const orderTypes = {
  Order: [
    { name: 'maker_vault', type: 'uint256' },
    { name: 'signer', type: 'address' },
    { name: 'taker', type: 'address' },
    { name: 'legs', type: 'OrderLeg[]' },
    { name: 'is_bid', type: 'bool' },
    { name: 'price', type: 'int256' },
    { name: 'iv', type: 'uint256' },
    { name: 'slip', type: 'uint256' },
    { name: 'patience', type: 'uint256' },
    { name: 'size', type: 'uint256' },
    { name: 'min_fill', type: 'uint256' },
    { name: 'premium_style', type: 'uint8' },
    { name: 'max_fee', type: 'uint256' },
    { name: 'spot_min', type: 'uint256' },
    { name: 'spot_max', type: 'uint256' },
    { name: 'max_deficit', type: 'uint256' },
    { name: 'epoch', type: 'uint256' },
    { name: 'since', type: 'uint256' },
    { name: 'salt', type: 'uint256' },
    { name: 'expiry', type: 'uint256' },
    { name: 'flags', type: 'uint8' },
  ],
  OrderLeg: [
    { name: 'series', type: 'uint128' },
    { name: 'ratio', type: 'int64' },
  ],
} as const

/** An order as it is signed; units as in interfaces/IExchange.vyi. */
export interface Order {
  maker_vault: bigint
  signer: Address
  taker: Address
  legs: readonly { series: bigint; ratio: bigint }[]
  is_bid: boolean
  price: bigint
  iv: bigint
  slip: bigint
  patience: bigint
  size: bigint
  min_fill: bigint
  premium_style: number
  max_fee: bigint
  spot_min: bigint
  spot_max: bigint
  max_deficit: bigint
  epoch: bigint
  since: bigint
  salt: bigint
  expiry: bigint
  flags: number
}

export interface SignedOrder {
  order: Order
  signature: Hex
  chainId: number
  exchange: Address
}

export const flags = { fillOrKill: 1, reduceOnly: 2, together: 4 } as const

/** The EIP-712 document of an order, as `signTypedData` takes it. */
export function orderDocument(order: Order, chainId: number, exchange: Address) {
  return {
    domain: { name: 'Bulkhead Exchange', version: '1', chainId, verifyingContract: exchange },
    types: orderTypes,
    primaryType: 'Order',
    message: order,
  } as const
}

/** What is signed, and the order's name in events. */
export function orderHash(signed: Pick<SignedOrder, 'order' | 'chainId' | 'exchange'>): Hex {
  return hashTypedData(orderDocument(signed.order, signed.chainId, signed.exchange))
}

type Fields = Record<string, unknown>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null
}

function read(type: string, value: unknown): unknown {
  if (type === 'bool') {
    if (typeof value !== 'boolean') throw new TypeError('not a boolean')
    return value
  }
  if (type === 'address') {
    if (typeof value !== 'string' || !isAddress(value, { strict: false })) throw new TypeError('not an address')
    return getAddress(value)
  }
  if (type === 'OrderLeg[]') {
    if (!Array.isArray(value)) throw new TypeError('not a list')
    return value.map((leg) => {
      if (!isFields(leg)) throw new TypeError('not a leg')
      return { series: integer('uint128', leg.series), ratio: integer('int64', leg.ratio) }
    })
  }
  const found = integer(type, value)
  return type === 'uint8' ? Number(found) : found
}

function integer(type: string, value: unknown): bigint {
  if (typeof value !== 'string' || !/^-?\d{1,78}$/.test(value)) throw new TypeError('not an integer')
  const number = BigInt(value)
  const bits = Number(type.replace(/\D+/, ''))
  const fits = type.startsWith('u') ? BigInt.asUintN(bits, number) === number : BigInt.asIntN(bits, number) === number
  if (!fits) throw new RangeError('out of range')
  return number
}

/** An order from its JSON. Throws an Error that names the field. */
export function parseOrder(data: unknown): Order {
  if (!isFields(data)) throw new Error('That is no order.')
  const fields = orderTypes.Order.map(({ name, type }) => {
    try {
      return [name, read(type, data[name])] as const
    } catch {
      throw new Error(`The order's field ${name} is missing or no ${type}.`)
    }
  })
  return Object.fromEntries(fields) as unknown as Order
}

/** A signed order from the JSON of `SignedOrder.to_json` in Python. */
export function parseSignedOrder(data: unknown): SignedOrder {
  if (!isFields(data)) throw new Error('That is no signed order.')
  const { signature, exchange } = data
  if (!isHex(signature)) throw new Error('The order has no signature.')
  if (typeof exchange !== 'string' || !isAddress(exchange, { strict: false })) throw new Error('The order names no Exchange.')
  return { order: parseOrder(data.order), signature, chainId: Number(data.chain_id), exchange: getAddress(exchange) }
}

/** JSON in which no integer is cut by a parser: the counterpart of `parseSignedOrder`. */
export function signedOrderToJson(signed: SignedOrder): unknown {
  const text = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(text)
    if (isFields(value)) return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, text(one)]))
    return typeof value === 'bigint' || typeof value === 'number' ? String(value) : value
  }
  return { chain_id: signed.chainId, exchange: signed.exchange, order: text(signed.order), signature: signed.signature }
}

export type OrderTerms = Pick<Order, 'maker_vault' | 'signer' | 'legs' | 'is_bid' | 'price' | 'size' | 'expiry' | 'epoch'> &
  Partial<Order>

/** An order with everything that was not named at its neutral value, its legs sorted, and a salt of chance. */
export function buildOrder(terms: OrderTerms): Order {
  const chance = crypto.getRandomValues(new BigUint64Array(2))
  return {
    taker: zeroAddress,
    iv: 0n,
    slip: 0n,
    patience: 0n,
    min_fill: 0n,
    premium_style: 0,
    max_fee: MAX_UINT256,
    spot_min: 0n,
    spot_max: MAX_UINT256,
    max_deficit: 0n,
    since: 0n,
    salt: ((chance[0] ?? 0n) << 64n) | (chance[1] ?? 0n),
    flags: 0,
    ...terms,
    legs: [...terms.legs].sort((a, b) => (a.series < b.series ? -1 : 1)),
  }
}
