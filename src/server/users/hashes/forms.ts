/**
 * The forms of password hashes: our own, and those of other systems, which are verified until the next login replaces them.
 * Parameters are limited: a hash that another system made decides how much memory and time a login takes.
 *
 * @internal
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

/** The cost of scrypt: `N = 2 ** logN`, `r` and `p`. */
export interface ScryptCost {
  readonly logN: number
  readonly r: number
  readonly p: number
}

/** scrypt of the password (version 1), or of its SHA-512 digest. */
export interface Scrypt {
  readonly kind: "scrypt"
  readonly version: 1 | 2
  readonly cost: ScryptCost
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

/** Firebase's scrypt: its result encrypts the key of the project. */
export interface Firebase {
  readonly kind: "firebase"
  readonly cost: ScryptCost
  readonly salt: Uint8Array
  readonly signerKey: Uint8Array
  readonly hash: Uint8Array
}

export interface Pbkdf2 {
  readonly kind: "pbkdf2"
  readonly digest: "sha1" | "sha256" | "sha512"
  readonly iterations: number
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

export interface Bcrypt {
  readonly kind: "bcrypt"
  readonly cost: number
  readonly salt: Uint8Array
  /** The 31 characters of the encoded hash. */
  readonly hash: Uint8Array
}

export interface Argon2 {
  readonly kind: "argon2"
  readonly variant: "argon2d" | "argon2i" | "argon2id"
  /** In KiB. */
  readonly memory: number
  readonly passes: number
  readonly lanes: number
  readonly salt: Uint8Array
  readonly hash: Uint8Array
}

export type Parsed = Scrypt | Firebase | Pbkdf2 | Bcrypt | Argon2

/** The most that one hash may take: each is about a second or two of one core. */
const limits = {
  scryptBytes: 2 ** 30,
  scryptP: 16,
  bcryptCost: 14,
  pbkdf2Iterations: 2_000_000,
  argon2Memory: 256 * 1024,
  /** KiB times passes. */
  argon2Work: 1024 * 1024,
  argon2Lanes: 16
}

const encoder = new TextEncoder()

/** Bytes in Base64 with or without padding, also in the alphabet of passlib. */
const bytesOf = (text: string): Uint8Array => {
  const digits = text.replace(/=+$/, "").replaceAll(".", "+")
  const bytes = Base64.decode(digits.padEnd(Math.ceil(digits.length / 4) * 4, "="))
  return Result.getOrElse(bytes, () => new Uint8Array())
}

const fail = (problem: string): Result.Result<never, string> => Result.fail(problem)

/** A hash or a salt that is shorter protects nothing, or is not one. */
const sized = <A extends Parsed>(parsed: A): Result.Result<A, string> => {
  const { hash, salt } = parsed
  if (salt.length < 8 || salt.length > 128) return fail("has a salt that is not of 8 to 128 bytes in Base64")
  return hash.length < 16 || hash.length > 128
    ? fail("has a hash that is not of 16 to 128 bytes in Base64")
    : Result.succeed(parsed)
}

const scryptProblem = ({ logN, p, r }: ScryptCost): string | undefined =>
  logN >= 1 && r >= 1 && p >= 1 && p <= limits.scryptP && logN < 16 * r && 128 * r * 2 ** logN <= limits.scryptBytes
    ? undefined
    : "is a hash by scrypt with parameters that are not supported: expected at most 1 GiB (128 * N * r) and p=16"

const scrypt = (text: string): Result.Result<Scrypt, string> => {
  const match = /^\$scrypt\$(v=2\$)?ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,2})\$([^$]{1,200})\$([^$]{1,200})$/.exec(text)
  if (match === null) return fail("is not of the form $scrypt$ln=17,r=8,p=1$salt$hash or $scrypt$v=2$ln=...")
  const [, version, logN, r, p, salt = "", hash = ""] = match
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) }
  const problem = scryptProblem(cost)
  if (problem !== undefined) return fail(problem)
  return sized({
    kind: "scrypt",
    version: version === undefined ? 1 : 2,
    cost,
    salt: bytesOf(salt),
    hash: bytesOf(hash)
  })
}

const firebase = (text: string): Result.Result<Firebase, string> => {
  const match =
    /^\$firebase-scrypt\$ln=(\d{1,2}),r=(\d{1,3})\$([^$]{1,200})\$([^$]{0,200})\$([^$]{1,200})\$([^$]{1,200})$/.exec(
      text
    )
  if (match === null) return fail("is not of the form $firebase-scrypt$ln=14,r=8$salt$separator$signerKey$hash")
  const [, logN, r, salt = "", separator = "", signerKey = "", hash = ""] = match
  const cost = { logN: Number(logN), r: Number(r), p: 1 }
  const problem = scryptProblem(cost)
  if (problem !== undefined) return fail(problem)
  const parsed: Firebase = {
    kind: "firebase",
    cost,
    salt: Buffer.concat([bytesOf(salt), bytesOf(separator)]),
    signerKey: bytesOf(signerKey),
    hash: bytesOf(hash)
  }
  return parsed.signerKey.length < 16 || parsed.signerKey.length !== parsed.hash.length
    ? fail("has a hash that is not of the length of the signer key: both are in the project's password hash parameters")
    : sized(parsed)
}

const digests = new Set(["sha1", "sha256", "sha512"])
const isDigest = (name: string): name is Pbkdf2["digest"] => digests.has(name)

/** `pbkdf2_sha256$600000$salt$hash` of Django, `$pbkdf2-sha256$29000$salt$hash` of passlib, `$pbkdf2-sha256$i=29000,l=32$...`. */
const pbkdf2 = (text: string): Result.Result<Pbkdf2, string> => {
  const match = /^(\$pbkdf2-?|pbkdf2_)(sha\d+)?\$(?:i=)?(\d{1,9})(?:,l=\d+)?\$([^$]{1,200})\$([^$]{1,200})$/.exec(text)
  if (match === null) {
    return fail("is not of the form pbkdf2_sha256$600000$salt$hash (Django) or $pbkdf2-sha256$i=600000$salt$hash")
  }
  const [, prefix, digest = "sha1", iterations, salt = "", hash = ""] = match
  if (!isDigest(digest)) return fail(`is a hash by PBKDF2 with ${digest}: expected sha1, sha256 or sha512`)
  if (Number(iterations) < 1 || Number(iterations) > limits.pbkdf2Iterations) {
    return fail(`is a hash by PBKDF2 of ${iterations} iterations: expected at most ${limits.pbkdf2Iterations}`)
  }
  return sized({
    kind: "pbkdf2",
    digest,
    iterations: Number(iterations),
    // Django's salt is a text
    salt: prefix === "pbkdf2_" ? encoder.encode(salt) : bytesOf(salt),
    hash: bytesOf(hash)
  })
}

const bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

const bcrypt = (text: string): Result.Result<Bcrypt, string> => {
  const match = /^\$2([abxy]?)\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/.exec(text)
  if (match === null) return fail("is not of the form $2b$12$ with 53 characters")
  const [, revision, cost, salt = "", hash = ""] = match
  if (revision === "" || revision === "x")
    return fail(`is a hash by bcrypt of the revision $2${revision}$: expected $2a$, $2b$ or $2y$`)
  if (Number(cost) < 4 || Number(cost) > limits.bcryptCost) {
    return fail(`is a hash by bcrypt of cost ${Number(cost)}: expected 4 to ${limits.bcryptCost}`)
  }
  const digits = Array.from(salt, (digit) => base64Digits.charAt(bcryptDigits.indexOf(digit))).join("")
  return Result.succeed({ kind: "bcrypt", cost: Number(cost), salt: bytesOf(digits), hash: encoder.encode(hash) })
}

const isVariant = (name: string): name is Argon2["variant"] => /^argon2(?:d|i|id)$/.test(name)

const argon2 = (text: string): Result.Result<Argon2, string> => {
  const match = /^\$(argon2\w*)\$(?:v=(\d+)\$)?m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$([^$]{1,200})\$([^$]{1,200})$/.exec(
    text
  )
  if (match === null) return fail("is not of the form $argon2id$v=19$m=65536,t=3,p=4$salt$hash")
  const [, variant = "", version = "16", m, t, p, salt = "", hash = ""] = match
  const [memory, passes, lanes] = [Number(m), Number(t), Number(p)]
  if (!isVariant(variant)) return fail(`is a hash by ${variant}: expected argon2id, argon2i or argon2d`)
  if (version !== "19") return fail(`is a hash by Argon2 of version ${version}: expected v=19`)
  const isValid = passes >= 1 && lanes >= 1 && memory >= 8 * lanes
  if (!isValid || memory > limits.argon2Memory || memory * passes > limits.argon2Work || lanes > limits.argon2Lanes) {
    return fail(
      `is a hash by Argon2 with parameters that are not supported: expected at most m=${limits.argon2Memory}, ` +
        `m * t = ${limits.argon2Work} and p=${limits.argon2Lanes}`
    )
  }
  return sized({ kind: "argon2", variant, memory, passes, lanes, salt: bytesOf(salt), hash: bytesOf(hash) })
}

const forms: ReadonlyArray<readonly [RegExp, (text: string) => Result.Result<Parsed, string>]> = [
  [/^\$scrypt\$/, scrypt],
  [/^\$firebase-scrypt\$/, firebase],
  [/^\$?pbkdf2/, pbkdf2],
  [/^\$2[abxy]?\$/, bcrypt],
  [/^\$argon2/, argon2]
]

/** Parses a hash. Fails with what is wrong, without the hash. */
export const parse = (text: string): Result.Result<Parsed, string> => {
  const form = forms.find(([start]) => start.test(text))
  if (form !== undefined) return form[1](text)
  return fail(
    /^\$[156y7]\$/.test(text)
      ? "is a hash by crypt of Unix, which is not supported"
      : "is not a hash that is known: expected one by scrypt ($scrypt$...), bcrypt ($2b$...), Argon2 ($argon2id$...) or PBKDF2"
  )
}
