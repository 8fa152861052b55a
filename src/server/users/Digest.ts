/** Digests of secrets that the server generated: they identify a secret without storing it. */
import * as Redacted from "effect/Redacted"
import { createHmac, createSecretKey, hash as hashOf, type KeyObject, timingSafeEqual } from "node:crypto"

/** The digest of a long random secret, which does not need a slow hash. */
export const of = (secret: Redacted.Redacted): string => hashOf("sha256", Redacted.value(secret))

/** Keys by their bytes: Node creates a key for each call with bytes, which takes five times as long as the tag. */
const keyObjects = new WeakMap<Uint8Array, KeyObject>()

const keyObjectOf = (key: Uint8Array): KeyObject => {
  let found = keyObjects.get(key)
  if (found === undefined) keyObjects.set(key, (found = createSecretKey(key)))
  return found
}

/** Computes an HMAC. The bytes of the key must not change. */
export const hmac = (hash: string, key: Uint8Array, data: Uint8Array): Uint8Array =>
  createHmac(hash.replace("-", ""), keyObjectOf(key)).update(data).digest()

/** Compares two secrets in constant time. */
export const areEqual = (a: Redacted.Redacted, b: Redacted.Redacted): boolean =>
  timingSafeEqual(Buffer.from(of(a)), Buffer.from(of(b)))
