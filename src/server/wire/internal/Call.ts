/** A command on its way: what it asks, and what it is executed with. */
import type * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import { atomically, type Operations, type Service } from "../../data/Database.ts"
import type { DatabaseError } from "../../data/DatabaseError.ts"
import type { Document, Evaluation, Namespace } from "../../data/Operation.ts"
import type { Created } from "./created.ts"
import type { Cursors } from "./cursors.ts"
import type { Conversation, Verifier } from "./scram.ts"
import type { Session, Sessions } from "./sessions.ts"
import type { Source } from "./sources.ts"

/** What all connections share. */
export interface Server {
  readonly database: Service
  readonly sources: ReadonlyArray<Source>
  readonly verifier: Verifier
  readonly cursors: Cursors
  readonly sessions: Sessions
  readonly created: Created
  /** `127.0.0.1:27017` */
  readonly address: string
}

/** The state of one connection. */
export interface Connection {
  readonly id: number
  readonly server: Server
  /** The data source of the user who has authenticated. */
  source: Source | undefined
  /** A conversation of SCRAM that has begun. */
  conversation: { readonly id: number; readonly state: Conversation; readonly short: boolean } | "proven" | undefined
}

/** A command of an authenticated user. */
export interface Call {
  readonly server: Server
  readonly connection: Connection
  readonly source: Source
  readonly request: Document
  /** The database that the command is for. */
  readonly database: string
  readonly session: Session | undefined
  /** Executes operations, in the session's transaction if the command is part of one. */
  readonly operations: Operations
  /** Whether the command is part of a transaction. */
  readonly inTransaction: boolean
}

/** What commands need. */
export type Needs = SecureRandom.SecureRandom

/** What executes a command. */
export type Handler = (call: Call) => Effect.Effect<Document, DatabaseError, Needs>

/** A command. */
export interface Command {
  readonly handler: Handler
  /** Whether it is allowed in a transaction. */
  readonly inTransaction?: boolean
  /** Whether it changes documents: it completes even if its connection is lost, and may be retried by its number. */
  readonly writes?: boolean
}

/** The namespace of a collection. */
export const namespaceOf = (
  { database, source }: Pick<Call, "database" | "source">,
  collection: string
): Namespace => ({
  appId: source.appId,
  service: source.service,
  database,
  collection
})

/** The names of the collections of a database. */
export const collectionsOf = ({ server, source }: Pick<Call, "server" | "source">, database: string) =>
  Effect.map(server.database.collections({ ...source, database }), (names) => [
    ...new Set([...names, ...server.created.collections({ ...source, database })])
  ])

/** Executes several operations in one atomic step: in the transaction of the command, or in one of their own. */
export const atomic = <A>(
  { inTransaction, operations, server }: Call,
  use: (operations: Operations) => Effect.Effect<A, DatabaseError>
): Effect.Effect<A, DatabaseError> => (inTransaction ? use(operations) : atomically(server.database, use))

/** What a pipeline makes of documents that are in no collection. */
export const pipelined = (
  call: Call,
  pipeline: ReadonlyArray<Document>,
  documents: ReadonlyArray<Document>,
  evaluation?: Evaluation
): Effect.Effect<ReadonlyArray<Document>, DatabaseError> =>
  pipeline.length === 0
    ? Effect.succeed(documents)
    : call.server.database.run({
        ...evaluation,
        _tag: "Aggregate",
        namespace: namespaceOf(call, "$cmd.aggregate"),
        pipeline,
        view: { _tag: "Documents", documents }
      })
