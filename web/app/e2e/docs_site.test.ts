import { execFileSync } from 'node:child_process'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AXE, launch } from './browser'
import { ROOT } from './chain'

const PAGES = ['index.html', 'architecture.html', 'trader.html', 'waterfall.html', 'reference/contracts/Liquidator.html']
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

describe('the documentation as a site', () => {
  const site = join(ROOT, 'out', 'docs-site', 'site')
  let server: Server
  let browser: Browser
  let base = ''

  beforeAll(async () => {
    execFileSync('python', ['-m', 'scripts.docs_site'], { cwd: ROOT, env: { ...process.env, PYTHONPATH: ROOT } })
    server = createServer((request, response) => {
      const file = join(site, decodeURI(new URL(request.url ?? '/', 'http://any').pathname))
      if (!existsSync(file) || statSync(file).isDirectory()) {
        response.writeHead(404).end()
        return
      }
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
      createReadStream(file).pipe(response)
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await launch()
  })

  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  it.each(['light', 'dark'] as const)('can be read in %s, and asks nobody else', async (colorScheme) => {
    const page = await (await browser.newContext({ colorScheme })).newPage()
    const strays: string[] = []
    page.on('request', (request) => {
      if (!request.url().startsWith(base) && !request.url().startsWith('data:')) strays.push(request.url())
    })
    for (const name of PAGES) {
      await page.goto(`${base}/${name}`)
      await page.evaluate(AXE)
      const found = await page.evaluate(`axe.run({ runOnly: ['wcag2a', 'wcag2aa'] }).then((all) =>
        all.violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => one.id + ' ' + one.nodes[0].target))`)
      expect([name, found]).toEqual([name, []])
    }
    expect(strays).toEqual([])
    await page.context().close()
  })

  it('draws its diagrams and finds a word without a network', async () => {
    const page = await browser.newPage()
    await page.goto(`${base}/waterfall.html`)
    await page.locator('.mermaid').first().waitFor({ state: 'attached' })
    await page.keyboard.press('Control+k')
    await page.keyboard.type('backstop')
    await page.getByRole('link', { name: /backstop/i }).first().waitFor()
    await page.close()
  })
})
