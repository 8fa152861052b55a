import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mongosh } from "../../support/mongosh.ts"
import { layer, uriOf } from "./support.ts"

const script = `
const show = (value) => print(EJSON.stringify(value))
const shop = db.getSiblingDB("shop")
shop.items.insertMany([{ n: 1 }, { n: 2 }, { n: Long("3") }])
show(db.adminCommand({ listDatabases: 1, nameOnly: true }).databases)
show(shop.getCollectionNames())
show(shop.items.find({ n: { $gt: 1 } }, { _id: 0 }).sort({ n: -1 }).toArray())
show(shop.items.updateMany({}, { $set: { seen: true } }).modifiedCount)
show(shop.items.countDocuments({ seen: true }))
show(shop.items.getIndexes())
show(shop.items.stats().count)
show(shop.stats().collections)
const changes = shop.items.watch().disableBlockWarnings()
changes.tryNext()
shop.items.insertOne({ n: 4 })
show(changes.next().fullDocument.n)
changes.close()
const session = db.getMongo().startSession()
session.withTransaction(() => session.getDatabase("shop").items.deleteMany({ n: { $lt: 3 } }))
session.endSession()
show(shop.items.distinct("n"))
try {
  shop.runCommand({ reshardCollection: "shop.items" })
} catch (error) {
  show([error.code, error.codeName])
}
`

describe("mongosh on the MongoDB port", () => {
  it.live(
    "connects, lists, queries, updates, watches and runs transactions",
    () =>
      Effect.gen(function* () {
        const lines = yield* mongosh(yield* uriOf(), script)
        assert.deepEqual(
          lines.filter((line) => /^[[{\d]/.test(line)).map((line) => JSON.parse(line) as unknown),
          [
            [{ name: "shop" }],
            ["items"],
            [{ n: 3 }, { n: 2 }],
            3,
            3,
            [{ v: 2, key: { _id: 1 }, name: "_id_" }],
            3,
            1,
            4,
            [3, 4],
            [59, "CommandNotFound"]
          ]
        )
      }).pipe(Effect.scoped, Effect.provide(layer(), { local: true })),
    // the first time it installs mongosh
    600_000
  )
})
