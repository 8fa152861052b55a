/** Watching a collection, raw: the format of change events, filters, ids, and failures (§8.5). */
import assert from "node:assert/strict"
import { base64, decode, type EventsOptions, read } from "../events.ts"
import { topic } from "../harness.ts"
import { appPath, fails, type Json, logIn, send, succeeds, unique } from "../wire.ts"

const path = appPath("functions/call")
const int = (n: number) => ({ $numberInt: String(n) })

const open = async (baseUrl: string) => {
  const { access: token } = await logIn(baseUrl)
  const where = { database: "app", collection: unique("watched") }
  const query = (more: Json) =>
    encodeURIComponent(base64({ name: "watch", service: "mongodb-atlas", arguments: [{ ...where, ...more }] }))
  return {
    collection: where.collection,
    run: async (name: string, more: Json) => {
      const body = { name, service: "mongodb-atlas", arguments: [{ ...where, ...more }] }
      return succeeds(await send(baseUrl, "POST", path, { token, body }))
    },
    /** The changes that come once the stream is open. */
    watch: async (more: Json, until: number, onOpen: NonNullable<EventsOptions["onOpen"]>) => {
      const events = await read(baseUrl, `${path}?baas_request=${query(more)}&baas_at=${token}`, { until, onOpen })
      return events.map((event) => {
        assert.ok(event.event === undefined || event.event === "message", `${event.event}: ${event.data.join()}`)
        const change = decode(event)
        return typeof change === "object" && change !== null
          ? Object.fromEntries<unknown>(Object.entries(change))
          : assert.fail("a change event is a document")
      })
    },
    refused: (more: Json, parameters = "") =>
      send(baseUrl, "GET", `${path}?baas_request=${query(more)}${parameters}`, { token })
  }
}

const types = (events: ReadonlyArray<Json>) => events.map(({ operationType }) => operationType)

export default [
  topic("§8.5 change events", {
    "yields events of an insertion, an update, a replacement and a deletion": async ({ baseUrl }) => {
      const { collection, run, watch } = await open(baseUrl)
      const events = await watch({}, 4, async () => {
        await run("insertOne", { document: { _id: 1, a: 1, b: 1 } })
        await run("updateOne", { query: { _id: 1 }, update: { $set: { a: 2 }, $unset: { b: "" } } })
        await run("findOneAndReplace", { filter: { _id: 1 }, update: { c: 3 } })
        await run("deleteOne", { query: { _id: 1 } })
      })
      assert.deepEqual(types(events), ["insert", "update", "replace", "delete"])
      for (const event of events) {
        assert.deepEqual(event["ns"], { db: "app", coll: collection })
        assert.deepEqual(event["documentKey"], { _id: int(1) })
        assert.match(JSON.stringify(event["_id"]), /^\{"_data":"[^"]+"\}$/)
        assert.match(JSON.stringify(event["clusterTime"]), /^\{"\$timestamp":\{"t":\d+,"i":\d+\}\}$/)
      }
      assert.equal(new Set(events.map(({ _id }) => JSON.stringify(_id))).size, 4)
      const [inserted, updated, replaced, deleted] = events
      assert.deepEqual(inserted?.["fullDocument"], { _id: int(1), a: int(1), b: int(1) })
      assert.deepEqual(updated?.["updateDescription"], {
        updatedFields: { a: int(2) },
        removedFields: ["b"],
        ...(hasTruncated(updated) ? { truncatedArrays: [] } : {})
      })
      assert.deepEqual(updated?.["fullDocument"], { _id: int(1), a: int(2) })
      assert.deepEqual(replaced?.["fullDocument"], { _id: int(1), c: int(3) })
      assert.ok(deleted !== undefined && !("fullDocument" in deleted))
    },
    "watches documents by their ids": async ({ baseUrl }) => {
      const { run, watch } = await open(baseUrl)
      const events = await watch({ ids: [2, { $oid: "5f1d7f3e9c1b2a0012345678" }] }, 2, async () => {
        for (const _id of [1, 2, 3, { $oid: "5f1d7f3e9c1b2a0012345678" }]) await run("insertOne", { document: { _id } })
      })
      assert.deepEqual(
        events.map(({ documentKey }) => documentKey),
        [{ _id: int(2) }, { _id: { $oid: "5f1d7f3e9c1b2a0012345678" } }]
      )
    },
    "watches by a filter on the event": async ({ baseUrl }) => {
      const { run, watch } = await open(baseUrl)
      const change = async () => {
        await run("insertOne", { document: { _id: 1, wanted: false } })
        await run("insertOne", { document: { _id: 2, wanted: true } })
        await run("deleteMany", { query: {} })
      }
      const [wanted] = await watch({ filter: { "fullDocument.wanted": true } }, 1, change)
      assert.deepEqual(wanted?.["documentKey"], { _id: int(2) })
      assert.deepEqual(types(await watch({ filter: { operationType: "delete" } }, 2, change)), ["delete", "delete"])
    },
    "resumes after the last event that a client saw": async ({ baseUrl }) => {
      const { run, watch } = await open(baseUrl)
      const seen = await watch({}, 1, () => run("insertMany", { documents: [{ _id: 1 }, { _id: 2 }, { _id: 3 }] }))
      const rest = await watch({ resumeAfter: seen[0]?.["_id"] }, 2, () => Promise.resolve())
      assert.deepEqual(
        rest.map(({ documentKey }) => documentKey),
        [{ _id: int(2) }, { _id: int(3) }]
      )
    },
    "uses the compact form that Stitch SDKs request": async ({ baseUrl }) => {
      const { run, watch } = await open(baseUrl)
      const events = await watch({ ids: [1], useCompactEvents: true }, 4, async () => {
        const version = { spv: 1, id: "c73dd901", v: 3 }
        await run("insertOne", { document: { _id: 1, a: 1, b: 1, __stitch_sync_version: version } })
        await run("updateOne", { query: { _id: 1 }, update: { $set: { a: 2 }, $unset: { b: "" } } })
        await run("findOneAndReplace", { filter: { _id: 1 }, update: { c: 3 } })
        await run("deleteOne", { query: { _id: 1 } })
      })
      const keys = events.map((event) => Object.keys(event).toSorted().join())
      assert.deepEqual(keys, ["dk,fd,ot,sdh,sdv", "dk,ot,sdh,sdv,ud", "dk,fd,ot,sdh", "dk,ot"])
      assert.deepEqual(
        events.map(({ ot }) => ot),
        ["insert", "update", "replace", "delete"]
      )
      for (const { dk } of events) assert.deepEqual(dk, { _id: int(1) })
      assert.deepEqual(events[1]?.["ud"], { updatedFields: { a: int(2) }, removedFields: ["b"] })
      assert.match(JSON.stringify(events[2]?.["sdh"]), /^\{"\$numberLong":"-?\d+"\}$/)
    },
    "validates a stream without opening it, as Stitch's browser SDK requests": async ({ baseUrl }) => {
      const { refused } = await open(baseUrl)
      // the SDK waits for the end of the answer
      const valid = await refused({}, "&stitch_validate=true")
      assert.deepEqual([valid.status, valid.text], [200, ""])
      fails(await refused({ ids: "x" }, "&stitch_validate=true"), 400, "InvalidParameter", /./)
      fails(await refused({ collection: "closed" }, "&stitch_validate=true"), [400, 403], "NoMatchingRuleFound", /./)
      const unknown = `?stitch_request=${base64({ name: "nope", arguments: [] })}&stitch_validate=true`
      const { access: token } = await logIn(baseUrl)
      fails(await send(baseUrl, "GET", `${path}${unknown}`, { token }), 404, "FunctionNotFound", /./)
    },
    "rejects ids together with a filter, and invalid values of either": async ({ baseUrl }) => {
      const { refused } = await open(baseUrl)
      assert.equal((await refused({ ids: [1], filter: { operationType: "insert" } })).status, 400)
      assert.equal((await refused({ ids: "x" })).status, 400)
      assert.equal((await refused({ filter: [] })).status, 400)
      fails(await refused({ collection: "closed" }), [400, 403], "NoMatchingRuleFound", /./)
    }
  })
]

/** Newer versions of MongoDB also report truncated arrays. */
const hasTruncated = ({ updateDescription }: Json) =>
  typeof updateDescription === "object" && updateDescription !== null && "truncatedArrays" in updateDescription
