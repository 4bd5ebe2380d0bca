// The page in a real browser against a real Anvil: one chain for all, one test after another.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [process.env.BENCH ? 'app/e2e/*.bench.ts' : 'app/e2e/*.test.ts'],
    globalSetup: 'app/e2e/chain.ts',
    bail: 1,
    fileParallelism: false,
    sequence: { concurrent: false },
    testTimeout: 60_000,
    hookTimeout: 90_000,
  },
})
