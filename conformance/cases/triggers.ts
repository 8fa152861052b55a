/** Triggers: what their functions see of changes and of users. */
import assert from "node:assert/strict"
import { setTimeout as wait } from "node:timers/promises"
import { topic } from "../harness.ts"
import { call, logIn, someone, succeeds, unique } from "../wire.ts"

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
    "fire for new users of a provider": async ({ baseUrl }) => {
      const { id } = await someone(baseUrl)
      const [event] = await eventsOf(baseUrl, id, 1)
      assert.equal(Object(event).operationType, "CREATE")
    }
  })
]
