/** GraphQL, raw: requests as its clients send them, the generated fields, and the form of errors. */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { appPath, fails, type Json, type LoggedIn, logIn, send, succeeds, unique } from "../wire.ts"

/** What a user's queries are answered with. */
const asking =
  (baseUrl: string, { access: token }: LoggedIn) =>
  async (query: string, variables: Json = {}): Promise<Json> => {
    const headers = { "content-type": "application/json", accept: "*/*" }
    const reply = await send(baseUrl, "POST", appPath("graphql"), {
      token,
      headers,
      body: JSON.stringify({ operationName: null, variables, query })
    })
    return succeeds(reply).json
  }

export default [
  topic("GraphQL", {
    "writes and finds documents with their relationships": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      const ask = asking(baseUrl, user)
      const title = unique("book")
      const inserted = await ask(
        `mutation Add($data: BookInsertInput!) { insertOneBook(data: $data) { title pages author { name } } }`,
        { data: { owner: user.id, title, pages: 3, author: { create: { name: "Selma" } } } }
      )
      assert.deepEqual(inserted, { data: { insertOneBook: { title, pages: 3, author: { name: "Selma" } } } })
      const update = `mutation { updateManyBooks(query: { title: "${title}" }, set: { pages_inc: 1 }) { matchedCount modifiedCount } }`
      assert.deepEqual(await ask(update), { data: { updateManyBooks: { matchedCount: 1, modifiedCount: 1 } } })
      const found = await ask(
        `{ books(query: { pages_gt: 3, author: { name_in: ["Selma"] } }, sortBy: TITLE_ASC, limit: 5) { title pages } }`
      )
      assert.deepEqual(found, { data: { books: [{ title, pages: 4 }] } })
      const others = asking(baseUrl, await logIn(baseUrl))
      assert.deepEqual(await others(`{ book(query: { title: "${title}" }) { title } }`), { data: { book: null } })
      const deleted = await ask(`mutation { deleteOneBook(query: { title: "${title}" }) { title } }`)
      assert.deepEqual(deleted, { data: { deleteOneBook: { title } } })
    },
    "calls resolvers, and names what fails in the form of the original host": async ({ baseUrl }) => {
      const user = await logIn(baseUrl)
      const ask = asking(baseUrl, user)
      assert.deepEqual(await ask(`query ($text: String) { shout(input: $text) }`, { text: "hey" }), {
        data: { shout: "HEY!" }
      })
      const { data, errors } = await ask(
        `mutation { insertOneBook(data: { owner: "${user.id}", title: "" }) { title } }`
      )
      assert.deepEqual(data, { insertOneBook: null })
      assert.deepEqual(errors, [
        {
          message: String.raw`reason="could not validate document: \n\ttitle: String length must be greater than or equal to 1"; code="SchemaValidationFailedWrite"; untrusted="insert not permitted"; details=map[]`,
          locations: [{ line: 1, column: 12 }],
          path: ["insertOneBook"],
          extensions: { code: "SchemaValidationFailedWrite" }
        }
      ])
    },
    "asks for credentials": async ({ baseUrl }) => {
      const none = await send(baseUrl, "POST", appPath("graphql"), { body: { query: "{ books { title } }" } })
      fails(none, 400, "InvalidParameter", "no authentication methods were specified")
    }
  }),
  topic("document schemas", {
    "reject a write that leaves an invalid document, and change nothing": async ({ baseUrl }) => {
      const { access: token, id } = await logIn(baseUrl)
      const write = (name: string, more: Json) =>
        send(baseUrl, "POST", appPath("functions/call"), {
          token,
          body: { service: "mongodb-atlas", name, arguments: [{ database: "app", collection: "books", ...more }] }
        })
      const invalid = await write("insertOne", { document: { owner: id, title: 5 } })
      fails(
        invalid,
        400,
        "SchemaValidationFailedWrite",
        "could not validate document: \n\ttitle: Invalid type. Expected: type: undefined, bsonType: string, given: [integer int number mixed]"
      )
      succeeds(await write("insertOne", { document: { owner: id, title: "a" } }))
      const query = { owner: id }
      fails(
        await write("updateMany", { query, update: { $set: { pages: "many" } } }),
        400,
        "SchemaValidationFailedWrite",
        /^could not validate document: \n\tpages: Invalid type/
      )
      assert.deepEqual(succeeds(await write("count", { query: { owner: id, pages: { $exists: true } } })).value, {
        $numberLong: "0"
      })
    }
  })
]
