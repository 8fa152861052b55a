/** Loads the providers `oauth2-google`, `oauth2-facebook` and `oauth2-apple` of an exported application. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type Field, fields, make, type OAuthType, redirectProblem, types } from "../model/OAuthProvider.ts"
import type { Find as FindSecret } from "./AppDirectorySecrets.ts"
import type { AppFiles } from "./AppFiles.ts"

const list = <S extends Schema.Constraint>(item: S) => Schema.optional(Schema.NullOr(Schema.Array(item)))
const Text = Schema.optional(Schema.NullOr(Schema.String))
const Flag = Schema.optional(Schema.NullOr(Schema.Boolean))

/** The settings of a provider. */
export const Settings = Schema.Struct({
  config: Schema.optional(
    // the ids of applications at Facebook are digits
    Schema.NullOr(
      Schema.Struct({
        clientId: Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Finite]))),
        openId: Flag
      })
    )
  ),
  secret_config: Schema.optional(Schema.NullOr(Schema.Struct({ clientSecret: Text }))),
  metadata_fields: list(Schema.Struct({ name: Schema.String, required: Flag })),
  redirect_uris: list(Schema.String),
  domain_restrictions: list(Schema.String)
})

/** Whether a provider is one of these. */
export const isOAuth = (type: string): type is OAuthType => types.some((it) => it === type)

/** The keys of a provider, and of its `config`. */
export const keys = {
  provider: new Set([...Object.keys(Settings.fields), "id", "name", "type", "disabled"]),
  config: new Set(["clientId", "openId"])
}

const isField = (name: string): name is Field => fields.some((it) => it === name)

/** The fields that a provider tells without being asked for more than the SDKs of the original service did. */
const told: Readonly<Record<OAuthType, ReadonlyArray<string>>> = {
  "oauth2-google": ["email", "name", "first_name", "last_name", "picture"],
  "oauth2-facebook": fields,
  "oauth2-apple": ["email"]
}

const quoted = (names: ReadonlyArray<string>) => names.map((name) => `"${name}"`).join(", ")

/** Loads a provider. One that cannot be used is reported, and off. */
export const load = Effect.fnUntraced(function* (
  files: AppFiles,
  findSecret: FindSecret,
  file: string,
  type: OAuthType,
  { config, domain_restrictions, metadata_fields, redirect_uris, secret_config }: typeof Settings.Type
) {
  const clientId = String(config?.clientId ?? "")
  if (clientId === "") {
    files.mistake(file, `"${type}" has no "config.clientId": logins with it are rejected`, "config.clientId")
    return undefined
  }
  const secretName = secret_config?.clientSecret ?? ""
  const secret = secretName === "" ? undefined : yield* findSecret(secretName, file, `the client secret of "${type}"`)
  const clientSecret = secret === undefined ? undefined : Redacted.value(secret)
  if (typeof clientSecret !== "string" || clientSecret === "") {
    const message =
      type === "oauth2-facebook"
        ? `"${type}" has no client secret: logins with it are rejected`
        : `"${type}" has no client secret: only logins with an id token work, not those with a code or by redirect`
    files.report.push({ file, message })
  }
  const untold = (metadata_fields ?? []).map(({ name }) => name).filter((name) => !told[type].includes(name))
  if (untold.length > 0) {
    const message = `"${type}" does not tell ${quoted(untold)}: ${untold.length === 1 ? "it is" : "they are"} not stored`
    files.mistake(file, message, "metadata_fields")
  }
  const redirectUris = (redirect_uris ?? []).filter((uri, i) => {
    const problem = redirectProblem(uri)
    if (problem !== undefined) {
      files.mistake(file, `the redirect URI "${uri}" of "${type}" is ignored: ${problem}`, `redirect_uris.${i}`)
    }
    return problem === undefined
  })
  return make(type, {
    clientId,
    clientSecret: typeof clientSecret === "string" && clientSecret !== "" ? clientSecret : undefined,
    metadataFields:
      metadata_fields === undefined || metadata_fields === null || metadata_fields.length === 0
        ? undefined
        : metadata_fields.flatMap(({ name, required }) =>
            isField(name) && told[type].includes(name) ? [{ name, required: required === true }] : []
          ),
    redirectUris,
    domainRestrictions: domain_restrictions ?? undefined
  })
})
