/** SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: it proves that a client has the password, and keeps no password. */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto"

const iterations = 15_000

const hmac = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest()
const hash = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest()

/** What the server keeps of a password. */
export interface Verifier {
  readonly salt: Buffer
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export const verifierOf = (password: string): Verifier => {
  const salt = randomBytes(28)
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256")
  return { salt, storedKey: hash(hmac(salted, "Client Key")), serverKey: hmac(salted, "Server Key") }
}

/** A conversation that waits for the client's proof. */
export interface Conversation {
  readonly user: string
  readonly verifier: Verifier
  /** The header of the client, in Base64, as it has to be repeated. */
  readonly binding: string
  readonly nonce: string
  /** What client and server have said so far. */
  readonly said: string
}

const attributesOf = (message: string): ReadonlyMap<string, string> =>
  new Map(message.split(",").map((part) => [part.slice(0, 1), part.slice(2)]))

const unescaped = (name: string): string => name.replaceAll("=2C", ",").replaceAll("=3D", "=")

/** The answer to the first message of a client, or `undefined` if that is invalid. */
export const begin = (
  verifier: Verifier,
  message: string
): { readonly answer: string; readonly conversation: Conversation } | undefined => {
  const [, header, bare] = /^([ny],(?:a=[^,]*)?,)(n=[^,]*,r=[^,]+.*)$/s.exec(message) ?? []
  if (header === undefined || bare === undefined) return undefined
  const attributes = attributesOf(bare)
  const nonce = `${attributes.get("r") ?? ""}${randomBytes(24).toString("base64")}`
  const answer = `r=${nonce},s=${verifier.salt.toString("base64")},i=${iterations}`
  return {
    answer,
    conversation: {
      user: unescaped(attributes.get("n") ?? ""),
      verifier,
      binding: Buffer.from(header).toString("base64"),
      nonce,
      said: `${bare},${answer}`
    }
  }
}

/** The answer to the proof of a client, or `undefined` if it does not have the password. */
export const prove = ({ binding, nonce, said, verifier }: Conversation, message: string): string | undefined => {
  const [, bare, proof] = /^(.*),p=([^,]*)$/s.exec(message) ?? []
  if (bare === undefined || proof === undefined) return undefined
  const attributes = attributesOf(bare)
  if (attributes.get("c") !== binding || attributes.get("r") !== nonce) return undefined
  const all = `${said},${bare}`
  const given = Buffer.from(proof, "base64")
  const signature = hmac(verifier.storedKey, all)
  if (given.length !== signature.length) return undefined
  const clientKey = given.map((byte, i) => byte ^ (signature[i] ?? 0))
  if (!timingSafeEqual(hash(clientKey), verifier.storedKey)) return undefined
  return `v=${hmac(verifier.serverKey, all).toString("base64")}`
}
