/** Loads the HTTPS endpoints and the incoming webhooks of an exported application. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { AppFunction } from "../model/App.ts"
import type { DataApi } from "../model/DataApi.ts"
import { type Endpoint, methods, type Validation } from "../model/Endpoint.ts"
import * as AppDirectoryFunctions from "./AppDirectoryFunctions.ts"
import type * as AppDirectorySecrets from "./AppDirectorySecrets.ts"
import type { AppDirectoryError, AppFiles } from "./AppFiles.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Flag = Schema.optional(Schema.NullOr(Schema.Boolean))

const EndpointConfig = Schema.Struct({
  route: Schema.String,
  http_method: Text,
  function_name: Text,
  validation_method: Text,
  verification_method: Text,
  secret_name: Text,
  respond_result: Flag,
  return_type: Text,
  fetch_custom_user_data: Flag,
  create_user_on_auth: Flag,
  can_evaluate: Schema.optional(Schema.Unknown),
  disabled: Flag
})
type EndpointConfig = typeof EndpointConfig.Type

/** Without them, an endpoint answers less. */
const harmless = new Set(["respond_result", "return_type", "fetch_custom_user_data", "create_user_on_auth"])

const WebhookConfig = Schema.Struct({
  name: Text,
  respond_result: Flag,
  run_as_user_id: Text,
  run_as_user_id_script_source: Text,
  run_as_authed_user: Flag,
  fetch_custom_user_data: Flag,
  create_user_on_auth: Flag,
  can_evaluate: Schema.optional(Schema.Unknown),
  disabled: Flag,
  options: Schema.optional(
    Schema.NullOr(Schema.Struct({ httpMethod: Text, validationMethod: Text, secret: Text, secretAsQueryParam: Flag }))
  )
})
type WebhookConfig = typeof WebhookConfig.Type

const ServiceConfig = Schema.Struct({ name: Text, type: Text })

const listFiles = ["http_endpoints/config.json", "https_endpoints/config.json"]
const webhookFile = /^((?:services|http_endpoints)\/([^/]+))\/(?:incoming_webhooks\/)?([^/]+)\/config\.json$/

/** The form of a route in which requests are looked up. */
const routeOf = (route: string): string =>
  route
    .split("/")
    .filter((part) => part !== "")
    .join("/")

const methodOf = (method: string | null | undefined): Endpoint["method"] | undefined => {
  const name = (method ?? "*").toUpperCase()
  return name === "ANY" ? "*" : methods.find((it) => it === name)
}

/**
 * Loads them; `functions` are the application's.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, AppFunction>,
  findSecret: AppDirectorySecrets.Find
): Effect.fn.Return<ReadonlyArray<Endpoint>, AppDirectoryError> {
  const found = new Map<string, Endpoint>()
  const add = (files: AppFiles, file: string, endpoint: Endpoint | undefined) => {
    if (endpoint === undefined) return
    const key = `${endpoint.kind} ${endpoint.method} ${endpoint.route}`
    if (!found.has(key)) found.set(key, endpoint)
    else files.mistake(file, `${titleOf(endpoint)} is declared twice: the first one answers`)
  }
  for (const file of listFiles) {
    // a folder of services may have the file of one of them in this place
    const content = yield* files.jsonOrReport(file, Schema.Unknown, "none of its HTTPS endpoints is served")
    if (content === undefined) continue
    if (!Array.isArray(content)) {
      files.mistake(file, "expected a list of HTTPS endpoints: none of them is served")
      continue
    }
    for (const [i, entry] of content.entries()) {
      const consequence = "this HTTPS endpoint is not served"
      const config = yield* files.partOrReport(file, `${i}`, entry, EndpointConfig, consequence, harmless)
      if (config === undefined || config.disabled === true) continue
      const part = files.within(file, `${i}`)
      add(part, file, yield* endpointOf(part, file, config, functions, findSecret))
    }
  }
  for (const file of files.all) {
    const [, folder, service, name] = webhookFile.exec(file) ?? []
    if (folder === undefined || service === undefined || name === undefined) continue
    if (!files.has(file.replace(/config\.json$/, "source.js"))) continue
    const config = yield* files.jsonOrReport(file, WebhookConfig, "this incoming webhook is not served", harmless)
    if (config === undefined || config.disabled === true) continue
    const settings = yield* files.jsonOrReport(
      `${folder}/config.json`,
      ServiceConfig,
      "it is taken for an HTTP service"
    )
    add(files, file, yield* webhookOf(files, file, config, settings?.name ?? service, name, settings?.type ?? "http"))
  }
  return [...found.values()]
})

const titleOf = ({ kind, method, route }: Endpoint): string =>
  kind === "Webhook" ? `the incoming webhook ${route}` : `the HTTPS endpoint ${method} /${route}`

const endpointOf = Effect.fnUntraced(function* (
  files: AppFiles,
  file: string,
  config: EndpointConfig,
  functions: ReadonlyMap<string, AppFunction>,
  findSecret: AppDirectorySecrets.Find
) {
  const method = methodOf(config.http_method)
  const title = `the HTTPS endpoint ${config.http_method ?? "*"} ${config.route}`
  if (method === undefined) {
    files.mistake(file, `${title} is not served: "http_method" must be one of ${methods.join(", ")}`, "http_method")
    return undefined
  }
  const name = config.function_name ?? ""
  const fn = functions.get(name)
  if (fn === undefined)
    files.mistake(file, `${title} calls the function "${name}", which does not exist`, "function_name")
  const gated = AppDirectoryFunctions.gated(files, file, fn ?? AppDirectoryFunctions.missing(name), config.can_evaluate)
  const endpoint: Endpoint = {
    kind: "Endpoint",
    route: routeOf(config.route),
    method,
    fn: gated,
    validation: yield* validationOf(files, file, title, config.validation_method ?? config.verification_method, () =>
      secretOf(config.secret_name, file, title, findSecret)
    ),
    respondsWithResult: config.respond_result ?? false,
    returnType: config.return_type?.toUpperCase() === "EJSON" ? "EJSON" : "JSON",
    fetchesCustomData: config.fetch_custom_user_data ?? false,
    createsUsers: config.create_user_on_auth ?? false,
    argument: "Request"
  }
  return endpoint
})

const webhookOf = Effect.fnUntraced(function* (
  files: AppFiles,
  file: string,
  config: WebhookConfig,
  service: string,
  folder: string,
  type: string
) {
  const { options } = config
  const route = `${service}/${config.name ?? folder}`
  const title = `the incoming webhook ${route}`
  const method = methodOf(options?.httpMethod ?? "POST")
  if (method === undefined) {
    files.mistake(
      file,
      `${title} is not served: "httpMethod" must be one of ${methods.join(", ")}`,
      "options.httpMethod"
    )
    return undefined
  }
  const isBound = [config.run_as_user_id, config.run_as_user_id_script_source].some((it) => (it ?? "") !== "")
  const fn = yield* AppDirectoryFunctions.of(
    files,
    { ...config, name: route, run_as_system: !isBound && config.run_as_authed_user !== true },
    file,
    file.replace(/config\.json$/, "source.js")
  )
  const secret = options?.secret ?? ""
  const redacted = secret === "" ? undefined : Redacted.make(secret)
  const declared = options?.secretAsQueryParam === true ? "SECRET_AS_QUERY_PARAM" : options?.validationMethod
  const endpoint: Endpoint = {
    kind: "Webhook",
    route,
    method,
    fn,
    validation:
      type === "github" && redacted !== undefined
        ? { _tag: "GitHub", secret: redacted }
        : yield* validationOf(files, file, title, declared, () => Effect.succeed(redacted)),
    respondsWithResult: config.respond_result ?? false,
    returnType: "EJSON",
    fetchesCustomData: config.fetch_custom_user_data ?? false,
    createsUsers: config.create_user_on_auth ?? false,
    argument: type === "github" ? "Json" : type === "twilio" ? "Form" : "Request"
  }
  return endpoint
})

const secretOf = Effect.fnUntraced(function* (
  name: string | null | undefined,
  file: string,
  title: string,
  findSecret: AppDirectorySecrets.Find
) {
  const secret = yield* findSecret(name ?? "", file, title)
  const text: unknown = secret === undefined ? undefined : Redacted.value(secret)
  return typeof text === "string" && text !== "" ? Redacted.make(text) : undefined
})

const tags = { SECRET_AS_QUERY_PARAM: "Secret", VERIFY_PAYLOAD: "Signature" } as const

/** What a request has to prove. A method that is unknown is taken for a secret that is missing. */
const validationOf = Effect.fnUntraced(function* (
  files: AppFiles,
  file: string,
  title: string,
  method: string | null | undefined,
  secret: () => Effect.Effect<Redacted.Redacted | undefined>
): Effect.fn.Return<Validation> {
  const name = method ?? ""
  if (name === "" || name === "NO_VALIDATION") return { _tag: "None" }
  if (name === "SECRET_AS_QUERY_PARAM" || name === "VERIFY_PAYLOAD")
    return { _tag: tags[name], secret: yield* secret() }
  files.mistake(
    file,
    `${title} refuses every request: "${name}" is not one of NO_VALIDATION, SECRET_AS_QUERY_PARAM, VERIFY_PAYLOAD`
  )
  return { _tag: "Secret", secret: undefined }
})

const DataApiConfig = Schema.Struct({
  disabled: Flag,
  versions: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
  return_type: Text,
  validation_method: Text,
  secret_name: Text,
  create_user_on_auth: Flag,
  fetch_custom_user_data: Flag,
  run_as_system: Flag,
  run_as_authed_user: Flag,
  run_as_user_id: Text,
  run_as_user_id_script_source: Text,
  can_evaluate: Schema.optional(Schema.Unknown)
})

/**
 * Loads the settings of the Data API, where it is enabled.
 *
 * @internal
 */
export const loadDataApi = Effect.fnUntraced(function* (files: AppFiles, findSecret: AppDirectorySecrets.Find) {
  for (const file of [
    "http_endpoints/data_api_config.json",
    "https_endpoints/data_api_config.json",
    "data_api_config.json"
  ]) {
    const config = yield* files.jsonOrReport(file, DataApiConfig, "the Data API is not served", harmless)
    if (config === undefined || config.disabled !== false) continue
    const title = "the Data API"
    const dataApi: DataApi = {
      versions: new Set(config.versions ?? ["v1"]),
      returnType: config.return_type?.toUpperCase() === "EJSON" ? "EJSON" : "JSON",
      validation: yield* validationOf(files, file, title, config.validation_method, () =>
        secretOf(config.secret_name, file, title, findSecret)
      ),
      fetchesCustomData: config.fetch_custom_user_data ?? false,
      createsUsers: config.create_user_on_auth ?? false,
      access: AppDirectoryFunctions.access(files, { ...config, name: title }, file)
    }
    return dataApi
  }
  return undefined
})
