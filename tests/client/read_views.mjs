// What viem makes of views: reads {url?, calls: [{abi, name, args, address?, data?}]} from standard input and prints the
// results in order, integers as strings. With `data` it decodes that, without it asks the node at `url`.
import { readFileSync } from 'node:fs'
import { createPublicClient, decodeFunctionResult, http } from 'viem'

const { url, calls } = JSON.parse(readFileSync(0, 'utf8'))
const client = url && createPublicClient({ transport: http(url) })

// what JSON cannot hold came as decimal strings, which viem takes for integers only as bigints
function typed(input, value) {
  if (input.type.endsWith(']')) {
    const inner = { ...input, type: input.type.slice(0, input.type.lastIndexOf('[')) }
    return value.map((item) => typed(inner, item))
  }
  if (input.type === 'tuple') return Object.fromEntries(input.components.map((c, i) => [c.name, typed(c, value[i])]))
  return /^u?int/.test(input.type) ? BigInt(value) : value
}

async function result({ abi, name, args, address, data }) {
  if (data) return { value: decodeFunctionResult({ abi: [abi], functionName: name, data }) ?? null }
  try {
    const given = abi.inputs.map((input, i) => typed(input, args[i]))
    return { value: (await client.readContract({ address, abi: [abi], functionName: name, args: given })) ?? null }
  } catch (error) {
    return { refused: error.walk?.((one) => one.name === 'ContractFunctionRevertedError')?.reason ?? error.shortMessage }
  }
}

const results = []
for (const call of calls) results.push(await result(call))
console.log(JSON.stringify(results, (_, value) => (typeof value === 'bigint' || typeof value === 'number' ? String(value) : value)))
