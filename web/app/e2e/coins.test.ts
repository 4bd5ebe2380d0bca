// The coin market on the page: every amount in coins, a call covered by its coin, a future that is sold cash.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { accessible, connect, demo, keepFailures, launch, open, shot, vaultInPython } from './browser'

let browser: Browser
let page: Page
let strays: string[]
let vault = ''

beforeAll(async () => {
  browser = await launch()
  ;({ page, strays } = await open(browser, 'market/WETH'))
})
afterAll(() => browser.close())
keepFailures(() => page)

const row = () => page.getByRole('article', { name: `Vault ${vault}`, exact: true })
const close = (shown: string | undefined, told: unknown) => expect(Math.abs(Number(shown?.replace(/,/g, '').replace('−', '-')) - Number(told))).toBeLessThan(0.000_2)

async function opened(): Promise<void> {
  await page.getByRole('button', { name: /^(Approve and open|Open)$/ }).click()
  await page.waitForURL((url) => new RegExp(`#/vault/(?!${vault || 0}$)\\d+$`).test(url.href), { timeout: 50_000 })
  vault = /\d+$/.exec(page.url())?.[0] ?? ''
  await page.goto(`${inject('page')}#/positions`)
}

/** Equity and margin of the row are those of the Python client. */
async function agrees(): Promise<void> {
  const shown = /equity (−?[\d.,]+)(?: of MM ([\d.,]+))?/.exec((await row().textContent()) ?? '')
  const python = vaultInPython(vault)
  close(shown?.[1], python.equity)
  close(shown?.[2], python.maintenance_margin)
}

describe('a coin market', () => {
  it('quotes in coins and refuses an amount in another unit', async () => {
    await connect(page, 'Newcomer')
    await page.getByRole('contentinfo').getByRole('combobox').selectOption('WETH')
    await demo(page, 'Faucet')
    await page.getByRole('heading', { name: /^WETH, .*\[WETH\]$/ }).waitFor()
    await page.getByRole('button', { name: 'Long call' }).click()
    const collateral = page.getByLabel('Collateral', { exact: true })
    await collateral.fill('200 USDC')
    await page.getByText('This is counted in WETH, not in USDC.').first().waitFor()
    expect(await collateral.inputValue()).toBe('200 USDC')
    // a call pays less than a coin at every price
    for (const quote of await page.getByRole('button', { name: /^(Buy|Sell) call \d+ at / }).allTextContents()) expect(Number(quote)).toBeLessThan(1)
  })

  it('sells a call behind its coin, which nothing can liquidate', async () => {
    await page.getByRole('button', { name: 'Covered call' }).click()
    await page.getByRole('heading', { name: 'Ticket: Covered call' }).waitFor({ timeout: 20_000 })
    await page.getByText('fully paid', { exact: true }).waitFor()
    const typed = Number(await page.getByLabel('Collateral', { exact: true }).inputValue())
    expect(typed).toBeGreaterThan(0.9)
    expect(typed).toBeLessThan(1.2)
    await accessible(page)
    await shot(page, 'coin-ticket')
    await opened()
    await row().getByText('Covered call').waitFor({ timeout: 20_000 })
    await row().getByRole('img', { name: 'Fully collateralised: cannot be liquidated at any price.' }).waitFor()
    await agrees()
  })

  it('is long a future by quote of it, with the numbers of the Python client', async () => {
    await page.goto(`${inject('page')}#/market/WETH`)
    await page.getByRole('button', { name: 'Future', exact: true }).click()
    await page.getByRole('heading', { name: 'Ticket: Long future' }).waitFor()
    await page.getByLabel('Size', { exact: true }).fill('400')
    await page.getByLabel('Collateral', { exact: true }).fill('0.6 WETH')
    await page.getByRole('button', { name: /^(Approve and open|Open)$/ }).waitFor({ timeout: 20_000 })
    await shot(page, 'coin-future')
    await opened()
    await row().getByText('Long future').waitFor({ timeout: 20_000 })
    await row().getByText('+400 quote of future').waitFor()
    await row().getByRole('img', { name: /^Liquidated below [\d.,]+\.$/ }).waitFor({ timeout: 20_000 })
    await agrees()
    await shot(page, 'coin-positions')
    await page.goto(`${inject('page')}#/vault/${vault}`)
    await page.getByRole('heading', { name: 'Why its margin is what it is' }).waitFor({ timeout: 20_000 })
    await page.getByRole('region', { name: 'Stress grid' }).waitFor()
    await accessible(page)
    await shot(page, 'coin-vault')
  })

  it('is closed at the makers’ quotes, and its coins go home', async () => {
    await page.goto(`${inject('page')}#/positions`)
    await row().getByRole('button', { name: 'Manage' }).click()
    await row().getByRole('tab', { name: 'Close' }).click()
    await row().getByText(/^Sell 400 quote of future at [\d.]+$/).waitFor({ timeout: 20_000 })
    await row().getByRole('button', { name: 'Close at these quotes' }).click()
    await row().getByText(/without legs|^Coins$/).first().waitFor({ timeout: 40_000 })
    expect(strays).toStrictEqual([])
  })
})
