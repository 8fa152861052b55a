/** The embedded database: documents in memory, and in a row store. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Random from "effect/Random"
import type { RowStore } from "../../storage/RowStore.ts"
import type { DatabaseError } from "../DatabaseError.ts"
import type { Driver, DriverTransaction, Run } from "../Driver.ts"
import { asError, ended } from "../internal/failures.ts"
import * as Steps from "../internal/steps.ts"
import * as Weights from "../internal/weights.ts"
import type { Document, FindOneAnd, Kind, Namespace, Operation, Update } from "../Operation.ts"
import type { View } from "../View.ts"
import { Batch } from "./batch.ts"
import { Collections } from "./collections.ts"
import { execute, type Place } from "./statement.ts"
import { watch } from "./watch.ts"

/** The clock and the randomness of one operation. */
type Moment = Pick<Place, "now" | "random">

const withMoment = <A, E>(use: (moment: Moment) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.flatMap(Random.Random, (random) =>
      // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
      use({ now: new Date(now), random: () => random.nextDoubleUnsafe() })
    )
  )

const attempt = <A>(run: () => A): Effect.Effect<A, DatabaseError> => Effect.try({ try: run, catch: asError })

/** How much an operation computes, and the filter that tells for how many documents; without one, for none. */
interface Load {
  readonly weight: Weights.Weight
  readonly filter?: Document
}

/** The load of an operation behind a view: the documents that the view asks for, and what is asked of each. */
const seen = (load: Load, view: View | undefined): Load => {
  if (view === undefined) return load
  const { bounded, units } = load.weight
  if (view._tag === "Documents") {
    return { weight: { units: units + Weights.ofValue(view.documents).units, bounded: false } }
  }
  const asked = Weights.ofFilters(view.filter)
  return { weight: { units: units + asked.units, bounded: bounded && asked.bounded }, filter: view.filter }
}

const reading = (filter: Document, ...rest: ReadonlyArray<unknown>): Load => ({
  weight: Weights.ofFilters(filter, ...rest),
  filter
})

const changing = ({ change, filter }: Update | FindOneAnd, ...rest: ReadonlyArray<unknown>): Load => {
  if (change._tag === "Delete") return reading(filter, ...rest)
  const [update, arrayFilters] = change._tag === "Update" ? [change.update, change.arrayFilters] : [change.document]
  return { weight: Weights.ofChange(update, arrayFilters, filter, ...rest), filter }
}

const loads: { readonly [K in Kind]: (operation: Operation<K>) => Load } = {
  Insert: ({ documents }) => ({ weight: { units: Weights.ofValue(documents).units, bounded: true } }),
  Find: ({ filter, projection, sort, view }) => seen(reading(filter, projection, sort), view),
  Count: ({ filter, sort, view }) => seen(reading(filter, sort), view),
  Distinct: ({ field, filter, view }) => seen(reading(filter, { [field]: 1 }), view),
  Aggregate: ({ pipeline }) => ({ weight: Weights.ofPipeline(pipeline) }),
  Update: (update) => changing(update),
  Delete: ({ filter }) => reading(filter),
  FindOneAnd: (find) => changing(find, find.projection, find.sort)
}

const loadOf = <K extends Kind>(operation: Operation<K>): Load => loads[operation._tag](operation)

const noRowStore: RowStore["Service"] = { keeps: false, tables: () => [], rows: () => [], commit: () => {} }

/** Makes a database in memory that nothing else reaches. Throws where the row store holds what it cannot read. */
export const make = (rowStore: RowStore["Service"] = noRowStore): Driver => {
  const collections = new Collections(rowStore)

  /** A step of what an operation costs. */
  const stepOf = <A, B>(
    batch: Batch,
    namespace: Namespace,
    load: () => Load,
    step: Pick<Steps.Step<A, B, DatabaseError>, "compute" | "finish" | "failure">
  ): Effect.Effect<B, DatabaseError> => {
    try {
      const { filter, weight } = load()
      const reach = filter === undefined ? 0 : batch.reach(collections.open(namespace), filter)
      // what asks nothing is only copied
      const cost = filter === undefined && weight.bounded ? weight.units : Steps.costOf(weight, reach)
      return Steps.step({ cost, units: weight.units, ...step })
    } catch (cause) {
      return Effect.fail(step.failure(cause))
    }
  }

  const run: Run = <K extends Kind>(operation: Operation<K>) => {
    const { namespace } = operation
    return withMoment((moment) => {
      const batch = new Batch()
      return stepOf(batch, namespace, () => loadOf(operation), {
        compute: () => {
          const outcome = execute({ ...moment, collections, batch, inTransaction: false }, operation)
          return [outcome, collections.rows(batch)] as const
        },
        finish: ([outcome, rows]) => {
          collections.commit(batch, rows, moment.now.getTime())
          return outcome
        },
        failure: asError
      })
    }).pipe(
      Effect.flatMap(({ answer, failure }) =>
        failure === undefined ? Effect.succeed(answer) : Effect.fail(asError(failure))
      )
    )
  }

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
          stepOf(batch, operation.namespace, () => loadOf(operation), {
            compute: () =>
              whileOpen(() => execute({ ...moment, collections, batch, inTransaction: true }, operation).answer),
            finish: identity,
            failure
          })
        ),
      commit: withMoment(({ now }) =>
        Steps.step({
          cost: batch.units,
          units: 0,
          compute: () => whileOpen(() => collections.rows(batch)),
          finish: (rows) => {
            collections.commit(batch, rows, now.getTime())
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
    index: (namespace, field) => attempt(() => collections.open(namespace).data.index(field)),
    watch: (namespace, options) =>
      Effect.flatMap(
        attempt(() => Weights.ofFilters(options.filter)),
        (weight) =>
          Steps.step({
            cost: Steps.costOf(weight, 0),
            units: weight.units,
            compute: () => watch(collections.open(namespace), options),
            finish: identity,
            failure: asError
          })
      )
  }
}
