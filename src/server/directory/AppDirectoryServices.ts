/** Loads the third-party services of an exported application, with their secrets and rules. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Rules from "../data/Rules.ts"
import type { Service, ServiceRule } from "../model/Service.ts"
import type { Find as FindSecret } from "./AppDirectorySecrets.ts"
import type { AppFiles } from "./AppFiles.ts"

const Text = Schema.optional(Schema.NullOr(Schema.String))
const Fields = Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown)))

const Config = Schema.Struct({ name: Text, type: Text, config: Fields, secret_config: Fields })

const Rule = Schema.Struct({
  name: Text,
  actions: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
  when: Schema.optional(Schema.Unknown)
})

/** The types that functions can use, and those that receive webhooks only. */
const supported = new Set(["http", "aws", "aws-ses", "twilio", "gcm", "github"])

/**
 * Loads the services other than data sources, by name.
 *
 * @internal
 */
export const load = Effect.fnUntraced(function* (files: AppFiles, findSecret: FindSecret) {
  const services = new Map<string, Service>()
  for (const file of files.all) {
    const folder = /^((?:services|http_endpoints)\/[^/]+)\/config\.json$/.exec(file)?.[1]
    const given = folder === undefined ? undefined : yield* files.jsonOrReport(file, Config, "there is no such service")
    const type = given?.type ?? undefined
    if (folder === undefined || given === undefined || type === undefined || type.startsWith("mongodb")) continue
    const name = given.name ?? folder.slice(folder.indexOf("/") + 1)
    if (!supported.has(type)) {
      files.report.push({
        file,
        message: `services of type "${type}" are not supported: functions that use "${name}" fail`
      })
    }
    services.set(name, {
      name,
      type,
      config: given.config ?? {},
      secrets: yield* secretsOf(file, name, given.secret_config ?? {}, findSecret),
      rules: yield* rulesOf(files, folder, name)
    })
  }
  return services
})

/** The secrets that a service names, by setting. */
const secretsOf = Effect.fnUntraced(function* (
  file: string,
  service: string,
  names: Readonly<Record<string, unknown>>,
  findSecret: FindSecret
) {
  const found = new Map<string, Redacted.Redacted<unknown>>()
  for (const [setting, name] of Object.entries(names)) {
    if (typeof name !== "string" || name === "") continue
    const secret = yield* findSecret(name, file, `"${setting}" of the service "${service}"`)
    if (secret !== undefined) found.set(setting, secret)
  }
  return found
})

/** A rule that is not understood allows nothing. */
const rulesOf = Effect.fnUntraced(function* (files: AppFiles, folder: string, service: string) {
  const rules: Array<ServiceRule> = []
  for (const file of files.below(`${folder}/rules`)) {
    if (!file.endsWith(".json")) continue
    const consequence = `the rule allows no action of "${service}"`
    const rule = yield* files.jsonOrReport(file, Rule, consequence)
    const when = rule === undefined ? undefined : conditionOf(rule.when)
    if (when !== undefined && Result.isFailure(when)) {
      const { message, place } = when.failure
      const at = ["when", place].filter((it) => it !== "").join(".")
      files.mistake(file, `the rule is not understood at ${at}: ${message}; ${consequence}`, at)
    }
    const isUsable = rule !== undefined && when !== undefined && Result.isSuccess(when)
    rules.push({ actions: isUsable ? (rule.actions ?? []) : [], when: isUsable ? when.success : undefined })
  }
  return rules
})

const conditionOf = (when: unknown): Result.Result<Rules.Gate | undefined, { message: string; place: string }> => {
  const isOpen =
    when === undefined || when === null || when === true || (Predicate.isObject(when) && Object.keys(when).length === 0)
  return isOpen ? Result.succeed(undefined) : Rules.compileGate(when, "action")
}
