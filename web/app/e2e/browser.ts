// A browser with a page open, and what the tests do with it.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Deployment, parseDeployment } from '@bulkhead/sdk'
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest'
import { ROOT } from './chain'

export const SHOTS = join(ROOT, 'out', 'page')
export const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

export function launch(): Promise<Browser> {
  mkdirSync(SHOTS, { recursive: true })
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
}

/** A page that may reach nothing but this machine; every other request is remembered in `strays`. */
export async function open(browser: Browser, route: string, options: BrowserContextOptions = {}): Promise<{ page: Page; strays: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 1000 }, ...options })
  const page = await context.newPage()
  const strays: string[] = []
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url())
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') strays.push(request.url())
  })
  page.on('pageerror', (error) => strays.push(`error: ${error.message}`))
  await page.goto(`${inject('page')}#/${route}`)
  return { page, strays }
}

/** A browser with one page, there before the first test of a file and gone after the last. */
export interface Visit {
  readonly browser: Browser
  readonly page: Page
  readonly strays: string[]
}

/** Opens a page on a route for the tests of a file, as somebody by name where one is given. */
export function visit(route: string, who = ''): Visit {
  const found = {} as { browser: Browser; page: Page; strays: string[] }
  beforeAll(async () => {
    found.browser = await launch()
    Object.assign(found, await open(found.browser, route))
    if (who) await connect(found.page, who)
  })
  afterAll(() => found.browser.close())
  keepFailures(() => found.page)
  return found
}

export async function connect(page: Page, name: string): Promise<void> {
  await page.getByText('Connect', { exact: true }).click()
  await page.getByRole('button', { name }).click()
  await page.getByRole('button', { name: 'Disconnect' }).waitFor()
}

/** Presses a button of the demo bar and waits until it is done. */
export async function demo(page: Page, button: string): Promise<void> {
  await page.getByRole('contentinfo').getByRole('button', { name: button }).click()
  await page.getByRole('contentinfo').getByText(/: done\.$/).waitFor({ timeout: 50_000 })
}

export interface Violation {
  id: string
  impact: string
  nodes: { html: string }[]
}

/** No serious violation of accessibility. */
export async function accessible(page: Page): Promise<void> {
  await page.evaluate(AXE)
  const found: Violation[] = await page.evaluate(
    'axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations)',
  )
  const serious = found.filter((one) => ['serious', 'critical'].includes(one.impact))
  expect(serious.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)).toStrictEqual([])
}

/** A picture of the whole page, in a window as high as that: what stays at the window's foot covers nothing. */
export async function shot(page: Page, name: string): Promise<void> {
  const window = page.viewportSize()
  const height = Number(await page.evaluate('document.documentElement.scrollHeight'))
  if (window) await page.setViewportSize({ width: window.width, height: Math.max(window.height, height) })
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true })
  if (window) await page.setViewportSize(window)
}

/** Keeps a picture of what a failed test saw last, and says what stood there. */
export function keepFailures(page: () => Page | undefined): void {
  afterEach(async ({ task }) => {
    const shown = page()
    if (task.result?.state !== 'fail' || !shown || shown.isClosed()) return
    await shot(shown, `failed-${task.name.replace(/\W+/g, '-').slice(0, 60)}`)
    console.log(await shown.locator('body').innerText())
  })
}

/** What the Python client says of a vault. */
export function vaultInPython(id: string): Record<string, unknown> {
  const said = execFileSync('python', ['-m', 'bulkhead', 'vault', 'show', id, '--json'], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: ROOT, BULKHEAD_RPC_URL: inject('rpc'), BULKHEAD_DEPLOYMENT: inject('place') },
  })
  return JSON.parse(said) as Record<string, unknown>
}

/** The deployment that the page is told. */
export async function deployed(): Promise<Deployment> {
  const told = await (await fetch(`${inject('page')}deployment.js`)).text()
  return parseDeployment(JSON.parse(told.replace(/^[^{]*/, '')).deployment)
}

/** A call of the node, past the page. */
export async function rpc(method: string, ...params: unknown[]): Promise<unknown> {
  const answer = await fetch(inject('rpc'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  return ((await answer.json()) as { result: unknown }).result
}
