import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { FunctionThread } from "../../../src/server/functions/internal/FunctionThread.ts"
import { write } from "../../../src/server/functions/internal/values.ts"

const setup = {
  appId: "my-app",
  root: undefined,
  sources: new Map(),
  values: new Map(),
  deployment: write({}),
  services: new Map(),
  timeLimitMillis: 1_000,
  environment: write({})
}

const thread = Effect.acquireRelease(
  Effect.sync(() => new FunctionThread(setup, { onMessage: () => {}, onExit: () => {} })),
  (thread) => Effect.promise(() => thread.end())
)

it.effect("a thread that is past a limit stays so until it has what it is told next", () =>
  Effect.gen(function* () {
    const it = yield* thread
    it.cancel(1)
    it.overdue = true
    it.check(0)
    assert.isTrue(it.overdue)
    assert.isTrue(it.isBusy)
    while (it.isBusy) {
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      it.check(0)
    }
    assert.isFalse(it.overdue)
  })
)
