/** Triggers: what their functions see of changes and of users. */
import assert from "node:assert/strict"
import { setTimeout as wait } from "node:timers/promises"
import { topic } from "../harness.ts"
import { call, logIn, send, someone, succeeds, unique } from "../wire.ts"

const int = (n: number) => ({ $numberInt: String(n) })

/** The events that a function kept, once there are so many. */
const eventsOf = async (baseUrl: string, of: string, count: number): Promise<ReadonlyArray<unknown>> => {
  const user = await logIn(baseUrl)
  for (;;) {
    const { value } = succeeds(await call(baseUrl, user, "eventsOf", of))
    if (Array.isArray(value) && value.length >= count) return value
    await wait(10)
  }
}

export default [
  topic("triggers", {
    "fire for documents that match, in order": async ({ baseUrl }) => {
      const of = unique("triggered")
      succeeds(await call(baseUrl, await logIn(baseUrl), "change", of))
      const events = await eventsOf(baseUrl, of, 2)
      assert.equal(events.length, 2)
      for (const event of events) assert.equal(Object(event).operationType, "update")
    },
    "fire for all collections of a database, and with the document before a deletion, in order": async ({
      baseUrl
    }) => {
      const of = unique("written")
      succeeds(await call(baseUrl, await logIn(baseUrl), "write", of))
      const events = await eventsOf(baseUrl, of, 6)
      const numbersOf = (type: string) =>
        events.filter((event) => Object(event).operationType === type).map((event): unknown => Object(event).n)
      const [places, removed] = [numbersOf("insert"), numbersOf("delete")]
      assert.deepEqual([places, removed], [["first", "second", "first"], [1, 2, 3].map(int)])
    },
    "fire for the logins and the deletion of users of a provider": async ({ baseUrl }) => {
      const { access, id } = await someone(baseUrl)
      const events = await eventsOf(baseUrl, `account ${id}`, 1)
      assert.deepEqual(events, [{ n: "custom-function", operationType: "LOGIN" }])
      const { status } = await send(baseUrl, "DELETE", "/api/client/v2.0/auth/delete", { token: access })
      assert.equal(status, 204)
      const [, deletion] = await eventsOf(baseUrl, `account ${id}`, 2)
      assert.deepEqual(deletion, { n: "custom-function", operationType: "DELETE" })
    },
    "fire for new users of a provider": async ({ baseUrl }) => {
      const { id } = await someone(baseUrl)
      const [event] = await eventsOf(baseUrl, id, 1)
      assert.equal(Object(event).operationType, "CREATE")
    }
  })
]
