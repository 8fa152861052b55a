/**
 * What keeps one client from taking the database away from all the others: it lives in the server's own process, so
 * whatever an operation costs, everybody waits for it.
 */
import * as vm from "node:vm"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Document } from "./bson.ts"
import * as Bson from "./bson.ts"

/** The operation took too long, and was given up before it changed anything. */
export class TimeLimitExceeded extends Schema.TaggedError<TimeLimitExceeded>()("TimeLimitExceeded", {
  message: Schema.String
}) {}

/** Criteria that cannot be asked of a document. */
export class MatchFailed extends Schema.TaggedError<MatchFailed>()("MatchFailed", { message: Schema.String }) {}

/** How long an operation may compute, in which nothing else happens. */
const limitMillis = 3_000

const slot = "run"
const script = new vm.Script(`${slot}()`, { filename: "database" })
let realm: vm.Context | undefined

/**
 * Runs what must change nothing that outlives it, since it may be given up at any place. Nothing else can stop a regular
 * expression that backtracks without end.
 */
const timeLimited = <A>(run: () => A): A => {
  const outcome: { value?: { readonly of: A } } = {}
  realm ??= vm.createContext()
  realm[slot] = () => {
    outcome.value = { of: run() }
  }
  try {
    script.runInContext(realm, { timeout: limitMillis })
  } catch (cause) {
    // an error of the realm is no instance of this one's Error
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
    if (code === "ERR_SCRIPT_EXECUTION_TIMEOUT") {
      throw new TimeLimitExceeded({ message: "operation exceeded time limit" })
    }
    throw cause
  } finally {
    delete realm[slot]
  }
  if (outcome.value === undefined) throw new TimeLimitExceeded({ message: "operation exceeded time limit" })
  return outcome.value.of
}

/** Operators whose cost does not follow from the number of documents. */
const costly = new Set(["$expr", "$regex", "$regexMatch", "$regexFind", "$regexFindAll", "$jsonSchema"])

const isCostly = (criteria: unknown): boolean =>
  Bson.typeName(criteria) === "regex" ||
  (Array.isArray(criteria) && criteria.some(isCostly)) ||
  (Bson.isDocument(criteria) && Object.entries(criteria).some(([name, inner]) => costly.has(name) || isCostly(inner)))

/** Runs what evaluates criteria, under a time limit where they could take any time. */
export const bounded = <A>(criteria: unknown, run: () => A): A => (isCostly(criteria) ? timeLimited(run) : run())

/** Asks whether one document matches; it may not be told. */
export const boundedMatcher =
  (criteria: unknown, matches: (document: Document) => boolean) =>
  (document: Document): Effect.Effect<boolean, TimeLimitExceeded | MatchFailed> =>
    Effect.try({
      try: () => bounded(criteria, () => matches(document)),
      catch: (cause) =>
        cause instanceof TimeLimitExceeded
          ? cause
          : new MatchFailed({ message: cause instanceof Error ? cause.message : String(cause) })
    })

/** Runs a pipeline. */
export const boundedPipeline = timeLimited

/** Applies an update. */
export const boundedUpdate = <A>(
  change: { readonly update: unknown; readonly arrayFilters?: unknown },
  run: () => A
): A => (Array.isArray(change.update) ? timeLimited(run) : bounded([change.update, change.arrayFilters], run))

/** As far as MongoDB fills up an array. */
const mostFilled = 1_500_000

const canCreate = new Set(["$set", "$setOnInsert", "$unset"])

/**
 * Throws where an update of a path would fill memory with nothing, or reach what JavaScript objects inherit: that is no
 * field, and taken for one it would be neither found nor changed.
 */
export const checkPath = (document: Document, operator: string, path: string): void => {
  const names = path.split(".")
  let value: unknown = document
  // what stands behind `$` may be any array
  let positional = false
  for (const [i, name] of names.entries()) {
    if ((positional || Array.isArray(value)) && /^\d+$/.test(name) && Number(name) > mostFilled) {
      throw new Error(`can't backfill more than ${mostFilled} elements: '${path}'`)
    }
    positional ||= name.startsWith("$")
    const own = typeof value === "object" && value !== null && Object.hasOwn(value, name)
    const creates = i === names.length - 1 && canCreate.has(operator)
    if (!own && !creates && name in Object.prototype) {
      throw new Error(`the field name '${name}' is not supported in '${path}' of ${operator}`)
    }
    value = own ? Reflect.get(value ?? {}, name) : undefined
  }
}
