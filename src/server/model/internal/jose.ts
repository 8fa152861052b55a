/**
 * Verifies JSON Web Tokens of other issuers. The only module that imports `jose`: the build bundles the library into
 * it, so that users do not install it.
 */
import { createPublicKey, type KeyObject } from "node:crypto"
import { createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet, jwtVerify, type JWTPayload } from "jose"

/** A key decides the algorithm, never a token: otherwise a public key would serve as the secret of an HMAC. */
export type Algorithm = "HS256" | "RS256"

export type Outcome =
  | { readonly _tag: "Verified"; readonly claims: Readonly<Record<string, unknown>> }
  | { readonly _tag: "Refused"; readonly why: Why }

export type Why =
  | "malformed"
  | "header"
  | "algorithm"
  | "unknown key"
  | "unusable key"
  | "signature"
  | "claims"
  | "expired"
  | "not yet valid"

/** Verifies a token at a time. The promise never rejects. */
export type Verify = (token: string, nowMillis: number) => Promise<Outcome>

/** A key: a secret for HS256; a public key or certificate in PEM for RS256. Throws on an invalid one. */
export const key = (algorithm: Algorithm, text: string): Uint8Array | KeyObject => {
  if (algorithm === "HS256") return new TextEncoder().encode(text)
  const key = createPublicKey(text)
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  if (key.asymmetricKeyType !== "rsa" || bits < 2048) throw new Error("not an RSA key of 2048 bits or more")
  return key
}

/** Verifies with any of several keys. */
export const byKeys =
  (algorithm: Algorithm, keys: ReadonlyArray<Uint8Array | KeyObject>): Verify =>
  async (token, nowMillis) => {
    let outcome = refused("unusable key")
    for (const key of keys) {
      // eslint-disable-next-line no-await-in-loop -- three at most, and mostly the first one fits
      outcome = await check(token, nowMillis, () => jwtVerify(token, key, demands(algorithm, nowMillis)))
      if (outcome._tag === "Verified" || outcome.why !== "signature") return outcome
    }
    return outcome
  }

/**
 * Verifies with a JSON Web Key Set, whose key the token has to name. `undefined` if it is not a key set. The clock of the
 * issuer may differ by `toleranceSeconds`.
 */
export const byKeySet = (keySet: unknown): ((toleranceSeconds: number) => Verify) | undefined => {
  const find = readKeySet(keySet)
  if (find === undefined) return undefined
  return (toleranceSeconds) => (token, nowMillis) =>
    check(
      token,
      nowMillis,
      ({ kid }) => {
        if (kid === undefined) throw new errors.JWKSNoMatchingKey()
        return jwtVerify(token, find, demands("RS256", nowMillis, toleranceSeconds))
      },
      toleranceSeconds
    )
}

const readKeySet = (keySet: unknown) => {
  try {
    return isKeySet(keySet) ? createLocalJWKSet(keySet) : undefined
  } catch {
    return undefined
  }
}

const isKeySet = (u: unknown): u is JSONWebKeySet =>
  typeof u === "object" && u !== null && "keys" in u && Array.isArray(u.keys)

const demands = (algorithm: Algorithm, nowMillis: number, toleranceSeconds = 0) => ({
  algorithms: [algorithm],
  clockTolerance: toleranceSeconds,
  // @effect-diagnostics-next-line globalDate:off -- the library accepts nothing else
  currentDate: new Date(nowMillis),
  requiredClaims: ["exp", "sub"]
})

const refused = (why: Why): Outcome => ({ _tag: "Refused", why })

const check = async (
  token: string,
  nowMillis: number,
  verify: (header: { readonly kid?: string }) => Promise<{ readonly payload: JWTPayload }>,
  toleranceSeconds = 0
): Promise<Outcome> => {
  const header = headerOf(token)
  if (header === undefined) return refused("malformed")
  // a token must not choose the keys that verify it
  if ("jku" in header || "jwk" in header || "x5u" in header) return refused("header")
  try {
    const { payload } = await verify(header)
    const { iat, sub } = payload
    if (typeof sub !== "string" || sub === "") return refused("claims")
    return iat !== undefined && (iat - toleranceSeconds) * 1000 > nowMillis
      ? refused("not yet valid")
      : { _tag: "Verified", claims: payload }
  } catch (error) {
    return refused(reason(error))
  }
}

const headerOf = (token: string) => {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return undefined
  }
}

const reason = (error: unknown): Why => {
  if (error instanceof errors.JWTExpired) return "expired"
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === "nbf" && error.reason === "check_failed" ? "not yet valid" : "claims"
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature"
  if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm"
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return "unknown key"
  // the library's own errors are about the token, except those of key sets; all others are about the key
  return error instanceof errors.JOSEError && !(error instanceof errors.JWKSInvalid) ? "malformed" : "unusable key"
}
