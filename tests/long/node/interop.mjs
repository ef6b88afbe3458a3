// Another implementation of envelope, manifest and key card, written from the text of the protocol: Node, jose,
// hpke and noble. Reads one JSON request from standard input, writes one JSON answer to standard output.
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import * as HPKE from 'hpke'
import { AEAD_AES_256_GCM, KDF_SHAKE256, KEM_MLKEM768_X25519 } from '@panva/hpke-noble'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { base64url, calculateJwkThumbprint, FlattenedSign, flattenedVerify, importJWK } from 'jose'

const text = new TextEncoder()
const suite = new HPKE.CipherSuite(KEM_MLKEM768_X25519, KDF_SHAKE256, AEAD_AES_256_GCM)
const info = Buffer.concat([
  Buffer.from('JOSE-HPKE rcpt'), Buffer.from([0xff]), Buffer.from('A256GCM'), Buffer.from([0xff]),
])
const b64 = (data) => base64url.encode(data)
const unb64 = (data) => base64url.decode(data)
const hex = (data) => Uint8Array.from(Buffer.from(data, 'hex'))
const aes = (key, use) => webcrypto.subtle.importKey('raw', key, 'AES-GCM', false, [use])

async function unseal(envelope, seed) {
  const [header, wrapped, nonce, sealed, tag] = envelope.split('.')
  const { ek, ...fields } = JSON.parse(Buffer.from(unb64(header)))
  const key = await suite.DeserializePrivateKey(hex(seed), false)
  const content = await suite.Open(key, unb64(ek), unb64(wrapped), { info })
  const message = await webcrypto.subtle.decrypt(
    { name: 'AES-GCM', iv: unb64(nonce), additionalData: text.encode(header) },
    await aes(content, 'decrypt'), Buffer.concat([unb64(sealed), unb64(tag)]),
  )
  return { fields, message: Buffer.from(message) }
}

async function seal(message, jwk, jti) {
  const content = randomBytes(32)
  const nonce = randomBytes(12)
  const recipient = await suite.DeserializePublicKey(unb64(jwk.pub))
  const { encapsulatedSecret, ciphertext } = await suite.Seal(recipient, content, { info })
  const header = b64(text.encode(JSON.stringify({
    jti, typ: 'hx-envelope+jwe', cty: 'hx-message', alg: 'HPKE-9-KE', enc: 'A256GCM', kid: jwk.kid,
    ek: b64(new Uint8Array(encapsulatedSecret)),
  })))
  const sealed = Buffer.from(await webcrypto.subtle.encrypt(
    { name: 'AES-GCM', iv: nonce, additionalData: text.encode(header) }, await aes(content, 'encrypt'), message,
  ))
  const parts = [new Uint8Array(ciphertext), nonce, sealed.subarray(0, -16), sealed.subarray(-16)]
  return [header, ...parts.map((part) => b64(part))].join('.')
}

async function verify(jws, [ed25519, mlDsa]) {
  const { payload, signatures: [one, other] } = JSON.parse(jws)
  const { protectedHeader } = await flattenedVerify({ payload, ...one }, await importJWK(ed25519, 'Ed25519'))
  const input = text.encode(`${other.protected}.${payload}`)
  const good = ml_dsa65.verify(unb64(other.signature), input, unb64(mlDsa.pub))
  const headers = [protectedHeader, JSON.parse(Buffer.from(unb64(other.protected)))]
  return good ? { headers, payload: Buffer.from(unb64(payload)).toString() } : null
}

async function sign(payload, typ, { ed25519, ml_dsa_65 }) {
  const d = b64(hex(ed25519.seed))
  const classical = createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: ed25519.jwk.x, d } })
  const { payload: encoded, ...one } = await new FlattenedSign(text.encode(payload))
    .setProtectedHeader({ alg: 'Ed25519', kid: ed25519.jwk.kid, typ }).sign(classical)
  const header = b64(text.encode(JSON.stringify({ alg: 'ML-DSA-65', kid: ml_dsa_65.jwk.kid, typ })))
  const { secretKey } = ml_dsa65.keygen(hex(ml_dsa_65.seed))
  const signature = b64(ml_dsa65.sign(text.encode(`${header}.${encoded}`), secretKey))
  return JSON.stringify({ payload: encoded, signatures: [one, { protected: header, signature }] })
}

const padme = (length) => {
  const exponent = Math.floor(Math.log2(length))
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1)
  return Math.ceil(length / step) * step
}

const calls = {
  async open({ envelope, seed, entry }) {
    const { fields, message } = await unseal(envelope, seed)
    const [jws, ...lines] = message.toString().replace(/\n+$/, '').split('\n')
    return { fields, length: message.length, verified: await verify(jws, entry), jws, lines }
  },
  async seal({ claims, documents, sender, recipient }) {
    const jws = await sign(JSON.stringify(claims), 'hx-manifest+json', sender)
    const message = Buffer.from([jws, ...documents].join('\n'))
    const padding = Buffer.alloc(padme(message.length) - message.length, '\n')
    return { envelope: await seal(Buffer.concat([message, padding]), recipient, claims.jti) }
  },
  async verify({ jws, entry }) {
    return { verified: await verify(jws, entry) }
  },
  async card({ claims, sender }) {
    return { card: await sign(JSON.stringify(claims), 'hx-key-card+json', sender) }
  },
  async keys({ seed, jwks }) {
    const key = await suite.DeserializePrivateKey(hex(seed), true)
    const kids = await Promise.all(jwks.map((jwk) => calculateJwkThumbprint(jwk)))
    return { kids, loaded: key !== undefined }
  },
  async padme({ lengths }) {
    return { padded: lengths.map(padme) }
  },
}

let input = ''
for await (const chunk of process.stdin) input += chunk
const request = JSON.parse(input)
process.stdout.write(JSON.stringify(await calls[request.call](request)))
