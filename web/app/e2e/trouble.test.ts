// What goes wrong: a crash, a flag, silent feeds, a node that dies, a wallet on another chain.
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { accessible, connect, demo, keepFailures, launch, open, rpc, shot } from './browser'

let browser: Browser
let page: Page
let strays: string[]

beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())
keepFailures(() => page)

const to = (route: string) => page.goto(`${inject('page')}#/${route}`)

describe('a short straddle through a crash', () => {
  let vault = ''
  const row = () => page.getByRole('article', { name: `Vault ${vault}`, exact: true })

  it('is opened at little more than its initial margin', async () => {
    ;({ page, strays } = await open(browser, 'market'))
    await connect(page, 'Trader')
    await page.getByRole('button', { name: 'Strangle' }).click()
    await page.getByRole('button', { name: /^IM \d/ }).waitFor()
    await page.getByLabel('Collateral', { exact: true }).fill('35')
    await page.getByRole('button', { name: /^(Approve and open|Open)$/ }).click()
    await page.waitForURL(/#\/vault\/\d+$/, { timeout: 50_000 })
    vault = /\d+$/.exec(page.url())?.[0] ?? ''
    await page.getByRole('heading', { name: 'If price and vol move' }).waitFor()
    await accessible(page)
    await shot(page, 'vault')
  })

  it('shows both edges of its band', async () => {
    await to('positions')
    const band = row().getByRole('img', { name: /^Liquidated below [\d.,]+ and above [\d.,]+\.$/ })
    await band.waitFor({ timeout: 20_000 })
  })

  it('is liquidatable after the crash, is flagged, and a deposit ends the flag', async () => {
    await demo(page, 'Crash −30 %')
    await row().getByText('liquidatable').waitFor({ timeout: 20_000 })
    await to('liquidations')
    // others are in trouble as well, when other tests came before
    const listed = page.getByRole('row').filter({ has: page.getByRole('link', { name: new RegExp(`^#${vault} `) }) })
    await listed.getByRole('button', { name: 'Flag', exact: true }).click()
    await listed.getByText('flagged', { exact: true }).waitFor({ timeout: 30_000 })
    await shot(page, 'liquidations')
    await accessible(page)
    await to('positions')
    await row().getByText(/ends it$/).waitFor({ timeout: 20_000 })
    await shot(page, 'flagged')
    await row().getByRole('button', { name: 'Manage' }).click()
    await row().getByRole('button', { name: 'ends the flag' }).click()
    await row().getByRole('button', { name: 'Add', exact: true }).click()
    await row().getByText(/^Added /).waitFor({ timeout: 30_000 })
    await row().getByText('flagged', { exact: true }).waitFor({ state: 'detached', timeout: 20_000 })
  })

  it('is settled and claimed past its expiry', async () => {
    for (let i = 0; i < 8 && !(await row().getByText(/^(expired|claim open|empty)$/).count()); i++) await demo(page, 'Settle next expiry')
    await row().getByText('empty', { exact: true }).waitFor({ timeout: 20_000 })
    await demo(page, 'Start over')
    await row().getByText(/strangle/i).waitFor({ timeout: 20_000 })
    expect(strays).toStrictEqual([])
  })
})

describe('a feed that falls silent', () => {
  it('stops opening, never adding, and shows no number that is not known', async () => {
    ;({ page, strays } = await open(browser, 'market'))
    await connect(page, 'Trader')
    await page.getByRole('button', { name: 'Long call' }).click()
    await page.getByRole('button', { name: /^(Approve and open|Open|Needs .*)$/ }).waitFor()
    await demo(page, 'Feeds silent')
    await page.getByRole('region', { name: 'Prices' }).getByText(/price is stale/).first().waitFor({ timeout: 20_000 })
    await page.getByRole('button', { name: /^Opening waits: price is stale/ }).waitFor()
    await to('positions')
    const row = page.getByRole('article', { name: 'Vault 3', exact: true })
    await row.getByRole('button', { name: 'Manage' }).click()
    await row.getByLabel('Add collateral').fill('5')
    await row.getByRole('button', { name: 'Add', exact: true }).click()
    await row.getByText('Added 5.00 USDC to vault #3.').waitFor({ timeout: 30_000 })
    await shot(page, 'stale')
    await demo(page, 'Start over')
  })
})

describe('a node that dies and comes back', () => {
  it('says so, shows prices as unknown, keeps what was typed, and goes on by itself', async () => {
    ;({ page, strays } = await open(browser, 'positions'))
    await connect(page, 'Trader')
    const row = page.getByRole('article', { name: 'Vault 3', exact: true })
    await row.getByRole('button', { name: 'Manage' }).click()
    await row.getByLabel('Add collateral').fill('7')
    await page.route(`${inject('rpc')}/**`, (route) => route.abort())
    await page.locator('.troubles').getByText('The node does not answer.').waitFor({ timeout: 20_000 })
    await page.getByRole('region', { name: 'Prices' }).getByText('ETH unknown', { exact: true }).waitFor()
    await row.getByRole('button', { name: 'Add', exact: true }).click()
    await row.getByText(/The node does not answer/).waitFor({ timeout: 30_000 })
    expect(await row.getByLabel('Add collateral').inputValue()).toBe('7')
    await page.unroute(`${inject('rpc')}/**`)
    await page.locator('.troubles').getByText('The node does not answer.').waitFor({ state: 'detached', timeout: 20_000 })
    await page.getByRole('region', { name: 'Prices' }).getByText(/^ETH [\d.]+$/).waitFor()
  })
})

describe('an injected wallet on another chain', () => {
  it('is found by EIP-6963, is asked to switch, and a declined signature loses nothing', async () => {
    const accounts = (await rpc('eth_accounts')) as string[]
    const context = await browser.newContext()
    await context.addInitScript(
      ({ account }) => {
        let chain = '0x1'
        let asked = false
        const hear = new Map<string, (value: unknown) => void>()
        const provider = {
          on: (name: string, call: (value: unknown) => void) => hear.set(name, call),
          removeListener: () => undefined,
          request: async ({ method }: { method: string }) => {
            if (method === 'eth_chainId') return chain
            if (method === 'eth_accounts') return asked ? [account] : []
            if (method === 'eth_requestAccounts') return ((asked = true), [account])
            if (method === 'wallet_switchEthereumChain') {
              chain = '0x7a69'
              hear.get('chainChanged')?.(chain)
              return null
            }
            const declined = method === 'eth_sendTransaction'
            throw Object.assign(new Error(declined ? 'User rejected the request.' : 'Unsupported'), { code: declined ? 4001 : -32601 })
          },
        }
        const info = { uuid: '1', name: 'Test wallet', icon: 'data:,', rdns: 'test.wallet' }
        const announce = () => dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }))
        addEventListener('eip6963:requestProvider', announce)
        announce()
      },
      { account: accounts[2] ?? '' },
    )
    page = await context.newPage()
    await to('positions')
    await page.getByText('Connect', { exact: true }).click()
    await page.getByRole('button', { name: 'Test wallet' }).click()
    const row = page.getByRole('article', { name: 'Vault 3', exact: true })
    await row.getByRole('button', { name: 'Manage' }).click()
    await row.getByLabel('Withdraw, up to').fill('1')
    await row.getByRole('button', { name: 'Withdraw', exact: true }).click()
    await row.getByText(/You declined in your wallet; nothing was sent\./).waitFor({ timeout: 20_000 })
    expect(await row.getByLabel('Withdraw, up to').inputValue()).toBe('1')
  })
})

/** Every screen, and what it shows when it has read everything. */
const FILLED: Readonly<Record<string, (page: Page) => Locator>> = {
  positions: (page) => page.getByRole('article').getByText('fully collateralised'),
  market: (page) => page.getByRole('button', { name: /^(Buy|Sell) call / }),
  'market/WETH': (page) => page.getByRole('button', { name: /^(Buy|Sell) call / }),
  'vault/3': (page) => page.getByRole('region', { name: 'Stress grid' }).getByText(/^[\d.,]+$/),
  'vault/9': (page) => page.getByRole('region', { name: 'Stress grid' }).getByText(/^[\d.,]+( [~×])?$/),
  liquidations: (page) => page.getByText(/vaults looked at\.|^margin call$|^healthy$|^liquidatable$/),
  earn: (page) => page.getByRole('heading', { name: 'Maker vault, ETH' }),
}

describe('every screen', () => {
  for (const [name, options] of Object.entries({
    phone: { viewport: { width: 390, height: 844 } },
    dark: { colorScheme: 'dark' as const },
  })) {
    it(`is accessible and not wider than its window: ${name}`, async () => {
      ;({ page, strays } = await open(browser, 'positions', options))
      await connect(page, 'Trader')
      await page.getByRole('article').first().waitFor()
      for (const [route, seen] of Object.entries(FILLED)) {
        await to(route)
        await page.locator('h1').first().waitFor()
        await seen(page).first().waitFor({ timeout: 20_000 })
        await accessible(page)
        await shot(page, `${name}-${route.replaceAll('/', '-')}`)
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
      }
      expect(strays).toStrictEqual([])
    })
  }
})
