// The coin market on the page: every amount in coins, a call covered by its coin, a future that is sold cash.
import { describe, expect, inject, it } from 'vitest'
import { accessible, connect, demo, shot, vaultInPython, visit } from './browser'

const here = visit('market/WETH')
let vault = ''

const row = () => here.page.getByRole('article', { name: `Vault ${vault}`, exact: true })
const close = (shown: string | undefined, told: unknown) => expect(Math.abs(Number(shown?.replace(/,/g, '').replace('−', '-')) - Number(told))).toBeLessThan(0.000_2)

async function opened(): Promise<void> {
  await here.page.getByRole('button', { name: /^(Approve and open|Open)$/ }).click()
  await here.page.waitForURL((url) => new RegExp(`#/vault/(?!${vault || 0}$)\\d+$`).test(url.href), { timeout: 50_000 })
  vault = /\d+$/.exec(here.page.url())?.[0] ?? ''
  await here.page.goto(`${inject('page')}#/positions`)
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
    await connect(here.page, 'Newcomer')
    await here.page.getByRole('contentinfo').getByRole('combobox').selectOption('WETH')
    await demo(here.page, 'Faucet')
    await here.page.getByRole('heading', { name: /^WETH, .*\[WETH\]$/ }).waitFor()
    await here.page.getByRole('button', { name: 'Long call' }).click()
    const collateral = here.page.getByLabel('Collateral', { exact: true })
    await collateral.fill('200 USDC')
    await here.page.getByText('This is counted in WETH, not in USDC.').first().waitFor()
    expect(await collateral.inputValue()).toBe('200 USDC')
    // a call pays less than a coin at every price
    for (const quote of await here.page.getByRole('button', { name: /^(Buy|Sell) call \d+ at / }).allTextContents()) expect(Number(quote)).toBeLessThan(1)
  })

  it('sells a call behind its coin, which nothing can liquidate', async () => {
    await here.page.getByRole('button', { name: 'Covered call' }).click()
    await here.page.getByRole('heading', { name: 'Ticket: Covered call' }).waitFor({ timeout: 20_000 })
    await here.page.getByText('fully paid', { exact: true }).waitFor()
    const typed = Number(await here.page.getByLabel('Collateral', { exact: true }).inputValue())
    expect(typed).toBeGreaterThan(0.9)
    expect(typed).toBeLessThan(1.2)
    await accessible(here.page)
    await shot(here.page, 'coin-ticket')
    await opened()
    await row().getByText('Covered call').waitFor({ timeout: 20_000 })
    await row().getByRole('img', { name: 'Fully collateralised: cannot be liquidated at any price.' }).waitFor()
    await agrees()
  })

  it('is long a future by quote of it, with the numbers of the Python client', async () => {
    await here.page.goto(`${inject('page')}#/market/WETH`)
    await here.page.getByRole('button', { name: 'Future', exact: true }).click()
    await here.page.getByRole('heading', { name: 'Ticket: Long future' }).waitFor()
    await here.page.getByLabel('Size', { exact: true }).fill('400')
    await here.page.getByLabel('Collateral', { exact: true }).fill('0.6 WETH')
    await here.page.getByRole('button', { name: /^(Approve and open|Open)$/ }).waitFor({ timeout: 20_000 })
    await shot(here.page, 'coin-future')
    await opened()
    await row().getByText('Long future').waitFor({ timeout: 20_000 })
    await row().getByText('+400 quote of future').waitFor()
    await row().getByRole('img', { name: /^Liquidated below [\d.,]+\.$/ }).waitFor({ timeout: 20_000 })
    await agrees()
    await shot(here.page, 'coin-positions')
    await here.page.goto(`${inject('page')}#/vault/${vault}`)
    await here.page.getByRole('heading', { name: 'Why its margin is what it is' }).waitFor({ timeout: 20_000 })
    await here.page.getByRole('region', { name: 'Stress grid' }).waitFor()
    await accessible(here.page)
    await shot(here.page, 'coin-vault')
  })

  it('is closed at the makers’ quotes, and its coins go home', async () => {
    await here.page.goto(`${inject('page')}#/positions`)
    await row().getByRole('button', { name: 'Manage' }).click()
    await row().getByRole('tab', { name: 'Close' }).click()
    await row().getByText(/^Sell 400 quote of future at [\d.]+$/).waitFor({ timeout: 20_000 })
    await row().getByRole('button', { name: 'Close at these quotes' }).click()
    await row().getByText(/without legs|^Coins$/).first().waitFor({ timeout: 40_000 })
    expect(here.strays).toStrictEqual([])
  })
})
