// Bad input: each is a sentence, and nothing that was typed is lost.
import { type Abi, type Address, type Hex, encodeFunctionData } from 'viem'
import { abis } from '@bulkhead/sdk'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { connect, deployed, keepFailures, launch, open, rpc } from './browser'

let browser: Browser
let page: Page

beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())
keepFailures(() => page)

/** A page whose deployment.js was changed on the way. */
async function told(change: (body: string) => string): Promise<BrowserContext> {
  const context = await browser.newContext()
  await context.route('**/deployment.js', async (route) => {
    await route.fulfill({ contentType: 'text/javascript', body: change(await (await route.fetch()).text()) })
  })
  page = await context.newPage()
  await page.goto(`${inject('page')}#/positions`)
  return context
}

describe('a deployment', () => {
  it('of another version is named as one, contract by contract', async () => {
    const context = await told((body) => body.replace(/("contract": "Lens",\s*"abi_sha256": ")[0-9a-f]{8}/, '$100000000'))
    await page.getByText('This page was built for another version of Lens than the one deployed.').waitFor({ timeout: 20_000 })
    await context.close()
  })

  it('with an address that is none is not used', async () => {
    const context = await told((body) => body.replace(/("Lens": \{\s*"address": ")0x[0-9a-fA-F]{40}/, '$10x12'))
    await page.getByText('The deployment’s address of Lens is none: 0x12.').or(page.getByText("The deployment's address of Lens is none: 0x12.")).waitFor({ timeout: 20_000 })
    await context.close()
  })

  it('that is nowhere, or on a chain that the node does not serve, is a sentence', async () => {
    let context = await told(() => '')
    await page.getByText(/^No deployment is named/).waitFor({ timeout: 20_000 })
    await context.close()
    context = await told((body) => body.replace(/"chain_id": \d+/, '"chain_id": 10'))
    await page.locator('.troubles').getByText(/31337/).waitFor({ timeout: 20_000 })
    await context.close()
  })
})

describe('an amount', () => {
  const field = () => page.getByRole('article', { name: 'Vault 3', exact: true }).getByLabel('Add collateral')
  const said = (text: string | RegExp) => page.getByRole('article', { name: 'Vault 3', exact: true }).getByText(text).first().waitFor()

  it.each([
    ['1.1234567', 'There are 6 decimals at most; this has 7.'],
    ['1,2,3', '“1,2,3” is not clear: use a point for decimals.'],
    ['twelve', '“twelve” is not a number.'],
    ['5 WETH', 'This is counted in USDC, not in WETH.'],
    ['-4', 'That is below zero.'],
    ['99,999,999,999', /^Your wallet holds [\d,.]+ USDC\.$/],
  ])('%s is told what is wrong with it, and stays', async (typed, sentence) => {
    if (!page || page.isClosed() || !page.url().endsWith('positions')) {
      ;({ page } = await open(browser, 'positions'))
      await connect(page, 'Trader')
      await page.getByRole('article', { name: 'Vault 3', exact: true }).getByRole('button', { name: 'Manage' }).click()
    }
    await field().fill(typed)
    await said(sentence)
    expect(await field().inputValue()).toBe(typed)
    expect(await page.getByRole('article', { name: 'Vault 3', exact: true }).getByRole('button', { name: 'Add', exact: true }).isDisabled()).toBe(true)
  })

  it('as people paste it is understood', async () => {
    await field().fill(' $1,234.50 USDC')
    await expect.poll(() => page.getByRole('article', { name: 'Vault 3', exact: true }).getByRole('button', { name: 'Add', exact: true }).isEnabled()).toBe(true)
  })
})

describe('a transaction', () => {
  const row = () => page.getByRole('article', { name: 'Vault 3', exact: true })
  const known = () => page.waitForRequest((request) => request.postData()?.includes('eth_getTransactionByHash') ?? false, { timeout: 20_000 })
  const HIGH = '0x174876e800'

  it('that the wallet replaced is told as that, and what was typed stays', async () => {
    const [, , trader] = (await rpc('eth_accounts')) as string[]
    await row().getByLabel('Add collateral').fill('3')
    await rpc('evm_setIntervalMining', 0)
    try {
      const asked = known()
      await row().getByRole('button', { name: 'Add', exact: true }).click()
      await row().getByText(/sent, waiting for a block\.$/).waitFor({ timeout: 20_000 })
      await asked
      const nonce = await rpc('eth_getTransactionCount', trader, 'latest')
      await rpc('eth_sendTransaction', { from: trader, to: trader, value: '0x0', nonce, gas: '0x5208', gasPrice: HIGH })
      await rpc('evm_mine')
      await row().getByText('Your wallet sent another transaction in its place; nothing of this one happened.').waitFor({ timeout: 20_000 })
    } finally {
      await rpc('evm_setIntervalMining', 2)
    }
    expect(await row().getByLabel('Add collateral').inputValue()).toBe('3')
  })

  it('that the chain refuses after all says why, and what was typed stays', async () => {
    const [other, , trader] = (await rpc('eth_accounts')) as [Address, Address, Address]
    const { contracts, markets } = await deployed()
    const token = markets[0]?.token
    const call = (functionName: 'approve' | 'transfer' | 'transferFrom' | 'balanceOf' | 'allowance', ...args: unknown[]) => encodeFunctionData({ abi: abis.mockERC20Abi as Abi, functionName, args })
    const send = (from: Address, data: Hex, more: object = {}) => rpc('eth_sendTransaction', { from, to: token, data, gas: '0x30d40', ...more })
    const holds = async () => BigInt((await rpc('eth_call', { to: token, data: call('balanceOf', trader) }, 'latest')) as Hex)
    const house = contracts.Clearinghouse?.address as Address
    await send(trader, call('approve', house, 10n ** 9n))
    await send(trader, call('approve', other, 10n ** 30n))
    await expect.poll(async () => BigInt((await rpc('eth_call', { to: token, data: call('allowance', trader, other) }, 'latest')) as Hex), { timeout: 20_000 }).toBe(10n ** 30n)
    const all = await holds()
    await row().getByLabel('Add collateral').fill('4')
    await rpc('evm_setIntervalMining', 0)
    try {
      await row().getByRole('button', { name: 'Add', exact: true }).click()
      await row().getByText(/Add collateral: sent, waiting for a block\.$/).waitFor({ timeout: 20_000 })
      // somebody else is faster, and takes what the deposit would have taken
      await send(other, call('transferFrom', trader, other, all), { gasPrice: HIGH })
      await rpc('evm_mine')
      await row().locator('.send.failed').waitFor({ timeout: 20_000 })
    } finally {
      await send(other, call('transfer', trader, all - (await holds())))
      await rpc('evm_mine')
      await rpc('evm_setIntervalMining', 2)
    }
    expect(await row().locator('.send.failed').innerText()).toMatch(/token|balance|refused/i)
    expect(await row().getByLabel('Add collateral').inputValue()).toBe('4')
    expect(await holds()).toBe(all)
  })
})
