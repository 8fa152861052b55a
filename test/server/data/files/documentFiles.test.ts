import { assert, describe, it } from "@effect/vitest"
import { BSONRegExp, Decimal128, Double, Long, ObjectId, serialize, Timestamp } from "bson"
import { Effect, Stream } from "effect"
import type { Database } from "../../../../src/server/data/Database.ts"
import { makeMemory } from "../../../../src/server/data/Database.ts"
import * as DocumentFile from "../../../../src/server/data/files/DocumentFile.ts"
import * as Export from "../../../../src/server/data/files/Export.ts"
import * as Import from "../../../../src/server/data/files/Import.ts"
import * as Rows from "../rowStore.ts"

const namespace = { appId: "app", service: "mongodb-atlas", database: "d", collection: "c" }

const bytes = (text: string) => new TextEncoder().encode(text)

/** A file in pieces of some bytes each, so that every document is cut somewhere. */
const pieces = (file: Uint8Array, size: number) =>
  Stream.fromIterable(
    Array.from({ length: Math.ceil(file.length / size) }, (_, i) => file.subarray(i * size, (i + 1) * size))
  )

const all = (format: DocumentFile.Format, file: Uint8Array, size = 7) =>
  Stream.runCollect(DocumentFile.read(format)(pieces(file, size)))

const brief = (found: ReadonlyArray<DocumentFile.Found>) =>
  found.map((it) => ("problem" in it ? `${it.place}: ${it.problem}` : `${it.place}: ${String(it.document["_id"])}`))

const importInto = (
  database: Database["Service"],
  found: Stream.Stream<DocumentFile.Found>,
  options: { readonly upsert?: boolean } = {}
) => {
  const refused: Array<string> = []
  return Effect.map(
    Import.write(database, namespace, found, {
      upsert: options.upsert === true,
      onRefused: (place, problem) => Effect.sync(() => refused.push(`${place}: ${problem}`))
    }),
    (counts) => ({ ...counts, places: refused })
  )
}

describe("files of documents", () => {
  it.effect("reads pieces of any size of what mongodump and mongoexport write", () =>
    Effect.gen(function* () {
      const documents = [{ _id: "a" }, { _id: "b", text: 'x"}{\\' }, { _id: "c", nested: { list: [{}, { d: 1 }] } }]
      const bson = Buffer.concat(documents.map((it) => serialize(it)))
      const texts = {
        lines: documents.map((it) => JSON.stringify(it)).join("\n"),
        array: JSON.stringify(documents),
        pretty: `\uFEFF${JSON.stringify(documents, undefined, 2)}\r\n`,
        "pretty documents": documents.map((it) => JSON.stringify(it, undefined, 2)).join("\n")
      }
      for (const size of [1, 3, 1000]) {
        assert.deepStrictEqual(brief(yield* all("bson", bson, size)), ["offset 0: a", "offset 16: b", "offset 48: c"])
        for (const [form, text] of Object.entries(texts)) {
          const found = yield* all("json", bytes(text), size)
          assert.deepStrictEqual(
            found.map((it) => ("document" in it ? it.document["_id"] : it)),
            ["a", "b", "c"],
            form
          )
        }
      }
      assert.deepStrictEqual(brief(yield* all("json", bytes(texts.pretty))), ["line 2: a", "line 5: b", "line 9: c"])
      assert.deepStrictEqual([...(yield* all("json", bytes(" [ ] ")))], [])
    })
  )

  it.effect("names the place of what is not a document, and goes on where the next one begins", () =>
    Effect.gen(function* () {
      const broken = Buffer.concat([serialize({ _id: "a" }), serialize({ _id: "b" }), serialize({ _id: "c" })])
      broken[16 + 4] = 0x7e
      const [, second, third] = yield* all("bson", broken)
      assert.match(brief([second])[0], /^offset 16: is not BSON/)
      assert.deepStrictEqual(brief([third]), ["offset 32: c"])
      const cut = yield* all("bson", serialize({ _id: "a" }).subarray(0, 10))
      assert.deepStrictEqual(brief(cut), ["offset 0: the file ends in the middle of a document: it is incomplete"])
      assert.match(brief(yield* all("bson", bytes("{}{}{}{}")))[0], /^offset 0: expected the length of a document/)
      assert.match(brief(yield* all("bson", Buffer.from("6de29981", "hex")))[0], /archive of mongodump --archive/)

      const lines = yield* all("json", bytes('{"_id":1}\n{"_id":}\n{"_id":{"$oid":"x"}}\n{"_id":4}\n'))
      assert.deepStrictEqual(brief(lines), [
        "line 1: 1",
        "line 2: the text is not JSON",
        "line 3: $oid must be 24 hex digits",
        "line 4: 4"
      ])
      assert.deepStrictEqual(brief(yield* all("json", bytes('{"_id":1}\n{"_id":2'))).slice(1), [
        "line 2: begins a document that does not end: the file is incomplete or damaged"
      ])
      assert.match(
        brief(yield* all("json", bytes('{"_id":1}\nid,name\n')))[1],
        /^line 2: expected a document, and found/
      )
      assert.match(brief(yield* all("json", Uint8Array.of(0x7b, 0xff)))[0], /not UTF-8/)
    })
  )

  it.effect("keeps every type of every value from one database to another, in both formats", () =>
    Effect.gen(function* () {
      const document = {
        _id: new ObjectId("665f1f77bcf86cd799439011"),
        int: 5,
        long: Long.fromNumber(5),
        double: new Double(5),
        real: 5.5,
        decimal: Decimal128.fromString("1.10"),
        date: new Date(-1),
        regex: new BSONRegExp("^a", "i"),
        at: new Timestamp({ t: 1, i: 2 }),
        reference: { $ref: "x", $id: new ObjectId("665f1f77bcf86cd799439012"), $db: "other" },
        null: null,
        list: [1, [new Double(2)], { $set: 1 }],
        ["__proto__"]: "field"
      }
      const from = Rows.make()
      yield* makeMemory(from.service).insert(namespace, [document])
      assert.deepStrictEqual(yield* Export.collections(from.service, "app"), [namespace])
      for (const format of ["bson", "json"] as const) {
        const to = Rows.make()
        const found = DocumentFile.read(format)(Export.documents(from.service, namespace, format)).pipe(Stream.orDie)
        const { refused, written } = yield* importInto(makeMemory(to.service), found)
        assert.deepStrictEqual([written, refused], [1, 0])
        const row = (rows: typeof from) => Array.from(rows.service.rows("documents/app/mongodb-atlas/d/c"))
        assert.deepStrictEqual(row(to), row(from), format)
      }
    })
  )

  it.effect("takes a whole number that is written as a real one for a double, as mongoimport does", () =>
    Effect.gen(function* () {
      const [found] = yield* all("json", bytes('{"_id":1,"a":5.0,"b":5,"c":5e0,"d":["5.0"],"e":5000000000}'))
      assert.deepInclude(found, {
        document: { _id: 1, a: new Double(5), b: 5, c: new Double(5), d: ["5.0"], e: 5_000_000_000 }
      })
    })
  )
})

describe("an import of documents", () => {
  it.effect("reports each document that is refused with its place, and imports the others", () =>
    Effect.gen(function* () {
      const database = makeMemory()
      yield* database.index(namespace, { key: { email: 1 }, unique: true })
      const text = ['{"_id":1,"email":"a"}', '{"_id":2,"email":"a"}', '{"_id":1,"email":"b"}', "{}}", '{"email":"c"}']
      const found = DocumentFile.read("json")(Stream.make(bytes(text.slice(0, 3).concat(text[4]).join("\n"))))
      const { places, refused, written } = yield* importInto(database, found)
      assert.deepStrictEqual([written, refused], [2, 2])
      assert.match(places[0], /^line 2: .*E11000 .*email/)
      assert.match(places[1], /^line 3: .*E11000 .*_id/)
    })
  )

  it.effect("replaces documents of the same id when it is repeated with upsert, and names those without one", () =>
    Effect.gen(function* () {
      const database = makeMemory()
      yield* database.index(namespace, { key: { email: 1 }, unique: true })
      const file = (text: string) => DocumentFile.read("json")(Stream.make(bytes(text)))
      const first = '{"_id":1,"email":"a","n":1}\n{"_id":{"k":2},"email":"b"}\n'
      for (let i = 0; i < 2; i++) {
        assert.deepInclude(yield* importInto(database, file(first), { upsert: true }), { written: 2, refused: 0 })
      }
      const second = '{"_id":1,"email":"z"}\n{"_id":3,"email":"b"}\n{"email":"none"}\n{"_id":4,"email":"d"}\n'
      const { places, refused, written } = yield* importInto(database, file(second), { upsert: true })
      assert.deepStrictEqual([written, refused], [2, 2])
      assert.isTrue(places.some((it) => /^line 2: .*E11000/.test(it)))
      assert.isTrue(places.some((it) => it.startsWith("line 3: has no _id")))
      const emails = (yield* database.find(namespace, { filter: {}, sort: { email: 1 } })).map(({ email }) => email)
      assert.deepStrictEqual(emails, ["b", "d", "z"])
    })
  )

  it.effect("reads a large file in batches, of which one at a time is in memory", () =>
    Effect.gen(function* () {
      // 64 MiB of documents of 1 to 300 kB, in pieces of 64 kB that are made when they are asked for
      const document = (i: number) => serialize({ _id: i, text: "x".repeat(i % 100 === 0 ? 300_000 : 1_000) })
      let made = 0
      let most = 0
      let written = 0
      function* file() {
        for (let i = 0; written + made >= 0 && made < 64 * 2 ** 20; i++) {
          const part = document(i)
          made += part.length
          yield part
        }
      }
      const sizes: Array<number> = []
      const database = {
        ...makeMemory(),
        insert: (_: unknown, documents: ReadonlyArray<Record<string, unknown>>) =>
          Effect.sync(() => {
            const size = documents.reduce((sum, it) => sum + serialize(it).length, 0)
            sizes.push(size)
            // what is made and not written yet
            most = Math.max(most, made - written)
            written += size
            return documents.map(({ _id }) => _id)
          })
      }
      const found = DocumentFile.read("bson")(Stream.fromIterable(file(), { chunkSize: 1 }))
      const counts = yield* importInto(database, found)
      assert.strictEqual(counts.refused, 0)
      assert.strictEqual(written, made)
      assert.isAbove(sizes.length, 16)
      // a batch, the document that completes it, and the one that is read
      assert.isBelow(most, Import.batch.bytes + 700_000)
    })
  )
})
