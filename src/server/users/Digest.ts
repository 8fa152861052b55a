/** Digests of secrets that the server made itself: they find a secret again without keeping it. */
import * as Redacted from "effect/Redacted"
import { createHmac, createSecretKey, hash as hashOf, type KeyObject, timingSafeEqual } from "node:crypto"

/** The digest of a secret that is long and random, for which one plain hash is as good as a slow one. */
export const of = (secret: Redacted.Redacted): string => hashOf("sha256", Redacted.value(secret))

/** Node makes a key of the bytes each time it is given bytes, which takes five times as long as the tag. */
const keyObjects = new WeakMap<Uint8Array, KeyObject>()

const keyObjectOf = (key: Uint8Array): KeyObject => {
  let found = keyObjects.get(key)
  if (found === undefined) keyObjects.set(key, (found = createSecretKey(key)))
  return found
}

/** The tag of an HMAC. The bytes of the key must not change. */
export const hmac = (hash: string, key: Uint8Array, data: Uint8Array): Uint8Array =>
  createHmac(hash.replace("-", ""), keyObjectOf(key)).update(data).digest()

/** Whether two secrets are the same, in a time that tells nothing about them. */
export const areEqual = (a: Redacted.Redacted, b: Redacted.Redacted): boolean =>
  timingSafeEqual(Buffer.from(of(a)), Buffer.from(of(b)))
