import { assert, it } from "@effect/vitest"
import { Option } from "effect"
import { AppServicesError, SessionExpired } from "effect-app-services/client/AppServicesError"
import * as Notes from "../../src/client/internal/notes.ts"

it("what a process announces holds no profile and no token, only what happened", () => {
  const profile = { type: "normal", identities: [], data: { email: "canary@example.com" } } as const
  const reason = new SessionExpired({ userId: "u", status: 401, code: "InvalidSession" })
  const events = [
    { _tag: "LoggedIn", providerType: "local-userpass" },
    { _tag: "TokenRefreshed" },
    { _tag: "ProfileChanged", profile },
    { _tag: "SessionExpired", error: new AppServicesError({ operation: "mine", reason }) }
  ] as const
  const note = Notes.encode("process-1", events)
  assert.notInclude(note, "canary")
  assert.deepStrictEqual(
    Notes.decode(note).events.map((event) => Object.keys(event).toSorted()),
    [["_tag", "providerType"], ["_tag"], ["_tag"], ["_tag", "operation", "reason"]]
  )
  assert.deepStrictEqual(
    Notes.decode(note)
      .events.flatMap((event) => Notes.toEvent(event, Option.none()))
      .map(({ _tag }) => _tag),
    ["LoggedIn", "TokenRefreshed", "SessionExpired"]
  )
})
