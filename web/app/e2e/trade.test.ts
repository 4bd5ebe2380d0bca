import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accessible, connect, demo, launch, open, shot, vaultInPython } from './browser'

let browser: Browser
let page: Page
let strays: string[]
let vault = ''

beforeAll(async () => {
  browser = await launch()
  ;({ page, strays } = await open(browser, 'market'))
})
afterAll(() => browser.close())

const row = () => page.getByRole('article', { name: `Vault ${vault}`, exact: true })

async function manage(): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#/positions`)
  await row().getByRole('button', { name: 'Manage' }).click()
}

describe('a newcomer', () => {
  it('gets test dollars and opens a condor through the ticket', async () => {
    await connect(page, 'Newcomer')
    await demo(page, 'Faucet')
    await page.getByRole('button', { name: 'Iron condor' }).click()
    const collateral = page.getByLabel('Collateral', { exact: true })
    await collateral.fill('1,0.5')
    await page.getByText('is not clear: use a point for decimals').first().waitFor()
    await collateral.fill('1')
    await page.getByRole('button', { name: /^Needs [\d.]+ USDC more$/ }).waitFor()
    await collateral.fill('60 USDC')
    await page.getByText('fully paid', { exact: true }).waitFor()
    await accessible(page)
    await shot(page, 'ticket')
    await page.getByRole('button', { name: 'Approve and open' }).click()
    await page.waitForURL(/#\/vault\/\d+$/, { timeout: 50_000 })
    vault = /\d+$/.exec(page.url())?.[0] ?? ''
    expect(vault).not.toBe('')
  })

  it('finds it in Positions with the numbers of the Python client', async () => {
    await page.goto(`${page.url().split('#')[0]}#/positions`)
    await row().getByText('Iron condor').waitFor()
    await shot(page, 'positions')
    await accessible(page)
    const shown = /equity ([\d.,]+) of MM ([\d.,]+)/.exec((await row().textContent()) ?? '')
    const python = vaultInPython(vault)
    const near = (text: string | undefined, number: unknown) => expect(Math.abs(Number(text?.replace(/,/g, '')) - Number(number))).toBeLessThan(0.02)
    near(shown?.[1], python.equity)
    near(shown?.[2], python.maintenance_margin)
  })

  it('adds and withdraws, is told what is too much, and loses nothing typed', async () => {
    await manage()
    await row().getByLabel('Add collateral').fill('12.5')
    await row().getByRole('button', { name: 'Add', exact: true }).click()
    await row().getByText(`Added 12.50 USDC to vault #${vault}.`).waitFor({ timeout: 30_000 })
    const withdraw = row().getByLabel(/^Withdraw, up to/)
    await withdraw.fill('5000')
    await row().getByText(/would break initial margin/).waitFor()
    expect(await withdraw.inputValue()).toBe('5000')
    await withdraw.fill('12.5')
    await row().getByRole('button', { name: 'Withdraw', exact: true }).click()
    await row().getByText(`Withdrew 12.50 USDC from vault #${vault}.`).waitFor({ timeout: 30_000 })
  })

  it('closes at the makers’ quotes and takes the tokens home', async () => {
    await row().getByRole('tab', { name: 'Close' }).click()
    await row().getByRole('button', { name: 'Close at these quotes' }).click()
    await row().getByRole('button', { name: 'Close the vault and take its tokens home' }).click({ timeout: 40_000 })
    await row().waitFor({ state: 'detached', timeout: 30_000 })
  })

  it('has reached nothing but this machine', () => expect(strays).toStrictEqual([]))
})
