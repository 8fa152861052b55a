/**
 * The definition of the providers `oauth2-google`, `oauth2-facebook` and `oauth2-apple`: the application as it is registered
 * with the provider, and what of a user's account it stores.
 */
import * as Redacted from "effect/Redacted"

/** The types of OAuth providers. */
export const types = ["oauth2-google", "oauth2-facebook", "oauth2-apple"] as const

/** The type of an OAuth provider. */
export type OAuthType = (typeof types)[number]

/** What can be stored of an account at a provider. */
export const fields = [
  "email",
  "name",
  "first_name",
  "last_name",
  "picture",
  "gender",
  "birthday",
  "min_age",
  "max_age"
] as const

/** A part of an account at a provider. */
export type Field = (typeof fields)[number]

/** A part of an account that becomes part of the user's profile, at each login. */
export interface MetadataField {
  readonly name: Field
  /** Whether a login without it is rejected. @default false */
  readonly required?: boolean | undefined
}

/**
 * Options of logins with an account at Google, Facebook or Apple.
 *
 * Id tokens of Google and Apple are accepted with the client id alone. Authorization codes, logins by redirect, and
 * everything of Facebook need the client secret.
 *
 * @example
 * ```ts
 * import { App } from "effect-app-services/server"
 * import { Redacted } from "effect"
 *
 * const app = App.make({
 *   id: "my-app",
 *   providers: {
 *     google: {
 *       clientId: "1234567890-example.apps.googleusercontent.com",
 *       clientSecret: Redacted.make("the client secret"),
 *       redirectUris: ["https://app.example.com/signed-in"],
 *       metadataFields: [{ name: "email", required: true }, { name: "name" }]
 *     }
 *   }
 * })
 * ```
 */
export interface Options {
  /** The id of the application at the provider, which is the audience of its id tokens. */
  readonly clientId: string
  /** Further client ids whose id tokens are accepted, as of the application for another platform. */
  readonly otherClientIds?: ReadonlyArray<string> | undefined
  /** The secret of the application at the provider; for Apple it is the JSON Web Token made of the private key. */
  readonly clientSecret?: string | Redacted.Redacted | undefined
  /** What of the account becomes part of the user's profile. @default nothing; for Apple the e-mail address */
  readonly metadataFields?: ReadonlyArray<MetadataField> | undefined
  /**
   * The pages that a login by redirect may return to. A request has to name one of them exactly.
   *
   * @default none: logins by redirect are rejected
   */
  readonly redirectUris?: ReadonlyArray<string> | undefined
  /** The domains of e-mail addresses that may log in. The provider must have verified the address. @default all */
  readonly domainRestrictions?: ReadonlyArray<string> | undefined
}

/** The options of each provider. */
export interface AllOptions {
  /** Logins with Google accounts. */
  readonly google?: Options | undefined
  /** Logins with Facebook accounts. */
  readonly facebook?: Options | undefined
  /** Logins with Apple accounts. */
  readonly apple?: Options | undefined
}

/** A provider as the server runs it. */
export interface OAuthProvider {
  readonly type: OAuthType
  /** The client id, followed by the others that are accepted in id tokens. */
  readonly clientIds: readonly [string, ...ReadonlyArray<string>]
  readonly clientSecret: Redacted.Redacted | undefined
  readonly metadataFields: ReadonlyArray<{ readonly name: Field; readonly required: boolean }>
  readonly redirectUris: ReadonlySet<string>
  /** In lower case; empty for all. */
  readonly domains: ReadonlySet<string>
}

/** Defines a provider. Throws on an empty client id and on an invalid redirect URI. */
export const make = (type: OAuthType, options: Options): OAuthProvider => {
  const { clientId, clientSecret, domainRestrictions = [], otherClientIds = [], redirectUris = [] } = options
  const metadataFields = options.metadataFields ?? (type === "oauth2-apple" ? [{ name: "email" }] : [])
  if (clientId === "") throw new Error(`${type}: invalid client id "": expected the id of the application`)
  for (const uri of redirectUris) {
    const problem = redirectProblem(uri)
    if (problem !== undefined) throw new Error(`${type}: invalid redirect URI "${uri}": ${problem}`)
  }
  return {
    type,
    clientIds: [clientId, ...otherClientIds],
    clientSecret: typeof clientSecret === "string" ? Redacted.make(clientSecret) : clientSecret,
    metadataFields: metadataFields.map(({ name, required = false }) => ({ name, required })),
    redirectUris: new Set(redirectUris),
    domains: new Set(domainRestrictions.map((domain) => domain.toLowerCase()))
  }
}

/** Defines the providers that have options. */
export const makeAll = ({ apple, facebook, google }: AllOptions): ReadonlyMap<OAuthType, OAuthProvider> => {
  const all = [
    ["oauth2-google", google],
    ["oauth2-facebook", facebook],
    ["oauth2-apple", apple]
  ] as const
  return new Map(
    all.flatMap(([type, options]) => (options === undefined ? [] : [[type, make(type, options)] as const]))
  )
}

/**
 * Why a redirect URI cannot be used; `undefined` if it can.
 *
 * @internal
 */
export const redirectProblem = (uri: string): string | undefined => {
  const url = URL.parse(uri)
  if (url === null) return "expected an absolute URL"
  if (/^(?:javascript|data|vbscript|blob|file):$/.test(url.protocol)) return `a page cannot be at "${url.protocol}"`
  // the answer is sent as the fragment
  return uri.includes("#") ? "expected a URL without a fragment" : undefined
}
