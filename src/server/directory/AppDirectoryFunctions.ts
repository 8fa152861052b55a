/** Loads the functions of an exported application. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { AppFunction, FunctionBody, RunAs } from "../model/AppFunction.ts"
import * as Rules from "../data/Rules.ts"
import type { AppDirectoryError, AppFiles } from "./AppFiles.ts"
import * as FunctionSource from "../functions/FunctionSource.ts"
import { toScript } from "./internal/esModules.ts"

const settings = {
  name: Schema.String,
  private: Schema.optional(Schema.NullOr(Schema.Boolean)),
  can_evaluate: Schema.optional(Schema.Unknown),
  run_as_system: Schema.optional(Schema.NullOr(Schema.Boolean)),
  run_as_authed_user: Schema.optional(Schema.NullOr(Schema.Boolean)),
  run_as_user_id: Schema.optional(Schema.NullOr(Schema.String)),
  run_as_user_id_script_source: Schema.optional(Schema.NullOr(Schema.String))
}
const FunctionConfig = Schema.StructWithRest(Schema.Struct(settings), [Schema.Record(Schema.String, Schema.Unknown)])
type FunctionConfig = typeof FunctionConfig.Type

const unusable = "no client can call the function"

/** Settings that mean nothing to this server. */
const harmless = new Set(["_id", "disable_arg_logs", "id"])

/** A misspelt `private` or `can_evaluate` would leave a function open to all. */
const reportUnknown = (files: AppFiles, config: FunctionConfig, configFile: string): void => {
  for (const key of Object.keys(config)) {
    if (Object.hasOwn(settings, key) || harmless.has(key)) continue
    files.mistake(configFile, `the function "${config.name}" has the unknown setting "${key}", which is ignored`, key)
  }
}

/** The settings of a function whose own are wrong: other functions can call it, if it has a name. */
const closedTo = (entry: unknown): FunctionConfig | undefined => {
  const name: unknown = Predicate.isObject(entry) ? Reflect.get(entry, "name") : undefined
  return typeof name === "string" ? { name, private: true } : undefined
}

const listFile = "functions/config.json"

/**
 * The rule about callers of a function, and the identity under which it runs.
 *
 * @internal
 */
export const access = (
  files: AppFiles,
  config: FunctionConfig,
  configFile: string
): Pick<AppFunction, "closed" | "gate" | "runAs"> => {
  const runAs = runAsOf(files, config, configFile)
  const { closed, gate } = gated(
    files,
    configFile,
    { ...missing(config.name), closed: runAs === undefined },
    config.can_evaluate
  )
  return { closed, gate, runAs: runAs ?? { _tag: "Caller" } }
}

/**
 * A function by its settings; `source` is the file of its source.
 *
 * @internal
 */
export const of = Effect.fnUntraced(function* (
  files: AppFiles,
  config: FunctionConfig,
  configFile: string,
  source: string | undefined
): Effect.fn.Return<AppFunction, AppDirectoryError> {
  return {
    name: config.name,
    private: config.private ?? false,
    ...access(files, config, configFile),
    body: yield* read(files, config.name, source)
  }
})

/**
 * A function that a rule guards besides the one that it has.
 *
 * @internal
 */
export const gated = (files: AppFiles, file: string, fn: AppFunction, rule: unknown): AppFunction => {
  if (isOpen(rule)) return fn
  const gate = Rules.compileGate(rule)
  if (Result.isSuccess(gate)) {
    return { ...fn, gate: fn.gate === undefined ? gate.success : Rules.both(fn.gate, gate.success) }
  }
  const { message, place } = gate.failure
  const at = ["can_evaluate", place].filter((it) => it !== "").join(".")
  files.mistake(
    file,
    `the rule of the function "${fn.name}" is not understood at ${at}: ${message}; no client can call the function`,
    at
  )
  return { ...fn, closed: true }
}

/** @internal */
export const load = Effect.fnUntraced(function* (files: AppFiles) {
  const functions = new Map<string, AppFunction>()
  const sources = files.below("functions").filter((file) => file.endsWith(".js"))

  const add = Effect.fnUntraced(function* (
    files: AppFiles,
    config: FunctionConfig,
    configFile: string,
    source: string | undefined
  ) {
    const { name } = config
    reportUnknown(files, config, configFile)
    if (functions.has(name)) files.mistake(configFile, `the function "${name}" is listed twice: the last one counts`)
    functions.set(name, yield* of(files, config, configFile, source))
  })

  const used = new Set<string>()
  const listed = (yield* files.json(listFile, Schema.Array(Schema.Unknown))) ?? []
  for (const [i, entry] of listed.entries()) {
    const config = (yield* files.partOrReport(listFile, `${i}`, entry, FunctionConfig, unusable)) ?? closedTo(entry)
    if (config === undefined) continue
    const source = find(files, sources, config.name)
    if (source !== undefined) used.add(source)
    yield* add(files.within(listFile, `${i}`), config, listFile, source)
  }
  for (const file of files.below("functions")) {
    // the older layout: a folder for each function
    const folder = /^(functions\/.+)\/config\.json$/.exec(file)?.[1]
    if (folder === undefined || !files.has(`${folder}/source.js`)) continue
    const name = folder.slice("functions/".length)
    const config = (yield* files.jsonOrReport(file, FunctionConfig, unusable)) ?? closedTo({ name })
    if (config !== undefined) {
      used.add(`${folder}/source.js`)
      yield* add(files, config, file, `${folder}/source.js`)
    }
  }
  // sources that are not listed: helpers, tests, or forgotten functions
  const unlisted = sources.filter((source) => !used.has(source))
  for (const source of unlisted) {
    const name = source.slice("functions/".length, -".js".length)
    if (!functions.has(name)) yield* add(files, { name, private: true }, source, source)
  }
  for (const { gate, name } of functions.values()) {
    for (const called of gate?.calls ?? []) {
      if (functions.has(called)) continue
      files.mistake(
        listFile,
        `the rule of the function "${name}" calls the function "${called}", which does not exist: every call is rejected`
      )
    }
  }
  if (unlisted.length > 0) {
    const names = unlisted.slice(0, 5).map((source) => source.slice("functions/".length))
    const more = unlisted.length > names.length ? `, and ${unlisted.length - names.length} more` : ""
    files.report.push({
      file: listFile,
      message:
        `it does not list ${names.join(", ")}${more}: only other functions can call unlisted ones; ` +
        `add { "name": "${names[0]?.slice(0, -".js".length)}" } to it to let clients call that one`
    })
  }
  return functions
})

/**
 * Stands in for a function that does not exist: every call fails with `FunctionNotFound`.
 *
 * @internal
 */
export const missing = (name: string): AppFunction => ({
  name,
  private: false,
  closed: false,
  gate: undefined,
  runAs: { _tag: "System" },
  body: { _tag: "Broken", code: "FunctionNotFound", message: `function not found: '${name}'` }
})

/** Whether a function has no rule, so that its calls need no check. */
const isOpen = (rule: unknown): boolean =>
  rule === undefined ||
  rule === null ||
  rule === true ||
  (typeof rule === "object" && !Array.isArray(rule) && Object.keys(rule).length === 0)

/** The identity a function runs under; `undefined` if the settings contradict each other. */
const runAsOf = (files: AppFiles, config: FunctionConfig, configFile: string): RunAs | undefined => {
  const { name, run_as_user_id: id, run_as_user_id_script_source: script } = config
  const report = (message: string): undefined => {
    files.mistake(configFile, `${message}; no client can call the function`)
    return undefined
  }
  const byId = id !== undefined && id !== null && id !== ""
  const byScript = script !== undefined && script !== null && script !== ""
  if (config.run_as_system === true) {
    return config.run_as_authed_user === true
      ? report(`the function "${name}" has both "run_as_system" and "run_as_authed_user"`)
      : { _tag: "System" }
  }
  if (config.run_as_authed_user === true ? byId || byScript : byId && byScript) {
    return report(
      `the function "${name}" has more than one of "run_as_authed_user", "run_as_user_id" and "run_as_user_id_script_source"`
    )
  }
  if (byId) return { _tag: "User", id }
  if (!byScript) return { _tag: "Caller" }
  const file = `${configFile} (run_as_user_id_script_source of ${name})`
  const problem = FunctionSource.check(script, file)
  return problem === undefined
    ? { _tag: "Chosen", body: { _tag: "Source", text: script, file } }
    : report(`"run_as_user_id_script_source" of the function "${name}" does not parse: ${problem.message}`)
}

/** The source of a function: the file of its name, or the only one of that name in any folder, ignoring case. */
const find = (files: AppFiles, sources: ReadonlyArray<string>, name: string): string | undefined => {
  const file = `functions/${name}.js`
  if (files.has(file)) return file
  const elsewhere = sources.filter((source) => source.endsWith(`/${name}.js`))
  if (elsewhere.length === 1) return elsewhere[0]
  // some file systems ignore case
  const alike = sources.filter((source) => source.toLowerCase() === file.toLowerCase())
  return elsewhere.length === 0 && alike.length === 1 ? alike[0] : undefined
}

const read = Effect.fnUntraced(function* (files: AppFiles, name: string, source: string | undefined) {
  if (source === undefined) {
    const file = `functions/${name}.js`
    files.mistake(file, `the source of the function "${name}" is missing: calling it fails`)
    return {
      _tag: "Broken",
      code: "FunctionNotFound",
      message: `function not found: '${name}': its source is missing`
    } satisfies FunctionBody
  }
  const loaded = yield* Effect.result(files.text(source))
  if (Result.isFailure(loaded)) {
    files.mistake(source, `the function "${name}" has no source: ${loaded.failure.message}`)
    return {
      _tag: "Broken",
      code: "FunctionNotFound",
      message: `function not found: '${name}': its source cannot be read`
    } satisfies FunctionBody
  }
  const text = loaded.success
  const problem = FunctionSource.check(text, source)
  if (problem === undefined) return { _tag: "Source", text, file: source } satisfies FunctionBody
  const script = toScript(text)
  if (script !== undefined && FunctionSource.check(script, source) === undefined) {
    return { _tag: "Source", text: script, file: source } satisfies FunctionBody
  }
  const place = problem.line === undefined ? source : `${source}:${problem.line}`
  files.mistake(place, `the function "${name}" does not parse: ${problem.message}`)
  return {
    _tag: "Broken",
    code: "FunctionSyntaxError",
    message: `the function '${name}' does not parse (${place}): ${problem.message}`
  } satisfies FunctionBody
})
