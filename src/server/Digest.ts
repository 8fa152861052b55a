/**
 * Digests of secrets that the server made itself: they find a secret again without keeping it.
 *
 * @since 0.1.0
 */
import * as Redacted from "effect/Redacted"
import { createHash, createHmac, timingSafeEqual } from "node:crypto"

/**
 * The digest of a secret that is long and random, for which one plain hash is as good as a slow one.
 *
 * @category accessors
 * @since 0.1.0
 */
export const of = (secret: Redacted.Redacted): string =>
  createHash("sha256").update(Redacted.value(secret)).digest("hex")

/**
 * The tag of an HMAC.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hmac = (hash: string, key: Uint8Array, data: Uint8Array): Uint8Array =>
  createHmac(hash.replace("-", ""), key).update(data).digest()

/**
 * Whether two secrets are the same, in a time that tells nothing about them.
 *
 * @category predicates
 * @since 0.1.0
 */
export const areEqual = (a: Redacted.Redacted, b: Redacted.Redacted): boolean =>
  timingSafeEqual(Buffer.from(of(a)), Buffer.from(of(b)))
