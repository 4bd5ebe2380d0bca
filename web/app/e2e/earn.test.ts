// Money put to work: insurance, backstop and maker vault of a market, from the wallet and back where that is possible at once.
import { describe, expect, it } from 'vitest'
import { accessible, demo, shot, visit } from './browser'

const here = visit('earn', 'Provider')

const card = (name: string) => here.page.getByRole('region', { name, exact: true })

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
    for (let i = 0; i < 3; i++) await demo(here.page, '+1 h')
    await card('Maker vault, ETH').getByLabel(/^Leave, up to \d\d[\d.,]* shares$/).fill('50')
    await card('Maker vault, ETH').getByRole('button', { name: 'Redeem', exact: true }).click()
    await card('Maker vault, ETH').getByText('Redeemed.').waitFor({ timeout: 40_000 })
    await card('Insurance, ETH').getByLabel(/^Leave, up to/).fill('10')
    await card('Insurance, ETH').getByRole('button', { name: 'Announce', exact: true }).click()
    await card('Insurance, ETH').getByText('Announced.', { exact: true }).waitFor({ timeout: 40_000 })
    await card('Insurance, ETH').getByText(/^Announced: 10\.00 shares/).waitFor({ timeout: 20_000 })
    await accessible(here.page)
    await shot(here.page, 'earn')
    await demo(here.page, 'Start over')
    expect(here.strays).toStrictEqual([])
  })
})
