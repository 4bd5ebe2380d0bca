// Starts what `make app` starts, on free ports, once for all browser tests.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

export const ROOT = join(import.meta.dirname, '../../..')

declare module 'vitest' {
  interface ProvidedContext {
    page: string
    rpc: string
    place: string
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [port, pagePort] = [await freePort(), await freePort()]
  const place = mkdtempSync(join(tmpdir(), 'bulkhead-page-'))
  const app = spawn(
    'python',
    ['-m', 'scripts.app', '--port', String(port), '--page-port', String(pagePort), '--place', place, '--no-keeper'],
    { cwd: ROOT, env: { ...process.env, PYTHONPATH: ROOT }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const page = await new Promise<string>((resolve, reject) => {
    let said = ''
    const hear = (part: Buffer) => {
      said += part
      const url = /^http:\S+\/$/m.exec(said)
      if (url) resolve(url[0])
    }
    app.stdout.on('data', hear)
    app.stderr.on('data', hear)
    app.on('exit', () => reject(new Error(`make app ended: ${said}`)))
  })
  project.provide('page', page)
  project.provide('rpc', `http://127.0.0.1:${port}`)
  project.provide('place', place)
  return async () => {
    const gone = new Promise((resolve) => app.on('exit', resolve))
    app.kill('SIGINT')
    await gone
    rmSync(place, { recursive: true, force: true })
  }
}
