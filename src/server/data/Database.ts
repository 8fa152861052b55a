/**
 * The documents of the hosted applications: what functions, clients and custom user data read and write.
 *
 * One small interface in MongoDB's terms, so that other databases can stand behind it. Documents go in and come out as
 * copies. The embedded one keeps everything in memory, and in a journal whatever has to outlive the server: what an
 * operation changes is written there in one commit before it counts. The BSON type of a JavaScript number in it follows
 * from its value; one that came as `Long`, `Int32` or `Double` stays of that class, but what a pipeline yields does not.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Journal, JournalError } from "../storage/Journal.ts"
import { Batch, Collections, WriteConflict } from "./internal/collections.ts"
import * as Memory from "./internal/memory.ts"
import * as Steps from "./internal/steps.ts"
import * as Weights from "./internal/weights.ts"

/**
 * A document.
 *
 * @category models
 * @since 0.1.0
 */
export type Document = Record<string, unknown>

/**
 * Names a collection.
 *
 * @category models
 * @since 0.1.0
 */
export interface Namespace {
  readonly appId: string
  readonly service: string
  readonly database: string
  readonly collection: string
}

/**
 * Which documents, in which order, and what of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Find {
  readonly filter: Document
  readonly projection?: Document | undefined
  readonly sort?: Document | undefined
  readonly skip?: number | undefined
  readonly limit?: number | undefined
}

/**
 * What happens to a document: operators or a pipeline are applied to it, or another one takes its place.
 *
 * @category models
 * @since 0.1.0
 */
export type Change =
  | {
      readonly _tag: "Update"
      readonly update: Document | ReadonlyArray<Document>
      readonly arrayFilters?: ReadonlyArray<Document> | undefined
    }
  | { readonly _tag: "Replace"; readonly document: Document }

/**
 * What an update did. `upsertedId` is present when a document was inserted.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpdateResult {
  readonly matchedCount: number
  readonly modifiedCount: number
  readonly upsertedId?: unknown
}

/**
 * Why the database refused: `message` in the words of MongoDB where it has any, `code` its number, `labels` what it says
 * about trying again.
 *
 * @category errors
 * @since 0.1.0
 */
export class DatabaseError extends Schema.TaggedError<DatabaseError>("effect-app-services/server/data/DatabaseError")(
  "DatabaseError",
  {
    message: Schema.String,
    code: Schema.optionalKey(Schema.Int),
    labels: Schema.optionalKey(Schema.Array(Schema.String))
  }
) {}

/**
 * The label of an error after which the whole transaction may be tried again.
 *
 * @category constants
 * @since 0.1.0
 */
export const transientLabel = "TransientTransactionError"

/**
 * What can be done with documents, each in one step: all of it happens, or none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Operations {
  /** Inserts documents in order, up to the first that cannot be; those before it stay. Answers with their ids. */
  readonly insert: (
    namespace: Namespace,
    documents: ReadonlyArray<Document>
  ) => Effect.Effect<ReadonlyArray<unknown>, DatabaseError>
  readonly find: (namespace: Namespace, find: Find) => Effect.Effect<ReadonlyArray<Document>, DatabaseError>
  readonly update: (
    namespace: Namespace,
    update: {
      readonly filter: Document
      readonly change: Change
      readonly many?: boolean | undefined
      readonly upsert?: boolean | undefined
    }
  ) => Effect.Effect<UpdateResult, DatabaseError>
  /** Answers with how many documents there were. */
  readonly delete: (
    namespace: Namespace,
    deletion: { readonly filter: Document; readonly many?: boolean | undefined }
  ) => Effect.Effect<number, DatabaseError>
  /** Finds the first document, changes or deletes it, and answers with it, before the change unless told otherwise. */
  readonly findOneAnd: (
    namespace: Namespace,
    find: {
      readonly filter: Document
      readonly change: Change | { readonly _tag: "Delete" }
      readonly projection?: Document | undefined
      readonly sort?: Document | undefined
      readonly upsert?: boolean | undefined
      readonly returnNew?: boolean | undefined
    }
  ) => Effect.Effect<Document | undefined, DatabaseError>
  /** Runs a pipeline. One that ends with `$out` or `$merge` writes its results, and answers with none. */
  readonly aggregate: (
    namespace: Namespace,
    pipeline: ReadonlyArray<Document>
  ) => Effect.Effect<ReadonlyArray<Document>, DatabaseError>
  readonly count: (namespace: Namespace, find: Omit<Find, "projection">) => Effect.Effect<number, DatabaseError>
  readonly distinct: (
    namespace: Namespace,
    field: string,
    filter: Document
  ) => Effect.Effect<ReadonlyArray<unknown>, DatabaseError>
}

/**
 * Operations that become true together, or not at all.
 *
 * They see what was true when the transaction began, and what they wrote themselves; nobody else sees that before the
 * commit. Nobody waits for a transaction: where another one, or an operation outside of any, has changed the same document
 * since, it fails with code 112 and the {@link transientLabel}. An operation that fails ends the transaction.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transaction extends Operations {
  /** Makes everything true, and ends the transaction either way. */
  readonly commit: Effect.Effect<void, DatabaseError>
  /** Ends the transaction, and leaves nothing of it. */
  readonly abort: Effect.Effect<void>
}

/**
 * Documents by collection, each with an `_id` that no other has.
 *
 * @category services
 * @since 0.1.0
 */
export class Database extends Context.Service<
  Database,
  Operations & {
    /** Opens a transaction; when the scope closes, one that is not committed is aborted. */
    readonly transaction: Effect.Effect<Transaction, DatabaseError, Scope.Scope>
    /** The names of the collections of a database that hold documents, in order. */
    readonly collections: (
      database: Omit<Namespace, "collection">
    ) => Effect.Effect<ReadonlyArray<string>, DatabaseError>
    /** Keeps searches for a value of a field as quick among many documents as among few. */
    readonly index: (namespace: Namespace, field: string) => Effect.Effect<void, DatabaseError>
    /** Opens the changes of a collection that match, from now on or after the one whose `_id` is given, without end. */
    readonly watch: (
      namespace: Namespace,
      watch: {
        readonly filter?: Document | undefined
        readonly resumeAfter?: unknown
        /** Whether updates and replacements come with the document as it was, as `fullDocumentBeforeChange`. */
        readonly before?: boolean | undefined
      }
    ) => Effect.Effect<Stream.Stream<Document, DatabaseError>, DatabaseError>
  }
>()("effect-app-services/server/data/Database") {
  /**
   * Keeps documents in memory and in the journal. Fails where the journal holds what are no documents.
   *
   * The tokens by which changes are resumed are those of one life of the layer.
   */
  static readonly layer: Layer.Layer<Database, JournalError, Journal> = Layer.effect(
    Database,
    Effect.flatMap(Journal, (journal) =>
      Effect.try({
        try: () => makeMemory(journal),
        catch: (cause) => new JournalError({ message: `the documents cannot be read: ${messageOf(cause)}` })
      })
    )
  )

  /** Keeps everything in memory, for the life of the layer. */
  static readonly layerMemory: Layer.Layer<Database> = Layer.sync(Database, () => makeMemory())
}

/**
 * Does something in a transaction, and again from its start where others come between, up to 20 times. Whatever it does
 * besides is done again as well.
 *
 * @category combinators
 * @since 0.1.0
 */
export const atomically = <A, E>(
  database: Database["Service"],
  use: (transaction: Operations) => Effect.Effect<A, E>
): Effect.Effect<A, E | DatabaseError> =>
  Effect.scoped(
    Effect.flatMap(database.transaction, (transaction) => Effect.tap(use(transaction), transaction.commit))
  ).pipe(Effect.retry({ times: 20, while: (error) => error instanceof DatabaseError && isTransient(error) }))

const isTransient = ({ labels }: DatabaseError): boolean => labels?.includes(transientLabel) === true

const messageOf = (cause: unknown): string =>
  cause instanceof RangeError
    ? "the document is nested too deeply"
    : cause instanceof JournalError
      ? `nothing was written: ${cause.message}`
      : cause instanceof Error
        ? cause.message
        : String(cause)

/** @internal */
export const asError = (cause: unknown): DatabaseError =>
  new DatabaseError({
    message: messageOf(cause),
    ...(cause instanceof Memory.DuplicateKey && { code: 11_000 }),
    ...(cause instanceof WriteConflict && { code: 112, labels: [transientLabel] }),
    ...(cause instanceof NoTransaction && { code: 251 }),
    ...(cause instanceof Steps.TimeLimitExceeded && { code: 50 })
  })

/**
 * Does something that takes several operations in the time of one.
 *
 * @internal
 */
export const bounded = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | DatabaseError, R> =>
  Effect.catchTag(Steps.operation(effect), "TimeLimitExceeded", (error) => Effect.fail(asError(error)))

/** A transaction that has ended. */
class NoTransaction extends Schema.TaggedError<NoTransaction>()("NoTransaction", { message: Schema.String }) {}

const ended = () => new NoTransaction({ message: "the transaction has ended: an error, a commit or an abort ended it" })

/**
 * What whoever uses a transaction that has ended is told.
 *
 * @internal
 */
export const noTransaction = (): DatabaseError => asError(ended())

/** What statements need to know of the moment. */
type Moment = Pick<Memory.Place, "now" | "random">

const withMoment = <A, E>(use: (moment: Moment) => Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) =>
    Effect.flatMap(Random.Random, (random) =>
      // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
      use({ now: new Date(now), random: () => random.nextDoubleUnsafe() })
    )
  )

const attempt = <A>(run: () => A): Effect.Effect<A, DatabaseError> => Effect.try({ try: run, catch: asError })

/** What a statement asks of the documents that may match a filter; or what it is given, where it asks nothing. */
interface Asked {
  readonly weight: Weights.Weight
  readonly filter?: Document
}

const asking = (filter: Document, ...rest: ReadonlyArray<unknown>): Asked => ({
  weight: Weights.ofFilters(filter, ...rest),
  filter
})

const changing = ({ change, filter, projection, sort }: Parameters<Operations["findOneAnd"]>[1]): Asked => {
  if (change._tag === "Delete") return asking(filter, projection, sort)
  const [update, arrayFilters] = change._tag === "Update" ? [change.update, change.arrayFilters] : [change.document]
  return { weight: Weights.ofChange(update, arrayFilters, filter, projection, sort), filter }
}

/** Runs a statement to its end, as a step of what it asks. */
type Run = <A>(
  namespace: Namespace,
  asked: () => Asked,
  use: (statement: Memory.Statement) => A
) => Effect.Effect<A, DatabaseError>

const operations = (run: Run): Operations => ({
  insert: (namespace, documents) =>
    Effect.flatMap(
      run(
        namespace,
        () => ({ weight: { units: Weights.ofValue(documents).units, bounded: true } }),
        (statement) => statement.insert(documents)
      ),
      ({ failure, ids }) => (failure === undefined ? Effect.succeed(ids) : Effect.fail(asError(failure)))
    ),
  find: (namespace, find) =>
    run(
      namespace,
      () => asking(find.filter, find.projection, find.sort),
      (statement) => statement.find(find)
    ),
  update: (namespace, update) =>
    run(
      namespace,
      () => changing(update),
      (statement) => statement.update(update)
    ),
  delete: (namespace, deletion) =>
    run(
      namespace,
      () => asking(deletion.filter),
      (statement) => statement.delete(deletion)
    ),
  findOneAnd: (namespace, find) =>
    run(
      namespace,
      () => changing(find),
      (statement) => statement.findOneAnd(find)
    ),
  aggregate: (namespace, pipeline) =>
    run(
      namespace,
      () => ({ weight: Weights.ofPipeline(pipeline) }),
      (statement) => statement.aggregate(pipeline)
    ),
  count: (namespace, find) =>
    run(
      namespace,
      () => asking(find.filter, find.sort),
      (statement) => statement.matching(find).length
    ),
  distinct: (namespace, field, filter) =>
    run(
      namespace,
      () => asking(filter, { [field]: 1 }),
      (statement) => statement.distinct(field, filter)
    )
})

const noJournal: Journal["Service"] = { keeps: false, tables: () => [], rows: () => [], commit: () => {} }

/**
 * A database in memory that nobody else knows. Throws where the journal holds what it cannot read.
 *
 * @internal
 */
export const makeMemory = (journal: Journal["Service"] = noJournal): Database["Service"] => {
  const collections = new Collections(journal)

  /** A step of what a statement costs. */
  const stepOf = <A, B>(
    batch: Batch,
    namespace: Namespace,
    asked: () => Asked,
    step: Pick<Steps.Step<A, B, DatabaseError>, "compute" | "finish" | "failure">
  ): Effect.Effect<B, DatabaseError> => {
    try {
      const { filter, weight } = asked()
      const reach = filter === undefined ? 0 : batch.reach(collections.open(namespace), filter)
      // what asks nothing is only copied
      const cost = filter === undefined && weight.bounded ? weight.units : Steps.costOf(weight, reach)
      return Steps.step({ cost, units: weight.units, ...step })
    } catch (cause) {
      return Effect.fail(step.failure(cause))
    }
  }

  const run: Run = (namespace, asked, use) =>
    withMoment((moment) => {
      const batch = new Batch()
      return stepOf(batch, namespace, asked, {
        compute: () => {
          const statement = new Memory.Statement({ ...moment, collections, batch, inTransaction: false }, namespace)
          return [use(statement), collections.rows(batch)] as const
        },
        finish: ([result, rows]) => {
          collections.commit(batch, rows, moment.now.getTime())
          return result
        },
        failure: asError
      })
    })

  const begin = (): Transaction => {
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
    /** What fails ends the transaction. */
    const failure = (cause: unknown) => {
      end()
      return asError(cause)
    }
    const inside: Run = (namespace, asked, use) =>
      withMoment((moment) =>
        stepOf(batch, namespace, asked, {
          compute: () =>
            whileOpen(() =>
              use(new Memory.Statement({ ...moment, collections, batch, inTransaction: true }, namespace))
            ),
          finish: identity,
          failure
        })
      )
    return {
      ...operations(inside),
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

  return Database.of({
    ...operations(run),
    transaction: Effect.acquireRelease(Effect.sync(begin), ({ abort }) => abort),
    collections: (database) => attempt(() => collections.names(database)),
    index: (namespace, field) => attempt(() => collections.open(namespace).data.index(field)),
    watch: (namespace, watch) =>
      Effect.flatMap(
        attempt(() => Weights.ofFilters(watch.filter)),
        (weight) =>
          Steps.step({
            cost: Steps.costOf(weight, 0),
            units: weight.units,
            compute: () => Memory.watch(collections.open(namespace), watch, asError),
            finish: identity,
            failure: asError
          })
      )
  })
}
