import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { ROOT } from './chain'

const PAGE = readFileSync(join(ROOT, 'docs', 'frontends.md'), 'utf8')
const MOST_LINES = 25

function block(language: string): string {
  return new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(PAGE)?.[1] ?? ''
}

function run(command: string, file: string): string {
  const env = { ...process.env, PYTHONPATH: ROOT, BULKHEAD_RPC_URL: inject('rpc'), BULKHEAD_DEPLOYMENT: inject('place') }
  return execFileSync(command, [file, '2'], { cwd: ROOT, encoding: 'utf8', env })
}

describe('docs/frontends.md', () => {
  // inside the workspace, so that the package is found
  const folder = join(ROOT, 'web', 'app', '.docs')

  it('the smallest position card in Python and in TypeScript says the same of one vault', async () => {
    mkdirSync(folder, { recursive: true })
    try {
      const [python, typescript] = [join(folder, 'card.py'), join(folder, 'card.mjs')]
      writeFileSync(python, block('python'))
      // Node reads no TypeScript source of the package: Vite's own bundler makes one file of both
      const { build } = await import('vite')
      writeFileSync(join(folder, 'source.ts'), block('ts'))
      await build({ configFile: false, logLevel: 'silent', root: folder, build: { ssr: join(folder, 'source.ts'), outDir: folder, emptyOutDir: false, rolldownOptions: { output: { entryFileNames: 'card.mjs' } } }, ssr: { noExternal: true } })
      const [first, second] = [run('python', python), run(process.execPath, typescript)]
      expect(first.split('\n')[0]).toMatch(/^#2 covered, ES, price active and \d+ s old$/)
      expect(second.split('\n')[0]).toMatch(/^#2 covered, ES, price active and \d+ s old$/)
      const equity = (said: string) => /equity ([\d.]+) of MM ([\d.]+) USDC/.exec(said)?.slice(1).map(Number) ?? []
      expect(equity(first)).toHaveLength(2)
      equity(first).forEach((number, i) => expect(Math.abs(number - (equity(second)[i] ?? 0))).toBeLessThan(0.02))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is small', () => {
    for (const language of ['python', 'ts']) expect(block(language).trim().split('\n').length).toBeLessThanOrEqual(MOST_LINES)
  })
})
