import * as Effect from "effect/Effect"
import { FunctionsApi } from "../../client/FunctionsApi.ts"
import { RequestRejected } from "../../client/AppServicesError.ts"
import { makeOpener } from "../../client/internal/eventStream.ts"
import { ProtocolClient } from "../../client/ProtocolClient.ts"
import { Sessions } from "../../client/Sessions.ts"
import type {
  Document,
  FindOneAndModifyOptions,
  MongoDB,
  MongoDBCollection,
  UpdateOptions,
  Watch
} from "../Services.ts"
import { argument } from "./arguments.ts"
import type { Runtime } from "./runtime.ts"

/**
 * A data source of an application for one user. The answers of the service are passed on as they are.
 *
 * @internal
 */
export const mongoClient = (runtime: Runtime, userId: string, serviceName: string): MongoDB => ({
  db: (databaseName) => ({
    collection: (name) => collection(runtime, userId, { serviceName, databaseName, name })
  })
})

type Place = Pick<MongoDBCollection<Document>, "serviceName" | "databaseName" | "name">

const collection = <T extends Document>(runtime: Runtime, userId: string, place: Place): MongoDBCollection<T> => {
  const { databaseName, name, serviceName } = place
  const call = async <A>(operation: string, fields: Record<string, unknown>): Promise<A> => {
    const args = [argument({ database: databaseName, collection: name, ...fields })]
    const answer = await runtime.run(
      FunctionsApi.use((functions) => functions.call(userId, operation, args, { service: serviceName }))
    )
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the service's answer to this operation
    return answer as A
  }
  return {
    ...place,
    find: (query = {}, { limit, projection: project, sort } = {}) => call("find", { query, project, sort, limit }),
    findOne: (query = {}, { projection: project, sort } = {}) => call("findOne", { query, project, sort }),
    findOneAndUpdate: (filter, update, options) => call("findOneAndUpdate", { filter, update, ...modifying(options) }),
    findOneAndReplace: (filter, update, options) =>
      call("findOneAndReplace", { filter, update, ...modifying(options) }),
    findOneAndDelete: (filter = {}, { projection, sort } = {}) =>
      call("findOneAndDelete", { filter, sort, projection }),
    aggregate: (pipeline) => call("aggregate", { pipeline }),
    count: (query = {}, { limit } = {}) => call("count", { query, limit }),
    insertOne: (document) => call("insertOne", { document }),
    insertMany: (documents) => call("insertMany", { documents }),
    deleteOne: (query = {}) => call("deleteOne", { query }),
    deleteMany: (query = {}) => call("deleteMany", { query }),
    updateOne: (query, update, options) => call("updateOne", { query, update, ...updating(options) }),
    updateMany: (query, update, options) => call("updateMany", { query, update, ...updating(options) }),
    watch: ({ filter, ids } = {}) => {
      let opened = () => {}
      const operation = { name: `watch(${name})`, kind: "general" } as const
      const watched = argument({ database: databaseName, collection: name, ids, filter })
      const changes = Effect.gen(function* () {
        const open = makeOpener(
          yield* ProtocolClient,
          yield* Sessions,
          Effect.sync(() => opened())
        )
        const request = { name: "watch", arguments: [watched], service: serviceName }
        return open(operation, userId, request, (failure) => new RequestRejected(failure))
      })
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller says which documents there are
      const steps = runtime.iterate(changes) as Omit<Watch<T>, "open">
      let first: ReturnType<Watch<T>["next"]> | undefined
      return {
        ...steps,
        next: () => {
          const step = first ?? steps.next()
          first = undefined
          return step
        },
        open: () =>
          new Promise<void>((resolve, reject) => {
            opened = resolve
            first = steps.next()
            first.then(() => resolve(), reject)
          })
      }
    }
  }
}

/** The options that the service has: it refuses others, which `realm-web` does not send. */
const modifying = ({ projection, returnNewDocument, sort, upsert }: FindOneAndModifyOptions = {}) => ({
  sort,
  projection,
  upsert,
  returnNewDocument
})

const updating = ({ arrayFilters, upsert }: UpdateOptions = {}) => ({ upsert, arrayFilters })
