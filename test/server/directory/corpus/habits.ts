/** What functions of exported applications rely on, though no reference promised all of it. */
import { anon, type Application, functions, source } from "./application.ts"

const int = (n: number) => ({ $numberInt: `${n}` })
const items = [
  { _id: 1, name: "pen" },
  { _id: 2, name: "ink" }
]
const found = [
  { _id: int(1), name: "pen" },
  { _id: int(2), name: "ink" }
]

/** A function with the collection `items` and a session at hand. */
const using = (body: string) => `exports = async function () {
  const client = context.services.get("mongodb-atlas"), items = client.db("shop").collection("items"), session = client.startSession()
  ${body}
}`

export const habits: Application = {
  title: "functions with the habits of the hosted service",
  id: "shop-abcde",
  files: {
    "realm_config.json": { app_id: "shop-abcde", name: "shop" },
    ...source(),
    "auth/providers.json": anon,
    "data/shop/items.json": items,
    "functions/node_modules/kinds/index.js":
      "exports.isDate = (it) => it instanceof Date; exports.isError = (it) => it instanceof Error; exports.isBytes = (it) => it instanceof Uint8Array",
    ...functions({
      awaited: using(
        "const cursor = await items.find({}); return [(await cursor.next()).name, (await cursor.toArray()).length > 0]"
      ),
      sorted: using("return (await items.find()).sort({ _id: -1 }).limit(1).toArray()"),
      nested: using("return { page: [{ items: items.find({}) }], all: items.aggregate([]) }"),
      end: using("const cursor = items.find({ none: 1 }); return typeof (await cursor.next())"),
      unordered: using(
        "const { insertedIds } = await items.insertMany([{ t: 1 }, { t: 1 }], { ordered: false }); await items.deleteMany({ t: 1 }); return Object.keys(insertedIds).length"
      ),
      options: using(
        "return (await items.updateOne({ _id: 1 }, { $set: { name: 'pen' } }, { returnNewDocument: true, $upsert: true })).matchedCount"
      ),
      committed: using(
        "await session.withTransaction(async () => { await items.insertOne({ t: 2 }, { session }) }); await session.commitTransaction(); return (await items.deleteMany({ t: 2 })).deletedCount"
      ),
      twice: using(
        "session.startTransaction(); await items.findOne({}, {}, { session }); await session.commitTransaction(); await session.commitTransaction(); return 'done'"
      ),
      names: using("return [client.db('shop').getCollectionNames(), Array.isArray(client.admin().getDBNames())]"),
      process:
        "exports = () => [typeof process.env, typeof process.hrtime, typeof process.nextTick, typeof process.versions.node]",
      removed:
        "exports = () => { const c = require('crypto').createCipher('aes-128-ecb', 'k'); return c.update('a', 'utf8', 'hex').length + c.final('hex').length + String(require('util').isDate(new Date())) }",
      extended: using(
        "return (await items.find({ name: { $regex: 'p e n # all', $options: 'ix' } }).toArray()).length"
      ),
      unknown:
        "exports = () => [typeof context.authorization, typeof context.currentUser, typeof context.services.get('none')]",
      app: "exports = () => [context.app.name, context.app.clientAppId, context.app.id.length, typeof context.app.projectId, new Date(context.app.lastDeployed).getTime() > 0]",
      consoles:
        "exports = () => { console.table([{ a: 1 }]); console.time('a'); console.timeEnd('a'); console.assert(true); console.trace('b'); console.count(); return 'said' }",
      kinds:
        "exports = () => { const { isBytes, isDate, isError } = require('kinds'); require('assert').deepStrictEqual({ a: [1] }, { a: [1] }); return [isDate(new Date()), isError(new TypeError('x')), isBytes(Buffer.from('x')), isDate(EJSON.parse('{\"$date\":{\"$numberLong\":\"0\"}}'))] }",
      shared:
        "exports = () => { Object.prototype.fullFind = 1; return [context.functions.execute('reads'), {}.fullFind] }",
      reads: "exports = () => typeof ({}).fullFind"
    })
  },
  calls: [
    { fn: "awaited", result: ["pen", true] },
    { fn: "sorted", result: [found[1]] },
    { fn: "nested", result: { page: [{ items: found }], all: found } },
    { fn: "end", result: "undefined" },
    { fn: "unordered", result: int(2) },
    { fn: "options", result: int(1) },
    { fn: "committed", result: int(1) },
    { fn: "twice", result: "done" },
    { fn: "names", result: [["items"], true] },
    { fn: "process", result: ["object", "function", "function", "string"] },
    { fn: "removed", result: "32true" },
    { fn: "extended", result: int(1) },
    { fn: "unknown", result: ["undefined", "undefined", "undefined"] },
    { fn: "app", result: ["shop", "shop-abcde", int(24), "string", true] },
    { fn: "consoles", result: "said" },
    { fn: "kinds", result: [true, true, true, true] },
    { fn: "shared", result: ["number", int(1)] },
    // what a call changed is not seen by the next one
    { fn: "reads", result: "undefined" }
  ],
  report: ['functions/unknown.js:1: neither a data source nor a service is named "none": it is undefined']
}
