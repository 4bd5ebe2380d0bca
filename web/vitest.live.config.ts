// The package against a chain and servers that somebody else has started: see tests/maker/test_typescript.py.
import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['packages/*/live/*.live.ts'], bail: 1, fileParallelism: false, testTimeout: 30_000 } })
