/** The embedded database: documents in memory, and in a row store. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Random from "effect/Random"
import type { Conditions } from "../../language/Filter.ts"
import { conditionsOf, withoutStrings } from "../../language/filters/conditions.ts"
import { canonical, isDocument } from "../../language/Value.ts"
import { defaultLimits, type Limits } from "../../storage/EventLog.ts"
import { RowStore } from "../../storage/RowStore.ts"
import { DatabaseError } from "../DatabaseError.ts"
import type { Driver, DriverTransaction, Run } from "../Driver.ts"
import type { Explanation } from "../Explanation.ts"
import { parseOptions } from "../Index.ts"
import type * as Evaluate from "../internal/evaluate.ts"
import { asError, ended } from "../internal/failures.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import type { Document, Kind, Namespace, Operation } from "../Operation.ts"
import type { View } from "../View.ts"
import { Batch } from "./batch.ts"
import { Collections } from "./collections.ts"
import { explanationOf, Report } from "./explain.ts"
import { execute } from "./statement.ts"
import { watch } from "./watch.ts"

const withMoment = <A, E>(use: (moment: Evaluate.Moment) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.flatMap(Random.Random, (random) =>
      // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
      use({ now: new Date(now), random: () => random.nextDoubleUnsafe() })
    )
  )

const attempt = <A>(run: () => A): Effect.Effect<A, DatabaseError> => Effect.try({ try: run, catch: asError })

/** The error of an `Insert` that stopped at a document; the ids are those of the documents before it. */
const stopped = (failure: unknown, ids: unknown): DatabaseError => {
  const { code, index, message } = asError(failure)
  return new DatabaseError({
    message,
    ...(code === undefined ? undefined : { code }),
    ...(index === undefined ? undefined : { index }),
    inserted: Array.isArray(ids) ? ids.length : 0
  })
}

/** The parts of an operation that determine its cost. */
interface Asked {
  readonly filter?: Document
  readonly pipeline?: ReadonlyArray<Document>
  readonly view?: View | undefined
  readonly collation?: Document | undefined
  readonly only?: { readonly _id: unknown } | undefined
}

const askedOf = ({ namespace: _, ...asked }: { readonly namespace: Namespace } & Asked): Asked => asked

/** The approximate bytes per unit of weight. */
const bytesOfUnit = 16

/** More bytes than that are expensive in any case. */
const mostReach = Steps.mostCheap * bytesOfUnit

/** The conditions of an operation's documents; `undefined` if it reads none. */
const conditionsOfAsked = ({ collation, filter, only, pipeline, view }: Asked): Conditions | undefined => {
  if (view?._tag === "Documents") return undefined
  if (only !== undefined) return [{ kind: "in", path: "_id", values: [canonical(only._id)] }]
  const given = view?.filter ?? filter ?? pipeline?.[0]?.["$match"]
  if (given === undefined) return pipeline && []
  const asked = canonical(given, "null")
  if (!isDocument(asked)) return []
  const conditions = conditionsOf(asked)
  return collation === undefined || view !== undefined ? conditions : withoutStrings(conditions)
}

/** Creates an in-memory database over a row store. Throws if the row store cannot be read. */
export const make = (rowStore: RowStore["Service"] = RowStore.none, logLimits: Limits = defaultLimits): Driver => {
  const collections = new Collections(rowStore, logLimits)

  /** The step of an operation. */
  const stepOf = <A, B>(
    batch: Batch,
    namespace: Namespace,
    asked: Asked,
    step: Pick<Steps.Step<A, B, DatabaseError>, "compute" | "finish" | "failure">
  ): Effect.Effect<B, DatabaseError> => {
    try {
      const { regex, units } = Weights.of(asked)
      const conditions = conditionsOfAsked(asked)
      // without reading documents, the cost is that of a copy
      const cost =
        conditions === undefined
          ? units
          : Steps.costOf({ units }, batch.reach(collections.open(namespace), { conditions }, mostReach) / bytesOfUnit)
      return Steps.step({ cost, units, timed: regex && conditions !== undefined, ...step })
    } catch (cause) {
      return Effect.fail(step.failure(cause))
    }
  }

  const run: Run = <K extends Kind>(operation: Operation<K>) => {
    const { namespace } = operation
    const asked = askedOf(operation)
    return withMoment((moment) => {
      const batch = new Batch()
      return stepOf(batch, namespace, asked, {
        compute: () => {
          const outcome = execute({ ...moment, collections, batch, inTransaction: false }, operation)
          return [outcome, collections.writes(batch, moment.now.getTime())] as const
        },
        finish: ([outcome, writes]) => {
          collections.commit(batch, writes)
          return outcome
        },
        failure: asError
      })
    }).pipe(
      Effect.flatMap(({ answer, failure }) =>
        failure === undefined ? Effect.succeed(answer) : Effect.fail(stopped(failure, answer))
      )
    )
  }

  /** Executes an operation without a commit. */
  const explain = <K extends Kind>(operation: Operation<K>): Effect.Effect<Explanation, DatabaseError> =>
    withMoment((moment) => {
      const batch = new Batch()
      const report = new Report()
      return stepOf(batch, operation.namespace, askedOf(operation), {
        compute: () => execute({ ...moment, collections, batch, inTransaction: false, report }, operation),
        finish: ({ answer, failure }) => {
          if (failure !== undefined) throw failure
          return explanationOf(operation, report, answer)
        },
        failure: asError
      })
    })

  const begin = (): DriverTransaction => {
    const batch = collections.begin()
    let open = true
    const end = () => {
      open = false
      collections.end(batch)
    }
    const whileOpen = <A>(use: () => A): A => {
      if (!open) throw ended()
      return use()
    }
    /** An operation that fails ends the transaction. */
    const failure = (cause: unknown) => {
      end()
      return asError(cause)
    }
    return {
      run: <K extends Kind>(operation: Operation<K>) =>
        withMoment((moment) =>
          stepOf(batch, operation.namespace, askedOf(operation), {
            compute: () =>
              whileOpen(() => execute({ ...moment, collections, batch, inTransaction: true }, operation).answer),
            finish: identity,
            failure
          })
        ),
      commit: withMoment(({ now }) =>
        Steps.step({
          cost: batch.size / bytesOfUnit,
          units: 0,
          timed: false,
          compute: () => whileOpen(() => collections.writes(batch, now.getTime())),
          finish: (writes) => {
            collections.commit(batch, writes)
            end()
          },
          failure
        })
      ),
      abort: Effect.sync(end)
    }
  }

  return {
    run,
    transaction: Effect.acquireRelease(Effect.sync(begin), ({ abort }) => abort),
    collections: (database) => attempt(() => collections.names(database)),
    databases: (source) => attempt(() => collections.databases(source)),
    explain,
    index: (namespace, index) =>
      attempt(() =>
        collections.index(namespace, parseOptions(typeof index === "string" ? { key: { [index]: 1 } } : index))
      ),
    indexes: (namespace) => attempt(() => collections.open(namespace).data.indexes),
    dropIndex: (namespace, name) => attempt(() => collections.open(namespace).data.drop(name)),
    changes: (watched, options) =>
      Effect.suspend(() => {
        const { regex, units } = Weights.of(options.filter)
        return Steps.step({
          cost: Steps.costOf({ units }, 0),
          units,
          timed: regex,
          compute: () => watch(collections.log(watched), watched, options),
          finish: identity,
          failure: asError
        })
      })
  }
}
