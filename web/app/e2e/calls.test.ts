// Margin calls that answer themselves, and orders that wait: requests for quotes, stops, mandates, on the page.
import { execFileSync, spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { abis } from '@bulkhead/sdk'
import type { Browser, Page } from 'playwright-core'
import { type TransactionReceipt, encodeFunctionData, parseEventLogs } from 'viem'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { accessible, connect, demo, deployed, keepFailures, launch, open, rpc, shot } from './browser'
import { ROOT, freePort } from './chain'

let browser: Browser
let page: Page
let strays: string[]
let vault = ''
// a maker server that takes every question and answers none
const silent = createServer(() => undefined)

beforeAll(async () => {
  browser = await launch()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  ;({ page, strays } = await open(browser, 'market'))
})
afterAll(async () => {
  silent.closeAllConnections()
  silent.close()
  await browser.close()
})
keepFailures(() => page)

const row = () => page.getByRole('article', { name: `Vault ${vault}`, exact: true })

describe('requests for quotes', () => {
  it('shows two makers side by side, leaves a silent one out, and takes the best with a stop and a take of profit', async () => {
    await connect(page, 'Newcomer')
    await demo(page, 'Faucet')
    await page.getByText(/^Maker servers: \d+$/).click()
    const field = page.getByLabel('Another maker server')
    await field.fill('ftp://nowhere')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText('An address of a maker server begins with').waitFor()
    expect(await field.inputValue()).toBe('ftp://nowhere')
    await field.fill(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`)
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('button', { name: 'Call spread' }).click()
    await page.getByLabel('Collateral', { exact: true }).fill('30')
    const answers = page.getByRole('region', { name: 'Answers of makers' })
    const firm = answers.getByRole('button', { name: 'Take' })
    // on a machine that is busy with other things a maker may need longer than it is waited for; three answers live at a time
    const asked = async () => {
      await page.getByRole('button', { name: /^Ask \d makers/ }).click()
      await page.getByRole('button', { name: /^Ask \d makers/ }).waitFor({ timeout: 20_000 })
      await answers.waitFor({ timeout: 20_000 })
      return firm.count()
    }
    await expect.poll(asked, { timeout: 150_000, interval: 5_000 }).toBeGreaterThan(1)
    await answers.getByText('no answer within 800 ms').first().waitFor()
    await accessible(page)
    await shot(page, 'answers')
    await answers.getByRole('button', { name: 'Take' }).first().click()
    await page.waitForURL(/#\/vault\/\d+$/, { timeout: 50_000 })
    vault = /\d+$/.exec(page.url())?.[0] ?? ''
  }, 240_000)
})

describe('exits', () => {
  it('are signed with the opening and wait at the makers', async () => {
    await page.goto(`${inject('page')}#/market`)
    await page.getByRole('button', { name: 'Long call' }).click()
    await page.getByLabel('Collateral', { exact: true }).fill('40')
    await page.getByText('Stop and take profit', { exact: true }).click()
    await page.getByLabel('Stop below').fill('170')
    await page.getByLabel('Take profit at').fill('60')
    await page.getByRole('button', { name: /^(Approve and open|Open)$/ }).click()
    await page.waitForURL((url) => new RegExp(`#/vault/(?!${vault}$)\\d+$`).test(url.href), { timeout: 50_000 })
    vault = /\d+$/.exec(page.url())?.[0] ?? ''
    await page.getByRole('tab', { name: 'Orders' }).click()
    await page.getByText(/^stop below 170/).waitFor({ timeout: 20_000 })
    await page.getByText(/^take profit at 60/).waitFor()
    await accessible(page)
    await shot(page, 'orders')
  })

  it('on the wrong side are a sentence, and nothing typed is lost', async () => {
    const above = page.getByLabel('Stop above')
    await above.fill('300')
    await page.getByRole('button', { name: 'Sign', exact: true }).click()
    await page.getByText('the wrong side for a stop').waitFor({ timeout: 20_000 })
    expect(await above.inputValue()).toBe('300')
    await above.fill('')
    await page.getByLabel('Stop below').fill('500')
    await page.getByRole('button', { name: 'Sign', exact: true }).click()
    await page.getByText('already in the band of that stop').waitFor({ timeout: 20_000 })
  })

  it('are cancelled together', async () => {
    await page.getByRole('button', { name: 'Cancel' }).first().click()
    await page.getByText(/^stop below 170/).waitFor({ state: 'detached', timeout: 30_000 })
    expect(await page.getByText(/^take profit at 60/).count()).toBe(0)
  })
})

describe('a mandate', () => {
  it('is given, shown and taken back in the vault’s own panel', async () => {
    await page.getByRole('tab', { name: 'Top-ups' }).click()
    await page.getByLabel('Below a health of').fill('0.9')
    await page.getByLabel('A day at most').fill('50')
    await page.getByLabel('In all at most').fill('120')
    await page.getByText('The trigger is a health of at least 1.').waitFor()
    await page.getByLabel('Below a health of').fill('1.22')
    await page.getByText('a session key or a withdrawal can start a top-up').waitFor()
    await page.getByRole('button', { name: 'Give the mandate' }).click()
    await page.getByText(/Below a health of 1\.22× anyone may bring it to 1\.30×/).waitFor({ timeout: 30_000 })
    await accessible(page)
    await shot(page, 'mandate')
    await page.getByRole('button', { name: 'End it' }).click()
    await page.getByText('Nobody may top this vault up.').waitFor({ timeout: 30_000 })
  })
})

describe('a vault', () => {
  it('changes its model, and is given to no address that is none', async () => {
    await page.goto(`${inject('page')}#/positions`)
    await row().getByRole('button', { name: 'Manage' }).click()
    await row().getByRole('tab', { name: 'More' }).click()
    await row().getByLabel('Transfer the vault to').fill('0x12')
    await row().getByText('That is no address.').waitFor()
    await row().getByLabel('Margin model').selectOption('STATIC')
    await row().getByRole('button', { name: 'Change', exact: true }).click()
    await row().getByText(/is margined by STATIC now|would be below its initial margin/).waitFor({ timeout: 30_000 })
    await shot(page, 'more')
    await accessible(page)
    expect(strays).toStrictEqual([])
  })
})

/** Has the oracle record prices: of whole ten minutes only, so perhaps not at the first try. */
async function recorded(): Promise<void> {
  const { contracts } = await deployed()
  const [anyone] = (await rpc('eth_accounts')) as string[]
  const data = encodeFunctionData({ abi: abis.oracleAdapterAbi, functionName: 'poke', args: [1n, 48n] })
  for (let left = 3; left > 0; left--) {
    await demo(page, '+1 h')
    const hash = await rpc('eth_sendTransaction', { from: anyone, to: contracts.OracleAdapter?.address, data, gas: '0x4c4b40' })
    let receipt: TransactionReceipt | null = null
    while (!receipt) receipt = (await rpc('eth_getTransactionReceipt', hash)) as TransactionReceipt | null
    if (parseEventLogs({ abi: abis.oracleAdapterAbi, eventName: 'VolUpdated', logs: receipt.logs }).length) return
    console.log(`poke recorded nothing: status ${receipt.status}, gas ${receipt.gasUsed}, ${receipt.logs.length} logs`)
  }
  throw new Error('The oracle recorded no price.')
}

describe('the past of a vault', () => {
  it('is told where a history service is named, and unknown while it is silent', async () => {
    const database = join(inject('place'), 'history.sqlite')
    await recorded()
    const env = { ...process.env, PYTHONPATH: ROOT }
    execFileSync('python', ['-m', 'bulkhead', 'index', 'run', '--once', '--rpc', inject('rpc'), '--deployment', inject('place'), '--database', database], { cwd: ROOT, env, timeout: 60_000 })
    const port = await freePort()
    const context = await browser.newContext()
    await context.route('**/deployment.js', async (route) => {
      const body = await (await route.fetch()).text()
      await route.fulfill({ contentType: 'text/javascript', body: `${body}\nBULKHEAD.history = 'http://127.0.0.1:${port}/'` })
    })
    page = await context.newPage()
    await page.goto(`${inject('page')}#/vault/3`)
    await page.getByText('The past of this vault is unknown').waitFor({ timeout: 20_000 })
    const service = spawn('python', ['-m', 'bulkhead', 'serve', '--database', database, '--port', String(port)], { cwd: ROOT, env, stdio: 'ignore' })
    try {
      const past = page.getByRole('region', { name: 'What it was' })
      await past.getByText(/1 × \(/).waitFor({ timeout: 40_000 })
      await past.getByRole('img', { name: /^Tokens from [\d.,]+/ }).waitFor()
      await accessible(page)
      await shot(page, 'past')
      await page.goto(`${inject('page')}#/market`)
      const candles = page.getByRole('region', { name: 'Candles' })
      await candles.getByRole('img', { name: /^Spot from \d{4}-\d\d-\d\d \d\d:\d\d: between [\d.,]+ and [\d.,]+, last [\d.,]+\.$/ }).waitFor({ timeout: 40_000 })
      await candles.getByLabel('Of').selectOption('Realised vol')
      await candles.getByRole('img', { name: /^Realised vol from .* last [\d.]+ %\.$/ }).waitFor({ timeout: 20_000 })
      await candles.getByLabel('Each').selectOption('5 min')
      await candles.getByRole('img', { name: /^Realised vol/ }).waitFor({ timeout: 20_000 })
      await accessible(page)
      await candles.getByLabel('Of').selectOption('Spot')
      await shot(page, 'candles')
    } finally {
      service.kill('SIGTERM')
    }
  }, 120_000)
})
