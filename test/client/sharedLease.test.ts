import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { TestClock } from "effect/testing"
import { TokenStoreError } from "effect-app-services/client/TokenRecords"
import * as SharedLease from "../../src/client/internal/sharedLease.ts"

const away = new TokenStoreError({ message: "the engine did not answer in time" })

it.effect("a lease whose request reaches the engine after its release is released again", () =>
  Effect.gen(function* () {
    let holder: string | undefined
    const records: Parameters<typeof SharedLease.make>[0] = {
      process: "p",
      // the engine hangs: the request is executed later, on a connection of its own
      acquire: (_appId, _userId, asker) =>
        Effect.andThen(
          Effect.forkDetach(
            Effect.delay(
              Effect.sync(() => (holder = asker)),
              "150 millis"
            )
          ),
          Effect.fail(away)
        ),
      release: (_appId, _userId, asker) =>
        Effect.sync(() => {
          if (holder === asker) holder = undefined
        })
    }
    const lease = SharedLease.make(records, "my-app", yield* Effect.scope)
    const never = Effect.succeed(Result.fail("not done"))
    const failed = yield* Effect.flip(lease.exclusively("user", never, () => Effect.succeed("done")))
    assert.strictEqual(failed, away)
    yield* TestClock.adjust("150 millis")
    assert.isDefined(holder)
    yield* TestClock.adjust("100 millis")
    assert.isUndefined(holder)
  })
)
