/**
 * A process that writes documents to a data directory until it is killed, and prints what it begins and what was
 * acknowledged. Used by `crashes.test.ts`.
 */
import { Effect, Layer } from "effect"
import { writeSync } from "node:fs"
import { atomically, Database, type Namespace } from "../../../src/server/data/Database.ts"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"

const [folder = "", writers = "1", start = "0"] = process.argv.slice(2)

const at = (collection: string): Namespace => ({ appId: "app", service: "mongodb-atlas", database: "d", collection })

/** Before the event loop goes on, so that nothing is acknowledged that is not printed. */
const say = (line: string): number => writeSync(1, `${line}\n`)

/** Writes the same number to two documents, and keeps the last ten of them as documents of their own. */
const write = (database: Database["Service"], writer: number, n: number) =>
  atomically(database, ({ delete: remove, insert, update }) =>
    Effect.gen(function* () {
      const filter = { _id: writer }
      const change = { _tag: "Update", update: { $set: { n } } } as const
      yield* update(at("first"), { filter, change, upsert: true })
      yield* insert(at("recent"), [{ _id: `${writer}:${n}`, writer, n, text: "x".repeat(n % 7 === 0 ? 200_000 : 10) }])
      yield* update(at("second"), { filter, change, upsert: true })
      yield* remove(at("recent"), { filter: { _id: `${writer}:${n - 10}` } })
    })
  )

const program = Effect.gen(function* () {
  const database = yield* Database
  yield* database.index(at("recent"), { key: { writer: 1, n: 1 }, unique: true })
  say("ready")
  const work = (writer: number) =>
    Effect.gen(function* () {
      for (let n = Number(start); ; n++) {
        say(`begins ${writer} ${n}`)
        yield* write(database, writer, n)
        yield* database.insert(at("all"), [{ writer, n }])
        say(`wrote ${writer} ${n}`)
        yield* Effect.yieldNow
      }
    })
  yield* Effect.forEach(
    Array.from({ length: Number(writers) }, (_, i) => i),
    work,
    { concurrency: "unbounded", discard: true }
  )
})

await Effect.runPromise(Effect.provide(program, Layer.provide(Database.layer, DataDirectory.layer(folder))))
