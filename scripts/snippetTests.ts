/** Stands in for `vitest` and `@effect/vitest` in snippets: a test runs at once, and a failure is a rejection. */
import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"

export { assert, expect } from "vitest"

export const describe = (_: string, define: () => void): void => define()

const run = (_: string, test: () => unknown): unknown => test()

export const it = Object.assign(run, {
  effect: <A, E>(_: string, test: () => Effect.Effect<A, E, Scope.Scope>): unknown =>
    Effect.runPromise(test().pipe(Effect.scoped, Effect.provide(TestClock.layer())))
})
