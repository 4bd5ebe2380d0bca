// What the page leaves out of its packages, so that it loads fast and asks nobody else.
import type { Plugin } from 'vite'

/** Reasons of calls that no page makes: governance and its listings, deployment, publishers of surfaces, prices and records. */
const NEVER_HEARD = /^((parameters|surface|timelock|operators|recorder|redstone|pyth|pull)\/|es\/(nodes|tail|weight)|oracle\/(?!gas|no-price|unlisted))/

const STUB = '\0no-offchain-lookup'

const NOTHING = [
  "export const offchainLookupSignature = '0x556f1830'",
  'export const offchainLookupAbiItem = undefined',
  "export function offchainLookup() { throw new Error('This page asks no server that a contract names.') }",
  'export { offchainLookup as ccipRequest }',
].join('\n')

export const lean: Plugin = {
  name: 'lean',
  enforce: 'pre',
  // a contract may not make this page ask a server (ERC-3668): clients say `ccipRead: false`, and the code is not here
  resolveId: (source) => (/\butils\/ccip\.js$/.test(source) ? STUB : undefined),
  load: (id) => (id === STUB ? NOTHING : undefined),
  transform(code, id) {
    if (!id.endsWith('generated/sentences.json')) return undefined
    const heard = Object.entries(JSON.parse(code) as Record<string, string>).filter(([reason]) => !NEVER_HEARD.test(reason))
    return { code: JSON.stringify(Object.fromEntries(heard)), map: null }
  },
}
