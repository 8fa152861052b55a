import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { attempt, type RowWrite, RowStore } from "../../../src/server/storage/RowStore.ts"
import * as DataDirectory from "../../../src/server/storage/DataDirectory.ts"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { createInterface } from "node:readline"
import { directory } from "../support.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const put = (key: string, value: string, table = "t"): RowWrite => ({ table, key, value: bytes(value) })
const gone = (key: string, table = "t"): RowWrite => ({ table, key, value: undefined })

const using = <A, E>(
  path: string,
  use: (rowStore: RowStore["Service"]) => Effect.Effect<A, E>,
  options?: DataDirectory.Options
) => RowStore.use(use).pipe(Effect.provide(DataDirectory.layer(path, options)))
const commit = (path: string, ...changes: ReadonlyArray<RowWrite>) =>
  using(path, (rowStore) => attempt(() => rowStore.commit(changes)))
const rowsOf = (rowStore: RowStore["Service"], table = "t") =>
  Array.from(rowStore.rows(table), ({ key, value }) => [key, new TextDecoder().decode(value)])
const rows = (path: string, table?: string) => using(path, (rowStore) => Effect.sync(() => rowsOf(rowStore, table)))
const refused = (path: string, options?: DataDirectory.Options) =>
  Effect.flip(Layer.build(DataDirectory.layer(path, options)).pipe(Effect.scoped))

/** Every file with its bytes: what a refusal must leave alone. */
const snapshot = (path: string) =>
  Object.fromEntries(fs.readdirSync(path).map((name) => [name, fs.readFileSync(join(path, name), "latin1")]))

describe("DataDirectory", () => {
  it.effect("keeps rows from one opening to the next, in the order in which their keys came", () =>
    Effect.gen(function* () {
      const path = join(yield* directory({}), "made", "on the way")
      yield* commit(path, put("b", "1"), put("a", "2"), put("c", "3"), put("x", "y", "other"))
      yield* commit(path, put("b", "4"), gone("a"), gone("never there"))
      yield* commit(path, put("a", ""), gone("nothing", "no table"))
      assert.deepStrictEqual(yield* rows(path), [
        ["b", "4"],
        ["c", "3"],
        ["a", ""]
      ])
      assert.deepStrictEqual(yield* rows(path, "unknown"), [])
      const tables = (prefix: string) => using(path, (rowStore) => Effect.sync(() => rowStore.tables(prefix)))
      assert.deepStrictEqual(yield* tables(""), ["t", "other"])
      assert.deepStrictEqual(yield* tables("o"), ["other"])
      assert.deepStrictEqual(yield* tables("%"), [])
    })
  )

  it.effect("takes any text and bytes, and refuses keys that would become another's", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const keys = ["", "a\0b", "ü 🦊", "__proto__", "x".repeat(5000)]
      yield* commit(path, ...keys.map((key) => put(key, key)))
      assert.deepStrictEqual(
        yield* rows(path),
        keys.map((key) => [key, key])
      )
      const error = yield* Effect.flip(commit(path, put("fine", "1"), put("\ud800", "2")))
      assert.strictEqual(error.message, "invalid name of a table or key: expected well-formed Unicode")
      assert.strictEqual((yield* rows(path)).length, keys.length)
    })
  )

  it.effect("is for its owner alone", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      fs.chmodSync(path, 0o755)
      yield* using(path, (rowStore) =>
        Effect.sync(() => {
          rowStore.commit([put("a", "1")])
          assert.strictEqual(fs.statSync(path).mode & 0o777, 0o700)
          const names = fs.readdirSync(path)
          assert.includeMembers(names, ["data.sqlite", "data.sqlite-wal", "lock", "process"])
          for (const name of names) assert.strictEqual(fs.statSync(join(path, name)).mode & 0o777, 0o600, name)
        })
      )
    })
  )

  it.effect("belongs to one at a time, in one process too", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      yield* using(path, () =>
        Effect.gen(function* () {
          for (const without of ["nothing", "nothing", "lock"]) {
            fs.rmSync(join(path, without), { force: true })
            const error = yield* refused(path)
            assert.strictEqual(error.reason, "inUse")
            assert.include(error.message, `is in use by process ${process.pid}: stop it, or choose another directory`)
          }
        })
      )
      yield* commit(path, put("a", "1"))
    })
  )

  it.live(
    "belongs to one process at a time, and is free once that is killed",
    () =>
      Effect.gen(function* () {
        const path = yield* directory({})
        const script = `
        import { Effect } from "effect"
        import { RowStore } from "./src/server/storage/RowStore.ts"
        import * as DataDirectory from "./src/server/storage/DataDirectory.ts"
        const program = RowStore.use((rowStore) => Effect.sync(() => {
          rowStore.commit([{ table: "t", key: "a", value: new Uint8Array([49]) }])
          console.log("ready")
          setInterval(() => {}, 1000)
        }).pipe(Effect.andThen(Effect.never)))
        Effect.runFork(Effect.provide(program, DataDirectory.layer(${JSON.stringify(path)})))`
        const child = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] })
          ),
          (child) => Effect.sync(() => child.kill("SIGKILL"))
        )
        const [line] = yield* Effect.promise(() => once(createInterface(child.stdout), "line"))
        assert.strictEqual(line, "ready")
        const error = yield* refused(path)
        assert.strictEqual(error.reason, "inUse")
        assert.include(error.message, `process ${child.pid}`)
        // the data has a lock of its own, which goes with it
        fs.renameSync(join(path, "lock"), join(yield* directory({}), "lock"))
        for (const _ of [1, 2]) {
          const { message, reason } = yield* refused(path)
          assert.strictEqual(reason, "inUse")
          assert.include(message, `process ${child.pid}`)
        }
        child.kill("SIGKILL")
        yield* Effect.promise(() => once(child, "close"))
        assert.deepStrictEqual(yield* rows(path), [["a", "1"]])
      }),
    180_000
  )

  it.effect("leaves alone what is not its own", () =>
    Effect.gen(function* () {
      const foreign = yield* directory({})
      const other = new DatabaseSync(join(foreign, "data.sqlite"))
      other.exec("CREATE TABLE mine (a); INSERT INTO mine VALUES (1)")
      other.close()
      const cases = [
        [yield* directory({ "notes.txt": "hello" }), "foreign", 'holds other files ("notes.txt")'],
        [foreign, "foreign", "of another program"],
        [yield* directory({ "data.sqlite": "x".repeat(5000) }), "damaged", "restore it from a backup"],
        [yield* directory({ "data.sqlite": "" }), "damaged", "restore it from a backup"]
      ] as const
      for (const [path, reason, message] of cases) {
        const before = snapshot(path)
        const error = yield* refused(path)
        assert.strictEqual(error.reason, reason)
        assert.include(error.message, path)
        assert.include(error.message, message)
        assert.deepStrictEqual(snapshot(path), before)
      }
      const file = join(cases[0][0], "notes.txt")
      assert.include((yield* refused(file)).message, "is a file: choose a directory")
      assert.strictEqual((yield* refused(join(file, "below"))).reason, "unusable")
      assert.strictEqual(fs.readFileSync(file, "utf8"), "hello")
    })
  )

  it.effect("refuses data that is damaged, or of a later version", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const many = Array.from({ length: 500 }, (_, i) => put(`key ${i}`, "value ".repeat(50)))
      yield* commit(path, ...many)
      const file = join(path, "data.sqlite")
      const whole = fs.readFileSync(file)
      const spoil = (spoilt: Buffer) => {
        fs.writeFileSync(file, spoilt)
        return Effect.map(refused(path), ({ message, reason }) => {
          assert.strictEqual(fs.readFileSync(file).compare(spoilt), 0)
          return { message, reason }
        })
      }
      const garbage = Buffer.from(whole)
      garbage.fill(0xa5, 8192, 40_000)
      const newer = Buffer.from(whole)
      newer.writeUInt32BE(7, 60)
      for (const length of [50, 4096, 20_000, whole.length - 4096]) {
        assert.strictEqual((yield* spoil(whole.subarray(0, length))).reason, "damaged", String(length))
      }
      assert.strictEqual((yield* spoil(garbage)).reason, "damaged")
      const later = yield* spoil(newer)
      assert.strictEqual(later.reason, "newer")
      assert.include(later.message, "format 7, this one knows 2")
      fs.writeFileSync(file, whole)
      assert.strictEqual((yield* rows(path)).length, 500)
    })
  )

  it.effect("refuses data of which a byte is another, unless that makes no difference", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const written = Array.from({ length: 40 }, (_, i) => put(`key ${i}`, `value ${i} `.repeat(i), `table ${i % 3}`))
      yield* commit(path, ...written)
      const everything = using(path, (rowStore) =>
        Effect.sync(() => rowStore.tables("").map((table) => [table, rowsOf(rowStore, table)]))
      )
      const right = yield* everything
      const file = join(path, "data.sqlite")
      const whole = fs.readFileSync(file)
      const refusals: Record<string, number> = {}
      for (let at = 0; at < whole.length; at += 97) {
        const spoilt = Buffer.from(whole)
        spoilt[at] ^= 1 << (at % 8)
        fs.writeFileSync(file, spoilt)
        const found = yield* Effect.result(everything)
        if (Result.isSuccess(found)) assert.deepStrictEqual(found.success, right, `byte ${at}`)
        else {
          const { reason } = found.failure
          refusals[reason] = (refusals[reason] ?? 0) + 1
          assert.strictEqual(fs.readFileSync(file).compare(spoilt), 0, `byte ${at}`)
        }
      }
      assert.isAbove(refusals["damaged"] ?? 0, 50)
      for (const cut of [1, 100, 1000]) {
        fs.writeFileSync(file, whole.subarray(0, whole.length - cut))
        const found = yield* Effect.result(everything)
        if (Result.isSuccess(found)) assert.deepStrictEqual(found.success, right, `${cut} bytes less`)
        else assert.strictEqual(found.failure.reason, "damaged")
      }
    })
  )

  it.effect("refuses a row whose value is another, and names it without its content", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      yield* commit(path, put("first", "the value"), put("second", "the other"))
      const file = join(path, "data.sqlite")
      const changed = fs.readFileSync(file, "latin1").replace("the other", "the 0ther")
      fs.writeFileSync(file, changed, "latin1")
      const { message, reason } = yield* refused(path)
      assert.strictEqual(reason, "damaged")
      assert.include(message, 'is damaged (the row "second" of the table "t"): restore it from a backup')
      assert.strictEqual(fs.readFileSync(file, "latin1"), changed)
    })
  )

  it.effect("takes over data of the format before", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const old = new DatabaseSync(join(path, "data.sqlite"))
      old.exec(`PRAGMA application_id = 1161909041; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;
        CREATE TABLE tables (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE rows (id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL REFERENCES tables (id), key TEXT NOT NULL,
          value BLOB NOT NULL, UNIQUE (tbl, key)) STRICT;
        CREATE INDEX rows_in_order ON rows (tbl, id);
        INSERT INTO tables VALUES (7, 't'), (8, 'other');
        INSERT INTO rows (tbl, key, value) VALUES (7, 'b', X'31'), (8, 'x', X''), (7, 'a', X'32');`)
      old.close()
      for (const _ of [1, 2]) {
        assert.deepStrictEqual(yield* rows(path), [
          ["b", "1"],
          ["a", "2"]
        ])
      }
      yield* commit(path, put("b", "3"))
      assert.deepStrictEqual(yield* rows(path, "other"), [["x", ""]])
    })
  )

  it.effect("refuses links in place of its files, and of the directory, and leaves alone where they lead", () =>
    Effect.gen(function* () {
      const elsewhere = yield* directory({ precious: "mine" })
      for (const [name, target] of [
        ["data.sqlite", "gone.sqlite"],
        ["data.sqlite", "precious"],
        ["lock", "precious"],
        ["process", "precious"],
        ["data.sqlite-wal", "precious"]
      ] as const) {
        const path = yield* directory({})
        yield* commit(path, put("a", "1"))
        fs.rmSync(join(path, name), { force: true })
        fs.symlinkSync(join(elsewhere, target), join(path, name))
        const before = fs.readdirSync(path)
        const { message, reason } = yield* refused(path)
        assert.strictEqual(reason, "unusable")
        assert.include(message, `has a "${name}" that is a link to "${join(elsewhere, target)}"`)
        assert.strictEqual(message.includes("which does not exist"), target === "gone.sqlite")
        assert.deepStrictEqual(fs.readdirSync(path), before)
        assert.strictEqual(fs.readlinkSync(join(path, name)), join(elsewhere, target))
      }
      const nowhere = join(elsewhere, "nowhere")
      fs.symlinkSync(join(elsewhere, "not mounted"), nowhere)
      assert.include((yield* refused(nowhere)).message, "is a link to a missing directory: is its disk mounted?")
      assert.deepStrictEqual(fs.readdirSync(elsewhere), ["nowhere", "precious"])
      assert.strictEqual(fs.readFileSync(join(elsewhere, "precious"), "utf8"), "mine")
      // a directory by another name is the directory
      const path = yield* directory({})
      yield* commit(path, put("a", "1"))
      fs.symlinkSync(path, join(elsewhere, "data"))
      assert.deepStrictEqual(yield* rows(join(elsewhere, "data")), [["a", "1"]])
    })
  )

  it.effect("refuses a directory or a pipe in place of its files, without waiting for it", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      fs.mkdirSync(join(path, "data.sqlite"))
      assert.include((yield* refused(path)).message, 'has a "data.sqlite" that is not a file')
      const pipe = yield* directory({})
      assert.strictEqual(spawnSync("mkfifo", [join(pipe, "lock")]).status, 0)
      assert.include((yield* refused(pipe)).message, 'has a "lock" that is not a file')
    })
  )

  it.effect("cannot be made where none can be, and says so", () =>
    Effect.gen(function* () {
      // what only looks like a directory, where there is one
      const above = process.platform === "linux" ? "/proc/1" : "/dev/null"
      for (const path of [join(above, "data"), join(above, "deep/data")]) {
        const { message, reason } = yield* refused(path)
        assert.strictEqual(reason, "unusable")
        assert.match(message, /cannot be read and written: E/)
      }
    })
  )

  it.effect("recreates what a crash left incomplete, and creates nothing if told not to", () =>
    Effect.gen(function* () {
      const path = yield* directory({ "data.sqlite.new": "half", "data.sqlite.new-journal": "half", lock: "" })
      const missing = yield* refused(path, { create: false })
      assert.strictEqual(missing.reason, "missing")
      assert.strictEqual((yield* refused(join(path, "nowhere"), { create: false })).reason, "missing")
      assert.isFalse(fs.existsSync(join(path, "nowhere")))
      yield* commit(path, put("a", "1"))
      assert.deepStrictEqual(yield* rows(path), [["a", "1"]])
      assert.deepStrictEqual(fs.readdirSync(path).toSorted(), ["data.sqlite", "lock"])
    })
  )

  it.effect(
    "refuses a directory that may not be written",
    () =>
      Effect.gen(function* () {
        const path = yield* directory({})
        yield* commit(path, put("a", "1"))
        // root drops its permissions for this test
        const uid = process.getuid?.() === 0 ? 65_534 : undefined
        if (uid !== undefined)
          for (const it of [path, ...fs.readdirSync(path).map((name) => join(path, name))]) fs.chownSync(it, uid, uid)
        fs.chmodSync(path, 0o500)
        const script = `
        import { Effect, Layer } from "effect"
        import * as DataDirectory from "./src/server/storage/DataDirectory.ts"
        ${uid === undefined ? "" : `process.setgid(${uid}); process.setuid(${uid})`}
        const open = Effect.scoped(Layer.build(DataDirectory.layer(${JSON.stringify(path)})))
        console.log(await Effect.runPromise(Effect.map(Effect.flip(open), (error) => error.message)))`
        const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
          encoding: "utf8"
        })
        fs.chmodSync(path, 0o700)
        assert.match(stdout, /cannot be read and written: EACCES/, stderr)
      }),
    180_000
  )

  it.effect("changes nothing when the disk is full, and goes on when there is room again", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const big = "x".repeat(60_000)
      yield* using(
        path,
        (rowStore) =>
          Effect.gen(function* () {
            const commit = (...changes: ReadonlyArray<RowWrite>) => attempt(() => rowStore.commit(changes))
            yield* commit(put("a", big), put("b", big))
            const error = yield* Effect.flip(commit(gone("a"), put("c", "1"), put("d", big), put("e", big)))
            assert.strictEqual(error.message, "the disk is full: nothing was changed")
            assert.deepStrictEqual(
              rowsOf(rowStore).map(([key]) => key),
              ["a", "b"]
            )
            yield* commit(gone("a"))
            yield* commit(put("f", big))
          }),
        { maxBytes: 200_000 }
      )
      assert.deepStrictEqual(
        (yield* rows(path)).map(([key]) => key),
        ["b", "f"]
      )
    })
  )

  it.effect("notices when its file is taken away", () =>
    Effect.gen(function* () {
      const path = yield* directory({})
      const error = yield* using(path, (rowStore) =>
        Effect.suspend(() => {
          fs.renameSync(join(path, "data.sqlite"), join(path, "moved"))
          return Effect.flip(attempt(() => rowStore.commit([put("a", "1")])))
        })
      )
      assert.include(error.message, "was removed")
    })
  )
})
