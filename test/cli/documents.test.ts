import { assert, describe, it } from "@effect/vitest"
import { serialize } from "bson"
import { Effect } from "effect"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { directory } from "../server/support.ts"
import { run } from "./support.ts"

describe("documents", () => {
  it.live(
    "takes documents from a folder of mongodump to another one, and reports what is left out",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({})
        const dump = join(folder, "dump")
        for (const name of ["shop", "admin"]) mkdirSync(join(dump, name), { recursive: true })
        const orders = [
          { _id: 1, user: "ada" },
          { _id: 2, user: "ada" },
          { _id: 3, user: "bob" }
        ]
        const bson = Buffer.concat(orders.map((it) => serialize(it)))
        writeFileSync(join(dump, "shop/orders.bson.gz"), gzipSync(bson))
        writeFileSync(
          join(dump, "shop/orders.metadata.json.gz"),
          gzipSync(
            JSON.stringify({
              options: { capped: true },
              indexes: [
                { v: { $numberInt: "2" }, key: { _id: { $numberInt: "1" } }, name: "_id_" },
                { v: { $numberInt: "2" }, key: { user: { $numberInt: "1" } }, name: "user_1", unique: true },
                { key: { text: "text" }, name: "text_text" }
              ],
              uuid: "0",
              collectionName: "orders"
            })
          )
        )
        writeFileSync(join(dump, "shop/a%2Fb.bson"), serialize({ _id: "x" }))
        writeFileSync(join(dump, "shop/notes.txt"), "mine")
        writeFileSync(join(dump, "admin/system.version.bson"), serialize({ _id: "v" }))
        writeFileSync(join(dump, "prelude.json"), "{}")
        const data = join(folder, "data")

        const first = yield* run(["documents", "import", data, dump, "--app", "shop"])
        assert.strictEqual(first.code, 1)
        assert.strictEqual(
          first.stdout,
          "shop.a/b: 1 documents imported\nshop.orders: 2 documents imported, 1 refused\n",
          first.stderr
        )
        assert.match(first.stderr, /orders\.bson\.gz, offset 28: .*E11000/)
        assert.match(first.stderr, /the index text_text is left out: .*text/)
        assert.match(first.stderr, /does not keep indexes: name the .* with --application, which then declares user_1/)
        assert.match(first.stderr, /the option capped of the collection has no effect here/)
        assert.match(first.stderr, /notes\.txt: is neither BSON nor JSON by its name/)
        assert.match(first.stderr, /system\.version\.bson: is a collection of MongoDB's own/)
        assert.match(first.stderr, /1 documents were refused, and the others imported/)

        const again = yield* run([
          "documents",
          "import",
          data,
          join(dump, "shop/a%2Fb.bson"),
          "--app",
          "shop",
          "--upsert",
          "--json"
        ])
        assert.strictEqual(again.code, 0, again.stderr)
        assert.deepStrictEqual(JSON.parse(again.stdout), {
          event: "imported",
          database: "shop",
          collection: "a/b",
          written: 1,
          refused: 0
        })

        const application = join(folder, "application")
        const oneFile = ["documents", "import", data, join(dump, "shop/orders.bson.gz"), "--app", "shop", "--upsert"]
        const declared = yield* run([...oneFile, "--application", application])
        assert.match(declared.stderr, /orders\.metadata\.json declares user_1/)
        const kept = readFileSync(join(application, "data/shop/orders.metadata.json"), "utf8")
        assert.include(kept, '"name":"user_1"')

        // names of files in a dump may come from elsewhere
        writeFileSync(join(dump, "shop/..%2F..%2F..%2Fx.bson"), serialize({ _id: 1 }))
        writeFileSync(join(dump, "shop/..%2F..%2F..%2Fx.metadata.json"), '{"indexes":[{"name":"n_1","key":{"n":1}}]}')
        const other = ["documents", "import", join(folder, "other data"), join(dump, "shop"), "--app", "shop"]
        const outside = yield* run([...other, "--application", application])
        assert.match(outside.stderr, /n_1 cannot be declared: .* is not the name of a file/)
        assert.deepStrictEqual(readdirSync(join(application, "data")), ["shop"])
        assert.isFalse(readdirSync(folder).some((name) => name.startsWith("x")))

        const out = join(folder, "out")
        const left = yield* run(["documents", "export", data, out, "--app", "shop", "--format", "bson"])
        assert.strictEqual(left.code, 0, left.stderr)
        assert.deepStrictEqual(readdirSync(join(out, "shop")).toSorted(), [
          "a%2Fb.bson",
          "a%2Fb.metadata.json",
          "orders.bson",
          "orders.metadata.json"
        ])
        const copied = readFileSync(join(out, "shop/orders.bson"))
        assert.isTrue(copied.equals(Buffer.concat([serialize(orders[0]), serialize(orders[2])])))
        assert.strictEqual(statSync(join(out, "shop/orders.bson")).mode & 0o777, 0o600)
        const twice = yield* run(["documents", "export", data, out, "--app", "shop", "--format", "bson"])
        assert.strictEqual(twice.code, 1, "files that exist are not replaced")

        const lines = yield* run(["documents", "export", data, "-", "--app", "shop", "--collection", "shop.orders"])
        assert.strictEqual(
          lines.stdout,
          '{"_id":{"$numberInt":"1"},"user":"ada"}\n{"_id":{"$numberInt":"3"},"user":"bob"}\n'
        )
        const json = join(folder, "orders.json")
        writeFileSync(json, lines.stdout)
        const named = yield* run([
          "documents",
          "import",
          join(folder, "other"),
          json,
          "--app",
          "x",
          "--collection",
          "a.b.c"
        ])
        assert.strictEqual(named.stdout, "a.b.c: 2 documents imported\n", named.stderr)
        const unknown = yield* run(["documents", "export", data, "-", "--app", "shop", "--collection", "shop.x"])
        assert.include(unknown.stderr, "has no documents of shop.x: it has those of shop.a/b, shop.orders")
      }),
    300_000
  )

  it.live(
    "names what of a damaged file was refused, and imports what was read before",
    () =>
      Effect.gen(function* () {
        const folder = yield* directory({})
        const gz = gzipSync(
          Buffer.concat(Array.from({ length: 2000 }, (_, _id) => serialize({ _id, r: Math.random() })))
        )
        mkdirSync(join(folder, "d"))
        writeFileSync(join(folder, "d/c.bson.gz"), gz.subarray(0, gz.length - 1000))
        const { code, stderr, stdout } = yield* run([
          "documents",
          "import",
          join(folder, "data"),
          join(folder, "d"),
          "--app",
          "x"
        ])
        assert.strictEqual(code, 1)
        assert.match(stdout, /^d\.c: 1\d\d\d documents imported, \d refused\n$/)
        assert.match(stderr, /d\/c\.bson\.gz, the rest: unexpected end of file/)
        const missing = yield* run(["documents", "import", join(folder, "data"), join(folder, "none"), "--app", "x"])
        assert.strictEqual(missing.code, 1)
        assert.include(missing.stderr, "none")
      }),
    300_000
  )
})
