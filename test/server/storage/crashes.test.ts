/**
 * Kills a process that writes documents, at random moments. `CRASH_ROUNDS=100` kills it a hundred times, `CRASH_SEED` repeats
 * a run as far as the machine allows.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Database, type Document } from "../../../src/server/data/Database.ts"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { chance } from "../language/support.ts"
import { directory } from "../support.ts"

const rounds = Number(process.env["CRASH_ROUNDS"] ?? 5)
const writers = 4

/** The numbers that a writer began and those that were acknowledged, by writer. */
interface Said {
  readonly begun: Map<number, number>
  readonly written: Map<number, number>
  count: number
}

/** Runs the writer until it has acknowledged so many writes and a moment more, and kills it. */
const killed = async (folder: string, start: number, writes: number, moment: number, said: Said): Promise<void> => {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "crashWriter.ts"), folder, `${writers}`, `${start}`],
    {
      stdio: ["ignore", "pipe", "inherit"]
    }
  )
  const ended = new Promise((resolve) => child.once("close", resolve))
  let isDoomed = false
  const doom = () => {
    if (isDoomed) return
    isDoomed = true
    setTimeout(() => child.kill("SIGKILL"), moment)
  }
  let acknowledged = 0
  for await (const line of createInterface(child.stdout)) {
    const [what, writer, n] = line.split(" ")
    if (what === "begins") said.begun.set(Number(writer), Number(n))
    if (what === "wrote") {
      said.written.set(Number(writer), Number(n))
      said.count++
      acknowledged++
    }
    if (acknowledged >= writes) doom()
  }
  await ended
  assert.strictEqual(child.signalCode, "SIGKILL", "the writer ended by itself")
}

const at = (collection: string) => ({ appId: "app", service: "mongodb-atlas", database: "d", collection })

/** All documents, read from the data directory. */
const read = (folder: string) =>
  Effect.gen(function* () {
    const { find } = yield* Database
    const all = (collection: string) => find(at(collection), { filter: {} })
    return {
      first: yield* all("first"),
      second: yield* all("second"),
      recent: yield* all("recent"),
      all: yield* all("all")
    }
  }).pipe(Effect.provide(Layer.provide(Database.layer, DataDirectory.layer(folder)), { local: true }))

const numbersOf = (documents: ReadonlyArray<Document>, writer: number) =>
  documents
    .flatMap((document) => (document["writer"] === writer ? [Number(document["n"])] : []))
    .toSorted((a, b) => a - b)

it.live(
  "documents that were acknowledged are there after a process was killed, and transactions as a whole",
  () =>
    Effect.gen(function* () {
      const seed = Number(process.env["CRASH_SEED"] ?? Math.floor(Math.random() * 2 ** 31))
      console.log(`CRASH_SEED=${seed} CRASH_ROUNDS=${rounds}`)
      const random = chance(seed)
      const folder = join(yield* directory({}), "data")
      // the numbers of acknowledged inserts, by writer
      const known = Array.from({ length: writers }, () => new Set<number>())
      let start = 0
      let count = 0
      for (let round = 0; round < rounds; round++) {
        const said: Said = { begun: new Map(), written: new Map(), count: 0 }
        const writes = Math.floor(random() * 60)
        yield* Effect.promise(() => killed(folder, start, writes, random() * 5, said))
        count += said.count
        const found = yield* read(folder)
        for (const [writer, numbers] of known.entries()) {
          const numberIn = (documents: ReadonlyArray<Document>) =>
            Number(documents.find(({ _id }) => _id === writer)?.["n"] ?? -1)
          const latest = numberIn(found.first)
          // both documents, and those of the last ten numbers, are of one transaction
          assert.strictEqual(numberIn(found.second), latest)
          const written = said.written.get(writer) ?? start - 1
          assert.isAtLeast(latest, said.written.get(writer) ?? -1, "an acknowledged transaction is lost")
          assert.isAtMost(latest, said.begun.get(writer) ?? latest)
          const recent = new Set(numbersOf(found.recent, writer))
          for (let n = start; n <= latest; n++) assert.strictEqual(recent.has(n), n > latest - 10)
          for (let n = start; n <= written; n++) numbers.add(n)
          assert.includeMembers(numbersOf(found.all, writer), [...numbers], "an acknowledged insert is lost")
        }
        start = Math.max(start, ...said.begun.values()) + 1
      }
      console.log(`${rounds} kills, ${count} acknowledged transactions`)
      assert.isAbove(count, 0)
    }),
  // what fails would wait without end
  60_000 + rounds * 30_000
)
