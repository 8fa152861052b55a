/**
 * Hashes passwords with scrypt, off the event loop, with bounded concurrency: one hash with the default parameters
 * takes 128 MiB and a few tenths of a second.
 *
 * A hash contains its parameters (`$scrypt$v=2$ln=17,r=8,p=1$salt$hash`, both in Base64 without padding), so that these
 * can change while old hashes stay valid. Version 2 is scrypt of the SHA-512 digest of the password: scrypt itself
 * cannot distinguish a password from one with trailing zero bytes, since HMAC pads its key with them. Hashes without a
 * version, as other programs create them, are of the password itself.
 *
 * Hashes of other systems are verified too: by scrypt, bcrypt, Argon2, PBKDF2 and Firebase. The next login replaces them.
 */
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Base64 from "effect/encoding/Base64"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { timingSafeEqual } from "node:crypto"
import { derive } from "./hashes/derive.ts"
import { parse, type Scrypt } from "./hashes/forms.ts"

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
export const problemOf = (hash: Redacted.Redacted): string | undefined =>
  Result.match(parse(Redacted.value(hash)), { onSuccess: () => undefined, onFailure: (problem) => problem })

/** The shape of {@link PasswordHasher}. */
export interface Service {
  /** Hashes a password with a random salt. */
  readonly hash: (password: Redacted.Redacted) => Effect.Effect<Redacted.Redacted>
  /**
   * Whether a password matches a hash. Without a hash (an unknown e-mail address) it takes the same time to answer
   * `false`.
   */
  readonly verify: (password: Redacted.Redacted, hash: Redacted.Redacted | undefined) => Effect.Effect<boolean>
  /** Whether a hash has the form and the cost of new ones. Others are replaced when the password is known. */
  readonly isCurrent: (hash: Redacted.Redacted) => boolean
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
      const placeholder: Scrypt = {
        kind: "scrypt",
        version: 2,
        cost,
        salt: yield* random.randomBytes(saltLength),
        hash: yield* random.randomBytes(hashLength)
      }

      return PasswordHasher.of({
        hash: Effect.fn("PasswordHasher.hash")(function* (password: Redacted.Redacted) {
          const salt = yield* random.randomBytes(saltLength)
          const fresh: Scrypt = { kind: "scrypt", version: 2, cost, salt, hash: new Uint8Array(hashLength) }
          const hash = yield* slots.withPermit(derive(Redacted.value(password), fresh))
          return Redacted.make(format({ cost, salt, hash }))
        }),
        verify: Effect.fn("PasswordHasher.verify")(function* (
          password: Redacted.Redacted,
          hash: Redacted.Redacted | undefined
        ) {
          const text = Redacted.value(password)
          const known = hash === undefined ? undefined : Result.getOrUndefined(parse(Redacted.value(hash)))
          const parsed = known === undefined || (text === "" && refusesEmpty.has(known.kind)) ? placeholder : known
          const derived = yield* slots.withPermit(derive(text, parsed))
          return timingSafeEqual(derived, parsed.hash) && parsed !== placeholder
        }),
        isCurrent: (hash) =>
          Result.match(parse(Redacted.value(hash)), {
            onSuccess: (parsed) => parsed.kind === "scrypt" && parsed.version === 2 && Equal.equals(parsed.cost, cost),
            onFailure: () => false
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

/** What computes these hashes fails for an empty password, which no account has. */
const refusesEmpty: ReadonlySet<string> = new Set(["bcrypt", "argon2"])

const format = ({ cost, hash, salt }: Pick<Scrypt, "cost" | "salt" | "hash">): string =>
  `$scrypt$v=2$ln=${cost.logN},r=${cost.r},p=${cost.p}$${plain(salt)}$${plain(hash)}`

const plain = (bytes: Uint8Array): string => Base64.encode(bytes).replace(/=+$/, "")
