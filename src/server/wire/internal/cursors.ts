/** Open cursors: results that a client has not read yet, and change streams. */
import { Long } from "bson"
import * as Clock from "effect/Clock"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import { sizeOf } from "../../language/Value.ts"
import type { DatabaseError } from "../../data/DatabaseError.ts"
import type { Document } from "../../data/Operation.ts"
import { failure } from "./errors.ts"

/** How long a cursor may be idle, in milliseconds. */
const mostIdle = 10 * 60_000

/** The most cursors that may be open. */
const mostOpen = 1_000

/** The most bytes of documents in one reply; the first one always fits. */
const mostBytes = 16 * 1024 * 1024

/** A part of the results. */
export interface Batch {
  readonly documents: ReadonlyArray<Document>
  /** Whether these are the last documents. */
  readonly done: boolean
  /** Where a change stream goes on behind this batch. */
  readonly resumeToken?: unknown
}

/** Where documents come from. */
export interface Results {
  /** The next documents, at most this many. A change stream waits for the first one, in milliseconds. */
  readonly next: (most: number, wait: number | undefined) => Effect.Effect<Batch, DatabaseError>
  readonly close: Effect.Effect<void>
}

/** A cursor. */
export interface Cursor extends Results {
  readonly id: Long
  /** `database.collection`. */
  readonly namespace: string
  readonly user: string
  /** The session that it was opened in. */
  readonly session: string | undefined
  lastUse: number
  /** Whether a `getMore` is under way. */
  busy: boolean
}

/** Results that are all there. */
export const fromList = (documents: ReadonlyArray<Document>): Results => {
  let rest: ReadonlyArray<Document> = documents
  return {
    next: (most) =>
      Effect.sync(() => {
        const taken = leading(rest, most)
        rest = rest.slice(taken.length)
        return { documents: taken, done: rest.length === 0 }
      }),
    close: Effect.sync(() => {
      rest = []
    })
  }
}

/** The first documents that fit into a reply. */
export const leading = (documents: ReadonlyArray<Document>, most: number): ReadonlyArray<Document> => {
  let bytes = 0
  let taken = 0
  while (taken < documents.length && taken < most) {
    bytes += sizeOf(documents[taken])
    if (taken > 0 && bytes > mostBytes) break
    taken++
  }
  return documents.slice(0, taken)
}

/** All open cursors of a server. */
export class Cursors {
  readonly #open = new Map<string, Cursor>()

  /** How many are open. */
  get size(): number {
    return this.#open.size
  }

  open(
    results: Results,
    owner: Pick<Cursor, "namespace" | "user" | "session">
  ): Effect.Effect<Cursor, DatabaseError, SecureRandom.SecureRandom> {
    return Effect.suspend(() =>
      this.#open.size >= mostOpen
        ? Effect.fail(
            failure(
              "ExceededMemoryLimit",
              `${mostOpen} cursors are open: close some of them, or read them to their end`
            )
          )
        : Effect.gen({ self: this }, function* () {
            const random = yield* SecureRandom.SecureRandom
            const bytes = yield* random.randomBytes(8)
            // positive, since zero means that there is no cursor
            const id = Long.fromBytesLE([...bytes])
              .and(Long.MAX_VALUE)
              .or(Long.ONE)
            const cursor: Cursor = { ...results, ...owner, id, lastUse: yield* Clock.currentTimeMillis, busy: false }
            this.#open.set(id.toString(), cursor)
            return cursor
          })
    )
  }

  /** The cursor of a user. */
  find(id: Long, user: string): Cursor | undefined {
    const cursor = this.#open.get(id.toString())
    return cursor?.user === user ? cursor : undefined
  }

  close(cursor: Cursor): Effect.Effect<void> {
    return Effect.suspend(() => (this.#open.delete(cursor.id.toString()) ? cursor.close : Effect.void))
  }

  /** Closes the cursors that something holds for. */
  closeAll(which: (cursor: Cursor) => boolean): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.forEach([...this.#open.values()].filter(which), (cursor) => this.close(cursor), { discard: true })
    )
  }

  /** Closes what has been idle for too long. */
  expire(now: number): Effect.Effect<void> {
    return this.closeAll(({ busy, lastUse }) => !busy && now - lastUse >= mostIdle)
  }
}
