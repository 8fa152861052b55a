import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { join } from "node:path"
import type { backup, DatabaseSync } from "node:sqlite"
import { RowStoreError, type Snapshot } from "../RowStore.ts"
import { createEmpty, files } from "./files.ts"
import { isFullDisk } from "./problems.ts"

/**
 * Node's SQLite, imported on demand: it prints a warning where it is experimental. Fails with what is missing.
 *
 * @internal
 */
export const nodeSqlite = Effect.tryPromise({
  try: () => import("node:sqlite"),
  catch: () => "needs node:sqlite, which this runtime does not have: use Node 22.19 or later"
})

/** The pages that are copied at once, on another thread. A commit waits for them, a millisecond or two. */
const pagesAtOnce = 100

const removed = (path: string): void => {
  for (const name of fs.readdirSync(path)) {
    if (name.startsWith(files.snapshot)) fs.rmSync(join(path, name), { force: true })
  }
}

const toError = (cause: unknown): RowStoreError =>
  new RowStoreError({
    message: isFullDisk(cause)
      ? "the disk is full: no backup was made"
      : `no backup can be made: ${cause instanceof Error ? cause.message : String(cause)}`
  })

/**
 * SQLite's online backup: copies the pages of the database in steps, and repeats those that a commit changes meanwhile. It
 * copies nothing in the middle of a transaction. An interruption waits for the end of the present step, because the
 * database must not be closed during one.
 */
const copied = (database: DatabaseSync, file: string, copy: typeof backup): Effect.Effect<void, RowStoreError> =>
  Effect.callback<void, RowStoreError>((resume) => {
    let isStopped = false
    const progress = () => {
      if (isStopped) throw new Error("the backup was interrupted")
    }
    const end = copy(database, file, { rate: pagesAtOnce, progress }).then(
      () => resume(Effect.void),
      (cause: unknown) => resume(Effect.fail(toError(cause)))
    )
    return Effect.promise(() => {
      isStopped = true
      return end
    })
  })

/**
 * Snapshots of a data directory: each is a file in it, which is removed as soon as it is open for reading. Leftovers of a
 * killed process are removed first.
 *
 * @internal
 */
export const snapshots = (
  path: string,
  database: DatabaseSync,
  copy: typeof backup,
  open: (file: string) => DatabaseSync
): Effect.Effect<Effect.Effect<Snapshot, RowStoreError, Scope.Scope>> => {
  const attempt = <A>(run: () => A) => Effect.try({ try: run, catch: toError })
  const file = join(path, files.snapshot)
  const clean = Effect.ignore(attempt(() => removed(path)))

  const made = Effect.gen(function* () {
    yield* attempt(() => createEmpty(file))
    yield* copied(database, file, copy)
    return yield* attempt(() => {
      // one file, which can be read without others beside it
      const snapshot = open(files.snapshot)
      try {
        snapshot.exec("PRAGMA journal_mode = DELETE")
      } finally {
        snapshot.close()
      }
      return fs.openSync(file, "r")
    })
  })

  const read = (descriptor: number): Snapshot =>
    Stream.fromAsyncIterable(fs.createReadStream(file, { fd: descriptor, autoClose: false, start: 0 }), toError)

  return Effect.map(Effect.andThen(clean, Semaphore.make(1)), (turns) =>
    Effect.acquireRelease(
      turns.withPermit(Effect.ensuring(made, clean)),
      (descriptor) => Effect.sync(() => fs.closeSync(descriptor)),
      { interruptible: true }
    ).pipe(Effect.map(read))
  )
}
