/**
 * Hashes passwords with scrypt, off the event loop, a bounded number at a time: one hash by the default figures takes
 * 128 MiB and a few tenths of a second.
 *
 * A hash describes itself (`$scrypt$ln=17,r=8,p=1$salt$hash`), so the figures can change while old hashes keep working.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Base64 from "effect/encoding/Base64"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Semaphore from "effect/Semaphore"
import { scrypt, timingSafeEqual } from "node:crypto"

/**
 * The cost of a hash: `N = 2 ** logN`, and scrypt's `r` and `p`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cost {
  readonly logN: number
  readonly r: number
  readonly p: number
}

/**
 * `standard` is what OWASP recommends for scrypt; `testing` costs next to nothing, and protects next to nothing.
 *
 * @category constants
 * @since 0.1.0
 */
export const costs = {
  standard: { logN: 17, r: 8, p: 1 },
  testing: { logN: 4, r: 1, p: 1 }
} as const satisfies Record<string, Cost>

/**
 * Name of a {@link costs} profile.
 *
 * @category models
 * @since 0.1.0
 */
export type Profile = keyof typeof costs

/**
 * Makes and checks password hashes.
 *
 * @category services
 * @since 0.1.0
 */
export class PasswordHasher extends Context.Service<
  PasswordHasher,
  {
    readonly hash: (password: Redacted.Redacted) => Effect.Effect<Redacted.Redacted>
    /**
     * Whether the password is the hash's. With no hash to compare with (an unknown e-mail address) it takes the same time
     * to say no.
     */
    readonly verify: (password: Redacted.Redacted, hash: Redacted.Redacted | undefined) => Effect.Effect<boolean>
  }
>()("effect-app-services/server/users/PasswordHasher") {
  static readonly layerCost = (cost: Cost): Layer.Layer<PasswordHasher, never, SecureRandom.SecureRandom> =>
    Layer.effect(
      PasswordHasher,
      Effect.suspend(() => make(cost))
    )
  static readonly layer = PasswordHasher.layerCost(costs.standard)
  static readonly layerTesting = PasswordHasher.layerCost(costs.testing)
}

const saltLength = 16
const hashLength = 32
/** Hashes computed at the same time. More would only compete for the same cores and take the memory of each. */
const parallel = 2

const make = (cost: Cost) =>
  Effect.gen(function* () {
    const random = yield* SecureRandom.SecureRandom
    const slots = yield* Semaphore.make(parallel)
    // never the hash of any password, but as costly to compare with as a real one
    const nobody: Parsed = {
      cost,
      salt: yield* random.randomBytes(saltLength),
      hash: yield* random.randomBytes(hashLength)
    }

    return PasswordHasher.of({
      hash: Effect.fn("PasswordHasher.hash")(function* (password: Redacted.Redacted) {
        const salt = yield* random.randomBytes(saltLength)
        const hash = yield* slots.withPermit(derive(password, salt, cost, hashLength))
        return Redacted.make(format({ cost, salt, hash }))
      }),
      verify: Effect.fn("PasswordHasher.verify")(function* (
        password: Redacted.Redacted,
        hash: Redacted.Redacted | undefined
      ) {
        const parsed = (hash === undefined ? undefined : parse(Redacted.value(hash))) ?? nobody
        const derived = yield* slots.withPermit(derive(password, parsed.salt, parsed.cost, parsed.hash.length))
        return timingSafeEqual(derived, parsed.hash) && parsed !== nobody
      })
    })
  })

interface Parsed {
  readonly cost: Cost
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

const format = ({ cost, hash, salt }: Parsed): string =>
  `$scrypt$ln=${cost.logN},r=${cost.r},p=${cost.p}$${Base64.encode(salt)}$${Base64.encode(hash)}`

const parse = (text: string): Parsed | undefined => {
  const match = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(text)
  if (match === null) return undefined
  const [, logN, r, p, saltText = "", hashText = ""] = match
  const [salt, hash] = [Base64.decode(saltText), Base64.decode(hashText)]
  return Result.isSuccess(salt) && Result.isSuccess(hash)
    ? {
        cost: { logN: Number(logN), r: Number(r), p: Number(p) },
        salt: salt.success,
        hash: hash.success
      }
    : undefined
}

const derive = (password: Redacted.Redacted, salt: Uint8Array, { logN, p, r }: Cost, length: number) =>
  Effect.callback<Uint8Array>((resume) => {
    const N = 2 ** logN
    // scrypt needs 128 * N * r bytes, and Node refuses what reaches its limit
    scrypt(Redacted.value(password), salt, length, { N, r, p, maxmem: 256 * N * r }, (error, hash) => {
      resume(error === null ? Effect.succeed(hash) : Effect.die(error))
    })
  })
