// How fast the page is, printed: `make bench-web`. The bounds are those that the page promises.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { encodeFunctionData } from 'viem'
import { abis, parseDeployment } from '@bulkhead/sdk'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { launch, open, rpc } from './browser'
import { ROOT } from './chain'

const THROTTLE = 4
const RUNS = 5
const VAULTS = 500
const FRAMES = 180
/** A frame is late beyond twice its time at 60 a second [ms]. */
const LATE = 34

let browser: Browser
beforeAll(async () => {
  browser = await launch()
})
afterAll(() => browser.close())

const kilobytes = (bytes: number) => Math.round(bytes / 100) / 10

async function throttled(route: string) {
  const opened = await open(browser, 'earn')
  const session = await opened.page.context().newCDPSession(opened.page)
  await session.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE })
  await opened.page.goto('about:blank')
  const begun = performance.now()
  await opened.page.goto(`${inject('page')}#/${route}`, { waitUntil: 'commit' })
  return { ...opened, begun }
}

describe('speed', () => {
  it('script, gzipped', () => {
    const folder = join(ROOT, 'web', 'app', 'dist', 'assets')
    const sizes = readdirSync(folder).filter((name) => name.endsWith('.js')).map((name) => gzipSync(readFileSync(join(folder, name))).length)
    const all = sizes.reduce((sum, size) => sum + size, 0)
    console.log(`script: ${kilobytes(all)} kB gzipped in ${sizes.length} files (bound 230)`)
    expect(all).toBeLessThan(230_000)
  })

  it('first screen with live data', async () => {
    const took: number[] = []
    for (let run = 0; run < RUNS; run++) {
      const { page, begun } = await throttled('market')
      await page.getByRole('region', { name: 'Prices' }).getByText(/^ETH [\d.,]+$/).waitFor()
      took.push(performance.now() - begun)
      await page.context().close()
    }
    took.sort((a, b) => a - b)
    console.log(`first live data, CPU throttled ${THROTTLE}x: ${took.map((one) => Math.round(one)).join(', ')} ms (bound 1,500)`)
  })

  it('scrolling many vaults', async () => {
    const { deployment } = JSON.parse(readFileSync(join(inject('place'), 'site', 'deployment.js'), 'utf8').replace(/^[^{]*/, '')) as { deployment: unknown }
    const { contracts } = parseDeployment(deployment)
    const [, , trader] = (await rpc('eth_accounts')) as string[]
    const data = encodeFunctionData({ abi: abis.clearinghouseAbi, functionName: 'open', args: [1n, 0n, trader as `0x${string}`, 0n] })
    for (let i = 0; i < VAULTS; i++) await rpc('eth_sendTransaction', { from: trader, to: contracts.Clearinghouse?.address, data, gas: '0x7a120' })
    await rpc('evm_mine')
    const { page } = await throttled('positions')
    await page.getByText('Connect', { exact: true }).click()
    await page.getByRole('button', { name: 'Trader' }).click()
    await page.getByRole('article').nth(8).waitFor({ timeout: 60_000 })
    const late = (await page.evaluate(`new Promise((done) => {
      let left = ${FRAMES}, late = 0, before = performance.now()
      const step = (now) => {
        if (now - before > ${LATE}) late++
        before = now
        scrollBy(0, 60)
        if (left-- > 0) requestAnimationFrame(step); else done(late)
      }
      requestAnimationFrame(step)
    })`)) as number
    console.log(`scrolling ${VAULTS} vaults, CPU throttled ${THROTTLE}x: ${late} late frames of ${FRAMES} (bound 3)`)
  }, 180_000)
})
