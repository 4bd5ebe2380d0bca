// Money put to work: insurance, backstop and maker vault of a market, from the wallet and back where that is possible at once.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accessible, connect, demo, keepFailures, launch, open, shot } from './browser'

let browser: Browser
let page: Page
let strays: string[]

beforeAll(async () => {
  browser = await launch()
  ;({ page, strays } = await open(browser, 'earn'))
  await connect(page, 'Provider')
})
afterAll(() => browser.close())
keepFailures(() => page)

const card = (name: string) => page.getByRole('region', { name, exact: true })

describe('earning', () => {
  it.each(['Insurance, ETH', 'Backstop, ETH', 'Maker vault, ETH'])('%s takes a deposit and shows the share', async (name) => {
    const field = card(name).getByLabel('Deposit', { exact: true })
    await field.fill('100')
    await card(name).getByRole('button', { name: 'Deposit', exact: true }).click()
    await card(name).getByText('Deposited 100.00 USDC.').waitFor({ timeout: 40_000 })
    expect(await field.inputValue()).toBe('')
  })

  it('tells when shares can leave, and pays them out then', async () => {
    // of a maker vault: after the hour of the market's clock in which they were bought, and the next
    await card('Maker vault, ETH').getByLabel('Leave, up to 0.00 shares').waitFor({ timeout: 20_000 })
    for (let i = 0; i < 3; i++) await demo(page, '+1 h')
    await card('Maker vault, ETH').getByLabel(/^Leave, up to \d\d[\d.,]* shares$/).fill('50')
    await card('Maker vault, ETH').getByRole('button', { name: 'Redeem', exact: true }).click()
    await card('Maker vault, ETH').getByText('Redeemed.').waitFor({ timeout: 40_000 })
    await card('Insurance, ETH').getByLabel(/^Leave, up to/).fill('10')
    await card('Insurance, ETH').getByRole('button', { name: 'Announce', exact: true }).click()
    await card('Insurance, ETH').getByText('Announced.', { exact: true }).waitFor({ timeout: 40_000 })
    await card('Insurance, ETH').getByText(/^Announced: 10\.00 shares/).waitFor({ timeout: 20_000 })
    await accessible(page)
    await shot(page, 'earn')
    await demo(page, 'Start over')
    expect(strays).toStrictEqual([])
  })
})
