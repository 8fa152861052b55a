/** Loads the authentication providers and the custom user data of an exported application. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type App, type AppFunction, type CustomUserData, missing } from "../model/App.ts"
import { makeMails } from "../model/EmailPassword.ts"
import * as MailTemplate from "../model/MailTemplate.ts"
import type { OAuthProvider, OAuthType } from "../model/OAuthProvider.ts"
import * as AppDirectoryOAuth from "./AppDirectoryOAuth.ts"
import type { Find as FindSecret } from "./AppDirectorySecrets.ts"
import type { AppFiles } from "./AppFiles.ts"
import { broken, type CustomToken, make as makeCustomToken } from "../model/CustomToken.ts"

const Flag = Schema.optional(Schema.NullOr(Schema.Boolean))
const Text = Schema.optional(Schema.NullOr(Schema.String))
const TextOrList = Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Array(Schema.String)])))

const ProviderConfig = Schema.Struct({
  autoConfirm: Flag,
  runConfirmationFunction: Flag,
  confirmationFunctionName: Text,
  emailConfirmationUrl: Text,
  confirmEmailSubject: Text,
  runResetFunction: Flag,
  resetFunctionName: Text,
  resetPasswordUrl: Text,
  resetPasswordSubject: Text,
  authFunctionName: Text,
  audience: TextOrList,
  requireAnyAudience: Flag,
  signingAlgorithm: Text,
  useJWKURI: Flag,
  jwkURI: Text
})

/** Without them, addresses are confirmed and passwords reset in fewer ways. */
const harmless = new Set([
  "autoConfirm",
  "runConfirmationFunction",
  "confirmationFunctionName",
  "emailConfirmationUrl",
  "confirmEmailSubject",
  "runResetFunction",
  "resetFunctionName",
  "resetPasswordUrl",
  "resetPasswordSubject"
])

/** The ids of functions on the original service, beside their names. */
const ids = new Set(["confirmationFunctionId", "resetFunctionId", "authFunctionId"])

/** What every provider has. */
const Common = Schema.StructWithRest(Schema.Struct({ name: Text, type: Text, disabled: Flag }), [
  Schema.Record(Schema.String, Schema.Unknown)
])

const Provider = Schema.StructWithRest(
  Schema.Struct({
    config: Schema.optional(
      Schema.NullOr(Schema.StructWithRest(ProviderConfig, [Schema.Record(Schema.String, Schema.Unknown)]))
    ),
    secret_config: Schema.optional(Schema.NullOr(Schema.Struct({ signingKeys: TextOrList }))),
    metadata_fields: Schema.optional(
      Schema.NullOr(Schema.Array(Schema.Struct({ required: Flag, name: Schema.String, field_name: Text })))
    )
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)
type Provider = typeof Provider.Type

/** The supported keys of a provider, and of its `config`. */
const keys = {
  provider: new Set(["id", "name", "type", "disabled", "config", "secret_config", "metadata_fields"]),
  config: new Set([...Object.keys(ProviderConfig.fields), ...ids])
}

const CustomUserDataConfig = Schema.Struct({
  enabled: Flag,
  mongo_service_name: Text,
  database_name: Text,
  collection_name: Text,
  user_id_field: Text,
  on_user_creation_function_name: Text
})

const providersFile = "auth/providers.json"
const customUserDataFile = "auth/custom_user_data.json"

/** @internal */
export const providers = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, AppFunction>,
  findSecret: FindSecret
) {
  const written: Array<readonly [file: string, key: string, name: string, content: unknown]> = []
  const all = (yield* files.json(providersFile, Schema.Record(Schema.String, Schema.Unknown))) ?? {}
  for (const [name, content] of Object.entries(all)) written.push([providersFile, name, name, content])
  for (const file of files.below("auth_providers")) {
    if (!file.endsWith(".json")) continue
    const content = yield* files.jsonOrReport(file, Schema.Unknown, "logins with the provider are rejected")
    if (content !== undefined) written.push([file, "", file.slice("auth_providers/".length, -".json".length), content])
  }

  let anonymous = false
  let apiKey = false
  let emailPassword: App["providers"]["emailPassword"]
  let customFunction: AppFunction | undefined
  let customToken: CustomToken | undefined
  const oauth = new Map<OAuthType, OAuthProvider>()
  const seen = new Set<string>()
  for (const [file, key, name, content] of written) {
    const part = files.within(file, key)
    const decode = <A, I>(schema: Schema.Codec<A, I>) =>
      files.partOrReport(file, key, content, schema, `logins with "${name}" are rejected`, harmless)
    // a provider that is off may be incomplete
    const common = yield* decode(Common)
    if (common === undefined || common.disabled === true) continue
    const type = common.type ?? (key === "" ? common.name : undefined) ?? name
    if (seen.has(type)) {
      part.mistake(file, `"${name}" is ignored: the application has a provider "${type}" already`)
      continue
    }
    seen.add(type)
    if (AppDirectoryOAuth.isOAuth(type)) {
      const settings = yield* decode(AppDirectoryOAuth.Settings)
      if (settings === undefined) continue
      reportUnknown(part, file, type, common, AppDirectoryOAuth.keys)
      const loaded = yield* AppDirectoryOAuth.load(part, findSecret, file, type, settings)
      if (loaded !== undefined) oauth.set(type, loaded)
      continue
    }
    const provider = yield* decode(Provider)
    if (provider === undefined) continue
    const { config } = provider
    if (supported.has(type)) reportUnknown(part, file, type, provider, keys)
    /** Finds a function by name. A missing one is reported, and its calls fail. */
    const find = (use: "authentication" | "confirmation" | "reset", name: string | null | undefined): AppFunction => {
      const fn = functions.get(name ?? "")
      if (fn !== undefined) return fn
      const message = isText(name)
        ? `the ${use} function "${name}" of "${type}" does not exist`
        : `"${type}" names no ${use} function`
      part.mistake(file, message, `config.${functionSettings[use]}`)
      return missing(name ?? "")
    }
    switch (type) {
      case "anon-user":
        anonymous = true
        break
      case "api-key":
        apiKey = true
        break
      case "local-userpass":
        emailPassword = {
          autoConfirm: config?.autoConfirm === true,
          confirmationFunction:
            config?.runConfirmationFunction === true
              ? find("confirmation", config.confirmationFunctionName)
              : undefined,
          resetFunction: config?.runResetFunction === true ? find("reset", config.resetFunctionName) : undefined,
          emailConfirmationUrl: config?.emailConfirmationUrl ?? undefined,
          resetPasswordUrl: config?.resetPasswordUrl ?? undefined,
          mails: makeMails(
            { confirmation: config?.emailConfirmationUrl, reset: config?.resetPasswordUrl },
            {
              confirmation: yield* mailTemplate(files, file, "confirmation", config?.confirmEmailSubject),
              reset: yield* mailTemplate(files, file, "reset", config?.resetPasswordSubject)
            }
          )
        }
        break
      case "custom-function":
        customFunction = find("authentication", config?.authFunctionName)
        break
      case "custom-token":
        customToken = yield* loadCustomToken(part, findSecret, file, provider)
        break
      default:
        part.mistake(file, `the authentication provider "${type}" is not supported: logins with it are rejected`)
    }
  }
  return { anonymous, apiKey, emailPassword, customFunction, customToken, oauth }
})

/** The settings that name functions, by their use. */
const functionSettings = {
  authentication: "authFunctionName",
  confirmation: "confirmationFunctionName",
  reset: "resetFunctionName"
}

const supported = new Set(["anon-user", "api-key", "local-userpass", "custom-function", "custom-token"])

const isEmpty = (u: unknown): boolean =>
  u === undefined || u === null || u === "" || u === false || (Array.isArray(u) && u.length === 0)

/** Reports unknown settings, so that no setting seems to be in effect that is not. */
const reportUnknown = (
  files: AppFiles,
  file: string,
  type: string,
  provider: Readonly<Record<string, unknown>>,
  known: typeof keys
) => {
  const { config, metadata_fields: metadataFields } = provider
  const settings = [
    ...Object.entries(provider).filter(([key]) => !known.provider.has(key)),
    ...Object.entries(Predicate.isObject(config) ? config : {})
      .filter(([key]) => !known.config.has(key))
      .map(([key, value]): [string, unknown] => [`config.${key}`, value]),
    ...(type === "custom-token" || AppDirectoryOAuth.isOAuth(type)
      ? []
      : [["metadata_fields", metadataFields] as const])
  ]
  for (const [key, value] of settings) {
    if (isEmpty(value)) continue
    files.mistake(file, `the setting "${key}" of "${type}" is not supported: it has no effect`, key)
  }
}

/** The texts of an e-mail are in files beside the providers, since exports have none. */
const mailTemplate = Effect.fnUntraced(function* (
  files: AppFiles,
  providerFile: string,
  kind: MailTemplate.MailKind,
  subject: string | null | undefined
) {
  const read = Effect.fnUntraced(function* (extension: "txt" | "html") {
    const file = `auth/mail/${kind}.${extension}`
    if (!files.has(file)) return undefined
    const text = yield* files.text(file)
    reportVariables(files, file, text)
    return text
  })
  if (isText(subject)) reportVariables(files, providerFile, subject)
  return { subject: isText(subject) ? subject : undefined, text: yield* read("txt"), html: yield* read("html") }
})

const reportVariables = (files: AppFiles, file: string, text: string) => {
  for (const name of MailTemplate.unknownVariables(text)) {
    files.report.push({
      file,
      message: `unknown variable {{${name}}}: e-mails have app, email, url, token, tokenId and minutes; it is sent as it is`
    })
  }
}

/** Unusable keys do not fail the loading. Logins with the provider are rejected, and the report has the reason. */
const loadCustomToken = Effect.fnUntraced(function* (
  files: AppFiles,
  findSecret: FindSecret,
  file: string,
  { config, metadata_fields, secret_config }: Provider
) {
  const options = {
    audience: listOf(config?.audience).filter(isText),
    requireAnyAudience: config?.requireAnyAudience === true,
    metadataFields: metadata_fields?.map(({ field_name, name, required }) => ({
      name,
      fieldName: field_name ?? undefined,
      required: required === true
    }))
  }
  const keys: Array<Redacted.Redacted> = []
  const algorithm = textOr(config?.signingAlgorithm, "HS256")
  if (config?.useJWKURI !== true) {
    for (const name of listOf(secret_config?.signingKeys)) {
      const secret = yield* findSecret(name, file, 'the signing keys of "custom-token"')
      const key = secret === undefined ? undefined : Redacted.value(secret)
      if (typeof key === "string") keys.push(Redacted.make(key))
    }
  }
  const made = Result.try({
    try: () => {
      if (config?.useJWKURI === true) return makeCustomToken({ ...options, jwksUrl: config.jwkURI ?? "" })
      if (algorithm === "HS256" || algorithm === "RS256") return makeCustomToken({ ...options, algorithm, keys })
      throw new Error(`custom-token: the signing algorithm "${algorithm}" is not supported: expected HS256 or RS256`)
    },
    catch: (error) => (error instanceof Error ? error.message : String(error))
  })
  if (Result.isSuccess(made)) return made.success
  files.mistake(file, `${made.failure}: logins with "custom-token" are rejected`)
  return broken(made.failure)
})

/** @internal */
export const customUserData = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, AppFunction>,
  rootFile: string | undefined,
  ofRoot: unknown
) {
  const consequence = "users have no custom data, and no function is called with new ones"
  const inRoot = (part: unknown) =>
    files.partOrReport(rootFile ?? "", "custom_user_data_config", part, CustomUserDataConfig, consequence)
  const config =
    (yield* files.jsonOrReport(customUserDataFile, CustomUserDataConfig, consequence)) ??
    (ofRoot === undefined ? undefined : yield* inRoot(ofRoot))
  const none: { readonly source: CustomUserData | undefined; readonly onUserCreation: string | undefined } = {
    source: undefined,
    onUserCreation: undefined
  }
  if (config === undefined) return none
  const onUserCreation = config.on_user_creation_function_name ?? undefined
  const file = files.has(customUserDataFile) ? customUserDataFile : undefined
  if (onUserCreation !== undefined && onUserCreation !== "" && !functions.has(onUserCreation)) {
    files.mistake(file, `the user creation function "${onUserCreation}" does not exist: first logins are rejected`)
  }
  const hook = onUserCreation === "" ? undefined : onUserCreation
  if (config.enabled !== true) return { ...none, onUserCreation: hook }
  const { collection_name: collection, database_name: database, user_id_field: userIdField } = config
  if (!isText(collection) || !isText(database) || !isText(userIdField)) {
    files.mistake(file, 'custom user data is ignored: expected "database_name", "collection_name" and "user_id_field"')
    return { ...none, onUserCreation: hook }
  }
  const source: CustomUserData = {
    database,
    collection,
    userIdField,
    ...(isText(config.mongo_service_name) ? { service: config.mongo_service_name } : undefined)
  }
  return { source, onUserCreation: hook }
})

const listOf = (value: string | ReadonlyArray<string> | null | undefined): ReadonlyArray<string> =>
  typeof value === "string" ? [value] : (value ?? [])

const textOr = (text: string | null | undefined, otherwise: string): string => (isText(text) ? text : otherwise)

const isText = (text: string | null | undefined): text is string => text !== undefined && text !== null && text !== ""
