/** The hosts of Google, Facebook and Apple, or what stands in for them. */
import * as Context from "effect/Context"
import * as Result from "effect/Result"
import { AppsError } from "../model/Apps.ts"

/** Other hosts than those of the providers, each by the URL of its root. */
export interface Input {
  /** An OpenID Connect issuer in place of Google. @default "https://accounts.google.com" */
  readonly google?: string | undefined
  /** A host with Facebook's `dialog/oauth` and its Graph API. @default those of Facebook */
  readonly facebook?: string | undefined
  /** An OpenID Connect issuer in place of Apple. @default "https://appleid.apple.com" */
  readonly apple?: string | undefined
}

/** The hosts in use. */
export interface Issuers {
  readonly google: string
  readonly apple: string
  readonly facebook: { readonly dialog: string; readonly graph: string }
}

// without a version, the Graph API answers with the oldest one that the application can use
const originals: Issuers = {
  google: "https://accounts.google.com",
  apple: "https://appleid.apple.com",
  facebook: { dialog: "https://www.facebook.com", graph: "https://graph.facebook.com" }
}

/** The hosts in use. */
export const OAuthIssuers = Context.Reference<Issuers>("effect-app-services/server/users/OAuthIssuers", {
  defaultValue: () => originals
})

/** Whether secrets can be sent to a URL: it has TLS, or leads to this machine. */
export const isSafe = (url: string): boolean => {
  const { hostname, protocol } = URL.parse(url) ?? { hostname: "", protocol: "" }
  return (
    protocol === "https:" ||
    (protocol === "http:" && /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname))
  )
}

/** Reads the option `oauthIssuers`. */
export const read = (input: Input = {}): Result.Result<Issuers, AppsError> => {
  for (const [provider, url] of Object.entries(input)) {
    if (typeof url === "string" && !isSafe(url)) {
      return Result.fail(
        new AppsError({
          message: `invalid issuer "${url}" of ${provider}: expected an https URL, or an http URL of this machine`
        })
      )
    }
  }
  const [google, apple, facebook] = [input.google, input.apple, input.facebook].map((url) => url?.replace(/\/+$/, ""))
  return Result.succeed({
    google: google ?? originals.google,
    apple: apple ?? originals.apple,
    facebook: facebook === undefined ? originals.facebook : { dialog: facebook, graph: facebook }
  })
}
