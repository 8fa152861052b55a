import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { App } from "effect-app-services/server"
import { Database } from "../../../src/server/data/Database.ts"
import { systemUser } from "../../../src/server/model/FunctionContext.ts"
import { FunctionRuntime } from "../../../src/server/functions/FunctionRuntime.ts"
import { UserStore } from "../../../src/server/users/UserStore.ts"
import { listening, load } from "./support.ts"

const begin = `
  const client = context.services.get("mongodb-atlas")
  const c = client.db("d").collection("c")
  const session = client.startSession()
  session.startTransaction()
  await c.insertOne({ _id: 1 }, { session })
  console.log("begun")
`
const sources = {
  forgets: `exports = async () => { ${begin} }`,
  throws: `exports = async () => { ${begin} throw new Error("no") }`,
  loops: `exports = async () => { ${begin} for (;;); }`,
  waits: `exports = async () => { ${begin} await new Promise(() => {}) }`,
  exits: `exports = async () => { ${begin} require('process').exit() }`,
  executes: "exports = () => context.functions.execute('forgets')",
  late: `exports = async () => { ${begin} setTimeout(() => {
    session.commitTransaction().then(() => console.log("committed"), (error) => console.log(error.message))
  }, 5) }`,
  yields: `exports = async function* () { ${begin} yield 1; yield 2; await session.commitTransaction() }`,
  count: "exports = () => context.services.get('mongodb-atlas').db('d').collection('c').count({})",
  exit: "exports = () => require('process').exit()"
}

/** The transactions that are open, and whether one has ended. */
class Transactions extends Context.Service<
  Transactions,
  { readonly open: () => number; readonly ended: Deferred.Deferred<void> }
>()("effect-app-services/test/server/functions/processTransactions.test/Transactions") {}

const database = Layer.effectContext(
  Effect.gen(function* () {
    const memory = yield* Database
    const ended = yield* Deferred.make<void>()
    let open = 0
    const counted = Database.of({
      ...memory,
      transaction: Effect.acquireRelease(
        Effect.tap(memory.transaction, () => Effect.sync(() => open++)),
        () =>
          Effect.andThen(
            Effect.sync(() => open--),
            Deferred.succeed(ended, undefined)
          )
      )
    })
    return Context.make(Database, counted).pipe(Context.add(Transactions, { open: () => open, ended }))
  })
).pipe(Layer.provide(Database.layerMemory))

const layer = FunctionRuntime.layer().pipe(Layer.provideMerge([database, UserStore.layerMemory]))

const calling = (app: App.App) => {
  const caller = { app, user: systemUser, request: undefined }
  const sent = { document: '{"arguments":[]}', json: [] }
  return {
    call: (name: string) => Effect.flatMap(FunctionRuntime, (runtime) => runtime.call(caller, name, sent)),
    stream: (name: string) => Effect.flatMap(FunctionRuntime, (runtime) => runtime.stream(caller, name, sent))
  }
}

const program = <A, E>(
  run: (
    _: ReturnType<typeof calling> & {
      readonly transactions: Transactions["Service"]
      readonly said: (line: string) => Effect.Effect<void>
    }
  ) => Effect.Effect<A, E, FunctionRuntime>
) =>
  Effect.gen(function* () {
    const app = yield* load(sources)
    const logs = yield* listening
    return yield* Effect.flatMap(Transactions, (transactions) =>
      run({ ...calling(app), transactions, said: logs.expect })
    ).pipe(Effect.provide([layer, logs.layer]))
  })

describe("the transaction of a call", () => {
  it.effect.each([
    ["forgets", Effect.void],
    ["executes", Effect.void],
    ["throws", Effect.void],
    ["exits", Effect.void],
    ["waits", TestClock.adjust("90 seconds")],
    ["loops", TestClock.adjust("90 seconds")]
  ] as const)("that %s is aborted before the caller is told", ([name, then]) =>
    program(({ call, said, transactions }) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.exit(call(name)), { startImmediately: true })
        yield* said("begun")
        yield* then
        const exit = yield* Fiber.join(fiber)
        assert.strictEqual(transactions.open(), 0)
        assert.strictEqual(Exit.isSuccess(exit), name === "forgets" || name === "executes")
        assert.isTrue(yield* Deferred.isDone(transactions.ended))
        assert.strictEqual(yield* call("count"), '{"$numberInt":"0"}')
      })
    )
  )

  it.effect("is aborted when its caller disconnects", () =>
    program(({ call, said, transactions }) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(call("waits"), { startImmediately: true })
        yield* said("begun")
        assert.strictEqual(transactions.open(), 1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(transactions.open(), 0)
      })
    )
  )

  it.effect("cannot be committed after the call", () =>
    program(({ call, said }) =>
      Effect.gen(function* () {
        yield* call("late")
        yield* said("the transaction has ended: an error, a commit or an abort ended it")
        assert.strictEqual(yield* call("count"), '{"$numberInt":"0"}')
      })
    )
  )
})

describe("the transaction of a stream", () => {
  it.effect("lasts until it is committed", () =>
    program(({ call, stream, transactions }) =>
      Effect.gen(function* () {
        const events = yield* stream("yields")
        assert.deepStrictEqual(yield* Stream.runCollect(events), ['{"$numberInt":"1"}', '{"$numberInt":"2"}'])
        assert.strictEqual(transactions.open(), 0)
        assert.strictEqual(yield* call("count"), '{"$numberInt":"1"}')
      })
    )
  )

  it.effect("is aborted when its reader stops", () =>
    program(({ call, stream, transactions }) =>
      Effect.gen(function* () {
        const events = yield* stream("yields")
        yield* Stream.runForEach(Stream.take(events, 1), () =>
          Effect.sync(() => assert.strictEqual(transactions.open(), 1))
        )
        assert.strictEqual(transactions.open(), 0)
        assert.strictEqual(yield* call("count"), '{"$numberInt":"0"}')
      })
    )
  )

  it.effect("is aborted when its process ends, also without a request for the next event", () =>
    program(({ call, stream, transactions }) =>
      Effect.gen(function* () {
        const events = yield* stream("yields")
        yield* Stream.runForEach(Stream.take(events, 1), () =>
          Effect.gen(function* () {
            assert.strictEqual(transactions.open(), 1)
            assert.match((yield* Effect.flip(call("exit"))).message, /exited its process/)
            yield* Deferred.await(transactions.ended)
            assert.strictEqual(transactions.open(), 0)
          })
        )
      })
    )
  )
})
