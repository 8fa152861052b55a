/** Custom user data, raw (§10). */
import assert from "node:assert/strict"
import { topic } from "../harness.ts"
import { call, claimsOf, type LoggedIn, logIn, root, send, someone, succeeds, unique } from "../wire.ts"

const refreshed = async (baseUrl: string, { refresh }: LoggedIn): Promise<unknown> => {
  const { json } = succeeds(await send(baseUrl, "POST", `${root}/auth/session`, { token: refresh }), 201)
  return claimsOf(String(json["access_token"]))["user_data"]
}

export default [
  topic("§10 custom user data", {
    "the token has no claim without a document": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      assert.ok(!("user_data" in claimsOf(user.access)))
      assert.equal(await refreshed(baseUrl, user), undefined)
    },
    "the next token contains the whole document in canonical form": async ({ baseUrl }) => {
      const user = await someone(baseUrl)
      const at = { $date: { $numberLong: "1577836800000" } }
      succeeds(await call(baseUrl, user, "setCustomData", { age: 13, at, big: 5000000000, text: "é" }))
      const data = await refreshed(baseUrl, user)
      assert.ok(typeof data === "object" && data !== null && "_id" in data)
      const { _id, ...rest } = data
      assert.match(JSON.stringify(_id), /^\{"\$oid":"[0-9a-f]{24}"\}$/)
      assert.deepEqual(rest, {
        user_id: user.id,
        age: { $numberInt: "13" },
        at,
        big: { $numberLong: "5000000000" },
        text: "é"
      })
    },
    "the document is found by an id stored as string or as ObjectId; strings are preferred, then the first document":
      async ({ baseUrl }) => {
        const user = await someone(baseUrl)
        const nth = async () => JSON.stringify(await refreshed(baseUrl, user))
        succeeds(await call(baseUrl, user, "addCustomData", { nth: "by ObjectId" }, true))
        assert.match(await nth(), /"by ObjectId"/)
        succeeds(await call(baseUrl, user, "addCustomData", { nth: "by text" }, false))
        succeeds(await call(baseUrl, user, "addCustomData", { nth: "by text, later" }, false))
        assert.match(await nth(), /"by text"/)
      },
    "a login returns it too, and it disappears with its document": async ({ baseUrl }) => {
      const id = unique("custom")
      const user = await logIn(baseUrl, "custom-function", { id })
      succeeds(await call(baseUrl, user, "setCustomData", { theme: "dark" }))
      const again = await logIn(baseUrl, "custom-function", { id })
      assert.match(JSON.stringify(claimsOf(again.access)["user_data"]), /"theme":"dark"/)
      succeeds(await call(baseUrl, again, "setCustomData"))
      assert.equal(await refreshed(baseUrl, again), undefined)
    },
    "functions see the custom data of the token": async ({ baseUrl }) => {
      const id = unique("custom")
      const user = await logIn(baseUrl, "custom-function", { id })
      succeeds(await call(baseUrl, user, "setCustomData", { theme: "dark" }))
      const again = await logIn(baseUrl, "custom-function", { id })
      const { json } = await call(baseUrl, again, "whoAmI")
      const custom = json["custom"]
      assert.ok(typeof custom === "object" && custom !== null && "theme" in custom)
      assert.equal(custom.theme, "dark")
    }
  })
]
