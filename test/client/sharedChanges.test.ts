import { assert, it } from "@effect/vitest"
import { Option } from "effect"
import { AppServicesError, SessionExpired } from "effect-app-services/client/AppServicesError"
import * as SharedChanges from "../../src/client/internal/sharedChanges.ts"

it("a notice to other processes holds the event's kind, and no profile or token", () => {
  const profile = { type: "normal", identities: [], data: { email: "canary@example.com" } } as const
  const reason = new SessionExpired({ userId: "u", status: 401, code: "InvalidSession" })
  const events = [
    { _tag: "LoggedIn", providerType: "local-userpass" },
    { _tag: "TokenRefreshed" },
    { _tag: "ProfileChanged", profile },
    { _tag: "SessionExpired", error: new AppServicesError({ operation: "mine", reason }) }
  ] as const
  const note = SharedChanges.encode("process-1", events)
  assert.notInclude(note, "canary")
  assert.deepStrictEqual(
    SharedChanges.decode(note).events.map((event) => Object.keys(event).toSorted()),
    [["_tag", "providerType"], ["_tag"], ["_tag"], ["_tag", "operation", "reason"]]
  )
  assert.deepStrictEqual(
    SharedChanges.decode(note)
      .events.flatMap((event) => SharedChanges.toEvent(event, Option.none()))
      .map(({ _tag }) => _tag),
    ["LoggedIn", "TokenRefreshed", "SessionExpired"]
  )
})
