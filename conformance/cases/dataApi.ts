/** The Data API, raw: an action's request and answer. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { fails, logIn, send, succeeds } from "../wire.ts"

const action = (name: string) => `/app/conform-main/endpoint/data/v1/action/${name}`
const target = { dataSource: "mongodb-atlas", database: "conform", collection: "notes" }

export default [
  topic("the Data API", {
    "answers in plain JSON, with 201 for an insert": async ({ baseUrl }) => {
      const { access: token, id } = await logIn(baseUrl)
      const document = { _id: `data-${id}`, owner_id: id, n: { $numberLong: "5" } }
      const inserted = await send(baseUrl, "POST", action("insertOne"), { token, body: { ...target, document } })
      assert.deepEqual(succeeds(inserted, 201).value, { insertedId: document._id })
      const filter = { _id: document._id }
      const found = await send(baseUrl, "POST", action("findOne"), { token, body: { ...target, filter } })
      assert.deepEqual(succeeds(found).value, { document: { _id: document._id, owner_id: id, n: 5 } })
      const deleted = await send(baseUrl, "POST", action("deleteOne"), { token, body: { ...target, filter } })
      assert.deepEqual(succeeds(deleted).value, { deletedCount: 1 })
    },
    "asks for credentials, and refuses unknown arguments": async ({ baseUrl }) => {
      const none = await send(baseUrl, "POST", action("find"), { body: target })
      fails(none, 400, "InvalidParameter", "no authentication methods were specified")
      const { access: token } = await logIn(baseUrl)
      const unknown = await send(baseUrl, "POST", action("deleteMany"), { token, body: { ...target, query: {} } })
      fails(unknown, 400, "InvalidParameter", /unknown argument 'query' of deleteMany/)
    }
  })
]
