/**
 * Hashes passwords with scrypt, off the event loop, with bounded concurrency: one hash with the default parameters
 * takes 128 MiB and a few tenths of a second.
 *
 * A hash contains its parameters (`$scrypt$v=2$ln=17,r=8,p=1$salt$hash`, both in Base64 without padding), so that these
 * can change while old hashes stay valid. Version 2 is scrypt of the SHA-512 digest of the password: scrypt itself
 * cannot distinguish a password from one with trailing zero bytes, since HMAC pads its key with them. Hashes without a
 * version, as other programs create them, are of the password itself, and are valid too.
 */
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Base64 from "effect/encoding/Base64"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { hash as digest, scrypt, timingSafeEqual } from "node:crypto"

/** The cost of a hash: scrypt's `N = 2 ** logN`, `r` and `p`. */
export interface Cost {
  readonly logN: number
  readonly r: number
  readonly p: number
}

/**
 * `standard` is OWASP's recommendation for scrypt; `testing` is fast and does not protect passwords.
 */
export const costs = {
  standard: { logN: 17, r: 8, p: 1 },
  testing: { logN: 4, r: 1, p: 1 }
} as const satisfies Record<string, Cost>

/** The name of a cost. */
export type Profile = keyof typeof costs

/** Placeholder hash of equal cost, which no password matches. It prevents timing leaks. */
export const noPassword: Redacted.Redacted = Redacted.make("*")

/** Why a string is not a supported hash; `undefined` if it is one. The message does not contain the string. */
export const problemOf = (hash: Redacted.Redacted): string | undefined => {
  const text = Redacted.value(hash)
  if (parse(text) !== undefined) return undefined
  const form = Object.entries(foreign).find(([, start]) => start.test(text))?.[0]
  return form === undefined
    ? "expected a hash of the form $scrypt$ln=17,r=8,p=1$salt$hash or $scrypt$v=2$ln=..., with at most 1 GiB and p=16"
    : `is a hash by ${form}: only hashes by scrypt are supported`
}

const foreign = { bcrypt: /^\$2[abxy]?\$/, Argon2: /^\$argon2/, PBKDF2: /^\$?pbkdf2/i, crypt: /^\$[1567y]\$/ }

/** The shape of {@link PasswordHasher}. */
export interface Service {
  /** Hashes a password with a random salt. */
  readonly hash: (password: Redacted.Redacted) => Effect.Effect<Redacted.Redacted>
  /**
   * Whether a password matches a hash. Without a hash (an unknown e-mail address) it takes the same time to answer
   * `false`.
   */
  readonly verify: (password: Redacted.Redacted, hash: Redacted.Redacted | undefined) => Effect.Effect<boolean>
}

/** Creates and verifies password hashes. */
export class PasswordHasher extends Context.Service<PasswordHasher, Service>()(
  "effect-app-services/server/users/PasswordHasher"
) {
  /** Builds the service. */
  static readonly make = (cost: Cost) =>
    Effect.gen(function* () {
      const random = yield* SecureRandom.SecureRandom
      const slots = yield* Semaphore.make(parallel)
      // matches no password, and costs as much to compare as a real one
      const placeholder: Parsed = {
        version: 2,
        cost,
        salt: yield* random.randomBytes(saltLength),
        hash: yield* random.randomBytes(hashLength)
      }

      return PasswordHasher.of({
        hash: Effect.fn("PasswordHasher.hash")(function* (password: Redacted.Redacted) {
          const salt = yield* random.randomBytes(saltLength)
          const hash = yield* slots.withPermit(derive(password, { version: 2, salt, cost }, hashLength))
          return Redacted.make(format({ cost, salt, hash }))
        }),
        verify: Effect.fn("PasswordHasher.verify")(function* (
          password: Redacted.Redacted,
          hash: Redacted.Redacted | undefined
        ) {
          const parsed = (hash === undefined ? undefined : parse(Redacted.value(hash))) ?? placeholder
          const derived = yield* slots.withPermit(derive(password, parsed, parsed.hash.length))
          return timingSafeEqual(derived, parsed.hash) && parsed !== placeholder
        })
      })
    })

  static readonly layerCost = (cost: Cost): Layer.Layer<PasswordHasher, never, SecureRandom.SecureRandom> =>
    Layer.effect(PasswordHasher, PasswordHasher.make(cost))
  static readonly layer = PasswordHasher.layerCost(costs.standard)
  static readonly layerTesting = PasswordHasher.layerCost(costs.testing)
}

const saltLength = 16
const hashLength = 32
/** The number of concurrent hashes. More would compete for the cores and multiply the memory. */
const parallel = 2

interface Parsed {
  /** The input of scrypt: the password, or its SHA-512 digest. */
  readonly version: 1 | 2
  readonly cost: Cost
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

const format = ({ cost, hash, salt }: Omit<Parsed, "version">): string =>
  `$scrypt$v=2$ln=${cost.logN},r=${cost.r},p=${cost.p}$${plain(salt)}$${plain(hash)}`

const plain = (bytes: Uint8Array): string => Base64.encode(bytes).replace(/=+$/, "")

/** With or without padding. */
const bytesOf = (text: string): Uint8Array => {
  const digits = text.replace(/=+$/, "")
  const bytes = Base64.decode(digits.padEnd(Math.ceil(digits.length / 4) * 4, "="))
  return Result.getOrElse(bytes, () => new Uint8Array())
}

const parse = (text: string): Parsed | undefined => {
  const match = /^\$scrypt\$(v=2\$)?ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})\$([^$]{1,200})\$([^$]{1,200})$/.exec(text)
  if (match === null) return undefined
  const [, version, logN, r, p, salt = "", hash = ""] = match
  const parsed: Parsed = {
    version: version === undefined ? 1 : 2,
    cost: { logN: Number(logN), r: Number(r), p: Number(p) },
    salt: bytesOf(salt),
    hash: bytesOf(hash)
  }
  return isAffordable(parsed.cost) && parsed.salt.length >= 8 && parsed.hash.length >= 16 ? parsed : undefined
}

/** The parameters that scrypt supports, within the cost that a login may have with an imported hash. */
const isAffordable = ({ logN, p, r }: Cost): boolean =>
  logN >= 1 && r >= 1 && p >= 1 && p <= 16 && logN < 16 * r && 128 * r * 2 ** logN <= 2 ** 30

const derive = (
  password: Redacted.Redacted,
  { cost: { logN, p, r }, salt, version }: Omit<Parsed, "hash">,
  length: number
) =>
  Effect.callback<Uint8Array>((resume) => {
    const N = 2 ** logN
    // scrypt needs 128 * N * r bytes, and Node requires a limit above that
    const text = Redacted.value(password)
    scrypt(
      version === 1 ? text : digest("sha512", text, "buffer"),
      salt,
      length,
      { N, r, p, maxmem: 256 * N * r },
      (error, hash) => {
        resume(error === null ? Effect.succeed(hash) : Effect.die(error))
      }
    )
  })
