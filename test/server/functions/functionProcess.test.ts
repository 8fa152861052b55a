import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { FunctionProcess } from "../../../src/server/functions/pool/FunctionProcess.ts"
import { write } from "../../../src/server/functions/shared/values.ts"

const setup = {
  appId: "my-app",
  root: undefined,
  sources: new Map(),
  values: new Map(),
  app: write({}),
  dataSources: new Set<string>(),
  services: new Map(),
  timeLimitMillis: 1_000,
  memoryLimit: 512 * 1024 * 1024,
  environment: write({})
}

const process = Effect.acquireRelease(
  Effect.sync(() => new FunctionProcess(setup, { onMessage: () => {}, onEnd: () => {} })),
  (process) => Effect.promise(() => process.end())
)

it.effect("a process that is past a limit stays so until it has what it is told next", () =>
  Effect.gen(function* () {
    const it = yield* process
    it.cancel(1)
    it.exceed()
    it.check(0, 1_000)
    assert.isTrue(it.isOverdue)
    assert.isTrue(it.isBusy)
    while (it.isBusy) {
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
      it.check(0, 1_000)
    }
    assert.isFalse(it.isOverdue)
  })
)
