/**
 * The definition of the provider `custom-token`: the issuer of its JSON Web Tokens, and their profile claims.
 */
import * as Redacted from "effect/Redacted"
import * as jose from "./internal/jose.ts"

/** A claim that becomes part of the user's profile. */
export interface MetadataField {
  /** The path of the claim. A dot leads into a nested object; `\.` is a dot in a name. */
  readonly name: string
  /** The name of the profile field. @default `name` */
  readonly fieldName?: string | undefined
  /** Whether a token without it is rejected. @default false */
  readonly required?: boolean | undefined
}

/**
 * Options of logins with a custom JSON Web Token.
 *
 * Tokens need the claims `sub`, which is the identity's id, and `exp`. With `jwksUrl` they are signed with RS256 and
 * name their key by `kid`.
 *
 * @example
 * ```ts
 * import { App } from "effect-app-services/server"
 * import { Redacted } from "effect"
 *
 * const app = App.make({
 *   id: "my-app",
 *   providers: {
 *     customToken: {
 *       algorithm: "HS256",
 *       keys: [Redacted.make("a secret of at least 32 characters")],
 *       metadataFields: [{ name: "user.email", fieldName: "email", required: true }]
 *     }
 *   }
 * })
 * ```
 */
export type Options = {
  /** The audience of tokens; several are all required. @default the application's id */
  readonly audience?: string | ReadonlyArray<string> | undefined
  /** Whether one of several audiences is enough. @default false */
  readonly requireAnyAudience?: boolean | undefined
  /** The claims that become part of the user's profile. */
  readonly metadataFields?: ReadonlyArray<MetadataField> | undefined
} & (
  | {
      readonly algorithm: jose.Algorithm
      /** One to three. Secrets of 32 to 512 characters for HS256; public keys or certificates in PEM for RS256. */
      readonly keys: ReadonlyArray<string | Redacted.Redacted>
    }
  | {
      /** The URL of the issuer's JSON Web Key Set. */
      readonly jwksUrl: string
    }
)

/** The provider with its keys read. */
export interface CustomToken {
  readonly keys:
    | { readonly _tag: "Fixed"; readonly verify: jose.Verify }
    | { readonly _tag: "Published"; readonly url: string }
    /** Invalid keys: logins fail with the reason. */
    | { readonly _tag: "Broken"; readonly message: string }
  /** Empty for the application's id. */
  readonly audience: ReadonlyArray<string>
  readonly requireAnyAudience: boolean
  readonly metadataFields: ReadonlyArray<{
    readonly path: ReadonlyArray<string>
    readonly fieldName: string
    readonly required: boolean
  }>
}

/** Defines the provider. Throws on invalid keys. */
export const make = (options: Options): CustomToken => {
  const { audience = [], metadataFields = [], requireAnyAudience = false } = options
  return {
    keys: "jwksUrl" in options ? published(options.jwksUrl) : fixed(options.algorithm, options.keys),
    audience: typeof audience === "string" ? [audience] : audience,
    requireAnyAudience,
    metadataFields: metadataFields.map(({ fieldName, name, required = false }) => {
      const called = fieldName === undefined || fieldName === "" ? name : fieldName
      if (name === "" || called.length > 63) {
        throw new Error(`custom-token: invalid name of the metadata field "${called}": expected 1 to 63 characters`)
      }
      return { path: split(name), fieldName: called, required }
    })
  }
}

/**
 * A provider with invalid keys: logins fail with the reason.
 *
 * @internal
 */
export const broken = (message: string): CustomToken => ({
  keys: { _tag: "Broken", message },
  audience: [],
  requireAnyAudience: false,
  metadataFields: []
})

const published = (url: string): CustomToken["keys"] => {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    throw new Error("custom-token: invalid jwksUrl: expected an http or https URL")
  }
  return { _tag: "Published", url }
}

const fixed = (algorithm: jose.Algorithm, keys: ReadonlyArray<string | Redacted.Redacted>): CustomToken["keys"] => {
  if (keys.length < 1 || keys.length > 3) throw new Error("custom-token: expected one to three signing keys")
  return {
    _tag: "Fixed",
    verify: jose.byKeys(
      algorithm,
      keys.map((key, index) => {
        const text = typeof key === "string" ? key : Redacted.value(key)
        if (algorithm === "HS256" && (text.length < 32 || text.length > 512)) {
          throw new Error(`custom-token: signing key ${index + 1} is invalid: expected 32 to 512 characters for HS256`)
        }
        try {
          return jose.key(algorithm, text)
        } catch {
          // the parser's own message may contain the key
          throw new Error(
            `custom-token: signing key ${index + 1} is not an RSA public key of 2048 bits or more, or a certificate, in PEM`
          )
        }
      })
    )
  }
}

/** The path of a claim. */
const split = (path: string): ReadonlyArray<string> =>
  (path.match(/(?:\\.|[^.\\])+/gs) ?? [path]).map((name) => name.replaceAll("\\.", "."))
