/** What the fields of one request share. */
import type * as Effect from "effect/Effect"
import type { DatabaseError, Document, Namespace, Operations, Service as Database } from "../data/Database.ts"
import type { FunctionError } from "../model/FunctionContext.ts"
import type { DataLoader, GraphQLResolveInfo } from "./internal/graphqlJs.ts"
import type { CollectionShape, Relation } from "./shapes.ts"

/** Why a field has no value. */
export type Failure = DatabaseError | FunctionError

/** The documents of a relation by the key of the value that names them. */
export type Loader = DataLoader<unknown, ReadonlyArray<Document>, string>

/** One request of a user. */
export interface Context {
  /** The database as the user may use it. */
  readonly database: Database
  readonly namespaceOf: (collection: Pick<CollectionShape, "service" | "database" | "collection">) => Namespace
  /** Calls a function as the user. */
  readonly call: (name: string, args: ReadonlyArray<unknown>) => Effect.Effect<unknown, FunctionError>
  /** Runs one operation, of which a request has a limited number. The text says what a rule does not permit. */
  readonly run: <A>(what: string, effect: Effect.Effect<A, Failure>) => Promise<A>
  /** Counts the values that a list will answer with. Throws if there are too many in a request. */
  readonly charge: (length: number, info: GraphQLResolveInfo) => void
  readonly loaderOf: (relation: Relation) => Loader
}

/** Where documents are read and written: the database, or a transaction. */
export interface Place extends Pick<Context, "namespaceOf"> {
  readonly database: Operations
}
