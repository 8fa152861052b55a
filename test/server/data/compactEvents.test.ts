import { assert, describe, it } from "@effect/vitest"
import { Long, ObjectId, serialize } from "bson"
import { compact, hashOf } from "../../../src/server/data/internal/compactEvents.ts"

/** FNV-1a as it is defined: a multiplication modulo 2^64 for each byte. */
const fnv1a = (bytes: Uint8Array) =>
  BigInt.asIntN(
    64,
    bytes.reduce(
      (hash, byte) => BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n),
      14_695_981_039_346_656_037n
    )
  )

describe("compact change events", () => {
  const _id = new ObjectId("5f1d7f3e9c1b2a0012345678")
  const version = { spv: 1, id: "c73dd901-bba3-44ab-bf49-9b8abc99c7d1", v: 3 }
  const base = { _id: { _data: "AB" }, ns: { db: "d", coll: "c" }, clusterTime: 1, documentKey: { _id } }

  it("hash documents as clients do", () => {
    for (const document of [
      {},
      { _id },
      { a: [1, -0.5, "Zoë", null, { b: true }], at: new Date(5) },
      { t: "x".repeat(9999) }
    ]) {
      assert.strictEqual(hashOf(document).toString(), fnv1a(serialize(document)).toString())
    }
  })

  it("contains the document of an insertion or a replacement, its version and its hash", () => {
    const fullDocument = { _id, __stitch_sync_version: version, hello: "world" }
    for (const operationType of ["insert", "replace"]) {
      assert.deepStrictEqual(compact({ ...base, operationType, fullDocument }), {
        ot: operationType,
        dk: { _id },
        fd: fullDocument,
        sdv: version,
        sdh: hashOf({ _id, hello: "world" })
      })
    }
  })

  it("contains the changes of an update instead of the document", () => {
    const updateDescription = {
      updatedFields: { hello: "universe" },
      removedFields: ["greetings"],
      truncatedArrays: []
    }
    const event = compact({
      ...base,
      operationType: "update",
      fullDocument: { _id, hello: "universe" },
      updateDescription
    })
    assert.deepStrictEqual(event, {
      ot: "update",
      dk: { _id },
      ud: { updatedFields: { hello: "universe" }, removedFields: ["greetings"] },
      sdh: hashOf({ _id, hello: "universe" })
    })
    assert.instanceOf(event["sdh"], Long)
  })

  it("contains only the key of a deleted document", () => {
    assert.deepStrictEqual(compact({ ...base, operationType: "delete" }), { ot: "delete", dk: { _id } })
  })
})
