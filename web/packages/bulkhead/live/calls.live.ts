// The package against a real chain and a real maker server: started by tests/maker/test_typescript.py, which names both.
import { readFileSync } from 'node:fs'
import { createClient, getAddress, http, parseEventLogs, walletActions, zeroAddress } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { simulateContract, waitForTransactionReceipt } from 'viem/actions'
import { anvil } from 'viem/chains'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type Call,
  type MakerAnswer,
  type Order,
  type Place,
  type Position,
  type QuoteRequest,
  type SignedOrder,
  LINEAR,
  MICRO,
  WAD,
  abis,
  addressOf,
  askMakers,
  callsOf,
  handOver,
  leftOf,
  legOfState,
  orderDocument,
  packSeries,
  parseDeployment,
  permitDocument,
  permitOf,
  readBoard,
  readEpochFor,
  readEvents,
  readHead,
  readKeyOf,
  readLeftOfMandates,
  readMandate,
  readMarket,
  readOrderStates,
  readPositions,
  readTopUpAllowance,
  readUnits,
  sellable,
  stopOrder,
  takeProfitOrder,
} from '../src'

const env = (name: string): string => {
  const found = process.env[name]
  if (!found) throw new Error(`${name} is not set`)
  return found
}
const account = privateKeyToAccount(env('TRADER_KEY') as `0x${string}`)
const client = createClient({ account, chain: anvil, transport: http(env('BULKHEAD_RPC_URL')) }).extend(walletActions)
const deployment = parseDeployment(JSON.parse(readFileSync(env('BULKHEAD_DEPLOYMENT'), 'utf8')))
const place: Place = { client, deployment }
const [server, expiry] = [env('MAKER_URL'), BigInt(env('EXPIRY'))]
const [entry] = deployment.markets
const calls = callsOf(deployment)
const exchange = addressOf(deployment, 'Exchange')

async function send(call: Call) {
  await simulateContract(client, { ...call, account })
  return waitForTransactionReceipt(client, { hash: await client.writeContract(call) })
}

const signed = async (order: Order): Promise<SignedOrder> => ({ order, chainId: deployment.chainId, exchange, signature: await account.signTypedData(orderDocument(order, deployment.chainId, exchange)) })

let vaultId = 0n
let position: Position
const now = async () => BigInt((await readHead(place)).timestamp)

async function look(): Promise<void> {
  const [found] = (await readPositions(place, [vaultId])).positions
  if (!found) throw new Error('no position')
  position = found
}

beforeAll(() => {
  if (!entry) throw new Error('no market')
})

describe('a request for quotes', () => {
  const request: QuoteRequest = {
    market: 1n,
    legs: [{ series: packSeries({ market: 1n, expiry, kind: 'put', strike: 1900n * 10n ** 8n }), ratio: 1n }],
    size: 2n * MICRO,
    side: 'buy',
    style: 0,
    taker: account.address,
    vaultId: 0n,
  }
  let answers: MakerAnswer[] = []

  it('is answered firmly, priced and ranked; who does not answer is left out with a remark', async () => {
    const market = await readMarket(place, 1n, expiry)
    answers = await askMakers(place, ['http://127.0.0.1:9', server], request, { market, decimals: 6, now: Number(await now()) })
    expect(answers.map((one) => [one.source, one.signed !== undefined])).toStrictEqual([[server, true], ['http://127.0.0.1:9', false]])
    const [best] = answers
    expect(best?.remark).toBe('')
    expect(best?.price).toBeGreaterThan(best?.mark ?? 0n)
    expect(best?.iv).toBeGreaterThan(0n)
    expect(best?.total).toBeGreaterThan(((best?.price ?? 0n) * 2n) / 10n ** 12n)
  })

  it('is taken with a signed approval, into a vault that is opened for it', async () => {
    const [best] = answers
    if (!best?.signed || best.price === undefined || !entry) throw new Error('no answer')
    const deposit = 500n * MICRO
    const document = await permitDocument(place, { token: entry.token, owner: account.address, spender: addressOf(deployment, 'Clearinghouse'), amount: deposit, deadline: (await now()) + 600n })
    if (!document) throw new Error('no permit')
    const permit = permitOf(document.message, await account.signTypedData(document))
    const fill = { signed: best.signed, vaultId: 0n, size: request.size, limitPrice: best.price + WAD, maxFee: 100n * MICRO, maxDeficit: 1000n * WAD }
    const receipt = await send(calls.openAndFill(fill, 'ES', deposit, permit))
    vaultId = parseEventLogs({ abi: abis.clearinghouseAbi, eventName: 'VaultOpened', logs: receipt.logs })[0]?.args.vault_id ?? 0n
    await look()
    expect(position.legs.map((leg) => [leg.kind, leg.quantity])).toStrictEqual([['put', 2n * WAD]])
  })

  it('is told by the logs, newest first, and the market counts quote', async () => {
    expect((await readEvents(place, vaultId)).map((one) => one.name).filter((name) => name !== 'VaultUpdated')).toStrictEqual(['Novated', 'Deposited', 'VaultOpened'])
    expect([await readUnits(place, 1n), position.units]).toStrictEqual([LINEAR, LINEAR])
  })
})

describe('a stop and its take of profit', () => {
  let both: SignedOrder[] = []
  const by = async () => ({ vaultId, signer: account.address, epoch: await readEpochFor(place, vaultId), now: await now(), maxDeficit: 100n * WAD, salt: 7n })
  const package_ = () => sellable(position.legs.map(legOfState), 1n, expiry, position.units)

  it('are signed, and wait at the maker server', async () => {
    const stop = await stopOrder(place, package_(), await by(), { trigger: 2100n * WAD, below: false, prices: (await readMarket(place, 1n, expiry)).snapshot, model: 'ES' })
    const profit = await takeProfitOrder(place, package_(), await by(), { price: 400n * WAD, spot: position.price.spot, model: 'ES' })
    both = [await signed(stop), await signed(profit)]
    for (const one of both) expect([...(await handOver([server], one))]).toStrictEqual([[server, '']])
    const states = await readOrderStates(place, both)
    expect(states.map((state) => state.status)).toStrictEqual([3n, 1n])
  })

  it.each([
    [{ trigger: 1900n * WAD, below: false }, /already in the band/],
    [{ trigger: 1500n * WAD, below: true }, /wrong side for a stop/],
  ])('with %o are refused in words', async (of, said) => {
    await expect(stopOrder(place, package_(), await by(), { ...of, prices: (await readMarket(place, 1n, expiry)).snapshot, model: 'ES' })).rejects.toThrow(said)
  })

  it('are read back from the board, and end together', async () => {
    await send(calls.post(both))
    expect((await readBoard(place)).map((one) => one.signature).sort()).toStrictEqual(both.map((one) => one.signature).sort())
    const [stop] = both
    if (!stop) throw new Error('no stop')
    await send(calls.cancel([await readKeyOf(place, stop.order)]))
    expect((await readOrderStates(place, both)).map((state) => state.status)).toStrictEqual([5n, 5n])
  })
})

describe('a mandate', () => {
  it('is given, told and ended', async () => {
    if (!entry) throw new Error('no market')
    const terms = { trigger: (11n * WAD) / 10n, target: (13n * WAD) / 10n, most_per_day: 50n * MICRO, most_in_all: 90n * MICRO, tip: MICRO, expires_at: expiry }
    await send(calls.approve(entry.token, addressOf(deployment, 'AutoTopUp'), terms.most_in_all))
    await send(calls.setMandate(vaultId, terms))
    const { record, due } = await readMandate(place, vaultId)
    expect(record.mandate).toStrictEqual(terms)
    expect(due.reason).toBe('top-up/fully-collateralised')
    expect(leftOf(record, { owner: account.address, epoch: position.epoch, now: await now() })).toBe(90n * MICRO)
    expect(await readLeftOfMandates(place, account.address, [position], await now())).toBe(90n * MICRO)
    expect(await readTopUpAllowance(place, account.address, getAddress(entry.token))).toBe(90n * MICRO)
    await send(calls.endMandate(vaultId))
    expect((await readMandate(place, vaultId)).record.owner).toBe(zeroAddress)
  })
})
