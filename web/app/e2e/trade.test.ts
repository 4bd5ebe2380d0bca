import { describe, expect, it } from 'vitest'
import { accessible, connect, demo, shot, vaultInPython, visit } from './browser'

const here = visit('market')
let vault = ''

const row = () => here.page.getByRole('article', { name: `Vault ${vault}`, exact: true })

async function manage(): Promise<void> {
  await here.page.goto(`${here.page.url().split('#')[0]}#/positions`)
  await row().getByRole('button', { name: 'Manage' }).click()
}

describe('a newcomer', () => {
  it('gets test dollars and opens a condor through the ticket', async () => {
    await connect(here.page, 'Newcomer')
    await demo(here.page, 'Faucet')
    await here.page.getByRole('button', { name: 'Iron condor' }).click()
    const collateral = here.page.getByLabel('Collateral', { exact: true })
    await collateral.fill('1,0.5')
    await here.page.getByText('is not clear: use a point for decimals').first().waitFor()
    await collateral.fill('1')
    await here.page.getByRole('button', { name: /^Needs [\d.]+ USDC more$/ }).waitFor()
    await collateral.fill('60 USDC')
    await here.page.getByText('fully paid', { exact: true }).waitFor()
    await accessible(here.page)
    await shot(here.page, 'ticket')
    await here.page.getByRole('button', { name: 'Approve and open' }).click()
    await here.page.waitForURL(/#\/vault\/\d+$/, { timeout: 50_000 })
    vault = /\d+$/.exec(here.page.url())?.[0] ?? ''
    expect(vault).not.toBe('')
    await here.page.getByRole('region', { name: 'Events' }).getByText(/^Opened by 0x/).waitFor({ timeout: 20_000 })
    await here.page.getByRole('region', { name: 'Events' }).getByText(/^[+−]1 (call|put) [\d.,]+, [\d.,]+ USDC (paid|received), with vault #\d+$/).first().waitFor()
    await shot(here.page, 'events')
  })

  it('finds it in Positions with the numbers of the Python client', async () => {
    await here.page.goto(`${here.page.url().split('#')[0]}#/positions`)
    await row().getByText('Iron condor').waitFor()
    await shot(here.page, 'positions')
    await accessible(here.page)
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

  it('sells a straddle as two vaults, of which neither can drag the other down', async () => {
    await here.page.goto(`${here.page.url().split('#')[0]}#/market`)
    await here.page.getByRole('button', { name: 'Long call' }).click()
    await here.page.getByLabel('Collateral', { exact: true }).fill('100')
    // what margin, wallet, the quote or the market's cap allow
    const largest = here.page.getByRole('button', { name: /^largest [\d.,]+ by (the quote|margin|your wallet|the market’s cap)$/ })
    await largest.waitFor({ timeout: 20_000 })
    await here.page.getByRole('button', { name: 'Straddle' }).click()
    await here.page.getByRole('region', { name: 'Bids and asks' }).waitFor()
    await here.page.getByRole('img', { name: /^Spot over / }).waitFor()
    await here.page.getByRole('checkbox', { name: /^Each leg in a vault of its own/ }).check()
    await here.page.getByLabel('Collateral', { exact: true }).fill('10')
    await here.page.getByRole('button', { name: /^Needs [\d.]+ USDC more$/ }).waitFor({ timeout: 20_000 })
    await here.page.getByLabel('Collateral', { exact: true }).fill('80')
    await here.page.getByRole('button', { name: 'Open 2 vaults' }).waitFor({ timeout: 20_000 })
    await accessible(here.page)
    await shot(here.page, 'two-vaults')
    await here.page.getByRole('button', { name: 'Open 2 vaults' }).click()
    await here.page.waitForURL(/#\/positions$/, { timeout: 50_000 })
    for (const name of ['Short call', 'Short put']) await here.page.getByRole('link', { name: new RegExp(`^#\\d+ ${name}$`) }).waitFor({ timeout: 20_000 })
  })

  it('leaves an order that makers fill when its price pays them', async () => {
    await here.page.goto(`${here.page.url().split('#')[0]}#/market`)
    await here.page.getByRole('button', { name: 'Long call' }).click()
    const ask = Number(/ at ([\d.,]+)/.exec((await here.page.getByRole('button', { name: /^Buy call \d+ at / }).first().textContent()) ?? '')?.[1] ?? '0')
    await here.page.getByLabel('In force').selectOption('until it fills')
    await here.page.getByRole('button', { name: 'Type a price' }).waitFor()
    await here.page.getByLabel('Pay at most').fill('x')
    await here.page.getByText('is not a number').waitFor()
    // far more than any ask of a call near spot
    await here.page.getByLabel('Pay at most').fill(String(Math.ceil(ask) + 40))
    await here.page.getByLabel('Collateral', { exact: true }).fill('120')
    await here.page.getByRole('combobox', { name: /^For/ }).selectOption('a day')
    await accessible(here.page)
    await shot(here.page, 'waiting-order')
    await here.page.getByRole('button', { name: 'Open and leave the order' }).click({ timeout: 20_000 })
    await here.page.waitForURL(/#\/vault\/\d+$/, { timeout: 50_000 })
    vault = /\d+$/.exec(here.page.url())?.[0] ?? ''
    // the maker sees it, and it is a position
    await here.page.getByRole('region', { name: 'Events' }).getByText(/^\+1 call [\d.,]+, [\d.,]+ USDC paid, with vault #\d+$/).waitFor({ timeout: 60_000 })
    expect(vaultInPython(vault).legs).toHaveLength(1)
  })

  it('has reached nothing but this machine', () => expect(here.strays).toStrictEqual([]))
})
