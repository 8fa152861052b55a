import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Backup from "../../../src/server/storage/Backup.ts"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { attempt, type RowStore as Rows, RowStore, RowStoreError } from "../../../src/server/storage/RowStore.ts"
import { directory } from "../support.ts"

const bytes = (text: string) => new TextEncoder().encode(text)

const using = <A, E, R>(path: string, use: (rowStore: Rows["Service"]) => Effect.Effect<A, E, R>) =>
  RowStore.use(use).pipe(Effect.provide(DataDirectory.layer(path)))

const commit = (rowStore: Rows["Service"], ...keys: ReadonlyArray<string>) =>
  attempt(() => rowStore.commit(keys.map((key) => ({ table: "t", key, value: bytes(`value of ${key}`) }))))

/** Enough rows that a copy takes many steps. */
const fill = (rowStore: Rows["Service"], rows = 1000) =>
  attempt(() =>
    rowStore.commit(
      Array.from({ length: rows }, (_, i) => ({ table: "fill", key: `${i}`, value: new Uint8Array(4000).fill(i) }))
    )
  )

const backUp = (rowStore: Rows["Service"], file: string) =>
  Effect.gen(function* () {
    return yield* Backup.write(file, yield* rowStore.snapshot!)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

const keysOf = (path: string, table = "t") =>
  using(path, (rowStore) => Effect.sync(() => Array.from(rowStore.rows(table), ({ key }) => key)))

/** A backup of a small directory. */
const backupIn = Effect.fnUntraced(function* (folder: string) {
  const file = join(folder, "b.backup")
  yield* using(join(folder, "data"), (rowStore) =>
    Effect.gen(function* () {
      yield* commit(rowStore, "a", "b")
      yield* fill(rowStore, 50)
      yield* backUp(rowStore, file)
    })
  )
  return file
})

describe("Backup", () => {
  it.live("has every commit that was acknowledged before it began, and others as a whole or not at all", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      const file = join(folder, "b.backup")
      const { before, during } = yield* using(join(folder, "data"), (rowStore) =>
        Effect.gen(function* () {
          yield* fill(rowStore)
          let n = 0
          const writer = yield* Effect.forkChild(
            Effect.forever(
              Effect.gen(function* () {
                yield* commit(rowStore, `first ${n}`, `second ${n}`)
                n++
                yield* Effect.sleep(1)
              })
            )
          )
          yield* Effect.sleep(20)
          const before = n
          yield* backUp(rowStore, file)
          const during = n - before
          yield* Fiber.interrupt(writer)
          return { before, during }
        })
      )
      assert.isAbove(before, 0)
      assert.isAbove(during, 0, "commits go on while a backup is made")
      const restored = join(folder, "restored")
      const { tables } = yield* Backup.restore(file, restored)
      const keys = new Set(yield* keysOf(restored))
      for (let i = 0; i < before; i++) assert.isTrue(keys.has(`first ${i}`), `commit ${i} is in the backup`)
      for (const key of keys) {
        const other = key.startsWith("first") ? key.replace("first", "second") : key.replace("second", "first")
        assert.isTrue(keys.has(other), `${key} without ${other}`)
      }
      assert.deepStrictEqual([tables.get("fill"), tables.get("t")], [1000, keys.size])
      assert.strictEqual((yield* keysOf(restored, "fill")).length, 1000)
    })
  )

  it.live("is a file for its owner only, and leaves nothing beside it and nothing in the data directory", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      const file = yield* backupIn(folder)
      assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600)
      assert.deepStrictEqual(fs.readdirSync(folder).toSorted(), ["b.backup", "data"])
      assert.deepStrictEqual(fs.readdirSync(join(folder, "data")).toSorted(), ["data.sqlite", "lock"])
      const restored = join(folder, "restored")
      yield* Backup.restore(file, restored)
      assert.strictEqual(fs.statSync(restored).mode & 0o777, 0o700)
      assert.strictEqual(fs.statSync(join(restored, "data.sqlite")).mode & 0o777, 0o600)
      assert.deepStrictEqual(yield* keysOf(restored), ["a", "b"])
    })
  )

  it.live("leaves no file when its content ends early, fails or is interrupted", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      const file = yield* backupIn(folder)
      const content = fs.readFileSync(file)
      const half = content.subarray(0, Math.floor(content.length / 8192) * 4096)
      const target = join(folder, "c.backup")
      const write = <E>(stream: Stream.Stream<Uint8Array, E>) =>
        Effect.provide(Backup.write(target, stream), NodeServices.layer)
      const short = yield* Effect.flip(write(Stream.make(half)))
      assert.deepInclude(short, { _tag: "DataDirectoryError", reason: "damaged" })
      assert.strictEqual(
        (yield* Effect.flip(write(Stream.concat(Stream.make(half), Stream.fail("gone" as const))))).toString(),
        "gone"
      )
      const fiber = yield* Effect.forkChild(write(Stream.concat(Stream.make(half), Stream.never)))
      yield* Effect.sleep(50)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(fs.readdirSync(folder).toSorted(), ["b.backup", "data"])
      const exists = yield* Effect.flip(Effect.provide(Backup.write(file, Stream.make(content)), NodeServices.layer))
      assert.deepInclude(exists, { reason: "exists" })
      assert.isTrue(fs.readFileSync(file).equals(content), "an earlier backup is not replaced")
    })
  )

  it.live("stops when it is interrupted, and removes what a killed process left of one", () =>
    Effect.gen(function* () {
      const path = join(yield* directory({}), "data")
      yield* using(path, (rowStore) =>
        Effect.gen(function* () {
          yield* fill(rowStore)
          const fiber = yield* Effect.forkChild(Effect.scoped(rowStore.snapshot!), { startImmediately: true })
          yield* Fiber.interrupt(fiber)
          assert.isFalse(fs.existsSync(join(path, "snapshot.sqlite")))
          yield* commit(rowStore, "after")
        })
      )
      fs.writeFileSync(join(path, "snapshot.sqlite"), "half")
      fs.writeFileSync(join(path, "snapshot.sqlite-journal"), "half")
      assert.deepStrictEqual(yield* keysOf(path), ["after"])
      assert.deepStrictEqual(fs.readdirSync(path).toSorted(), ["data.sqlite", "lock"])
    })
  )

  it.live("fails with the reason when the data directory has no space for it, and the server goes on", () =>
    Effect.gen(function* () {
      const path = join(yield* directory({}), "data")
      const failure = yield* using(path, (rowStore) =>
        Effect.gen(function* () {
          yield* fill(rowStore, 50)
          // a directory in its place: what a full disk does, it fails at the first write
          fs.mkdirSync(join(path, "snapshot.sqlite"))
          const failure = yield* Effect.flip(Effect.scoped(rowStore.snapshot!))
          yield* commit(rowStore, "after")
          return failure
        })
      )
      assert.instanceOf(failure, RowStoreError)
      assert.match(failure.message, /^no backup can be made: /)
      fs.rmdirSync(join(path, "snapshot.sqlite"))
      assert.deepStrictEqual(yield* keysOf(path), ["after"])
    })
  )
})

describe("restoring a backup", () => {
  it.live("refuses a backup that is damaged, newer, foreign, missing or a part of a data directory", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      const file = yield* backupIn(folder)
      const good = fs.readFileSync(file)
      const bad = join(folder, "bad")
      const target = join(folder, "restored")
      const refused = Effect.fnUntraced(function* (reason: string, message: RegExp) {
        const error = yield* Effect.flip(Backup.restore(bad, target))
        assert.strictEqual(error.reason, reason, error.message)
        assert.match(error.message, message)
        assert.include(error.message, bad)
        assert.isFalse(fs.existsSync(target), "nothing is left of it")
      })
      yield* refused("missing", /does not exist$/)
      for (const size of [0, 50, 4096, good.length - 4096, good.length - 1]) {
        fs.writeFileSync(bad, good.subarray(0, size))
        yield* refused("damaged", /is damaged/)
      }
      const at = good.indexOf("value of b")
      const flipped = Buffer.from(good)
      flipped[at] = flipped[at] ^ 1
      fs.writeFileSync(bad, flipped)
      yield* refused("damaged", /the row "b" of the table "t"/)
      fs.writeFileSync(bad, good)
      const newer = new DatabaseSync(bad)
      newer.exec("PRAGMA user_version = 99")
      newer.close()
      yield* refused("newer", /was written by a later version .*format 99/)
      fs.rmSync(bad)
      const foreign = new DatabaseSync(bad)
      foreign.exec("CREATE TABLE t (a)")
      foreign.close()
      yield* refused("foreign", /another program/)
      fs.writeFileSync(bad, good)
      fs.writeFileSync(`${bad}-wal`, "commits")
      yield* refused("foreign", /copy that directory instead/)
      fs.rmSync(bad)
      fs.mkdirSync(bad)
      yield* refused("foreign", /is not a file/)
    })
  )

  it.live("refuses a directory that holds data or other files, or is in use, and leaves it as it is", () =>
    Effect.gen(function* () {
      const folder = yield* directory({ "other/readme.txt": "mine" })
      const file = yield* backupIn(folder)
      const refused = (path: string) => Effect.map(Effect.flip(Backup.restore(file, path)), ({ reason }) => reason)
      const data = join(folder, "data")
      const before = fs.readFileSync(join(data, "data.sqlite"))
      assert.strictEqual(yield* refused(data), "exists")
      assert.isTrue(fs.readFileSync(join(data, "data.sqlite")).equals(before))
      assert.strictEqual(yield* refused(join(folder, "other")), "foreign")
      assert.deepStrictEqual(fs.readdirSync(join(folder, "other")), ["readme.txt"])
      assert.strictEqual(yield* using(data, () => refused(data)), "inUse")
      assert.deepStrictEqual(yield* keysOf(data), ["a", "b"])
    })
  )

  it.live("takes the place of what an interrupted one left", () =>
    Effect.gen(function* () {
      const folder = yield* directory({})
      const file = yield* backupIn(folder)
      const target = join(folder, "restored")
      fs.mkdirSync(target)
      fs.writeFileSync(join(target, "data.sqlite.new"), "half")
      fs.writeFileSync(join(target, "lock"), "")
      const opened = yield* Effect.result(Effect.scoped(Layer.build(DataDirectory.layer(target, { create: false }))))
      assert.strictEqual(opened._tag, "Failure", "half a restored directory does not pass for data")
      yield* Backup.restore(file, target)
      assert.deepStrictEqual(yield* keysOf(target), ["a", "b"])
    })
  )
})
