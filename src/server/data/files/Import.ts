/**
 * Puts documents of files into a database, in batches: what is read ahead is bounded by bytes. A document that is refused is
 * reported with its place, and the others are imported.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { atomically, type Database } from "../Database.ts"
import type { DatabaseError } from "../DatabaseError.ts"
import type { Document, Namespace } from "../Operation.ts"
import type { Found } from "./DocumentFile.ts"

/** The most documents and bytes that are written at once. */
export const batch = { documents: 1_000, bytes: 4 * 2 ** 20 }

/** How documents are written. */
export interface Options {
  /** Whether a document replaces the one that has its `_id`, so that an import can be repeated. */
  readonly upsert: boolean
  /** Called for each document that is refused. */
  readonly onRefused: (place: string, problem: string) => Effect.Effect<void>
}

/** How many documents were written and refused. */
export interface Counts {
  readonly written: number
  readonly refused: number
}

type Readable = Extract<Found, { readonly document: Document }>

/** Writes the documents to a collection. */
export const write = <E, R>(
  database: Database["Service"],
  namespace: Namespace,
  found: Stream.Stream<Found, E, R>,
  { onRefused, upsert }: Options
): Effect.Effect<Counts, E, R> =>
  Effect.gen(function* () {
    let counts: Counts = { written: 0, refused: 0 }
    let pending: Array<Readable> = []
    let bytes = 0
    const refuse = (place: string, problem: string) => {
      counts = { ...counts, refused: counts.refused + 1 }
      return onRefused(place, problem)
    }
    const put = upsert ? replaceAll : insertAll
    const flush = Effect.suspend(() => {
      const documents = pending
      pending = []
      bytes = 0
      return Effect.map(put(database, namespace, documents, refuse), (written) => {
        counts = { ...counts, written: counts.written + written }
      })
    })
    yield* Stream.runForEach(found, (it) => {
      if ("problem" in it) return refuse(it.place, it.problem)
      if (upsert && !("_id" in it.document)) {
        return refuse(it.place, "has no _id, so that a repeated import would insert it again: leave out --upsert")
      }
      pending.push(it)
      bytes += it.size
      return pending.length >= batch.documents || bytes >= batch.bytes ? flush : Effect.void
    })
    yield* flush
    return counts
  })

type Refuse = (place: string, problem: string) => Effect.Effect<void>

/** Inserts documents in order; one that is refused does not stop those after it. Answers with how many were inserted. */
const insertAll = Effect.fnUntraced(function* (
  database: Database["Service"],
  namespace: Namespace,
  documents: ReadonlyArray<Readable>,
  refuse: Refuse
) {
  let written = 0
  for (let rest = documents; rest.length > 0;) {
    const failure = yield* Effect.match(
      database.insert(
        namespace,
        rest.map(({ document }) => document)
      ),
      { onSuccess: () => undefined, onFailure: (error) => error }
    )
    const inserted = failure === undefined ? rest.length : (failure.inserted ?? 0)
    written += inserted
    const refused = rest[inserted]
    if (failure !== undefined && refused !== undefined) yield* refuse(refused.place, reasonOf(failure))
    rest = rest.slice(inserted + 1)
  }
  return written
})

/** Replaces the documents of the same ids in one transaction or, if one is refused, each on its own. */
const replaceAll = (
  database: Database["Service"],
  namespace: Namespace,
  documents: ReadonlyArray<Readable>,
  refuse: Refuse
): Effect.Effect<number> => {
  const replace = (to: Pick<Database["Service"], "update">, { document }: Readable) =>
    to.update(namespace, {
      filter: { _id: { $eq: document["_id"] } },
      change: { _tag: "Replace", document },
      upsert: true
    })
  if (documents.length === 0) return Effect.succeed(0)
  return Effect.matchEffect(
    atomically(database, (transaction) =>
      Effect.forEach(documents, (it) => replace(transaction, it), { discard: true })
    ),
    {
      onSuccess: () => Effect.succeed(documents.length),
      onFailure: () =>
        Effect.map(
          Effect.forEach(documents, (it) =>
            Effect.matchEffect(replace(database, it), {
              onSuccess: () => Effect.succeed(1),
              onFailure: (error) => Effect.as(refuse(it.place, reasonOf(error)), 0)
            })
          ),
          (written) => written.reduce((sum, one) => sum + one, 0)
        )
    }
  )
}

const reasonOf = ({ message }: DatabaseError): string => message
