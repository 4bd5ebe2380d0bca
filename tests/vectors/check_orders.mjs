// Reproduces tests/vectors/orders.json with viem: `node tests/vectors/check_orders.mjs`. Prints the number of vectors.
import { readFileSync } from 'node:fs'
import { hashTypedData, recoverAddress, parseSignature, parseCompactSignature, compactSignatureToSignature, serializeSignature } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const document = JSON.parse(readFileSync(new URL('./orders.json', import.meta.url), 'utf8'))
const account = privateKeyToAccount(document.private_key)
const integer = /^u?int/

// decimal strings become bigints where the type says integer
function read(type, value) {
  if (type.endsWith('[]')) return value.map((item) => read(type.slice(0, -2), item))
  if (document.types[type]) return Object.fromEntries(document.types[type].map((f) => [f.name, read(f.type, value[f.name])]))
  return integer.test(type) ? BigInt(value) : value
}

function same(what, name, ours, theirs) {
  if (ours.toLowerCase() !== theirs.toLowerCase()) throw new Error(`${name}: ${what} is ${ours}, not ${theirs}`)
}

for (const vector of document.vectors) {
  const data = {
    domain: { ...vector.domain, chainId: BigInt(vector.domain.chainId) },
    types: document.types,
    primaryType: document.primary_type,
    message: read(document.primary_type, vector.order),
  }
  const hash = hashTypedData(data)
  same('digest', vector.name, hash, vector.digest)
  same('signature', vector.name, await account.signTypedData(data), vector.signature)
  same('signer', vector.name, await recoverAddress({ hash, signature: vector.signature }), document.address)
  const expanded = serializeSignature(compactSignatureToSignature(parseCompactSignature(vector.compact_signature)))
  same('compact form', vector.name, expanded, serializeSignature(parseSignature(vector.signature)))
}
console.log(document.vectors.length)
