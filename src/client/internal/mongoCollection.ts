import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { routes } from "../../protocol/internal/routes.ts"
import {
  AppServicesError,
  InvalidArguments,
  InvalidResponse,
  RequestRejected,
  TransportError,
  UnexpectedValue
} from "../AppServicesError.ts"
import type { Reason } from "../AppServicesError.ts"
import type {
  ChangeEvent,
  Filter,
  FindOneAndOptions,
  FindOptions,
  MongoCollection,
  PlainDocument,
  ProjectionOptions,
  Update,
  UpdateOptions,
  WatchOptions
} from "../MongoDbTypes.ts"
import type { Operation, Service as Client } from "../ProtocolClient.ts"
import type { Service as Sessions } from "../Sessions.ts"
import { type makeOpener, reconnecting } from "./eventStream.ts"
import * as Requests from "./requests.ts"
import * as Telemetry from "./telemetry.ts"

/** Any document, unchecked. */
export const Plain = Schema.Record(Schema.String, Schema.Unknown)

const Count = Schema.Int
const Deleted = Schema.Struct({ deletedCount: Count })
const Updated = Schema.Struct({
  matchedCount: Count,
  modifiedCount: Count,
  upsertedId: Schema.optionalKey(Schema.Unknown)
})
const InsertedOne = Schema.Struct({ insertedId: Schema.Unknown })
const InsertedMany = Schema.Struct({ insertedIds: Schema.Array(Schema.Unknown) })
const Values = Schema.Array(Schema.Struct({ _id: Schema.Unknown }))
const Change = Schema.Struct({
  _id: Schema.Unknown,
  operationType: Schema.String,
  ns: Schema.optionalKey(
    Schema.Struct({ db: Schema.optionalKey(Schema.String), coll: Schema.optionalKey(Schema.String) })
  ),
  documentKey: Schema.optionalKey(Schema.Struct({ _id: Schema.Unknown })),
  fullDocument: Schema.optional(Schema.Unknown),
  updateDescription: Schema.optionalKey(
    Schema.Struct({ updatedFields: Plain, removedFields: Schema.Array(Schema.String) })
  ),
  clusterTime: Schema.optionalKey(Schema.Unknown)
})

interface Call {
  readonly name: string
  readonly service: string
  readonly arguments: readonly [PlainDocument]
}

/** Calls a function of a service. */
export const makeCall = (client: Client, sessions: Sessions) => {
  const { asUser } = Requests.make(client, sessions)
  return (operation: Operation, userId: string, { name, service, arguments: args }: Call, idempotent: boolean) =>
    asUser(userId, {
      operation,
      method: "POST",
      route: routes.callFunction,
      parameters: { appId: client.appId },
      body: { name, arguments: args, service },
      idempotent,
      decode: decodeResult
    })
}

/** Some hosts answer with the text of the result, as a string. */
const decodeResult = (operation: string, answer: string) =>
  Effect.flatMap(Requests.decodeEjson(operation, answer), (result) =>
    typeof result === "string" ? Requests.decodeEjson(operation, result) : Effect.succeed(result)
  )

interface Target {
  readonly connection: {
    readonly call: ReturnType<typeof makeCall>
    readonly open: ReturnType<typeof makeOpener>
  }
  readonly userId: string
  readonly serviceName: string
  readonly databaseName: string
  readonly name: string
}

const failing = (operation: string, reason: (problem: string) => Reason) => (error: Schema.SchemaError) =>
  new AppServicesError({ operation, reason: reason(error.message) })

export class Collection<A, I> implements MongoCollection<A, I> {
  readonly name: string
  readonly databaseName: string
  readonly serviceName: string
  readonly #target: Target
  readonly #schema: Schema.Codec<A, I>

  constructor(target: Target, schema: Schema.Codec<A, I>) {
    this.name = target.name
    this.databaseName = target.databaseName
    this.serviceName = target.serviceName
    this.#target = target
    this.#schema = schema
  }

  #operation(name: string): Operation {
    return { name: `MongoCollection.${name}(${this.databaseName}.${this.name})`, kind: "function", subject: name }
  }

  /** Calls an operation and decodes its result: a mismatch is the host's fault, or for documents the caller's schema's. */
  #call<B, J>(
    name: string,
    args: PlainDocument | Effect.Effect<PlainDocument, AppServicesError>,
    schema: Schema.Codec<B, J>,
    { documents = false, reads = false }: { readonly documents?: boolean; readonly reads?: boolean } = {}
  ): Effect.Effect<B, AppServicesError> {
    const operation = this.#operation(name)
    const { connection, userId } = this.#target
    return Effect.gen({ self: this }, function* () {
      const fields = Effect.isEffect(args) ? yield* args : args
      yield* checkFilter(operation, fields["query"] ?? fields["filter"])
      const argument = { database: this.databaseName, collection: this.name, ...fields }
      const call = { name, arguments: [argument], service: this.serviceName } as const
      const result = yield* connection.call(operation, userId, call, reads)
      return yield* Effect.mapError(
        Schema.decodeUnknownEffect(schema)(result),
        failing(operation.name, (problem) =>
          documents ? new UnexpectedValue({ problem }) : new InvalidResponse({ status: 200, problem })
        )
      )
    }).pipe(Telemetry.observed(`MongoCollection.${name}`, {}))
  }

  #found<B, J>(
    name: string,
    args: PlainDocument | Effect.Effect<PlainDocument, AppServicesError>,
    schema: Schema.Codec<B, J>,
    reads = false
  ): Effect.Effect<Option.Option<B>, AppServicesError> {
    const call = this.#call(name, args, Schema.NullishOr(schema), { documents: true, reads })
    return Effect.map(call, Option.fromNullishOr)
  }

  #encoded<B, J>(name: string, key: string, schema: Schema.Codec<B, J>, value: B, more: PlainDocument = {}) {
    return Effect.mapBoth(Schema.encodeEffect(schema)(value), {
      onSuccess: (encoded): PlainDocument => ({ [key]: encoded, ...more }),
      onFailure: failing(this.#operation(name).name, (problem) => new InvalidArguments({ problem }))
    })
  }

  find(
    filter: Filter<I> | undefined,
    options: FindOptions<I> & ProjectionOptions
  ): Effect.Effect<ReadonlyArray<PlainDocument>, AppServicesError>
  find(filter?: Filter<I>, options?: FindOptions<I>): Effect.Effect<ReadonlyArray<A>, AppServicesError>
  find(filter?: Filter<I>, { limit, projection, sort }: FindOptions<I> & Partial<ProjectionOptions> = {}) {
    const args = { query: filter ?? {}, project: projection, sort, limit }
    const how = { documents: true, reads: true }
    return projection === undefined
      ? this.#call("find", args, Schema.Array(this.#schema), how)
      : this.#call("find", args, Schema.Array(Plain), how)
  }

  findOne(
    filter: Filter<I> | undefined,
    options: FindOptions<I> & ProjectionOptions
  ): Effect.Effect<Option.Option<PlainDocument>, AppServicesError>
  findOne(filter?: Filter<I>, options?: FindOptions<I>): Effect.Effect<Option.Option<A>, AppServicesError>
  findOne(filter?: Filter<I>, { projection, sort }: FindOptions<I> & Partial<ProjectionOptions> = {}) {
    const args = { query: filter ?? {}, project: projection, sort }
    return projection === undefined
      ? this.#found("findOne", args, this.#schema, true)
      : this.#found("findOne", args, Plain, true)
  }

  findOneAndUpdate(filter: Filter<I>, update: Update<I>, options: FindOneAndOptions<I> = {}) {
    return this.#found("findOneAndUpdate", { filter, update, ...options }, this.#schema)
  }

  findOneAndReplace(filter: Filter<I>, replacement: A, options: FindOneAndOptions<I> = {}) {
    const args = this.#encoded("findOneAndReplace", "update", this.#schema, replacement, { filter, ...options })
    return this.#found("findOneAndReplace", args, this.#schema)
  }

  findOneAndDelete(filter?: Filter<I>, options: Pick<FindOneAndOptions<I>, "sort"> = {}) {
    return this.#found("findOneAndDelete", { filter: filter ?? {}, ...options }, this.#schema)
  }

  aggregate(pipeline: ReadonlyArray<PlainDocument>): Effect.Effect<ReadonlyArray<PlainDocument>, AppServicesError>
  aggregate<B, J>(
    pipeline: ReadonlyArray<PlainDocument>,
    schema: Schema.Codec<B, J>
  ): Effect.Effect<ReadonlyArray<B>, AppServicesError>
  aggregate<B, J>(pipeline: ReadonlyArray<PlainDocument>, schema?: Schema.Codec<B, J>) {
    return schema === undefined
      ? this.#call("aggregate", { pipeline }, Schema.Array(Plain), { documents: true })
      : this.#call("aggregate", { pipeline }, Schema.Array(schema), { documents: true })
  }

  count(filter?: Filter<I>, { limit }: { readonly limit?: number | undefined } = {}) {
    return this.#call("count", { query: filter ?? {}, limit }, Count, { reads: true })
  }

  distinct(field: string, filter?: Filter<I>) {
    // hosts of the protocol need not support an operation of that name
    const pipeline = [{ $match: filter ?? {} }, { $unwind: `$${field}` }, { $group: { _id: `$${field}` } }]
    const args = Effect.as(checkFilter(this.#operation("distinct"), filter), { pipeline })
    return Effect.map(this.#call("aggregate", args, Values), (groups) => groups.map(({ _id }) => _id))
  }

  insertOne(document: A) {
    return this.#call("insertOne", this.#encoded("insertOne", "document", this.#schema, document), InsertedOne)
  }

  insertMany(documents: ReadonlyArray<A>) {
    const args = this.#encoded("insertMany", "documents", Schema.Array(this.#schema), documents)
    return this.#call("insertMany", args, InsertedMany)
  }

  updateOne(filter: Filter<I>, update: Update<I>, options: UpdateOptions = {}) {
    return this.#call("updateOne", { query: filter, update, ...options }, Updated)
  }

  updateMany(filter: Filter<I>, update: Update<I>, options: UpdateOptions = {}) {
    return this.#call("updateMany", { query: filter, update, ...options }, Updated)
  }

  deleteOne(filter?: Filter<I>) {
    return this.#call("deleteOne", { query: filter ?? {} }, Deleted)
  }

  deleteMany(filter?: Filter<I>) {
    return this.#call("deleteMany", { query: filter ?? {} }, Deleted)
  }

  watch(options: WatchOptions = {}): Stream.Stream<ChangeEvent<A>, AppServicesError> {
    const { filter, ids, reconnect, resume = true } = options
    const operation = this.#operation("watch")
    const { connection, userId } = this.#target
    const decodeDocument = Schema.decodeUnknownEffect(this.#schema)
    const decode = Effect.fnUntraced(function* (event: unknown): Effect.fn.Return<ChangeEvent<A>, AppServicesError> {
      const { fullDocument, ...change } = yield* Effect.mapError(
        decodeChange(event),
        failing(
          operation.name,
          (problem) => new InvalidResponse({ status: 200, problem: `malformed event: ${problem}` })
        )
      )
      if (fullDocument === undefined || fullDocument === null) return change
      const document = yield* Effect.mapError(
        decodeDocument(fullDocument),
        failing(operation.name, (problem) => new UnexpectedValue({ problem }))
      )
      return { ...change, fullDocument: document }
    })
    const changes = Stream.suspend(() => {
      let resumeAfter = options.resumeAfter
      const open = () => {
        const argument = { database: this.databaseName, collection: this.name, ids, filter, resumeAfter }
        const call = { name: "watch", arguments: [argument], service: this.serviceName }
        const events = connection
          .open(operation, userId, call, (failure) => new RequestRejected(failure))
          .pipe(
            Stream.mapEffect(decode),
            Stream.tap((change) =>
              Effect.sync(() => {
                if (resume) resumeAfter = change._id
              })
            )
          )
        return reconnect === undefined ? events : Stream.concat(events, Stream.fail(ended(operation.name)))
      }
      return reconnecting(open, reconnect)
    })
    return Stream.unwrap(Effect.as(checkFilter(operation, filter), changes))
  }
}

const checkFilter = ({ name }: Operation, filter: unknown): Effect.Effect<void, AppServicesError> => {
  const unset = fieldWithoutValue(filter)
  if (unset === undefined) return Effect.void
  const problem = `field "${unset}" of the filter is undefined, so that the filter would match too much: leave the field out or give it a value`
  return Effect.fail(new AppServicesError({ operation: name, reason: new InvalidArguments({ problem }) }))
}

/** A field of a filter that would not be sent, so that the filter would match more documents than meant. */
const fieldWithoutValue = (filter: unknown): string | undefined => {
  if (!Predicate.isObject(filter)) return undefined
  for (const [name, value] of Object.entries(filter)) {
    if (value === undefined || isWithoutOperators(value)) return name
    if (!Array.isArray(value) || !/^\$(and|or|nor)$/.test(name)) continue
    const unset = value.map(fieldWithoutValue).find(Predicate.isNotUndefined)
    if (unset !== undefined) return unset
  }
  return undefined
}

/** A condition whose operators are all `undefined`, and so not sent: the empty document would remain. */
const isWithoutOperators = (condition: unknown): boolean => {
  if (!Predicate.isObject(condition)) return false
  const operators = Object.entries(condition)
  return operators.length > 0 && operators.every(([name, value]) => name.startsWith("$") && value === undefined)
}

const decodeChange = Schema.decodeUnknownEffect(Change)

/** A stream of changes has no end: a connection that ended without an error was lost. */
const ended = (operation: string) =>
  new AppServicesError({ operation, reason: new TransportError({ url: routes.callFunction }) })
