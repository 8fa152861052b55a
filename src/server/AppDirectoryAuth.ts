/**
 * Loads the authentication providers and the custom user data of an exported application.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type App, type AppFunction, type CustomUserData, missing } from "./App.ts"
import type { AppFiles } from "./AppFiles.ts"

const Flag = Schema.optional(Schema.NullOr(Schema.Boolean))
const Text = Schema.optional(Schema.NullOr(Schema.String))

const Provider = Schema.Struct({
  name: Text,
  type: Text,
  disabled: Flag,
  config: Schema.optional(
    Schema.NullOr(
      Schema.Struct({
        autoConfirm: Flag,
        runConfirmationFunction: Flag,
        confirmationFunctionName: Text,
        runResetFunction: Flag,
        resetFunctionName: Text,
        authFunctionName: Text,
        authFunctionId: Text
      })
    )
  )
})
type Provider = typeof Provider.Type

/** @internal */
export const CustomUserDataConfig = Schema.Struct({
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
export const providers = Effect.fnUntraced(function* (files: AppFiles, functions: ReadonlyMap<string, AppFunction>) {
  const declared: Array<readonly [file: string, type: string, provider: Provider]> = []
  const all = (yield* files.json(providersFile, Schema.Record(Schema.String, Provider))) ?? {}
  for (const [name, provider] of Object.entries(all)) declared.push([providersFile, provider.type ?? name, provider])
  for (const file of files.below("auth_providers")) {
    if (!file.endsWith(".json")) continue
    const provider = yield* files.json(file, Provider)
    const name = file.slice("auth_providers/".length, -".json".length)
    if (provider !== undefined) declared.push([file, provider.type ?? provider.name ?? name, provider])
  }

  let anonymous = false
  let apiKey = false
  let emailPassword: App["providers"]["emailPassword"]
  let customFunction: AppFunction | undefined
  for (const [file, type, { config, disabled }] of declared) {
    if (disabled === true) continue
    const dangling = (use: string, name: string | null | undefined) => {
      if (name === undefined || name === null || name === "" || functions.has(name)) return
      files.report.push({ file, message: `the ${use} function "${name}" of "${type}" does not exist` })
    }
    switch (type) {
      case "anon-user":
        anonymous = true
        break
      case "api-key":
        apiKey = true
        break
      case "local-userpass":
        emailPassword = { autoConfirm: config?.autoConfirm === true }
        if (config?.runConfirmationFunction === true) dangling("confirmation", config.confirmationFunctionName)
        if (config?.runResetFunction === true) dangling("reset", config.resetFunctionName)
        if (!emailPassword.autoConfirm) {
          files.report.push({
            file,
            message:
              "confirmation of e-mail addresses is not supported: who registers stays unconfirmed and cannot log in; " +
              'set "autoConfirm" of "local-userpass" to true'
          })
        }
        break
      case "custom-function": {
        const name = config?.authFunctionName ?? ""
        dangling("authentication", name)
        customFunction = functions.get(name) ?? missing(name)
        break
      }
      default:
        files.report.push({
          file,
          message: `the authentication provider "${type}" is not supported: logging in with it is refused`
        })
    }
  }
  return { anonymous, apiKey, emailPassword, customFunction }
})

/** @internal */
export const customUserData = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, AppFunction>,
  ofRoot: typeof CustomUserDataConfig.Type | undefined
) {
  const config = (yield* files.json(customUserDataFile, CustomUserDataConfig)) ?? ofRoot
  const none: { readonly source: CustomUserData | undefined; readonly onUserCreation: string | undefined } = {
    source: undefined,
    onUserCreation: undefined
  }
  if (config === undefined) return none
  const onUserCreation = config.on_user_creation_function_name ?? undefined
  const file = files.has(customUserDataFile) ? customUserDataFile : undefined
  if (onUserCreation !== undefined && onUserCreation !== "" && !functions.has(onUserCreation)) {
    files.report.push({
      file,
      message: `the user creation function "${onUserCreation}" does not exist: nobody can log in for the first time`
    })
  }
  const hook = onUserCreation === "" ? undefined : onUserCreation
  if (config.enabled !== true) return { ...none, onUserCreation: hook }
  const { collection_name: collection, database_name: database, user_id_field: userIdField } = config
  if (!isText(collection) || !isText(database) || !isText(userIdField)) {
    files.report.push({
      file,
      message: 'custom user data needs "database_name", "collection_name" and "user_id_field": users have none'
    })
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

const isText = (text: string | null | undefined): text is string => text !== undefined && text !== null && text !== ""
