/** Loads the triggers of an exported application. */
import * as Cron from "effect/Cron"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Ejson from "../../protocol/Ejson.ts"
import type { AppFunction } from "../model/AppFunction.ts"
import type { AuthenticationOperation, Trigger } from "../model/Trigger.ts"
import * as AppDirectoryFunctions from "./AppDirectoryFunctions.ts"
import type { AppFiles } from "./AppFiles.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Flag = Schema.optional(Schema.NullOr(Schema.Boolean))
const Texts = Schema.optional(Schema.NullOr(Schema.Array(Schema.String)))
const TextOrTexts = Schema.optional(Schema.NullOr(Schema.Union([Schema.String, Schema.Array(Schema.String)])))

const Config = Schema.Struct({
  schedule: Text,
  skip_catchup_events: Flag,
  skip_catchup_event: Flag,
  tolerate_resume_errors: Flag,
  maximum_throughput: Flag,
  operation_type: TextOrTexts,
  operation_types: Texts,
  providers: Texts,
  service_name: Text,
  service_id: Text,
  database: Text,
  collection: Text,
  match: Schema.optional(Schema.Unknown),
  project: Schema.optional(Schema.Unknown),
  full_document: Flag,
  full_document_before_change: Flag,
  unordered: Flag
})
type Config = typeof Config.Type

const TriggerConfig = Schema.Struct({
  name: Text,
  type: Text,
  disabled: Flag,
  function_name: Text,
  event_processors: Schema.optional(
    Schema.NullOr(
      Schema.Struct({
        FUNCTION: Schema.optional(
          Schema.NullOr(
            Schema.Struct({ config: Schema.optional(Schema.NullOr(Schema.Struct({ function_name: Text }))) })
          )
        ),
        AWS_EVENTBRIDGE: Schema.optional(Schema.Unknown)
      })
    )
  ),
  config: Schema.optional(Schema.NullOr(Config))
})
type TriggerConfig = typeof TriggerConfig.Type

/** What is wrong with a trigger, so that it never fires. */
type Problem = string

/**
 * Loads them; `sources` are the names of the application's data sources.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (
  files: AppFiles,
  functions: ReadonlyMap<string, AppFunction>,
  sources: ReadonlyArray<string>
) {
  const triggers: Array<Trigger> = []
  for (const file of files.below("triggers")) {
    if (!file.endsWith(".json")) continue
    const config = yield* files.jsonOrReport(file, TriggerConfig, "this trigger never fires")
    if (config === undefined) continue
    const name = config.name ?? file.slice("triggers/".length, -".json".length)
    const found = triggerOf(config, name, functions, sources)
    if (Result.isFailure(found)) {
      if (config.disabled === true) continue
      files.mistake(file, `the trigger "${name}" never fires: ${found.failure}`)
      continue
    }
    if (triggers.some((other) => other.name === name)) {
      files.mistake(file, `this trigger never fires: another one has the name "${name}"`, "name")
      continue
    }
    const { disabled, fn } = found.success
    if (!disabled && !functions.has(fn.name)) {
      files.mistake(file, `the trigger "${name}" calls the function "${fn.name}", which does not exist`)
    }
    triggers.push(found.success)
  }
  return triggers
})

const triggerOf = (
  config: TriggerConfig,
  name: string,
  functions: ReadonlyMap<string, AppFunction>,
  sources: ReadonlyArray<string>
): Result.Result<Trigger, Problem> => {
  const processors = config.event_processors ?? {}
  const called = processors.FUNCTION?.config?.function_name ?? config.function_name ?? ""
  if (called === "" && processors.AWS_EVENTBRIDGE !== undefined) {
    return Result.fail(
      "it sends events to AWS EventBridge, which is not supported: name a function in event_processors.FUNCTION instead"
    )
  }
  const fn = functions.get(called) ?? AppDirectoryFunctions.missing(called)
  const base = { name, fn, disabled: config.disabled === true }
  const settings = config.config ?? {}
  switch (config.type?.toUpperCase()) {
    case "SCHEDULED":
      return Result.map(scheduleOf(settings.schedule ?? ""), (schedule) => ({
        ...base,
        _tag: "Scheduled",
        schedule,
        skipsCatchup: skipsCatchup(settings)
      }))
    case "AUTHENTICATION":
      return authentication(base, settings)
    case "DATABASE":
      return databaseTrigger(base, settings, sources)
    default:
      return Result.fail(`"type" must be one of DATABASE, AUTHENTICATION, SCHEDULED`)
  }
}

/** The schedule of a CRON expression with five fields, in UTC. A minute has to match all of them. */
const scheduleOf = (expression: string): Result.Result<Cron.Cron, Problem> => {
  const fields = expression.trim().split(/\s+/)
  if (fields.length !== 5) {
    return Result.fail(`"schedule" must have five fields (minute, hour, day, month, weekday): "${expression}"`)
  }
  const parsed = Cron.parse(fields.map((field) => (field === "?" ? "*" : field)).join(" "), "UTC")
  return Result.mapBoth(parsed, {
    onSuccess: (cron) => Cron.make({ ...cron, tz: Option.getOrUndefined(cron.tz), and: true }),
    onFailure: ({ message }) => `"schedule" is invalid: "${expression}": ${message}`
  })
}

type Base = Pick<Trigger, "name" | "fn" | "disabled">

/** The documentation has the name of the setting in two forms. */
const skipsCatchup = ({ skip_catchup_event, skip_catchup_events }: Config): boolean =>
  skip_catchup_events ?? skip_catchup_event ?? false

const nameOf = (name: string | null | undefined): string | undefined => (name === "" ? undefined : (name ?? undefined))

const authenticationOperations: ReadonlyArray<AuthenticationOperation> = ["CREATE", "LOGIN", "DELETE"]

const authentication = (
  base: Base,
  { operation_type, operation_types, providers }: Config
): Result.Result<Trigger, Problem> => {
  const named = [operation_type ?? operation_types ?? []].flat().map((it) => it.toUpperCase())
  const operations = authenticationOperations.filter((it) => named.includes(it))
  if (operations.length === 0 || operations.length < new Set(named).size) {
    return Result.fail(`"operation_type" must be one of ${authenticationOperations.join(", ")}`)
  }
  return Result.succeed({
    ...base,
    _tag: "Authentication",
    operations: new Set(operations),
    providers: new Set(providers ?? [])
  })
}

const documentOperations = new Set(["insert", "update", "replace", "delete"])

const databaseTrigger = (
  base: Base,
  config: Config,
  sources: ReadonlyArray<string>
): Result.Result<Trigger, Problem> => {
  const { operation_types } = config
  const [database, collection] = [nameOf(config.database), nameOf(config.collection)]
  const named = config.service_name ?? config.service_id ?? ""
  const [only] = sources
  const service = sources.includes(named) ? named : sources.length === 1 ? only : undefined
  if (service === undefined) return Result.fail(`there is no data source "${named}"`)
  if (database === undefined && collection !== undefined) {
    return Result.fail(`"collection" is set and "database" is not: name the database, or leave out both`)
  }
  const operations = (operation_types ?? []).map((it) => it.toLowerCase())
  const unknown = operations.find((it) => !documentOperations.has(it))
  if (unknown !== undefined || operations.length === 0) {
    return Result.fail(
      `"operation_types" must be a list of INSERT, UPDATE, REPLACE, DELETE${unknown === undefined ? "" : `, not ${unknown.toUpperCase()}`}`
    )
  }
  return Result.map(
    Result.all({ match: documentOf("match", config.match), project: documentOf("project", config.project) }),
    (filters) => ({
      ...base,
      _tag: "Database",
      service,
      database,
      collection,
      operations: new Set(operations),
      ...filters,
      fullDocument: config.full_document ?? false,
      fullDocumentBeforeChange: config.full_document_before_change ?? false,
      unordered: config.unordered ?? false,
      maximumThroughput: config.maximum_throughput ?? false,
      skipsCatchup: skipsCatchup(config),
      toleratesLoss: config.tolerate_resume_errors ?? false
    })
  )
}

/** A document in Extended JSON; some exports have it as a string. */
const documentOf = (key: string, value: unknown): Result.Result<Readonly<Record<string, unknown>>, Problem> => {
  if (value === undefined || value === null || value === "") return Result.succeed({})
  const parsed = typeof value === "string" ? Ejson.parse(value) : Ejson.fromJson(value)
  if (Result.isFailure(parsed)) return Result.fail(`"${key}" is not Extended JSON: ${parsed.failure.message}`)
  return Predicate.isObject(parsed.success)
    ? Result.succeed({ ...parsed.success })
    : Result.fail(`"${key}" must be a document`)
}
